"""A home, a folder of logs, a server on loopback, and a clock that never has to be waited for."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client.loopback import Loopback, serving
from vibeloom import keys, settings
from vibeloom.collect import Collector
from vibeloom.deliver import Courier
from vibeloom.pump import Clock
from vibeloom.settings import Settings
from vibeloom.spool import Spool

Env = dict[str, str]


@pytest.fixture
def server() -> Iterator[Loopback]:
    """The other side."""
    with serving() as loopback:
        yield loopback


@pytest.fixture
def env(tmp_path: Path, server: Loopback) -> Env:
    """An environment in which nothing touches the real home."""
    (tmp_path / "claude" / "projects").mkdir(parents=True)
    return {
        "VIBELOOM_URL": server.url,
        "VIBELOOM_KEY_PATH": str(tmp_path / "home"),
        "VIBELOOM_CLAUDE_DIR": str(tmp_path / "claude"),
        "VIBELOOM_SOURCE_ID": "laptop",
    }


@pytest.fixture
def configured(env: Env, server: Loopback) -> Settings:
    """Settings with a key that the server knows."""
    loaded = settings.load(env)
    server.public_key = keys.create(loaded.home).public_key
    return loaded


@pytest.fixture
def spool(configured: Settings) -> Iterator[Spool]:
    """An empty spool."""
    opened = Spool.open(configured.spool)
    yield opened
    opened.close()


@pytest.fixture
def log(configured: Settings) -> Path:
    """Where a session log would be; not written yet."""
    folder = configured.project_folders[0] / "-home-code-tidewatch"
    return folder / "6f1f0f2a-7d55-4a0e-9d4b-0c5a54a1c0de.jsonl"


@dataclass
class Collected:
    """Reads the logs and says what is in the spool."""

    settings: Settings
    spool: Spool

    def __call__(self) -> list[dict[str, Any]]:
        """Collect everything with a fresh collector, as a restarted monitor would."""
        for _ in Collector(self.settings, self.spool).scan():
            pass
        return [json.loads(event.body) for event in self.spool.oldest(100_000)]


@pytest.fixture
def collect(configured: Settings, spool: Spool) -> Collected:
    """From logs to spooled events."""
    return Collected(configured, spool)


@dataclass
class FakeTime:
    """A clock that moves when somebody sleeps, and remembers for how long."""

    moment: datetime = datetime(2026, 9, 14, 10, 0, tzinfo=UTC)
    elapsed: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass without anybody sleeping."""
        self.elapsed += seconds

    def now(self) -> datetime:
        """The time of day."""
        return self.moment + timedelta(seconds=self.elapsed)

    @property
    def clock(self) -> Clock:
        """As the monitor sees it; the jitter is in the middle of its range."""
        return Clock(self.now, lambda: self.elapsed, self.sleep, lambda: 0.5)


@pytest.fixture
def time() -> FakeTime:
    """Time that is given."""
    return FakeTime()


@pytest.fixture
def courier(configured: Settings, spool: Spool, time: FakeTime) -> Iterator[Courier]:
    """A courier between the spool and the server."""
    assert configured.endpoint is not None
    made = Courier(
        configured.endpoint, configured.source, keys.load(configured.home), spool, time.now
    )
    yield made
    made.close()
