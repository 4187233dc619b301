"""Counts the local session logs anew, so that the server's figures can be compared with them.

The monitor's own reading is not used: what it gets wrong would be wrong here too. A log is read
from its first byte to its last, nothing is remembered and nothing is sent.

- A message counts once, whatever files it stands in: forks, resumed sessions and backups copy
  history.
- A record of the session itself wins over one of a subagent's file, and that over one in a progress
  line: a side question repeats messages with times of its own.
- Of equal ones the latest counts with all its fields, and at the same moment the one with more
  output: a message is logged several times while it streams.
- The calls of an advisor and compactions count by themselves: the message's totals leave them out.
- `<synthetic>` is no model: the agent itself wrote that message.
"""

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from vibeloom import privacy

WHOLE_LINE = 4 * 1024 * 1024  # bytes; of a longer line, long strings are left out
LONG_STRING = 4_096  # bytes; no id, model or time is longer
MOST_OF_LINE = 16 * 1024 * 1024  # bytes of a line without its long strings; more is no record
EARLIEST_YEAR = 2000  # an older time is a clock that was never set
MOST_TOKENS = 1_000_000_000  # of one request; more is not a count
REREADS = 50  # times the length of a damaged line that is spent on finding what is whole in it

PROGRESS, SUBAGENT, SESSION = 0, 1, 2  # what wins over what
OWN_CALLS = ("advisor_message", "compaction")  # of `usage.iterations`


