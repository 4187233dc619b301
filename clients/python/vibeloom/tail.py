"""Reading complete lines from a growing file, in constant memory."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

import msgspec

from vibeloom.shorten import Shortener

CHUNK = 256 * 1024  # bytes read at once
MAX_LINE = 4 * 1024 * 1024  # bytes of a line that are held; a longer one is shortened
HEAD = 1024  # bytes of the first line that tell one log from another
RECENT = 64  # bytes before the offset that tell whether what was read is still there


class Line(msgspec.Struct, frozen=True):
    """A complete line and where it ends; no content if even its short form is too long."""

    end: int
    content: bytes | None


def read_lines(file: BinaryIO, offset: int, max_line: int = MAX_LINE) -> Iterator[Line]:
    """Every complete line from `offset` on; a half-written one stays for the next time.

    A last line without a line break counts as complete if it is a whole JSON object: no beginning
    of an object is an object. A line longer than `max_line` is read in constant memory and comes
    shortened; see `vibeloom.shorten`.
    """
    file.seek(offset)
    read = offset
    begun = b""  # the line that goes on in the next chunk, or what `long_line` has not got of it
    long_line: Shortener | None = None
    while chunk := file.read(CHUNK):
        read += len(chunk)
        text = begun + chunk
        end = read - len(text)
        *whole, begun = text.split(b"\n")
        for content in whole:
            end += len(content) + 1
            if long_line is None and len(content) <= max_line:
                yield Line(end, content)
                continue
            short = _finish(long_line or Shortener(), content, max_line)
            long_line = None  # its memory is free while the line is read
            yield Line(end, short)
        if long_line is not None or len(begun) > max_line:
            long_line = long_line or Shortener()
            if len(long_line.kept) <= max_line:
                long_line.add(begun)
            begun = b""
    last = begun if long_line is None else _finish(long_line, begun, max_line)
    if last and _whole_object(last):
        yield Line(read, last)


def _finish(line: Shortener, rest: bytes, max_line: int) -> bytes | None:
    """The short form of a line, unless that is too long as well."""
    if len(line.kept) <= max_line:
        line.add(rest)
    return bytes(line.kept) if len(line.kept) <= max_line else None


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
