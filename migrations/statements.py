"""Where one SQL statement of a file ends and the next begins, by the rules of Postgres' own lexer.

A library would be better; the accurate one (libpg_query's bindings) is under the GPL, and sqlparse
guesses at `begin atomic` and dollar quotes. So this is psql's rule, and no more of SQL than that
needs: quotes, dollar quotes, nested comments, parentheses, and the bodies `begin atomic` opens.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# https://www.postgresql.org/docs/current/sql-syntax-lexical.html, sections 4.1.1, 4.1.2 and 4.1.5
_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* )
    | (?P<block> /\* )
    | (?P<escape> [eE]'(?:[^'\\]|''|\\.)*+' )
    | (?P<string> '(?:[^']|'')*+' )
    | (?P<quoted> "(?:[^"]|"")*+" )
    | (?P<dollar> \$(?:[^\W\d]\w*)?\$ )
    | (?P<word> [^\W\d][\w$]* )
    | (?P<number> \d[\w.]* )
    | (?P<space> \s+ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")


class UnterminatedError(ValueError):
    """A quote or comment is opened and never closed."""

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(f"unterminated {what}")
        self.offset = offset


@dataclass(frozen=True)
class Statement:
    """A piece of a file, up to and with its semicolon, and where its first word stands."""

    text: str
    offset: int  # in characters, of `text` in the file
    start: int  # in characters, of the first thing in `text` that is no comment or space
    words: tuple[str, ...]  # its first few words, lowercase

    @property
    def sql(self) -> str:
        """The statement as the Supabase CLI records it: trimmed, without its semicolon."""
        return self.text.strip().rstrip(";").strip()

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it to execute."""
        return not self.words and self.text[self.start - self.offset :].strip(" \t\r\n;") == ""


def split(text: str) -> list[Statement]:
    """Cut SQL into statements; their texts, joined, are `text` again. Raises UnterminatedError."""
    pieces: list[Statement] = []
    begun = 0
    first: int | None = None
    words: list[str] = []
    parentheses = bodies = 0
    for kind, start, end in _tokens(text):
        if kind in ("comment", "space"):
            continue
        first = start if first is None else first
        lexeme = text[start:end]
        if kind == "word":
            words.append(lexeme.lower())
            bodies += _depth_change(words, bodies)
        elif lexeme == "(":
            parentheses += 1
        elif lexeme == ")":
            parentheses = max(0, parentheses - 1)
        elif lexeme == ";" and not parentheses and not bodies:
            pieces.append(Statement(text[begun:end], begun, first, tuple(words[:4])))
            begun, first, words = end, None, []
    if begun < len(text):
        rest = len(text) if first is None else first
        pieces.append(Statement(text[begun:], begun, rest, tuple(words[:4])))
    return pieces


def line_of(text: str, offset: int) -> int:
    """The line, from 1, on which that character of the text stands."""
    return text.count("\n", 0, offset) + 1


def _depth_change(words: list[str], bodies: int) -> int:
    """How the last word changes the nesting of SQL-standard function bodies, as in psql's lexer."""
    if words[0] != "create" or not {"function", "procedure"} & set(words[1:4]):
        return 0
    if words[-1] == "atomic" and words[-2] == "begin":
        return 1
    if bodies and words[-1] == "case":
        return 1
    if bodies and words[-1] == "end":
        return -1
    return 0


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Kind, start and end of each token; Postgres tells more kinds apart than matter here."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None  # noqa: S101 - the last alternative matches any character
        kind, end = str(match.lastgroup), match.end()
        if kind == "block":
            kind, end = "comment", _end_of_comment(text, position)
        elif kind == "dollar":
            closing = text.find(match[0], end)
            if closing < 0:
                raise UnterminatedError(f"dollar quote {match[0]}", position)
            end = closing + len(match[0])
        elif match[0] in ("'", '"'):
            what = "string" if match[0] == "'" else "quoted name"
            raise UnterminatedError(what, position)
        yield kind, position, end
        position = end


def _end_of_comment(text: str, start: int) -> int:
    depth = 0
    for edge in _BLOCK_EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    raise UnterminatedError("comment", start)
