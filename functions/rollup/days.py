"""The daily figures of days that something changed: claimed, computed anew, written, in one go.

A day is marked by whatever stores or deletes its events. It is taken off the list in the
transaction that writes its rows, and only if nobody marked it again since it was read; so a run
that dies leaves it dirty, and two runs at once write the same. What happens on one day can change
the lanes of the day before and after it (`lanes.REACH`), so these are written with it.
"""

import json
import math
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from functions.core import db, sql
from functions.core.actor import Room
from functions.core.db import Connection
from functions.rollup import lanes

AT_ONCE = 14  # days of one transaction
MAX_DAYS = 400  # days of one call: a year and its edges; the task goes on
RUN = 8  # days whose events are in memory at once

ONE_DAY = timedelta(days=1)
LOOKING = Room("rollup", "looks whose days are dirty")

queries = sql.load(__file__, "time.sql")
sessions = sql.load(__file__, "sessions.sql")


HUMAN_COLUMNS = ("days", "starts", "ends", "projects", "seconds", "events")


class Day(NamedTuple):
    """A day of the owner's zone; mostly 24 hours, in some zones and years up to 31."""

    day: date
    start: int  # s, Unix time
    end: int  # s, not included
    timeout: int  # s


def pending_days(connection: Connection, owner: UUID, first: date, last: date) -> int:
    """How many days are to be computed before the figures from `first` to `last` are exact.

    `connection` is a transaction that sees the owner's rows.
    """
    first, last = first - ONE_DAY, last + ONE_DAY  # a neighbour that changed reaches in
    days: int = queries.pending_days(connection, owner=owner, first=first, last=last)
    return days


def refresh_days(owner: UUID, first: date, last: date, stop: float = math.inf) -> None:
    """Brings the daily figures of `owner` from `first` to `last` up to the last committed event.

    At most `MAX_DAYS` of them, and none is begun after `stop` (s, of the monotonic clock); what is
    left stays marked.
    """
    with db.transaction(LOOKING, db.READING) as connection:
        if pending_days(connection, owner, first, last) == 0:
            return
    asked = {"owner": owner, "first": first - ONE_DAY, "last": last + ONE_DAY}
    done = 0
    while done < MAX_DAYS and time.monotonic() < stop:
        marked = db.call(LOOKING, queries.dirty_days.sql, {**asked, "most": AT_ONCE})
        if not marked:
            return
        claimed = _refresh(owner, [day for day, _ in marked], [at for _, at in marked])
        if not claimed:  # somebody is marking or computing them at this moment
            with db.transaction(Room("rollup", "a day's mark is waited for")) as connection:
                list(queries.wait_for_day(connection, **asked))
        done += max(claimed, 1)


def refresh_dirty_days(owner: UUID, stop: float = math.inf) -> bool:
    """Brings the dirty days of `owner` up to date; returns whether some are left after `stop`."""
    span = _dirty_span(owner)
    if span is None:
        return False
    with db.transaction(Room("rollup", "only the house writes sums")) as connection:
        queries.fold_days(connection, owner=owner)
    refresh_days(owner, *span, stop)
    return _dirty_span(owner) is not None


def _dirty_span(owner: UUID) -> tuple[date, date] | None:
    """The first and the last day that are to be computed."""
    with db.transaction(LOOKING, db.READING) as connection:
        span: tuple[date, date] | None = queries.dirty_span(connection, owner=owner)
    return span


def lane_totals(
    connection: Connection,
    owner: UUID,
    since: datetime,
    until: datetime,
    spans: Sequence[lanes.Interval],
) -> list[lanes.Totals]:
    """What of the owner's lanes lies in each of `spans` (s) and between the two instants.

    Computed from the events that `connection`, a transaction, sees.
    """
    start, end = int(since.timestamp()), int(until.timestamp())
    timeout: int = queries.timeout(connection, owner=owner)
    marks = _marks(connection, owner, start, end)
    found = lanes.clipped(lanes.segments(marks, timeout), start, end)
    return lanes.daily_totals(found, spans)


def _refresh(owner: UUID, days: Sequence[date], marks: Sequence[datetime]) -> int:
    """Computes those of `days` whose mark has not changed; returns how many these were."""
    from functions.rollup.recompute import recompute_failures

    for first, last in _runs(days):
        recompute_failures(owner, first, last)
    with db.transaction(Room("rollup", "only the house writes daily figures")) as connection:
        list(queries.lock_owner(connection, owner=owner))
        list(queries.hold_profile(connection, owner=owner))
        rows = queries.claim_days(connection, owner=owner, days=list(days), marks=list(marks))
        claimed = {day for (day,) in rows}
        affected = {day + step * ONE_DAY for day in claimed for step in (-1, 0, 1)}
        found = [Day(*row) for row in queries.days(connection, owner=owner, days=sorted(affected))]
        for run in _chunks(found):
            _compute(connection, owner, run)
    return len(claimed)


