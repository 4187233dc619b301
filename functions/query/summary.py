"""A dashboard's first paint in one call."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from functions.core import db, sql
from functions.core.actor import User
from functions.query import period, scoring
from functions.query.models import Filtered
from functions.query.models_summary import BestHour, Streaks, Summary, Totals, Trend
from functions.query.period import Period
from functions.rollup import refresh_days

STREAK_DAYS = 1_096  # three years; each day is one probe of an index
MAX_WAITING = 7  # days that are computed while somebody waits; more are left to the hourly job
TOKENS = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write")
MEASURES = ("events", "errors", *TOKENS, "cost_usd", "calls", "unpriced")

Figures = tuple[scoring.Time | str, scoring.Repairs | str]  # or why there is none

queries = sql.load(__file__, "summary.sql")


def summary(user: User, asked: Filtered, now: datetime) -> Summary:
    """Totals, trend, streaks, best hour and score of a period."""
    user.require("query:read")
    narrowed = asked.filters
    span = period.find(user, asked, now)
    today = span.today
    before_it = {"before": span.previous.bounds["since"]}
    rows = db.call(
        user,
        queries.summary.sql,
        {"zone": span.zone, **before_it, **span.bounds, **narrowed},
    )
    lately = {"first": today - timedelta(days=STREAK_DAYS - 1), "last": today}
    active = db.call(user, queries.active_days.sql, {"zone": span.zone, **lately, **narrowed})
    streaks = count_streaks((day for (day,) in active), today)
    figures: Figures = scoring.NOT_FILTERED, scoring.NOT_FILTERED
    if not any(narrowed.values()):
        figures = _daily_figures(user, span, today)
    # Calls are kept by source and project only.
    has_calls = narrowed["language"] is None and narrowed["kind"] is None
    totals, before = (_totals(rows, current, has_calls) for current in (True, False))
    elapsed = (min(span.last_day, today) - span.first_day).days + 1
    return Summary(
        period=span.answer(),
        previous_period=span.previous.answer(),
        totals=totals,
        previous=before,
        trend=_trend(totals, before),
        streaks=streaks,
        best_hour=_best_hour(rows),
        score=scoring.score(totals.active_days, elapsed, *figures),
    )


def count_streaks(days: Iterable[date], today: date) -> Streaks:
    """The longest run of consecutive `days` (in order), and the one that reaches today."""
    longest = run = 0
    last: date | None = None
    for day in days:
        run = run + 1 if last is not None and day - last == timedelta(days=1) else 1
        longest = max(longest, run)
        last = day
    alive = last is not None and today - last <= timedelta(days=1)
    return Streaks(current=run if alive else 0, longest=longest)


def _daily_figures(user: User, span: Period, today: date) -> Figures:
    """What the score needs of the daily figures, brought up to date if that is a matter of days."""
    first, last = span.first_day, min(span.last_day, today + timedelta(days=1))
    if first > last:
        return scoring.Time(0, 0, None), scoring.Repairs(0, 0)
    with db.transaction(user) as connection:
        waiting = queries.waiting_days(
            connection,
            first=first - timedelta(days=1),
            last=last + timedelta(days=1),
            zone=span.zone,
        )
    if waiting > MAX_WAITING:
        return scoring.NOT_COMPUTED, scoring.NOT_COMPUTED
    if waiting:
        refresh_days(user.id, first, last)
    with db.transaction(user) as connection:
        longest, seconds, research = queries.focus(connection, first=first, last=last)
        introduced, fixed = queries.errors_fixed(connection, **span.bounds)
    return scoring.Time(seconds, longest, research), scoring.Repairs(introduced, fixed)


def _totals(rows: Iterable[Sequence[Any]], is_current: bool, has_calls: bool) -> Totals:
    found: Sequence[Any] = (0,) * len(MEASURES)
    active_days = 0
    for current, day, hour, *sums in rows:
        if current is not is_current:
            continue
        if day is not None:
            active_days += 1
        elif hour is None:
            found = sums
    measures = dict(zip(MEASURES, found, strict=True))
    calls = measures.pop("calls")
    is_priced = not calls or calls > measures["unpriced"]
    if not has_calls:
        measures["unpriced"] = None
        is_priced = measures["cost_usd"] > 0 or not any(measures[name] for name in TOKENS)
    if not is_priced:
        measures["cost_usd"] = None
    return Totals(active_days=active_days, **measures)


def _best_hour(rows: Iterable[Sequence[Any]]) -> BestHour | None:
    """The busiest; of equal ones the earliest."""
    hours = [(row[3], -row[2]) for row in rows if row[0] and row[2] is not None]
    if not hours:
        return None
    events, hour = max(hours)
    return BestHour(hour=-hour, events=events)


def _trend(now: Totals, before: Totals) -> Trend:
    return Trend(
        events=_change(now.events, before.events),
        errors=_change(now.errors, before.errors),
        tokens=_change(_tokens(now), _tokens(before)),
        cost_usd=_change(now.cost_usd, before.cost_usd),
        active_days=_change(now.active_days, before.active_days),
    )


def _tokens(totals: Totals) -> int:
    return sum(getattr(totals, name) for name in TOKENS)


def _change(now: float | None, before: float | None) -> float | None:
    return round((now - before) / before, 4) if now is not None and before else None
