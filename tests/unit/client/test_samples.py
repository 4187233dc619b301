"""The sample logs: alive, the same every time, and understood by the monitor."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.local.samples import write_sample_sessions
from tests.unit.client.conftest import Collected
from vibeloom.settings import Settings

NOW = datetime(2026, 9, 16, 15, 30, tzinfo=UTC)  # a Wednesday


def _texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.rglob("*.jsonl")}


@pytest.fixture
def claude_dir(configured: Settings) -> Path:
    """Where the samples are written."""
    [folder] = configured.claude_dirs
    return folder


def _records(files: list[Path]) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_a_week_looks_alive(collect: Collected, claude_dir: Path) -> None:
    """Hundreds of events of every kind, in several projects, with nights and nothing unknown."""
    files = write_sample_sessions(claude_dir, NOW)
    events = collect()
    assert 500 < len(events) < 10_000
    assert {event["type"] for event in events} == {"session", "activity", "tool", "token_usage"}
    sessions = {file.stem for file in files if "subagents" not in file.parts}
    assert Counter(event["type"] for event in events)["session"] == len(sessions)
    assert len({event["payload"]["project"] for event in events}) >= 3
    assert len({event["payload"].get("language") for event in events}) >= 4
    hours = Counter(event["timestamp"][11:13] for event in events)
    assert hours["03"] == 0
    assert max(event["timestamp"] for event in events) <= "2026-09-16T15:30:00.000000Z"
    assert len({event["timestamp"][:10] for event in events}) >= 5
    assert collect.spool.number("unknown_lines") == 0


def test_usage_is_streamed_and_counted_once(collect: Collected, claude_dir: Path) -> None:
    """A message stands in several records, of which the last one has its usage."""
    files = write_sample_sessions(claude_dir, NOW)
    outputs: dict[str, list[tuple[str, int]]] = {}
    for record in _records(files):
        if record["type"] == "assistant":
            message = record["message"]
            said = (record["timestamp"], message["usage"]["output_tokens"])
            outputs.setdefault(message["id"], []).append(said)
    assert max(len(records) for records in outputs.values()) > 2
    usage = [event["payload"] for event in collect() if event["type"] == "token_usage"]
    assert len(usage) == len(outputs)
    assert sum(each["outputTokens"] for each in usage) == sum(
        max(records)[1] for records in outputs.values()
    )
    assert sum(each.get("cacheCreation1hTokens", 0) for each in usage) > 0


def test_the_samples_have_what_real_logs_have(claude_dir: Path) -> None:
    """Subagents, forks, queued prompts, notifications, and commands that fail."""
    files = write_sample_sessions(claude_dir, NOW)
    records = _records(files)
    assert any("subagents" in file.parts for file in files)
    assert any("forkedFrom" in record for record in records)
    assert any(record["type"] == "attachment" for record in records)
    assert any("origin" in record for record in records)
    assert len({record["message"]["model"] for record in records if "requestId" in record}) == 3


def test_failed_commands_are_fixed(collect: Collected, claude_dir: Path) -> None:
    """So that the demonstration's errors are not zero: classes, programs, and later successes."""
    write_sample_sessions(claude_dir, NOW)
    commands = [event["payload"] for event in collect() if "program" in event["payload"]]
    failed = [payload for payload in commands if not payload["success"]]
    assert len({payload["errorClass"] for payload in failed}) >= 3
    assert len({payload["program"] for payload in failed}) >= 4
    succeeded = {(each["sessionId"], each["program"]) for each in commands if each["success"]}
    fixed = [each for each in failed if (each["sessionId"], each["program"]) in succeeded]
    assert len(fixed) > len(failed) / 2


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
