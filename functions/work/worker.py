"""The worker process of a laptop or a container: the schedule by its cron lines, and the queue.

Each job runs once at the start and then when it is due; what it enqueues is done in between. A job
that fails is logged and tried again at its next time; times missed while another ran are not made
up for.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from cronsim import CronSim

from functions import schedule
from functions.core import jobs, work
from functions.core.errors import ApiError
from functions.core.work import Budget

LONGEST_SLEEP = 5.0  # s; a laptop that slept, or a clock that was set, is noticed this soon
POLL = 1.0  # s; so soon is done what a request enqueued

log = logging.getLogger("worker")


class Job(Protocol):
    """What the ticker needs of a job: five fields of cron."""

    @property
    def cron(self) -> str:
        """When, in UTC."""


class Ticker:
    """The next time of every job. `run` does a job by name, and may raise whatever it likes."""

    def __init__(self, jobs: Mapping[str, Job], run: Callable[[str], object], now: datetime):
        self.jobs = jobs
        self.run = run
        self.next = dict.fromkeys(jobs, now)

    def due(self, now: datetime) -> list[str]:
        """The jobs whose time has come, the longest waiting first."""
        names = [name for name, at in self.next.items() if at <= now]
        return sorted(names, key=lambda name: self.next[name])

    def tick(self, clock: Callable[[], datetime], stopping: Callable[[], bool]) -> None:
        """Do what is due, and set each job's next time by the clock after it."""
        for name in self.due(clock()):
            if stopping():
                return
            try:
                self.run(name)
            except Exception:  # noqa: BLE001 - one job's failure is not the others'
                log.warning("job %s failed; it is tried again at its next time", name)
            self.next[name] = next(CronSim(self.jobs[name].cron, clock()))

    def pause(self, now: datetime) -> float:
        """Seconds until something may be due, at most LONGEST_SLEEP."""
        if not self.next:
            return LONGEST_SLEEP
        wait = (min(self.next.values()) - now).total_seconds()
        return min(max(wait, 0.0), LONGEST_SLEEP)


def run() -> None:
    """Works until SIGTERM or SIGINT, or until the process that started it is gone."""
    # A handler of its own: one at the root would print the functions' structured lines twice.
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    parent = os.getppid()

    def clock() -> datetime:
        return datetime.now(UTC)

    def stopping() -> bool:
        return stop.is_set() or os.getppid() != parent

    def enqueue(name: str) -> None:
        # Without time of its own a job leaves its tasks to the loop below.
        jobs.run(schedule.JOBS[name], Budget.of(0.0, stopping))

    tasks = list(schedule.tasks())
    ticker = Ticker(schedule.JOBS, enqueue, clock())
    log.info("jobs: %s", ", ".join(schedule.JOBS))
    while not stopping():
        ticker.tick(clock, stopping)
        pause = ticker.pause(clock())
        try:
            more = work.drain(tasks, Budget.of(pause, stopping)).more
        except ApiError as error:
            log.warning("the queue cannot be read: %s", error)
            more = False
        if not more:
            stop.wait(min(pause, POLL))
