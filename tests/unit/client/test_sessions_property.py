"""Whatever happens to the logs and to the monitor, its events add up to what is right.

`tests.session_logs` makes up sessions and counts along. `tests.disk` shuffles, duplicates, splits,
truncates and rewrites them; forks, resumed sessions and side questions are in the history itself.
"""

import json
import random
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.disk import Disk
from tests.owner import Owner, right
from tests.session_logs import Chance, History, history
from tests.support import examples, fastest_directory
from vibeloom import collect
from vibeloom import settings as vibeloom_settings
from vibeloom.collect import Collector
from vibeloom.spool import Spool

NOW = datetime(2026, 3, 9, tzinfo=UTC)
MACHINES = 2
EVERYTHING = 1_000_000  # events
TO_DISK = (
    "grow", "truncate", "rewrite", "replace", "repeat lines", "rename", "split", "back up",
)  # fmt: skip
TO_MONITOR = ("read", "read", "interrupt", "restart", "lose the spool", "send", "lose an answer")

seeds = st.integers(0, 2**32 - 1)


class Machine:
    """A monitor without its process: settings, a spool, a collector; and its owner's server."""

    def __init__(self, name: str, home: Path, disk: Disk, owner: Owner, chance: Chance) -> None:
        self._disk, self._owner, self._chance = disk, owner, chance
        self._home = home / name
        self._home.mkdir()
        self._settings = vibeloom_settings.load(
            {
                "VIBELOOM_KEY_PATH": str(self._home),
                "VIBELOOM_CLAUDE_DIR": str(disk.projects.parent),
                "VIBELOOM_SOURCE_ID": name,
            }
        )
        self._open()

    def _open(self) -> None:
        self.spool = Spool.open(self._settings.spool)
        self._collector = Collector(self._settings, self.spool)

    @property
    def events(self) -> dict[str, Callable[[], None]]:
        """Everything that can happen, by name."""
        return {
            "read": self.read,
            "interrupt": self.interrupt,
            "restart": self.restart,
            "lose the spool": self.lose_the_spool,
            "send": self.send,
            "lose an answer": self.lose_an_answer,
        }

    def read(self) -> None:
        """Collects what is new, log by log in any order."""
        for _ in self._collector.read(self._disk.paths()):
            pass

    def interrupt(self) -> None:
        """The monitor is killed after some transactions."""
        work = self._collector.read(self._disk.paths())
        for _ in range(self._chance.randint(1, 6)):
            next(work, None)
        self.restart()

    def restart(self) -> None:
        """Another process over the same spool."""
        self.spool.close()
        self._open()

    def lose_the_spool(self) -> None:
        """Somebody removes it, with what still waits in it."""
        self.spool.close()
        for file in self._home.glob("spool.sqlite3*"):
            file.unlink()
        self._open()

    def send(self) -> None:
        """The server takes some of what waits and says so."""
        self._post(self._chance.randint(1, 60), answered=True)

    def lose_an_answer(self) -> None:
        """The server takes some of what waits, and the monitor never learns it."""
        self._post(self._chance.randint(1, 60), answered=False)

    def finish(self) -> None:
        """Everything is read and sent."""
        self.read()
        self._post(EVERYTHING, answered=True)

    def _post(self, limit: int, *, answered: bool) -> None:
        batch = self.spool.oldest(limit)
        self._owner.take(json.loads(event.body) for event in batch)
        if answered:
            self.spool.acknowledge(batch, NOW)


@pytest.fixture(autouse=True, scope="module")
def small_transactions() -> Iterator[None]:
    """So that an interruption comes in the middle of a log."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collect, "COMMIT_EVERY_LINES", 5)
        yield


def _outcome(made: History, steps: list[str], chance: Chance) -> tuple[Owner, list[Machine]]:
    """What the server knows after these steps, and after everything was written, read and sent."""
    with tempfile.TemporaryDirectory(prefix="vl-", dir=fastest_directory()) as folder:
        home, owner = Path(folder), Owner()
        disk = Disk(home / "claude", made, chance)
        machines = [
            Machine(f"machine-{number}", home, disk, owner, chance) for number in range(MACHINES)
        ]
        try:
            for step in steps:
                happens = disk.events.get(step) or chance.choice(machines).events[step]
                happens()
            disk.finish()
            for machine in chance.sample(machines, chance.randint(1, MACHINES)):
                machine.finish()
                machine.read()
                assert machine.spool.depth() == 0, "what was sent waits once more"
        finally:
            for machine in machines:
                machine.spool.close()
    return owner, machines


@settings(max_examples=examples(150), deadline=None)
@given(seeds, seeds, st.lists(st.sampled_from(TO_DISK + TO_MONITOR), max_size=16))
def test_whatever_happens_the_totals_are_right(seed: int, accidents: int, steps: list[str]) -> None:
    """Logs are cut and copied, monitors die and forget, two machines read: each thing once."""
    made = history(random.Random(seed), sessions=2, turns=3, reaccounted=True)
    owner, _ = _outcome(made, steps, random.Random(accidents))
    assert owner.summary() == right(made.truth)


@settings(max_examples=examples(40), deadline=None)
@given(seeds, seeds)
def test_a_log_may_be_read_at_every_line(seed: int, accidents: int) -> None:
    """A monitor that looks after every few bytes ends where one ends that looks once."""
    made = history(random.Random(seed), sessions=1, turns=3, reaccounted=True)
    steps = ["grow", "read", "send"] * 8
    owner, _ = _outcome(made, steps, random.Random(accidents))
    assert owner.summary() == right(made.truth)


@settings(max_examples=examples(40), deadline=None)
@given(seeds)
def test_tokens_do_not_depend_on_the_order_of_lines(seed: int) -> None:
    """The last record of a message is the one with the latest time, wherever it stands."""
    made = history(random.Random(seed), sessions=2, turns=3, reaccounted=True)
    chance = random.Random(seed + 1)
    for log in made.logs.values():
        chance.shuffle(log)
    owner, _ = _outcome(made, [], chance)
    summary, expected = owner.summary(), right(made.truth)
    for name in ("tokens", "calls", "written for an hour", "sessions", "started"):
        assert summary[name] == expected[name]


@settings(max_examples=examples(40), deadline=None)
@given(seeds, seeds, st.lists(st.sampled_from(TO_DISK + TO_MONITOR), max_size=10))
def test_every_event_is_the_same_whatever_happens(
    seed: int, accidents: int, steps: list[str]
) -> None:
    """Not only the sums: ids, times and tokens of usage are those of a single calm reading."""
    made = history(random.Random(seed), sessions=2, turns=2)
    calm, _ = _outcome(made, [], random.Random(seed))
    stormy, _ = _outcome(made, steps, random.Random(accidents))

    def usage(owner: Owner) -> dict[str, object]:
        return {
            event["id"]: (event["timestamp"], event["payload"]["outputTokens"])
            for event in owner.of("token_usage")
        }

    assert stormy.events.keys() == calm.events.keys()
    assert usage(stormy) == usage(calm)
