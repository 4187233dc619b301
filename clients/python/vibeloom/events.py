"""Events as they are spooled and sent; their ids, and which of two revisions holds.

An id follows from what an event tells, so it is the same in every copy of a log and on every
machine. A revision says which of two tellings of the same thing holds: of a stream the last one,
of anything else the earliest one. In both cases what stands in the session's own log holds against
what stands in a side chain, and that against what a progress line repeats.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec

ID_LENGTH = 20  # characters after `evt_`, which VibeTea's servers accept: 80 bits

# A revision is 63 bits: 2 of standing, 42 of milliseconds, 19 of output tokens (of equal moments
# of a stream the one with more output is the later one).
STANDING_SHIFT = 61
_TIME_SHIFT = 19
_LATEST_TIME = (1 << 42) - 1  # ms; the year 2109
_MOST_OUTPUT = (1 << _TIME_SHIFT) - 2  # leaves room for the `+ 1` of `Spool.settle`


class Event(msgspec.Struct, frozen=True):
    """One event as it is spooled; its source is put in when it is sent."""

    id: str
    revision: int
    timestamp: str
    type: str
    payload: dict[str, Any]


def event_id(identity: bytes) -> str:
    """The same identity always gives the same id, on every machine."""
    return "evt_" + identity.hex()[:ID_LENGTH]


def identity_of(kind: str, key: str) -> bytes:
    """What tells one thing from every other one that can be told."""
    return sha256(f"vibeloom-event-v2\n{kind}\n{key}".encode("utf-8", "surrogatepass")).digest()


def latest(standing: int, at: datetime, output: int) -> int:
    """The revision of a record of a stream: the later one holds."""
    return standing << STANDING_SHIFT | milliseconds(at) << _TIME_SHIFT | min(output, _MOST_OUTPUT)


def earliest(standing: int, at: datetime) -> int:
    """The revision of what happened once: the earlier telling holds."""
    return _revision(standing, _LATEST_TIME - milliseconds(at))


def _revision(standing: int, order: int) -> int:
    return standing << STANDING_SHIFT | order << _TIME_SHIFT


def milliseconds(moment: datetime) -> int:
    """Since 1970, within what a revision can hold."""
    return min(max(int(moment.timestamp() * 1_000), 0), _LATEST_TIME)


def rfc3339(moment: datetime) -> str:
    """UTC with microseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def wire(source: str, stored: str) -> bytes:
    """The bytes of one event as sent: what the spool holds, with the source as its last field."""
    return stored[:-1].encode() + b',"source":' + msgspec.json.encode(source) + b"}"


def stored(event: Event) -> str:
    """The event as the spool holds it."""
    return msgspec.json.encode(event).decode()
