"""The sample logs: alive, the same every time, and understood by the monitor."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.local.samples import write_sample_sessions
from tests.unit.client.conftest import Collected
from vibeloom.settings import Settings

NOW = datetime(2026, 9, 16, 15, 30, tzinfo=UTC)  # a Wednesday


def _texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.rglob("*.jsonl")}


def test_a_week_looks_alive(collect: Collected, configured: Settings) -> None:
    """Hundreds of events of every kind, in several projects, with nights and nothing unknown."""
    files = write_sample_sessions(configured.claude_dir, NOW)
    events = collect()
    assert 500 < len(events) < 10_000
    assert set(Counter(event["type"] for event in events)) == {
        "session", "activity", "tool", "token_usage",
    }  # fmt: skip
    assert Counter(event["type"] for event in events)["session"] == len(files)
    assert len({event["payload"]["project"] for event in events}) >= 3
    assert len({event["payload"].get("language") for event in events}) >= 4
    hours = Counter(event["timestamp"][11:13] for event in events)
    assert hours["03"] == 0
    assert max(event["timestamp"] for event in events) <= "2026-09-16T15:30:00.000000Z"
    assert len({event["timestamp"][:10] for event in events}) >= 5
    assert collect.spool.number("unknown_lines") == 0


def test_usage_is_repeated_and_counted_once(collect: Collected, configured: Settings) -> None:
    """The samples repeat a message's usage on each of its lines, as real logs do."""
    files = write_sample_sessions(configured.claude_dir, NOW)
    ids = Counter(
        message["id"]
        for file in files
        for line in file.read_text().splitlines()
        if (message := json.loads(line)["message"])["role"] == "assistant"
    )
    assert max(ids.values()) > 1
    assert Counter(event["type"] for event in collect())["token_usage"] == len(ids)


def test_the_same_day_gives_the_same_logs(tmp_path: Path) -> None:
    """Logs depend on the date alone; what is there is left alone, and a new day only adds."""
    first = write_sample_sessions(tmp_path / "a", NOW)
    assert write_sample_sessions(tmp_path / "a", NOW) == first
    write_sample_sessions(tmp_path / "b", NOW - timedelta(days=2))
    before = _texts(tmp_path / "b")
    write_sample_sessions(tmp_path / "b", NOW)
    after = _texts(tmp_path / "b")
    assert {name: after[name] for name in before} == before


def test_nothing_is_later_than_now(tmp_path: Path) -> None:
    """In the middle of a session, its later lines are not written yet."""
    for hour in range(24):
        now = NOW.replace(hour=hour)
        for file in write_sample_sessions(tmp_path / str(hour), now, days=1):
            lines = file.read_text().splitlines()
            assert lines
            assert all(json.loads(line)["timestamp"] <= now.isoformat() for line in lines)
