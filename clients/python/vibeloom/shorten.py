"""A line of any length in bounded memory: what is long in it is cut while it is read.

A pasted picture or a file that was written makes lines of hundreds of megabytes. Nothing that is
counted is long: so texts are cut to their beginning, the copy that the agent keeps of a tool's
result is dropped, and so is what lies deep where the rest is already large. What remains is
still JSON.
"""

import re

MAX_NAME = 64  # bytes of a field's name that is looked at
MAX_TEXT = 4_096  # bytes that stay of one text; a path is not longer
ROOMY = 1024 * 1024  # bytes; until then, depth does not matter
MAX_DEPTH = 4  # of objects and lists, from then on: the blocks of a message's content
CROWDED = 2 * ROOMY  # bytes; from then on not even these

_TEXT = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
# Whole characters and escapes; the two escapes of one character beyond U+FFFF are one unit.
_UNITS = re.compile(
    rb"(?:[^\\]++|\\[^u]|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u(?![dD][89abAB])....)*+", re.DOTALL
)
_DROPPED = b"toolUseResult"  # of the outermost object
_KEPT = b"usage"  # whatever lies in it
_BRACKET = re.compile(rb"[{}\[\]]")
_TIDY = b" \t\r\n:"


class Shortener:
    """Takes the pieces of one line and keeps what may matter of them."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self._in_text = False
        self._text = bytearray()  # the beginning of the text that is being read
        self._half_escape = b""  # a backslash whose other half is in the next piece
        self._depth = 0
        self._keys: dict[int, bytes] = {}  # by depth, the last text: a field's name, or a value
        self._dropping = 0  # the depth at which dropping ends; 0: nothing is dropped

    def add(self, piece: bytes) -> None:
        """The next piece of the line."""
        if self._half_escape:
            piece = self._half_escape + piece
            self._half_escape = b""
        at = 0
        while at < len(piece):
            at = self._read_text(piece, at) if self._in_text else self._read_rest(piece, at)

    def _read_text(self, piece: bytes, at: int) -> int:
        found = _TEXT.match(piece, at)
        end = found.end() if found else at
        room = MAX_TEXT - len(self._text)
        if room > 0:
            self._text += piece[at : min(end, at + room)]
        if end < len(piece) and piece[end] == 0x22:
            self._in_text = False
            if len(self._text) < MAX_NAME:
                self._keys[self._depth] = bytes(self._text)
            if not self._dropping:
                self.kept += b'"' + _whole(self._text) + b'"'
            self._text.clear()
            return end + 1
        self._half_escape = piece[end:]  # at most a backslash
        return len(piece)

    def _read_rest(self, piece: bytes, at: int) -> int:
        quote = piece.find(b'"', at)
        end = len(piece) if quote < 0 else quote
        between = piece[at:end]
        if _BRACKET.search(between):
            for character in between:
                self._take(character)
        elif not self._dropping:
            self.kept += between
        if quote < 0:
            return end
        self._in_text = True
        return end + 1

    def _take(self, character: int) -> None:
        """One character outside of texts: a bracket, a comma, a part of a number."""
        if character in b"{[":
            self._depth += 1
            if not self._dropping and self._is_unwanted():
                self._dropping = self._depth
                self.kept += b"0"
        if not self._dropping:
            self.kept.append(character)
        if character in b"}]":
            if self._dropping == self._depth:
                self._dropping = 0
            self._keys.pop(self._depth, None)
            self._depth -= 1

    def _is_unwanted(self) -> bool:
        """Whether the object or list that begins here is dropped."""
        if self._depth == 2:
            return self._keys.get(1) == _DROPPED and self.kept.rstrip(_TIDY).endswith(b'"')
        size = len(self.kept)
        deepest = MAX_DEPTH if size < CROWDED else MAX_DEPTH - 1
        return (
            size > ROOMY
            and self._depth > deepest
            and _KEPT not in (self._keys.get(depth) for depth in range(2, self._depth))
        )


def _whole(text: bytearray) -> bytes:
    """The beginning of a text without half of an escape or of a character at its end."""
    if len(text) < MAX_TEXT:
        return bytes(text)
    units = _UNITS.match(text)
    assert units is not None  # noqa: S101 - it matches nothing, too
    return units[0].decode(errors="ignore").encode()
