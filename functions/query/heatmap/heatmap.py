"""Counts of a person's events by source and hour."""

from datetime import datetime, timedelta

from functions.core import db, sql
from functions.core.actor import User
from functions.query.heatmap.models import HourlyAggregate, QueryAnswer, QueryMeta
from functions.query.period import QUARTER

CLOCKS_AHEAD = timedelta(days=2)  # ingest accepts a day, and a batch may have waited

queries = sql.load(__file__)


def hourly_counts(user: User, days: int, source: str | None, now: datetime) -> QueryAnswer:
    """Events per source and hour in the last `days` × 24 h before `now`, newest first."""
    since = now - timedelta(days=days)
    rows = db.call(
        user,
        queries.hourly_counts.sql,
        {
            "since": since,
            "whole": _next_quarter(since),
            "until": now + CLOCKS_AHEAD,
            "source": source,
        },
        db.READING,
    )
    aggregates = [
        HourlyAggregate.model_construct(source=name, date=day, hour=hour, eventCount=events)
        for name, day, hour, events in rows
    ]
    meta = QueryMeta(
        totalCount=len(aggregates),
        daysRequested=days,
        fetchedAt=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )
    return QueryAnswer(aggregates=aggregates, meta=meta)


def _next_quarter(moment: datetime) -> datetime:
    """The first quarter of an hour that begins at `moment` or after it."""
    begun = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
    return begun if begun == moment else begun + QUARTER
