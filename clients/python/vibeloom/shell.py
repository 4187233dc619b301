"""A shell command taken apart into simple commands, as far as it takes to see what was run.

Nothing is expanded: variables stay as they are written, and what stands in `$(…)` is part of its
word. Here documents, comments and redirections are left out. A quote that is never closed reaches
to the end.
"""

import re
from collections.abc import Iterator

_BLANK = re.compile(r"(?:[ \t\r\f\v]|\\\r?\n)+")
_PLAIN = re.compile(r"[^\s'\"\\$`#;&|()<>]+")
_HEREDOC = re.compile(r"<<(-?)[ \t]*(?:'([^'\n]*)'|\"([^\"\n]*)\"|\\?([^\s;&|()<>'\"]+))")
_REDIRECTION = re.compile(r"[0-9]*(?:&>>?|>>|>\||>&|<&|<<<|<>|[<>](?!\())-?")
_INSIDE = re.compile(r"""['"\\()`]|<<-?[ \t]*['"\\]?[A-Za-z_]""")


def commands(text: str) -> Iterator[list[str]]:
    """The words of each simple command, quotes and redirections taken off."""
    words: list[str] = []
    bodies: list[tuple[str, bool]] = []  # here documents that begin with the next line
    at, end = 0, len(text)
    while at < end:
        if found := _BLANK.match(text, at):
            at = found.end()
            continue
        character = text[at]
        if character == "#":
            at = _find(text, "\n", at)
        elif character == "\n":
            at += 1
            for delimiter, tabs in bodies:
                at = _after_document(text, at, delimiter, tabs=tabs)
            bodies = []
            yield words
            words = []
        elif found := _HEREDOC.match(text, at):
            bodies.append((_delimiter(found), found[1] == "-"))
            at = found.end()
        elif found := _REDIRECTION.match(text, at):
            at = found.end()
            if blank := _BLANK.match(text, at):
                at = blank.end()
            if at < end and text[at] not in "\n;&|()<>":  # the file's name; `2>&-` has none
                _, at = _word(text, at)
        elif character in ";&|()":
            at += 1
            yield words
            words = []
        else:
            word, at = _word(text, at)
            words.append(word)
    yield words


def _word(text: str, at: int) -> tuple[str, int]:
    """The word that begins at `at`, and where it ends."""
    pieces: list[str] = []
    start, end = at, len(text)
    while at < end:
        if found := _PLAIN.match(text, at):
            pieces.append(found[0])
            at = found.end()
            continue
        character = text[at]
        if character == "'":
            close = _find(text, "'", at + 1)
            pieces.append(text[at + 1 : close])
            at = close + 1
        elif character == '"':
            close = _closing(text, at)
            pieces.append(text[at + 1 : close - 1])
            at = close
        elif character == "\\":
            pieces.append(text[at + 1 : at + 2].strip("\n"))
            at += 2
        elif character == "`" or text.startswith(("$(", "<(", ">("), at):
            close = _closing(text, at if character == "`" else at + 1)
            pieces.append(text[at:close])
            at = close
        elif character in "$#":  # `$name`, `$'…'`, and a `#` inside a word
            pieces.append(character)
            at += 1
        elif at > start:
            break
        else:
            at += 1  # nothing begins with it that is known here
    return "".join(pieces), min(at, end)


def _closing(text: str, at: int) -> int:
    """Where what opens at `at` with a parenthesis, a double quote or a backtick is over."""
    open_ones = [text[at]]
    at += 1
    while open_ones:
        found = _INSIDE.search(text, at)
        if found is None:
            return len(text)
        at = found.end()
        inner, mark = open_ones[-1], found[0]
        if mark == "\\":
            at += 1
        elif mark == inner or (mark == ")" and inner == "("):
            open_ones.pop()
        elif mark == "(":
            if inner != '"' or text[found.start() - 1] == "$":
                open_ones.append("(")
        elif mark == "'" and inner != '"':
            at = _find(text, "'", at) + 1
        elif mark in '"`':
            open_ones.append(mark)
        elif mark.startswith("<<"):
            document = _HEREDOC.match(text, found.start()) if inner == "(" else None
            if document is None:
                at = found.start() + 2
            else:
                line_end = _find(text, "\n", document.end())
                at = _after_document(text, line_end + 1, _delimiter(document), tabs=True)
    return at


def _delimiter(found: re.Match[str]) -> str:
    return found[2] or found[3] or found[4] or ""


def _after_document(text: str, at: int, delimiter: str, *, tabs: bool) -> int:
    """Where the line that ends a here document is over."""
    while at < len(text):
        line_end = _find(text, "\n", at)
        line = text[at:line_end]
        at = line_end + 1
        if (line.lstrip() if tabs else line) == delimiter:
            return line_end
    return len(text)


def _find(text: str, sought: str, at: int) -> int:
    """Where `sought` is next, or the end."""
    found = text.find(sought, at)
    return len(text) if found < 0 else found