def _compute(connection: Connection, owner: UUID, run: Sequence[Day]) -> None:
    """Writes the time and the sessions of consecutive days."""
    marks = _marks(connection, owner, run[0].start, run[-1].end)
    timeout = run[0].timeout
    segments = lanes.segments(marks, timeout)
    dates = [each.day for each in run]
    by_day = lanes.daily_totals(segments, [(each.start, each.end) for each in run])
    rows = [
        {"day": each.day.isoformat(), **key._asdict(), "seconds": seconds}
        for each, spent in zip(run, by_day, strict=True)
        for key, seconds in spent.items()
    ]
    queries.delete_time(connection, owner=owner, days=dates)
    queries.insert_time(connection, owner=owner, rows=json.dumps(rows))
    sessions.delete_sessions(connection, owner=owner, days=dates)
    people = _columns(_human_sessions(run, marks, segments, timeout), HUMAN_COLUMNS)
    sessions.insert_human_sessions(connection, owner=owner, **people)
    sessions.insert_agent_sessions(
        connection,
        owner=owner,
        days=dates,
        starts=[each.start for each in run],
        ends=[each.end for each in run],
        since=run[0].start,
        until=run[-1].end,
    )


def _human_sessions(
    run: Sequence[Day],
    marks: Sequence[lanes.Mark],
    segments: Iterable[lanes.Segment],
    timeout: int,
) -> list[tuple[date, int, int, str, str, int]]:
    """A row in the order of `HUMAN_COLUMNS` for each stretch and day.

    `projects` has the project that most of the day's part went into; `seconds`, as JSON, has the
    seconds of all projects, because which one a session over midnight went into is known only when
    its days are added up.
    """
    ends = sorted(each.end for each in marks if each.actor != lanes.AGENT)
    human = [each for each in segments if each.lane == lanes.HUMAN]
    begins = [each.start for each in human]
    found: list[tuple[date, int, int, str, str, int]] = []
    for start, end in lanes.stretches(marks, timeout):
        for each in run:
            left, right = max(start, each.start), min(end, each.end)
            if left > right or left == each.end or (left == right and start < end):
                continue
            within = human[bisect_left(begins, start) : bisect_left(begins, end)]
            seconds = lanes.totals(lanes.clipped(within, left, right))
            by_project: dict[str, int] = {}
            for key, spent in seconds.items():
                if key.project:
                    by_project[key.project] = by_project.get(key.project, 0) + spent
            most = max(by_project, key=lambda name: (by_project[name], name), default="")
            # What happens at midnight is the next day's, unless the stretch ends with it: then the
            # next day has no part of this stretch.
            until = right if right < each.end or right == end else right - 1
            signs = bisect_right(ends, until) - bisect_left(ends, left)
            found.append((each.day, left, right, most, json.dumps(by_project), signs))
    return found


def _marks(connection: Connection, owner: UUID, start: int, end: int) -> list[lanes.Mark]:
    """Everything that may decide about an instant between `start` and `end` (s)."""
    rows = queries.signs(
        connection,
        owner=owner,
        since=start - lanes.REACH,
        until=end + lanes.REACH,
        kinds=list(lanes.SIGNS),
    )
    return [lanes.mark(lanes.Sign(*row)) for row in rows]


def _columns(rows: Sequence[Sequence[object]], names: Sequence[str]) -> dict[str, list[object]]:
    """The rows as one list for each name."""
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}


def _runs(days: Sequence[date]) -> list[tuple[date, date]]:
    """The first and last of each run of consecutive days, in order."""
    breaks = [index for index, (a, b) in enumerate(pairwise(days), 1) if b - a > ONE_DAY]
    edges = [0, *breaks, len(days)]
    return [(days[first], days[end - 1]) for first, end in pairwise(edges)]


def _chunks(days: Sequence[Day]) -> list[list[Day]]:
    """Runs of consecutive days, at most `RUN` each."""
    found: list[list[Day]] = []
    for each in days:
        if found and len(found[-1]) < RUN and each.day - found[-1][-1].day == ONE_DAY:
            found[-1].append(each)
        else:
            found.append([each])
    return found
