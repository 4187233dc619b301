"""Failures of commands in a period: how many began, how many are fixed, and how long that took."""

from datetime import date, datetime
from typing import Any

from functions.core import sql
from functions.core.actor import User
from functions.query import period
from functions.query.failures.models import (
    ClassFailures,
    DayFailures,
    Failures,
    FailuresAsked,
    FailureTotals,
    LaneFailures,
    ProgramFailures,
    ProjectFailures,
)
from functions.query.parameters import FIRST_YEAR, LAST_YEAR
from functions.query.period import Period

# A failure that began in the period may be fixed on any later day, and one that was fixed in it may
# have begun on any earlier day. So these days reach further than any event.
EVERY_DAY = date(FIRST_YEAR, 1, 2), date(LAST_YEAR, 1, 1)

FIGURES = (
    "introduced",
    "fixed",
    "unresolved",
    "runs",
    "failed_runs",
    "median_fix_seconds",
    "mean_fix_seconds",
)

queries = sql.load(__file__)


def failures(user: User, asked: FailuresAsked, now: datetime) -> Failures:
    """Failures by class, program, lane, project and day, as they are at this moment.

    Raises `InvalidRange`, `InvalidTimezone`.
    """

    def needed(span: Period) -> list[tuple[date, date]]:
        return [span.ends, EVERY_DAY]

    with period.reading_computed(user, asked, now, needed) as (connection, span, pending):
        rows = list(queries.failures(connection, zone=span.zone, **span.bounds, **asked.filters))
    parts: dict[str, list[dict[str, Any]]] = {}
    for part, name, *figures in rows:
        found = dict(zip(FIGURES, figures, strict=True))
        parts.setdefault(part, []).append({part: name or None} | found | _rates(found))
    [totals] = parts["total"]
    return Failures(
        period=span.answer(),
        totals=FailureTotals.model_validate(totals),
        by_class=[ClassFailures.model_validate(found) for found in parts.get("class", [])],
        by_program=[ProgramFailures.model_validate(found) for found in parts.get("program", [])],
        by_lane=[LaneFailures.model_validate(found) for found in parts.get("lane", [])],
        by_project=[ProjectFailures.model_validate(found) for found in parts.get("project", [])],
        by_day=[DayFailures.model_validate(found) for found in parts.get("day", [])],
        pending_days=pending,
    )


def _rates(found: dict[str, Any]) -> dict[str, float | None]:
    introduced, runs = found["introduced"], found["runs"]
    return {
        "success_rate": (introduced - found["unresolved"]) / introduced if introduced else None,
        "run_success_rate": (runs - found["failed_runs"]) / runs if runs else None,
    }
