"""When to deliver: at once in a flush, in good time in a running monitor. Time is injected."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from vibeloom.deliver import LONGEST_DELAY, Courier, Outcome, Verdict, backoff
from vibeloom.errors import Undelivered
from vibeloom.settings import MAX_BATCH
from vibeloom.spool import Spool


@dataclass(frozen=True)
class Clock:
    """Where the time comes from and how one waits."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    chance: Callable[[], float] = random.random


def _quiet(_: str) -> None:
    """Nobody listens."""


def flush(
    courier: Courier,
    spool: Spool,
    clock: Clock,
    tries: int,
    say: Callable[[str], None] = _quiet,
) -> None:
    """Deliver everything that waits, or raise `Undelivered` after so many tries in vain."""
    failures = 0
    while spool.holds_at_least(1):
        outcome = courier.deliver_one_batch()
        if outcome.verdict is Verdict.PROGRESS:
            failures = 0
            if outcome.problem:
                say(outcome.problem)
            continue
        problem = outcome.problem or "the server cannot be reached"
        if outcome.verdict is Verdict.STOP:
            raise Undelivered(problem)
        failures += 1
        wait = _wait(outcome, failures, clock)
        if failures >= tries or wait > LONGEST_DELAY * 1.25:
            raise Undelivered(
                f"{problem}; gave up after {failures} tries, {spool.depth()} events wait "
                "in the spool: nothing is lost, run again when the server is back"
            )
        say(f"{problem}; trying again in {wait:.0f} s")
        clock.sleep(wait)


def _wait(outcome: Outcome, failures: int, clock: Clock) -> float:
    return backoff(failures, clock.chance) if outcome.wait is None else outcome.wait


@dataclass
class Pump:
    """Delivers as a running monitor does: a full batch at once, less after the interval."""

    courier: Courier
    spool: Spool
    clock: Clock
    threshold: int  # events that are worth a batch at once
    interval: float  # seconds that an event waits at most
    say: Callable[[str], None] = _quiet
    stopped: str | None = None  # why nothing is sent any more
    _draining: bool = True  # what an earlier run left is not made to wait again
    _waiting_since: float | None = None
    _not_before: float = 0.0
    _failures: int = field(default=0)

    def __post_init__(self) -> None:
        self.threshold = min(self.threshold, MAX_BATCH)

    def step(self) -> bool:
        """Deliver one batch if one is due; True if another may follow right away."""
        now = self.clock.monotonic()
        if self.stopped is not None or now < self._not_before or not self._due(now):
            return False
        outcome = self.courier.deliver_one_batch()
        if outcome.verdict is Verdict.PROGRESS:
            self._failures = 0
            if outcome.problem:
                self.say(outcome.problem)
            return True
        if outcome.verdict is Verdict.STOP:
            self.stopped = outcome.problem or "refused"
            self.say(self.stopped)
            return False
        self._failures += 1
        wait = _wait(outcome, self._failures, self.clock)
        self._not_before = self.clock.monotonic() + wait
        self.say(f"{outcome.problem}; trying again in {wait:.0f} s")
        return False

    def _due(self, now: float) -> bool:
        if not self.spool.holds_at_least(1):
            self._draining = False
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since = now
        if self.spool.holds_at_least(self.threshold) or now - self._waiting_since >= self.interval:
            self._draining = True
        return self._draining