class Tokens(NamedTuple):
    """Calls of a model and what they used; the four counts are disjoint."""

    calls: int = 0
    input: int = 0
    output: int = 0
    cache_write: int = 0
    cache_read: int = 0

    def plus(self, other: "Tokens") -> "Tokens":
        """Both together."""
        return Tokens(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Call(NamedTuple):
    """One request to a model."""

    at: datetime
    model: str
    tokens: Tokens


@dataclass
class Recount:
    """What the logs say."""

    calls: list[Call] = field(default_factory=list)
    folders: tuple[Path, ...] = ()
    logs: int = 0
    unfinished: int = 0  # logs whose last line has no end yet
    damaged: int = 0  # lines with usage that were not one whole record
    unreadable: dict[str, str] = field(default_factory=dict)


class _Message(NamedTuple):
    """The best record of a message so far."""

    rank: int
    at: datetime
    output: int
    calls: tuple[Call, ...]


def recount(folders: Iterable[Path]) -> Recount:
    """Count every log below the folders."""
    found = Recount(folders=tuple(folders))
    messages: dict[object, _Message] = {}
    for path in _logs(found.folders):
        try:
            with path.open("rb") as file:
                _count(file, found, messages)
        except OSError as problem:
            found.unreadable[str(path)] = problem.strerror or str(problem)
        else:
            found.logs += 1
    found.calls = [call for message in messages.values() for call in message.calls]
    return found


def _logs(folders: Iterable[Path]) -> Iterator[Path]:
    """Every log once, by whatever links it is reached."""
    seen: set[tuple[int, int]] = set()
    for folder in folders:
        for place, below, names in os.walk(folder, followlinks=True):
            below[:] = sorted(name for name in below if _is_new(Path(place, name), seen))
            for name in sorted(names):
                path = Path(place, name)
                if name.endswith(".jsonl") and _is_new(path, seen):
                    yield path


def _is_new(path: Path, seen: set[tuple[int, int]]) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False  # a link to nowhere
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        return False  # a pipe would be waited for
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return False
    seen.add(identity)
    return True


def _count(file: BinaryIO, found: Recount, messages: dict[object, _Message]) -> None:
    last: datetime | None = None
    for line, whole in _lines(file):
        found.unfinished += not whole
        if line is None:
            found.damaged += 1
            continue
        if b'"usage"' not in line:
            continue
        documents, damaged = _documents(line)
        found.damaged += damaged
        for document in documents:
            for record, rank in _records(document):
                at = _time(record.get("timestamp")) or _time(document.get("timestamp")) or last
                if at is None:
                    continue  # as the monitor: before any time was said
                last = at
                _take(record, rank, at, messages)


def _lines(file: BinaryIO) -> Iterator[tuple[bytes | None, bool]]:
    """Lines, None for one that is no record, and whether they have an end."""
    while line := file.readline(WHOLE_LINE):
        if line.endswith(b"\n") or len(line) < WHOLE_LINE:
            yield line, line.endswith(b"\n")
        else:
            yield _condensed(line, file)


_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_AFTER_STRING = b",:}] \t\r\n"


def _condensed(piece: bytes, file: BinaryIO) -> tuple[bytes | None, bool]:
    """A long line without its long strings, and whether it has an end; a few megabytes at most.

    A record that was cut off within a string leaves the next one behind it, on the same line. Then
    a quote that seems to end a string begins the next record's first key: no comma, colon or
    bracket follows it. So the brace before it is kept, whatever else of the string is not.
    """
    kept = bytearray()
    string: bytearray | None = None  # what is kept of the string that is being read
    rest = b""
    while True:
        chunk, rest, at = rest + piece, b"", 0
        ended = chunk.endswith(b"\n") or not piece
        while at < len(chunk):
            if string is None:
                quote = chunk.find(b'"', at)
                stop = len(chunk) if quote < 0 else quote + 1
                kept += chunk[at:stop]
                at, string = stop, None if quote < 0 else bytearray()
                continue
            body = _STRING.match(chunk, at)
            end = body.end() if body else at
            if end - at + len(string) > LONG_STRING:
                string = bytearray(b"{" if chunk[end - 1 : end] == b"{" else b"")
            else:
                string += chunk[at:end]
            if end + 1 >= len(chunk) and not ended:
                rest = chunk[end:]  # a backslash, or a quote whose next character is not there yet
                break
            if chunk[end : end + 1] == b'"':
                kept += string + b'"'
                string = None if chunk[end + 1 : end + 2] in _AFTER_STRING else bytearray()
            at = end + 1
        if len(kept) > MOST_OF_LINE:
            return None, _skipped(chunk, file)
        if ended:
            return bytes(kept), chunk.endswith(b"\n")
        piece = file.readline(WHOLE_LINE)


def _skipped(piece: bytes, file: BinaryIO) -> bool:
    """Read to the end of the line, and say whether it has one."""
    while piece and not piece.endswith(b"\n"):
        piece = file.readline(WHOLE_LINE)
    return bool(piece)


_DECODER = json.JSONDecoder()


def _documents(line: bytes) -> tuple[list[dict[str, Any]], bool]:
    """The records of a line, and whether there is more on it than one whole record."""
    text = line.decode("utf-8-sig", "replace").strip("\0 \t\r\n")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return list(_rescued(text.replace("\0", " "))), True
    return ([document] if isinstance(document, dict) else []), False


def _rescued(text: str) -> Iterator[dict[str, Any]]:
    """The whole records of a damaged line: each place where one may begin is tried."""
    effort = REREADS * len(text)
    at = text.find('{"')
    while at >= 0 and effort > 0:
        try:
            document, end = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as problem:
            effort -= problem.pos - at + 1
            at = text.find('{"', at + 2)
        except RecursionError:
            return
        else:
            # A part of the record that was cut off has no session of its own.
            if "sessionId" in document:
                yield document
            at = text.find('{"', end)


def _records(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    """What the model wrote, as records with a `message`, and how much they are to be believed."""
    if document.get("type") == "assistant":
        yield document, SUBAGENT if document.get("isSidechain") is True else SESSION
    elif document.get("type") == "progress":
        inner = _object(_object(document.get("data")).get("message"))
        if inner.get("type") == "assistant":
            yield inner, PROGRESS


def _take(
    record: dict[str, Any], rank: int, at: datetime, messages: dict[object, _Message]
) -> None:
    """Note the record if no better one of its message is known."""
    message = _object(record.get("message"))
    usage = message.get("usage")
    if not isinstance(usage, dict):
        return
    calls = tuple(
        Call(at, model, tokens)
        for model, tokens in _calls(usage, message.get("model"))
        if any(tokens[1:])
    )
    names = (message.get("id"), record.get("requestId"), record.get("uuid"))
    identity = next((name for name in names if isinstance(name, str) and name), object())
    best = _Message(rank, at, _number(usage.get("output_tokens")), calls)
    known = messages.get(identity)
    if known is None or best[:3] >= known[:3]:
        messages[identity] = best


def _calls(usage: dict[str, Any], model: object) -> Iterator[tuple[str, Tokens]]:
    """The message's own request, and those within it that its totals leave out."""
    rounds = usage.get("iterations")
    within = [
        each
        for each in (rounds if isinstance(rounds, list) else [])
        if isinstance(each, dict) and each.get("type") in OWN_CALLS
    ]
    for each in (usage, *within):
        said = each["model"] if each is not usage and "model" in each else model
        name = None if said == "<synthetic>" else privacy.model_name(said)
        if name is not None:
            yield name, _tokens(each)


def _tokens(usage: dict[str, Any]) -> Tokens:
    written = _number(usage.get("cache_creation_input_tokens"))
    if not written:  # only its parts are given
        parts = _object(usage.get("cache_creation"))
        written = sum(_number(parts.get(f"ephemeral_{life}_input_tokens")) for life in ("5m", "1h"))
    return Tokens(
        calls=1,
        input=_number(usage.get("input_tokens")),
        output=_number(usage.get("output_tokens")),
        cache_write=min(written, MOST_TOKENS),
        cache_read=_number(usage.get("cache_read_input_tokens")),
    )


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 <= value <= MOST_TOKENS else 0


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _time(value: object) -> datetime | None:
    if not isinstance(value, str) or not 10 < len(value) < 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year >= EARLIEST_YEAR else None
