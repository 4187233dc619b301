"""What `rollup` is to the house."""

from functions.core.room import Room

ROOM = Room(
    name="rollup",
    purpose="Exact sums by arrival, daily figures, retention",
    settings=frozenset({"VIBELOOM_RETENTION_MONTHS"}),
    memory=1024,
    # For the schedule. Over HTTP, whoever posted a job of more than 30 s gets a 5xx; it goes on.
    timeout=300,
)
