"""What the roll-ups have to do outside a request, one owner at a time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from functions.core import db, sql
from functions.core.actor import Room
from functions.core.config import config
from functions.core.work import Budget, Task
from functions.rollup import days, retention

queries = sql.load(__file__, "tasks.sql")


def refresh_days(owner: UUID, _: Mapping[str, Any], budget: Budget) -> bool:
    """Brings the daily figures of `owner` up to date, step by step."""
    return days.refresh_dirty_days(owner, budget.stop)


def purge_expired(owner: UUID, _: Mapping[str, Any], budget: Budget) -> bool:
    """Purges what is older than the deployment's or the owner's limit."""
    return retention.purge_expired(owner, datetime.now(UTC), budget.is_spent)


TASKS = (Task("refresh_days", refresh_days), Task("purge_expired", purge_expired))


def enqueue_refreshes() -> int:
    """Adds a refresh for everybody with dirty days who has none waiting; returns how many."""
    with db.transaction(Room("rollup", "looks whose days are dirty")) as connection:
        added: int = queries.enqueue_refreshes(connection)
    return added


def enqueue_purges(now: datetime) -> int:
    """Adds a purge for everybody with events past their limit at `now`; returns how many."""
    with db.transaction(Room("rollup", "retention is the house's duty to everybody")) as connection:
        added: int = queries.enqueue_purges(connection, months=config().retention_months, now=now)
    return added
