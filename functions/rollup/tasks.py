"""What the roll-ups have to do outside a request, one owner at a time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from functions.core import db, sql
from functions.core.config import config
from functions.core.work import Budget, Task
from functions.rollup import days, retention
from functions.rollup.service import count_batches

queries = sql.load(__file__, "tasks.sql")


def refresh_days(owner: UUID, _: Mapping[str, Any], budget: Budget) -> bool:
    """Counts the batches of `owner` and brings their daily figures up to date, step by step."""
    count_batches(owner)
    return days.refresh_dirty_days(owner, budget.stop)


def purge_expired(owner: UUID, _: Mapping[str, Any], budget: Budget) -> bool:
    """Purges what is older than the deployment's or the owner's limit."""
    return retention.purge_expired(owner, datetime.now(UTC), budget.is_spent)


TASKS = (Task("refresh_days", refresh_days), Task("purge_expired", purge_expired))


def enqueue_refreshes() -> int:
    """Adds a refresh for everybody who needs one and has none waiting; returns how many."""
    with db.service("whose days are dirty is the house's to know") as connection:
        added: int = queries.enqueue_refreshes(connection)
    return added


def enqueue_purges(now: datetime) -> int:
    """Adds a purge for everybody with events past their limit at `now`; returns how many."""
    with db.service("retention is the house's duty to everybody") as connection:
        added: int = queries.enqueue_purges(connection, months=config().retention_months, now=now)
    return added
