"""What `rollup` does on a schedule: fills the work queue, and empties it where no worker runs."""

from datetime import UTC, datetime

from functions.core import work
from functions.core.observability import logger
from functions.core.work import Budget
from functions.rollup.tasks import enqueue_purges, enqueue_refreshes


def refresh_days(budget: Budget) -> bool:
    """Has the daily figures of everybody's changed days computed."""
    logger.info("refreshes enqueued", owners=enqueue_refreshes())
    return run_tasks(budget)


def purge_expired(budget: Budget) -> bool:
    """Has raw events deleted that are past their retention."""
    logger.info("purges enqueued", owners=enqueue_purges(datetime.now(UTC)))
    return run_tasks(budget)


def run_tasks(budget: Budget) -> bool:
    """Does what waits in the queue."""
    from functions.schedule import tasks

    drained = work.drain(tasks(), budget)
    logger.info("tasks run", done=drained.done, failed=drained.failed)
    return drained.more
