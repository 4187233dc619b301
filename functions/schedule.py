"""The schedule and the tasks of the work queue, merged from what each room says of itself.

A job's name, cron and room stand in `functions/<room>/room.py`; what it does is the function of its
name in `functions/<room>/jobs.py`, imported when it runs.
"""

import functools
import importlib
from collections.abc import Iterator
from datetime import timedelta

from functions.core.jobs import Job
from functions.core.room import rooms
from functions.core.work import Budget, Task

__all__ = ["JOBS", "late_after", "tasks"]


def tasks() -> Iterator[Task]:
    """Every room's tasks: what the work queue may hold."""
    for room in rooms():
        if room.has_tasks:
            yield from importlib.import_module(f"functions.{room.name}.tasks").TASKS


def _run(room: str, name: str, budget: Budget) -> bool:
    more: bool = getattr(importlib.import_module(f"functions.{room}.jobs"), name)(budget)
    return more


JOBS = {
    job.name: Job(
        job.name, job.cron, room.name, functools.partial(_run, room.name, job.name), job.late_after
    )
    for room in rooms()
    for job in room.jobs
}


def late_after() -> dict[str, timedelta]:
    """Of each job, how long its last success may be ago."""
    return {job.name: job.late_after for job in JOBS.values()}
