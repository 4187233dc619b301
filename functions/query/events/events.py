"""A person's own events, page by page or as an export, in an order that later events do not shift.

The lines are JSON as Postgres writes them: numbers in payloads keep every digit, and nothing is
parsed only to be written again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from functions.core import paging, sql
from functions.core.actor import User
from functions.core.db import Connection
from functions.query import period
from functions.query.events.models import EventsAsked

READ = 1_000  # events that one statement of an export reads; they are in memory beside the answer
MAX_BYTES = 5 * 1024 * 1024  # of one answer; Lambda's own limit is 6 MB, headers included

Position = dict[str, Any]  # at, id, source_id of the last event that was given
FIRST: Position = {"at": None, "id": None, "source_id": None}

queries = sql.load(__file__)


@dataclass(frozen=True)
class Lines:
    """Events as lines of JSON, and the cursor of those that follow."""

    lines: list[str]
    next: str | None

    def page(self) -> str:
        """As the JSON of an `EventPage`."""
        return f'{{"items":[{",".join(self.lines)}],"next":{json.dumps(self.next)}}}'

    def ndjson(self) -> str:
        """A line for each event."""
        return "".join(f"{line}\n" for line in self.lines)


def find(user: User, asked: EventsAsked, now: datetime) -> Lines:
    """Events with their payloads, as many as `asked` says and one answer may hold."""
    position = paging.decode(asked.cursor, asked.order, _position) or FIRST
    with period.reading(user, asked, now) as (connection, span):
        parameters = {
            "since": span.since,
            "until": span.until,
            "ascending": asked.order == "asc",
            **asked.filters,
        }
        lines, position, more = _collect(connection, parameters, position, asked.limit)
    return Lines(lines, _cursor(asked.order, position) if more else None)


def _collect(
    connection: Connection, parameters: Mapping[str, Any], position: Position, limit: int
) -> tuple[list[str], Position, bool]:
    """Up to `limit` lines after `position` that fit, where they end, and whether there are more.

    The first line always fits: a single event may be larger than an answer should be.
    """
    lines: list[str] = []
    room = MAX_BYTES
    while True:
        take = min(READ, limit - len(lines))
        asked = {**parameters, **position, "limit": take + 1, "room": room}
        rows = list(queries.events(connection, **asked))
        found = rows[0][4] if rows else 0
        taken = 0
        for line, at, id_, source_id, _ in rows[:take]:
            size = len(line.encode()) + 1
            if size > room and lines:
                break
            lines.append(line)
            room = max(0, room - size)
            position = {"at": at, "id": id_, "source_id": source_id}
            taken += 1
        more = found > taken
        if not more or taken < take or len(lines) == limit:
            return lines, position, more


def _cursor(order: str, position: Position) -> str:
    at, id_, source_id = position.values()
    return paging.encode(order, at.isoformat(), id_, str(source_id))


def _position(at: object, id_: object, source_id: object) -> Position:
    return {
        "at": paging.instant(at),
        "id": paging.text(id_),
        "source_id": UUID(paging.text(source_id)),
    }
