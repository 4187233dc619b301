"""Reading complete lines from a growing file, in constant memory."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

CHUNK = 256 * 1024  # bytes read at once
MAX_LINE = 8 * 1024 * 1024  # bytes; a pasted screenshot fits, a runaway tool output does not
HEAD = 1024  # bytes of the first line that tell one log from another
RECENT = 64  # bytes before the offset that tell whether what was read is still there


@dataclass(frozen=True)
class Line:
    """A complete line and where it begins and ends."""

    start: int
    end: int
    content: bytes


@dataclass(frozen=True)
class Skipped:
    """Part of a line too long to hold; `last` when its end has been reached."""

    end: int
    last: bool


def read_lines(
    file: BinaryIO, offset: int, inside_long_line: bool = False, max_line: int = MAX_LINE
) -> Iterator[Line | Skipped]:
    """Every complete line from `offset` on; a half-written one stays for the next time.

    A last line without a line break counts as complete if it is a whole JSON object: no beginning
    of an object is an object.
    """
    file.seek(offset)
    start = offset  # of the line in `pending`
    pending = bytearray()
    searched = 0  # bytes of `pending` known to hold no line break
    skipping = inside_long_line
    while chunk := file.read(CHUNK):
        pending += chunk
        while (newline := pending.find(b"\n", searched)) >= 0:
            end = start + newline + 1
            if skipping or newline > max_line:
                yield Skipped(end, last=True)
                skipping = False
            else:
                yield Line(start, end, bytes(pending[:newline]))
            del pending[: newline + 1]
            start, searched = end, 0
        searched = len(pending)
        if skipping or len(pending) > max_line:
            skipping = True
            start += len(pending)
            pending.clear()
            searched = 0
            yield Skipped(start, last=False)
    if pending and not skipping and _whole_object(bytes(pending)):
        yield Line(start, start + len(pending), bytes(pending))


def _whole_object(text: bytes) -> bool:
    if not text.rstrip().endswith(b"}"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def head(file: BinaryIO) -> bytes | None:
    """The beginning of the first line, or nothing while that line is still being written."""
    file.seek(0)
    beginning = file.read(HEAD)
    first, newline, _ = beginning.partition(b"\n")
    if newline or len(beginning) == HEAD or _whole_object(beginning):
        return first
    return None


def digest_of(content: bytes) -> str:
    """A short name for some bytes."""
    return sha256(content).hexdigest()[:32]


def recent_digest(file: BinaryIO, offset: int) -> str:
    """A digest of the bytes just before `offset`."""
    begin = max(0, offset - RECENT)
    file.seek(begin)
    return digest_of(file.read(offset - begin))


@dataclass(frozen=True)
class Place:
    """How far a log has been read, and enough of it to know it again."""

    offset: int
    inside_long_line: bool
    head_length: int  # bytes
    head_digest: str
    recent: str

    def holds_in(self, file: BinaryIO) -> bool:
        """Whether this file still begins with what was read: not truncated, not another log."""
        if os.fstat(file.fileno()).st_size < self.offset:
            return False
        file.seek(0)
        if digest_of(file.read(self.head_length)) != self.head_digest:
            return False
        return recent_digest(file, self.offset) == self.recent
