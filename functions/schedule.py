"""The schedule: job name → cron → what is done or enqueued. The only place where it is written."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from functions.core import work
from functions.core.jobs import Job
from functions.core.observability import logger
from functions.core.work import Budget, Task

__all__ = ["JOBS", "late_after"]

HOURLY = timedelta(hours=3)  # an hourly job is late when it was missed twice
DAILY = timedelta(hours=50)


def tasks() -> Iterator[Task]:
    """Every room's tasks: what the work queue may hold."""
    from functions.rollup.tasks import TASKS

    yield from TASKS


def _make_partitions(_: Budget) -> bool:
    from functions.ingest import service

    made = service.make_partitions()
    logger.info("partitions made", made=made)
    return False


def _delete_expired_challenges(_: Budget) -> bool:
    from functions.sources import service

    service.delete_expired_challenges(datetime.now(UTC))
    return False


def _refresh_days(budget: Budget) -> bool:
    from functions.rollup.tasks import enqueue_refreshes

    logger.info("refreshes enqueued", owners=enqueue_refreshes())
    return _run_tasks(budget)


def _purge_expired(budget: Budget) -> bool:
    from functions.rollup.tasks import enqueue_purges

    logger.info("purges enqueued", owners=enqueue_purges(datetime.now(UTC)))
    return _run_tasks(budget)


def _run_tasks(budget: Budget) -> bool:
    drained = work.drain(tasks(), budget)
    logger.info("tasks run", done=drained.done, failed=drained.failed)
    return drained.more


def _report_health(_: Budget) -> bool:
    from functions.front import health

    health.report(datetime.now(UTC), late_after())
    return False


JOBS = {
    job.name: job
    for job in (
        Job("refresh_days", "7 * * * *", "rollup", _refresh_days, HOURLY),
        Job("run_tasks", "*/5 * * * *", "rollup", _run_tasks, timedelta(minutes=30)),
        Job("make_partitions", "17 3 * * *", "ingest", _make_partitions, DAILY),
        Job("purge_expired", "41 * * * *", "rollup", _purge_expired, HOURLY),
        Job(
            "delete_expired_challenges",
            "43 * * * *",
            "sources",
            _delete_expired_challenges,
            HOURLY,
        ),
        Job("report_health", "*/5 * * * *", "front", _report_health, timedelta(minutes=30)),
    )
}


def late_after() -> dict[str, timedelta]:
    """Of each job, how long its last success may be ago."""
    return {job.name: job.late_after for job in JOBS.values()}
