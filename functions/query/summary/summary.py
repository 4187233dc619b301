"""Everything that a dashboard shows first, in one answer."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from psycopg.rows import TupleRow

from functions.core import db, sql
from functions.core.actor import User
from functions.query import period
from functions.query.models import Filtered
from functions.query.period import Period
from functions.query.summary import scoring
from functions.query.summary.models import BestHour, Streaks, Summary, Totals, Trend

STREAK_DAYS = 1_096  # three years; each day is one probe of an index
MAX_WAITING = 7  # days that are computed while somebody waits; more are left to the hourly job
TOKENS = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write")
MEASURES = ("events", "errors", *TOKENS, "cost_usd", "calls", "unpriced")

Figures = tuple[scoring.Time | str, scoring.Fixes | str]  # or why there is none

queries = sql.load(__file__)


def summary(user: User, asked: Filtered, now: datetime) -> Summary:
    """Totals, trend, streaks, best hour and score of a period."""
    narrowed = asked.filters
    is_narrowed = any(narrowed.values())

    def needed(span: Period) -> list[tuple[date, date]]:
        return [] if is_narrowed else _scored_days(span)

    with period.reading_computed(user, asked, now, needed, MAX_WAITING) as answering:
        connection, span, pending = answering
        today = span.today
        where = {"zone": span.zone, **narrowed}
        before = {"before": span.previous.bounds["since"]}
        lately = {"first": today - timedelta(days=STREAK_DAYS - 1), "last": today}
        questions: list[tuple[str, dict[str, Any]]] = [
            (queries.summary.sql, {**before, **span.bounds, **where}),
            (queries.active_days.sql, {**lately, **where}),
        ]
        if pending <= MAX_WAITING:
            for first, last in needed(span):
                questions.append((queries.focus.sql, {"first": first, "last": last}))
                questions.append((queries.failures_fixed.sql, span.bounds))
        rows, active, *scored = db.ask(connection, *questions)
    figures: Figures = scoring.NOT_FILTERED, scoring.NOT_FILTERED
    if not is_narrowed:
        figures = _daily_figures(pending, scored)
    streaks = count_streaks((day for (day,) in active), today)
    totals, previous = (_totals(rows, current) for current in (True, False))
    elapsed = (min(span.last_day, today) - span.first_day).days + 1
    return Summary(
        period=span.answer(),
        previous_period=span.previous.answer(),
        totals=totals,
        previous=previous,
        trend=_trend(totals, previous),
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


def _scored_days(span: Period) -> list[tuple[date, date]]:
    """The days whose figures the score is made of: none of those that are still to come."""
    last = min(span.last_day, span.today + timedelta(days=1))
    return [(span.first_day, last)] if span.first_day <= last else []


def _daily_figures(pending: int, scored: list[list[TupleRow]]) -> Figures:
    """What the score needs of the daily figures, unless too many of them are to be computed."""
    if pending > MAX_WAITING:
        return scoring.NOT_COMPUTED, scoring.NOT_COMPUTED
    if not scored:
        return scoring.Time(0, 0, None), scoring.Fixes(0, 0)
    [[(longest, seconds, research)], [(introduced, fixed)]] = scored
    return scoring.Time(seconds, longest, research), scoring.Fixes(introduced, fixed)


def _totals(rows: Iterable[Sequence[Any]], is_current: bool) -> Totals:
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
    if calls and calls == measures["unpriced"]:
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
