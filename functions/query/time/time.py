"""Time by lane: stored for whole days of the owner's zone, else computed from the events."""

from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise

from functions.core import sql
from functions.core.actor import User
from functions.core.db import Connection
from functions.query import period
from functions.query.parameters import InvalidRange
from functions.query.period import Period
from functions.query.time.models import By, Lanes, NamedLanes, TimeAnswer, TimeAsked
from functions.rollup import lane_totals

MAX_LIVE_DAYS = 92  # computed from raw events, in one request
LANES = tuple(Lanes.model_fields)
ELSEWHERE = "elsewhere"  # not a lane: what of both no group may claim

Grouped = dict[str, Counter[str]]  # seconds by lane, by the group's name

queries = sql.load(__file__)


def time_by_lane(user: User, asked: TimeAsked, now: datetime) -> TimeAnswer:
    """Seconds of each lane, by day, project, language or category.

    Raises `InvalidRange`, `InvalidTimezone`.
    """
    by, narrowed = asked.by, asked.filters
    with period.reading_computed(user, asked, now, _stored_days) as (connection, span, pending):
        if span.is_of_own_days:
            grouped = _stored(connection, span, by, narrowed)
        else:
            grouped = _computed(connection, user, span, by, narrowed)
    items = [
        NamedLanes(name=name or None, **{lane: grouped[name][lane] for lane in LANES})
        for name in sorted(grouped, key=lambda name: _place(by, name, grouped))
    ]
    totals = {lane: sum(getattr(item, lane) for item in items) for lane in LANES}
    elsewhere = sum(seconds[ELSEWHERE] for seconds in grouped.values())
    totals["both"] += elsewhere
    return TimeAnswer(
        period=span.answer(),
        by=by,
        totals=Lanes(**totals),
        both_elsewhere=elsewhere,
        items=items,
        pending_days=pending,
    )


def _stored_days(span: Period) -> list[tuple[date, date]]:
    return [span.ends] if span.is_of_own_days else []


def _stored(
    connection: Connection, span: Period, by: By, narrowed: dict[str, str | None]
) -> Grouped:
    first, last = span.ends
    rows = queries.time_by(connection, grouping=by, first=first, last=last, **narrowed)
    columns = (*LANES, ELSEWHERE)
    return {name: Counter(dict(zip(columns, seconds, strict=True))) for name, *seconds in rows}


def _computed(
    connection: Connection, user: User, span: Period, by: By, narrowed: dict[str, str | None]
) -> Grouped:
    if span.days > MAX_LIVE_DAYS:
        raise InvalidRange(
            f"At most {MAX_LIVE_DAYS} days are accepted in another zone than the profile's, or with"
            " instants that are not its midnights; without tz, and by days, any range is."
        )
    days = [span.first_day + timedelta(days=count) for count in range(span.days)]
    spans = list(pairwise(period.day_starts(connection, span)))
    totals = lane_totals(connection, user.id, span.since, span.until, spans)
    grouped: Grouped = {}
    for day, spent in zip(days, totals, strict=True):
        for key, seconds in spent.items():
            asked_for = (
                value is None or (getattr(key, name) == value and key.counts_in(name))
                for name, value in narrowed.items()
            )
            if all(asked_for):
                name = day.isoformat() if by == "day" else getattr(key, by)
                column = key.lane if key.counts_in(by) else ELSEWHERE
                grouped.setdefault(name, Counter())[column] += seconds
    return grouped


def _place(by: By, name: str, grouped: Grouped) -> tuple[int, str]:
    """Days in their order; anything else by the time that went into it, the most first."""
    if by == "day":
        return 0, name
    return -(grouped[name]["human"] + grouped[name]["agent"]), name
