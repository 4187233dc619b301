"""Each thing is told once, as its last or its earliest record says, in any order of files."""

import json
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client import logs
from tests.unit.client.conftest import Collected
from vibeloom import settings
from vibeloom.collect import Collector
from vibeloom.settings import Settings
from vibeloom.spool import Spool

OTHER_SESSION = "0c5a54a1-7d55-4a0e-9d4b-6f1f0f2ac0de"
Record = dict[str, Any]


def _usage(second: int, message: str = "msg_1", **tokens: int) -> Record:
    record = logs.answer(message, time=f"2026-09-14T09:26:{second:02d}Z")
    record["message"]["usage"] = {"input_tokens": 3, "output_tokens": 1, **tokens}
    return record


def _side(record: Record) -> Record:
    return {**record, "isSidechain": True}


def _told(spool: Spool, kind: str = "token_usage") -> list[tuple[str, int, int]]:
    """Second, input and output of each usage that waits."""
    events = [json.loads(event.body) for event in spool.oldest(1_000)]
    return [
        (
            event["timestamp"][17:19],
            event["payload"]["inputTokens"],
            event["payload"]["outputTokens"],
        )
        for event in events
        if event["type"] == kind
    ]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_last_record_of_a_message_counts(
    collect: Collected, log: Path, order: tuple[int, ...]
) -> None:
    """Snapshots of a stream give way to its last record, also where that lowers a count."""
    stream = [
        _usage(10, input_tokens=500, output_tokens=1),
        _usage(11, input_tokens=500, output_tokens=40),
        _usage(12, input_tokens=3, output_tokens=39),
    ]
    for index in order:
        logs.write(log.with_name(f"{index}.jsonl"), stream[index])
        collect()
    assert _told(collect.spool) == [("12", 3, 39)]


def test_a_snapshot_that_was_sent_is_corrected(collect: Collected, log: Path) -> None:
    """What is sent later has the id of what was sent, and a higher revision."""
    logs.write(log, _usage(10, output_tokens=1))
    collect()
    [sent] = [event for event in collect.spool.oldest(10) if '"token_usage"' in event.body]
    collect.spool.acknowledge(collect.spool.oldest(10), datetime(2026, 9, 14, tzinfo=UTC))
    logs.write(log, _usage(11, output_tokens=640))
    collect()
    [corrected] = collect.spool.oldest(10)
    before, after = json.loads(sent.body), json.loads(corrected.body)
    assert after["id"] == before["id"]
    assert after["revision"] > before["revision"]
    assert after["payload"]["outputTokens"] == 640


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_session_s_own_record_counts(
    collect: Collected, log: Path, order: tuple[int, ...]
) -> None:
    """A side question's copy, with a later time, moves nothing, whichever file is read first."""
    inner = {"type": "assistant", "timestamp": "2026-09-14T09:26:50Z"}
    inner["message"] = _usage(0, output_tokens=900)["message"]
    copies = [
        _usage(10, output_tokens=7),
        _side(_usage(40, output_tokens=7)),
        logs.entry("progress", data={"type": "agent_progress", "normalizedMessages": [inner]}),
    ]
    for index in order:
        logs.write(log.with_name(f"{index}.jsonl"), copies[index])
        collect()
    assert _told(collect.spool) == [("10", 3, 7)]


def test_the_same_usage_twice_is_of_the_earlier_time(collect: Collected, log: Path) -> None:
    """A copy with other times, read first, does not decide on which day tokens were spent."""
    logs.write(log.with_name("a.jsonl"), _usage(50, output_tokens=7))
    collect()
    logs.write(log.with_name("b.jsonl"), _usage(10, output_tokens=7))
    collect()
    logs.write(log.with_name("c.jsonl"), _usage(30, output_tokens=7))
    collect()
    assert _told(collect.spool) == [("10", 3, 7)]


def test_a_backup_of_the_folder_tells_nothing(
    collect: Collected, log: Path, configured: Settings
) -> None:
    """Other files with the same records are the same records."""
    logs.write(log, logs.prompt(), logs.answer(), logs.tool_use("Bash", {}), logs.tool_result())
    before = collect()
    backup = configured.project_folders[0] / "backup" / "moved" / "copy.jsonl"
    backup.parent.mkdir(parents=True)
    backup.write_bytes(b"\n\n" + log.read_bytes())
    assert collect() == before


def test_two_machines_tell_the_same(collect: Collected, log: Path, tmp_path: Path) -> None:
    """Ids and revisions do not depend on the source, so the server sees that they are the same."""
    logs.write(log, logs.prompt(), logs.answer(), logs.tool_use("Bash", {}), logs.tool_result())
    here = collect()
    env = {
        "VIBELOOM_KEY_PATH": str(tmp_path),
        "VIBELOOM_CLAUDE_DIR": str(log.parent.parent.parent),
        "VIBELOOM_SOURCE_ID": "desktop",
    }
    there = settings.load(env)
    spool = Spool.open(tmp_path / "other.sqlite3")
    list(Collector(there, spool).scan())
    assert [json.loads(event.body) for event in spool.oldest(100)] == here
    spool.close()


