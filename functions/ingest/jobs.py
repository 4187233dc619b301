"""What `ingest` does on a schedule."""

from functions.core.observability import logger
from functions.core.work import Budget
from functions.ingest import service


def make_partitions(_: Budget) -> bool:
    """Makes the months of `events` that are missing."""
    logger.info("partitions made", made=service.make_partitions())
    return False
