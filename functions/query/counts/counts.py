"""Events counted by time, project and language."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from functions.core import paging, sql
from functions.core.actor import User
from functions.query import period
from functions.query.counts.models import (
    Breakdown,
    Counts,
    NamedCounts,
    Timeline,
    TimelineAsked,
    TimelineRow,
)
from functions.query.models import PagedAsked

COUNTS = tuple(Counts.model_fields)

queries = sql.load(__file__)


def timeline(user: User, asked: TimelineAsked, now: datetime) -> Timeline:
    """Counts by hour, day or week of the zone, and by kind, project, language or source."""
    by, group, limit = asked.by, asked.group, asked.limit
    question = f"{by}:{group}"
    start, label = paging.decode(asked.cursor, question, _timeline_position) or (None, None)
    with period.reading(user, asked, now) as (connection, span):
        period.refuse_long(span, by)
        totals, *rows = queries.timeline(
            connection,
            zone=span.zone,
            by=by,
            grouping=group,
            at=start,
            label=label,
            limit=limit + 1,
            **span.bounds,
            **asked.filters,
        )

    def shown(moment: datetime, clock: datetime) -> str:
        if by == "hour":
            return period.in_zone(moment, clock).isoformat()
        return clock.date().isoformat()

    page, following = paging.page(
        rows, limit, lambda row: paging.encode(question, row[1].isoformat(), row[2])
    )
    return Timeline(
        period=span.answer(),
        by=by,
        group=group,
        totals=Counts(**_counts(totals[4:])),
        items=[
            TimelineRow.model_construct(
                start=shown(row[1], row[3]), name=row[2] or None, **_counts(row[4:])
            )
            for row in page
        ],
        next=following,
    )


def by_project(user: User, asked: PagedAsked, now: datetime) -> Breakdown:
    """Counts of each project."""
    return _breakdown(user, asked, "project", now)


def by_language(user: User, asked: PagedAsked, now: datetime) -> Breakdown:
    """Counts of each language."""
    return _breakdown(user, asked, "language", now)


def _breakdown(
    user: User, asked: PagedAsked, grouping: Literal["project", "language"], now: datetime
) -> Breakdown:
    limit = asked.limit
    events, label = paging.decode(asked.cursor, grouping, _breakdown_position) or (None, None)
    with period.reading(user, asked, now) as (connection, span):
        totals, *rows = queries.breakdown(
            connection,
            zone=span.zone,
            grouping=grouping,
            events=events,
            label=label,
            limit=limit + 1,
            **span.bounds,
            **asked.filters,
        )
    page, following = paging.page(rows, limit, lambda row: paging.encode(grouping, row[2], row[1]))
    return Breakdown(
        period=span.answer(),
        totals=Counts(**_counts(totals[2:9])),
        items=[
            NamedCounts.model_construct(
                name=row[1] or None,
                **_counts(row[2:9]),
                first_day=row[9].isoformat(),
                last_day=row[10].isoformat(),
            )
            for row in page
        ],
        next=following,
    )


def _counts(values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(COUNTS, values, strict=True))


def _timeline_position(start: object, label: object) -> tuple[datetime, str]:
    return paging.instant(start), paging.text(label)


def _breakdown_position(events: object, label: object) -> tuple[int, str]:
    return paging.whole(events), paging.text(label)