def test_a_fork_belongs_to_the_session_it_copies(collect: Collected, log: Path) -> None:
    """Copied history is of the first session; the fork begins with its first own record."""
    logs.write(log, logs.prompt(), logs.answer())
    copied = {"forkedFrom": {"sessionId": logs.SESSION}, "sessionId": OTHER_SESSION}
    fork = log.with_name("fork.jsonl")
    logs.write(fork, {**logs.prompt(), **copied}, {**logs.answer(), **copied})
    logs.write(fork, {**logs.prompt("2026-09-14T11:00:00Z"), "sessionId": OTHER_SESSION})
    events = [(e["type"], e["timestamp"][11:16], e["payload"]["sessionId"]) for e in collect()]
    assert sorted(events) == [
        ("activity", "09:26", logs.SESSION),
        ("activity", "11:00", OTHER_SESSION),
        ("session", "09:26", logs.SESSION),
        ("session", "11:00", OTHER_SESSION),
        ("token_usage", "09:26", logs.SESSION),
    ]


def test_a_model_inside_another_s_call_is_a_call_of_its_own(collect: Collected, log: Path) -> None:
    """An advisor's tokens are the advisor's; two requests of one message stay one call."""
    usage = {
        "input_tokens": 2,
        "output_tokens": 491,
        "iterations": [
            {"type": "message", "input_tokens": 1, "output_tokens": 45},
            {"type": "advisor_message", "model": "claude-opus-5", "input_tokens": 900},
            {"type": "message", "input_tokens": 1, "output_tokens": 446},
        ],
    }
    record = logs.answer()
    record["message"]["usage"] = usage
    logs.write(log, record)
    told = {e["payload"]["model"]: e["payload"] for e in collect() if e["type"] == "token_usage"}
    assert told["claude-opus-4-5-20251101"]["requests"] == [[1, 45, 0, 0, 0], [1, 446, 0, 0, 0]]
    assert told["claude-opus-4-5-20251101"]["outputTokens"] == 491
    assert told["claude-opus-5"]["inputTokens"] == 900


def test_what_a_price_depends_on_is_told(collect: Collected, log: Path) -> None:
    """One-hour cache writes, web searches, fast mode and batches are named, and only where so."""
    record = logs.answer()
    record["message"]["usage"] = {
        "input_tokens": 1,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        "server_tool_use": {"web_search_requests": 2},
        "speed": "fast",
        "service_tier": "batch",
    }
    logs.write(log, record)
    [payload] = [e["payload"] for e in collect() if e["type"] == "token_usage"]
    named = ("cacheCreationTokens", "cacheCreation1hTokens", "webSearches", "speed", "serviceTier")
    assert [payload[name] for name in named] == [300, 200, 2, "fast", "batch"]


def test_an_agent_in_a_subfolder_stays_in_its_project(collect: Collected, log: Path) -> None:
    """One project, one name: `cd src` is no other project, another repository is."""
    for number, cwd in enumerate(("/home/ada/alpha", "/home/ada/alpha/src", "/home/ada/beta")):
        logs.write(log, {**logs.prompt(f"2026-09-14T09:0{number}:00Z"), "cwd": cwd})
    told = [e["payload"]["project"] for e in collect() if e["type"] == "activity"]
    assert told == ["alpha", "alpha", "beta"]


def test_a_person_s_own_directory_is_no_project_of_what_lies_in_it(
    collect: Collected, log: Path
) -> None:
    """Whoever starts in the home directory works on what they change into."""
    for number, cwd in enumerate(("/home/ada", "/home/ada/alpha")):
        logs.write(log, {**logs.prompt(f"2026-09-14T09:0{number}:00Z"), "cwd": cwd})
    told = [e["payload"]["project"] for e in collect() if e["type"] == "activity"]
    assert told == ["ada", "alpha"]


@pytest.mark.parametrize(
    ("use_id", "calls"), [("toolu_01AbCd12", 1), ("call_12", 2), ("Bash:0", 2)]
)
def test_a_resumed_session_repeats_no_tool_call(
    use_id: str, calls: int, collect: Collected, log: Path
) -> None:
    """A copy under another session's id is the same call, unless its id only counts."""
    called = logs.tool_use("Read", {}, use_id)
    logs.write(log, called)
    logs.write(log.with_name("resumed.jsonl"), {**called, "sessionId": OTHER_SESSION})
    assert sum(e["type"] == "tool" for e in collect()) == calls
