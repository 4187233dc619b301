"""What `rollup` is to the house."""

from datetime import timedelta

from functions.core.room import HOURLY, Room, Scheduled

ROOM = Room(
    name="rollup",
    purpose="Daily figures, retention, tasks",
    settings=frozenset({"VIBELOOM_RETENTION_MONTHS"}),
    jobs=(
        Scheduled("refresh_days", "7 * * * *", HOURLY),
        Scheduled("purge_expired", "41 * * * *", HOURLY),
        Scheduled("run_tasks", "*/5 * * * *", timedelta(minutes=30)),
    ),
    has_tasks=True,
    memory=1024,
    # For tasks: an owner with a very large history needs long transactions. What is begun before
    # the budget is spent (core/jobs.py) ends before Lambda's longest run does.
    timeout=900,
    values={
        "VIBELOOM_STATEMENT_TIMEOUT_SECONDS": "400",
        "VIBELOOM_TRANSACTION_TIMEOUT_SECONDS": "420",
        "VIBELOOM_IDLE_TRANSACTION_TIMEOUT_SECONDS": "300",
    },
)
