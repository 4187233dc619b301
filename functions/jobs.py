"""The schedule: job name → cron → function. The only place where it is written.

A job is idempotent, does a bounded amount of work, and may run twice at once. The local ticker
runs what is due; other schedulers come through other doors and end here as well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from functions.core.observability import logger


@dataclass(frozen=True)
class Job:
    """Something to be done again and again."""

    name: str
    cron: str  # five fields, UTC
    run: Callable[[], None]


def _make_partitions() -> None:
    from functions.ingest import service

    made = service.make_partitions()
    logger.info("partitions made", made=made)


def _delete_expired_challenges() -> None:
    from functions.accounts import sources

    sources.delete_expired_challenges(datetime.now(UTC))


def _count_batches() -> None:
    from functions.rollup import service

    logger.info("batches counted", batches=service.count_batches())


def _refresh_days() -> None:
    from functions.rollup import days

    logger.info("days refreshed", owners=days.refresh_dirty_days())


def _purge_expired() -> None:
    from functions.rollup import retention

    logger.info("events purged", purged=retention.purge_expired(datetime.now(UTC)))


JOBS = {
    job.name: job
    for job in (
        Job("count_batches", "* * * * *", _count_batches),
        Job("refresh_days", "7 * * * *", _refresh_days),
        Job("make_partitions", "17 3 * * *", _make_partitions),
        Job("purge_expired", "41 3 * * *", _purge_expired),
        Job("delete_expired_challenges", "43 * * * *", _delete_expired_challenges),
    )
}


def run(name: str) -> None:
    """Runs the job `name` now. Raises `KeyError` for an unknown name, and what the job raises."""
    logger.append_keys(job=name)
    JOBS[name].run()
    logger.info("job done")
