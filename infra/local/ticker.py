"""Runs the scheduled jobs of functions/jobs.py when they are due: the laptop's EventBridge.

One after the other, each once at the start and then by its cron line in UTC. A job that fails is
logged and tried again at its next time; times missed while another ran are not made up for.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from cronsim import CronSim

LONGEST_SLEEP = 5.0  # seconds; a laptop that slept, or a clock that was set, is noticed this soon

log = logging.getLogger("ticker")


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


def main() -> int:
    """Tick until SIGTERM or SIGINT, or until the process that started it is gone."""
    from functions import jobs  # noqa: PLC0415 - the tests of Ticker need no functions

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

    ticker = Ticker(jobs.JOBS, jobs.run, clock())
    log.info("jobs: %s", ", ".join(jobs.JOBS) or "none")
    while not stopping():
        ticker.tick(clock, stopping)
        stop.wait(ticker.pause(clock()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
