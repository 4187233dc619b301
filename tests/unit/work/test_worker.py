"""When the worker runs which job; time is handed in."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from functions.work.worker import LONGEST_SLEEP, Ticker

NOON = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Timed:
    """A job, as far as the ticker is concerned."""

    cron: str


@dataclass
class World:
    """A clock that stands still unless a job takes time, and what was run when."""

    now: datetime = NOON
    ran: list[tuple[str, datetime]] = field(default_factory=list)
    takes: timedelta = timedelta()
    broken: frozenset[str] = frozenset()
    stopped: bool = False

    def clock(self) -> datetime:
        return self.now

    def stopping(self) -> bool:
        return self.stopped

    def run(self, name: str) -> None:
        self.ran.append((name, self.now))
        self.now += self.takes
        if name in self.broken:
            raise ConnectionError("the database is down")


def at(hour: int, minute: int) -> datetime:
    return datetime(2026, 1, 1, hour, minute, tzinfo=UTC)


JOBS = {"often": Timed("*/5 * * * *"), "hourly": Timed("17 * * * *")}


def test_every_job_runs_at_the_start_and_then_by_its_cron_line() -> None:
    """A fresh start catches up at once; afterwards the schedule alone decides."""
    world = World()
    ticker = Ticker(JOBS, world.run, world.now)
    ticker.tick(world.clock, world.stopping)
    assert [name for name, _ in world.ran] == ["often", "hourly"]
    assert ticker.next == {"often": at(12, 5), "hourly": at(12, 17)}
    world.now = at(12, 4)
    ticker.tick(world.clock, world.stopping)
    world.now = at(12, 5)
    ticker.tick(world.clock, world.stopping)
    assert world.ran[2:] == [("often", at(12, 5))]


def test_a_failing_job_is_tried_at_its_next_time_and_disturbs_no_other() -> None:
    """With Postgres down the ticker keeps going."""
    world = World(broken=frozenset({"often"}))
    ticker = Ticker(JOBS, world.run, world.now)
    ticker.tick(world.clock, world.stopping)
    assert [name for name, _ in world.ran] == ["often", "hourly"]
    world.now = at(12, 5)
    ticker.tick(world.clock, world.stopping)
    assert world.ran[2:] == [("often", at(12, 5))]
    assert ticker.next["often"] == at(12, 10)


def test_times_missed_while_a_job_ran_are_not_made_up_for() -> None:
    """A job of twelve minutes every five runs once at its end, not twice."""
    world = World(takes=timedelta(minutes=12))
    ticker = Ticker({"often": Timed("*/5 * * * *")}, world.run, world.now)
    ticker.tick(world.clock, world.stopping)
    assert ticker.next["often"] == at(12, 15)


def test_a_laptop_that_slept_runs_each_job_once() -> None:
    """Hours behind closed lids are one tick."""
    world = World()
    ticker = Ticker(JOBS, world.run, world.now)
    ticker.tick(world.clock, world.stopping)
    world.now = at(20, 1)
    ticker.tick(world.clock, world.stopping)
    assert sorted(world.ran[2:]) == [("hourly", at(20, 1)), ("often", at(20, 1))]
    assert ticker.next == {"often": at(20, 5), "hourly": at(20, 17)}


def test_the_longest_overdue_job_goes_first() -> None:
    """A frequent job cannot starve a rare one."""
    world = World()
    ticker = Ticker(JOBS, world.run, world.now)
    ticker.next = {"often": at(12, 20), "hourly": at(12, 17)}
    assert ticker.due(at(12, 21)) == ["hourly", "often"]


def test_nothing_more_is_begun_once_it_is_to_stop() -> None:
    """SIGTERM waits for the job at hand, not for those behind it."""
    world = World()

    def run(name: str) -> None:
        world.run(name)
        world.stopped = True

    ticker = Ticker(JOBS, run, world.now)
    ticker.tick(world.clock, world.stopping)
    assert [name for name, _ in world.ran] == ["often"]


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [(-10.0, 0.0), (0.5, 0.5), (3_600.0, LONGEST_SLEEP)],
)
def test_the_pause_is_short_enough_to_notice_a_set_clock(ahead: float, expected: float) -> None:
    """It never sleeps past a due job, and never long."""
    ticker = Ticker(JOBS, print, NOON)
    ticker.next = dict.fromkeys(JOBS, NOON + timedelta(seconds=ahead))
    assert ticker.pause(NOON) == expected
    assert Ticker({}, print, NOON).pause(NOON) == LONGEST_SLEEP


def test_the_real_schedule_can_be_read() -> None:
    """Every cron line of functions/schedule.py has a next time."""
    from functions.schedule import JOBS as REAL

    ticker = Ticker(REAL, lambda name: None, NOON)
    ticker.tick(lambda: NOON, lambda: False)
    assert all(at > NOON for at in ticker.next.values())
