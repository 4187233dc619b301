"""Retention: raw events go when their time is over, the roll-ups stay, and receipts say what went.

Everything that decides what may go is in the Postgres function `purge_events`; this is the loop
around it. Killed at any moment it leaves whole steps behind, and the next run goes on.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from functions.core import db, sql
from functions.core.actor import Room
from functions.core.config import config

STEP = 10_000  # events a transaction: for a fraction of a second the owner's events wait

queries = sql.load(__file__, "retention.sql")


def purge_expired(owner: UUID, now: datetime, is_over: Callable[[], bool] = lambda: False) -> bool:
    """Purges what of `owner` is older than the deployment's or their own limit at `now`.

    Days whose daily figures wait to be computed are left for the next run. Returns whether it left
    off because `is_over` said so.
    """
    while _purge_step(owner, now) == STEP:
        if is_over():
            return True
    return False


def _purge_step(owner: UUID, now: datetime) -> int:
    with db.transaction(Room("rollup", "retention is the house's duty to everybody")) as connection:
        gone: int = queries.purge_events(
            connection, owner_id=owner, months=config().retention_months, now=now, limit=STEP
        )
    return gone
