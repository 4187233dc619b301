"""Counts of a person's events, as row-level security lets them see them."""

from datetime import datetime, timedelta

from functions.core import db, sql
from functions.core.actor import User
from functions.query.models import HourlyAggregate, QueryAnswer, QueryMeta

CLOCKS_AHEAD = timedelta(days=2)  # ingest takes a day, a batch may have waited: none is left out

queries = sql.load(__file__)


def hourly_counts(user: User, days: int, source: str | None, now: datetime) -> QueryAnswer:
    """Events per source and hour in the last `days` × 24 h before `now`, newest first."""
    user.require("query:read")
    with db.transaction(user) as connection:
        rows = list(
            queries.hourly_counts(
                connection,
                since=now - timedelta(days=days),
                until=now + CLOCKS_AHEAD,
                source=source,
            )
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
