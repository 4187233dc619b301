"""Retention: raw events go when their time is over, the roll-ups stay, and receipts say what went.

Everything that decides what may go is in the Postgres function `purge_events`; this is the loop
around it. Killed at any moment it leaves whole steps behind, and the next run goes on.
"""

import time
from datetime import datetime
from uuid import UUID

from functions.core import db, sql
from functions.core.actor import Room
from functions.core.config import config
from functions.rollup.days import LONGEST

STEP = 10_000  # events a transaction: for a fraction of a second the owner's events wait

queries = sql.load(__file__, "retention.sql")


def purge_expired(now: datetime) -> int:
    """Purges what is older than the deployment's or its owner's limit at `now`; returns how many.

    Days whose daily figures wait to be computed are left for the next run, and so is what is not
    done after `LONGEST`.
    """
    months = config().retention_months
    with db.transaction(Room("rollup", "retention is the house's duty to everybody")) as connection:
        owners = [owner for (owner,) in queries.list_retained(connection, months=months)]
    purged = 0
    stop = time.monotonic() + LONGEST
    for owner in owners:
        if time.monotonic() > stop:
            break
        while time.monotonic() <= stop:
            gone = _purge_step(owner, months, now)
            purged += gone
            if gone < STEP:
                break
    return purged


def _purge_step(owner: UUID, months: int | None, now: datetime) -> int:
    with db.transaction(Room("rollup", "retention is the house's duty to everybody")) as connection:
        gone: int = queries.purge_events(
            connection, owner_id=owner, months=months, now=now, limit=STEP
        )
    return gone
