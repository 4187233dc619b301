"""Counting: what arrived since the last run is added to the hourly sums."""

import time
from uuid import UUID

from functions.core import db, sql

BATCHES = 500  # of one transaction: a second or so, and locks no longer than that
MAX_RUNS = 400  # transactions of one call
LONGEST = 12.0  # s, after which a job begins nothing new: twice that is less than an HTTP door's 30

queries = sql.load(__file__)


def count_batches(owner: UUID | None = None) -> int:
    """Counts what is uncounted, of everybody or of `owner`; returns how many batches it were.

    What is not done after `LONGEST` is left to the next run.
    """
    counted = 0
    stop = time.monotonic() + LONGEST
    for _ in range(MAX_RUNS):
        if time.monotonic() > stop:
            break
        with db.service("only the house counts") as connection:
            [(batches, _events)] = queries.count_batches(connection, most=BATCHES, owner=owner)
        if batches == 0:
            break
        counted += batches
    return counted


def settle(owner: UUID) -> None:
    """Returns when every batch of `owner` that was stored before the call is counted."""
    for _ in range(MAX_RUNS):
        count_batches(owner)
        with db.service("only the house counts") as connection:
            if not list(queries.wait_for_counting(connection, owner=owner)):
                return
