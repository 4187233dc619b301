"""Sessions of agents and of people, each one whole, however many midnights it crosses.

A session that was under way in the period may reach outside it, into days whose figures are still
to be computed. These days are computed before the answer is given, as many as a request may take.
If days are left, the answer says so: the session is not `complete`, and `pending_days` counts them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from functions.core import db, paging, sql
from functions.core.actor import User
from functions.core.db import Connection
from functions.query import period
from functions.query.period import Period
from functions.query.sessions.models import Session, Sessions, SessionsAsked
from functions.rollup import refresh_days

MAX_LOOK = 93  # days outside the figures whose events one answer reads
MAX_REACH = 62  # days outside the period that one answer has computed: seconds of work
STEP = 7  # days that are computed at once where a person's session goes on

ONE_DAY = timedelta(days=1)

Row = Sequence[Any]

queries = sql.load(__file__)


def sessions(user: User, asked: SessionsAsked, now: datetime) -> Sessions:
    """Sessions that were under way in the period, the latest to begin first.

    Raises `InvalidRange`, `InvalidTimezone`, `InvalidCursor`.
    """
    limit = asked.limit
    at, position = paging.decode(asked.cursor, "sessions", _position) or (None, None)
    which = {
        "lane": asked.lane,
        "at": at,
        "position": position,
        "limit": limit + 1,
        **asked.filters,
    }
    with period.reading_computed(user, asked, now) as (connection, span, _):
        pending = PendingParts(span)
        rows = _find(connection, pending, which)
    # A session whose first days are not computed yet seems to begin later than it did. So it stands
    # on an earlier page than it should, never on a later one, and comes once.
    budget = MAX_REACH
    while days := pending.to_compute(rows)[:budget]:
        budget -= len(days)
        for first, last in _runs(sorted(days)):
            refresh_days(user.id, first, last)
        with period.reading(user, asked, now) as (connection, pending.span):
            rows = _find(connection, pending, which)
    page, following = paging.page(
        rows,
        limit,
        lambda row: paging.encode(
            "sessions", row[3].astimezone(UTC).isoformat(), f"{row[1]} {row[0]}"
        ),
    )
    return Sessions(
        period=pending.span.answer(),
        items=[_session(row, pending.of_session(row)) for row in page],
        pending_days=len(pending.days_of_answer(page)),
        next=following,
    )


@dataclass
class PendingParts:
    """Which days are still to be computed, and what is known of the sessions that they touch."""

    span: Period
    waiting: set[date] = field(default_factory=set)
    looked_at: set[date] = field(default_factory=set)  # days whose events were read
    names: set[str] = field(default_factory=set)  # of agents' sessions that were looked for there
    parts: dict[str, set[date]] = field(default_factory=dict)  # where they were found

    def of_session(self, row: Row) -> set[date]:
        """Days that hold, or may hold, a part of the session and are still to be computed."""
        name, lane, known = row[0], row[1], set(row[-1])
        if lane == "agent":
            known |= self.parts.get(name, set()) | (self.waiting - self.looked_at)
        return known & self.waiting

    def to_compute(self, rows: Iterable[Row]) -> list[date]:
        """Days that do hold a part of one of the sessions, the nearest to the period first."""
        days: set[date] = set()
        for row in rows:
            name, lane, known = row[0], row[1], row[-1]
            days |= set(known) | self.parts.get(name, set())
            if lane == "human":  # it goes on from midnight to midnight: likely for some days more
                days |= {day + step * ONE_DAY for day in known for step in range(1 - STEP, STEP)}
        return sorted(days & self.waiting, key=self.distance)

    def days_of_answer(self, rows: Iterable[Row]) -> set[date]:
        """Days that make the answer inexact: of the period, and of one of its sessions."""
        edges = (self.span.first_day - ONE_DAY, self.span.last_day + ONE_DAY)
        days = {day for day in self.waiting if edges[0] <= day <= edges[1]}
        return days.union(*(self.of_session(row) for row in rows))

    def distance(self, day: date) -> tuple[timedelta, date]:
        """From the period; of two equal ones the earlier day is first."""
        return max(self.span.first_day - day, day - self.span.last_day, timedelta()), day


def _find(connection: Connection, pending: PendingParts, which: Mapping[str, Any]) -> list[Row]:
    """A page of sessions; and in `pending`, what is still to be computed of them."""
    span = pending.span
    stretch = {"first": span.first_day, "last": span.last_day}
    stretch |= {"since": span.since, "until": span.until}
    listed, waiting = db.ask(
        connection, (queries.sessions.sql, {**stretch, **which}), (queries.waiting_days.sql, {})
    )
    rows: list[Row] = list(listed)
    pending.waiting = {day for (day,) in waiting}
    if pending.waiting:
        _find_parts(connection, rows, pending)
    return rows


def _find_parts(connection: Connection, rows: Iterable[Row], pending: PendingParts) -> None:
    """Finds out on which waiting days the agents' sessions have events."""
    if not pending.looked_at:
        nearest = sorted(pending.waiting, key=pending.distance)
        pending.looked_at = set(nearest[:MAX_LOOK])
    names = {row[0] for row in rows if row[1] == "agent"} - pending.names
    if not names:
        return
    days = sorted(pending.looked_at)
    for day, name in queries.agent_parts(connection, days=days, names=sorted(names)):
        pending.parts.setdefault(name, set()).add(day)
    pending.names |= names


def _runs(days: Sequence[date]) -> list[tuple[date, date]]:
    """The first and last of each run of consecutive days, in order."""
    breaks = [index for index, (a, b) in enumerate(pairwise(days), 1) if b - a > ONE_DAY]
    edges = [0, *breaks, len(days)]
    return [(days[first], days[end - 1]) for first, end in pairwise(edges)]


def _session(row: Row, pending: set[date]) -> Session:
    name, lane, project, started_at, ended_at, events, tools, models, calls, unpriced = row[:10]
    tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost = row[10:15]
    started_at, ended_at = started_at.astimezone(UTC), ended_at.astimezone(UTC)
    return Session(
        id=name,
        lane=lane,
        project=project,
        started_at=started_at,
        ended_at=ended_at,
        duration_seconds=int((ended_at - started_at).total_seconds()),
        events=events,
        tools=tools,
        models=models,
        tokens_input=tokens_input,
        tokens_output=tokens_output,
        tokens_cache_read=tokens_cache_read,
        tokens_cache_write=tokens_cache_write,
        cost_usd=None if calls and calls == unpriced else float(cost),
        unpriced=unpriced,
        complete=not pending,
    )


def _position(at: object, position: object) -> tuple[datetime, str]:
    return paging.instant(at), paging.text(position)
