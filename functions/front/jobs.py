"""What `front` does on a schedule."""

from datetime import UTC, datetime

from functions.core.work import Budget
from functions.front import health
from functions.schedule import late_after


def report_health(_: Budget) -> bool:
    """Writes how the house is to the log and the metrics."""
    health.report(datetime.now(UTC), late_after())
    return False
