"""What each kind of log entry becomes on the wire, as whole objects."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.client import logs
from tests.unit.client.conftest import Collected
from vibeloom.entries import read_entries

PLACE = {"sessionId": logs.SESSION, "project": "tidewatch", "branch": "feature/41-tide-tables"}
STARTED = ("session", {"type": "session", "action": "started", **PLACE})
ACTIVITY = ("activity", {"type": "activity", **PLACE})


def _tool(name: str, status: str, context: str | None = None, **more: Any) -> tuple[str, Any]:
    return "tool", {
        "type": "tool",
        "tool": name,
        "status": status,
        "context": context,
        **PLACE,
        **more,
    }


USAGE = (
    "token_usage",
    {
        "type": "token_usage",
        "model": "claude-opus-4-5-20251101",
        "inputTokens": 3,
        "outputTokens": 50,
        "cacheReadTokens": 700,
        "cacheCreationTokens": 9,
        **PLACE,
    },
)
SUMMARY = (
    "summary",
    {"type": "summary", "sessionId": logs.SESSION, "summary": "Session ended"},
)
HOOK = {"type": "hook_progress", "hookEvent": "PostToolUse", "hookName": "PostToolUse:Read"}
READ = {"file_path": f"{logs.CWD}/src/tides.py"}
CASES: dict[str, tuple[list[logs.Entry], list[Any]]] = {
    "a prompt": ([logs.prompt()], [STARTED, ACTIVITY]),
    "a prompt in blocks": (
        [logs.entry("user", message={"content": [{"type": "text", "text": logs.SECRET}]})],
        [STARTED, ACTIVITY],
    ),
    "a prompt that software wrote": (
        [logs.entry("user", isMeta=True, message={"content": logs.SECRET})],
        [STARTED],
    ),
    "a file tool": (
        [logs.tool_use("Read", READ), logs.tool_result()],
        [
            STARTED,
            _tool("Read", "started", "tides.py", language="python"),
            _tool("Read", "completed", "tides.py", language="python", success=True),
        ],
    ),
    "a command that fails": (
        [logs.tool_use("Bash", {"command": logs.SECRET}), logs.tool_result(is_error=True)],
        [
            STARTED,
            _tool("Bash", "started"),
            _tool("Bash", "completed", success=False, errorClass="other"),
        ],
    ),
    "a command that a person refused": (
        [
            logs.tool_use("Bash", {"command": "cargo test"}),
            {**logs.tool_result(is_error=True), "toolDenialKind": "user"},
        ],
        [STARTED, _tool("Bash", "started"), _tool("Bash", "completed", success=False)],
    ),
    "a command of a known program": (
        [
            logs.tool_use("Bash", {"command": f"cd {logs.CWD} && cargo test --{logs.SECRET}"}),
            logs.tool_result(),
        ],
        [
            STARTED,
            _tool("Bash", "started"),
            _tool("Bash", "completed", success=True, program="cargo test"),
        ],
    ),
    "a result without its call": (
        [logs.tool_result("toolu_9")],
        [STARTED, _tool("other", "completed", success=True)],
    ),
    "an older hook entry": (
        [logs.entry("progress", data=HOOK)],
        [STARTED, _tool("Read", "completed", success=True)],
    ),
    "the oldest hook entry": (
        [
            logs.entry(
                "progress",
                progress={
                    "type": "PostToolUse",
                    "tool_name": "Edit",
                    "result": {"success": False},
                },
            )
        ],
        [STARTED, _tool("Edit", "completed", success=False)],
    ),
    "a call, its hooks and its result": (
        [
            logs.tool_use("Read", READ),
            logs.entry("progress", data=HOOK, toolUseID="toolu_1"),
            logs.entry("progress", data=HOOK, toolUseID="toolu_1"),
            logs.tool_result(),
        ],
        [
            STARTED,
            _tool("Read", "started", "tides.py", language="python"),
            _tool("Read", "completed", "tides.py", language="python", success=True),
        ],
    ),
    "another hook": ([logs.entry("progress", data={**HOOK, "hookEvent": "PreToolUse"})], [STARTED]),
    "one message on three lines": (
        [logs.answer(), logs.answer(time="2026-09-14T09:26:54Z"), logs.answer()],
        [STARTED, USAGE],
    ),
    "a summary": ([logs.entry("summary", summary=logs.SECRET)], [STARTED, SUMMARY]),
    "a summary without a time": (
        [logs.prompt(), logs.entry("summary", None, summary=logs.SECRET)],
        [STARTED, ACTIVITY, SUMMARY],
    ),
    "a summary before any time": (
        [{"type": "summary", "summary": logs.SECRET}, logs.prompt()],
        [STARTED, ACTIVITY],
    ),
    "a quiet entry": (
        [{"type": "file-history-snapshot"}, logs.entry("system"), logs.prompt()],
        [STARTED, ACTIVITY],
    ),
    "an agent's own log": (
        [
            {**logs.prompt(), "isSidechain": True},
            {**logs.tool_use("Grep", {"pattern": logs.SECRET}), "isSidechain": True},
        ],
        [_tool("Grep", "started")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_entry_becomes_these_events(case: str, collect: Collected, log: Path) -> None:
    """Each kind of entry gives exactly the events of the contract, with its time and its id."""
    entries, expected = CASES[case]
    logs.write(log, *entries)
    events = collect()
    assert [(event["type"], event["payload"]) for event in events] == expected
    assert {event["timestamp"] for event in events} <= {logs.WIRE_TIME}
    assert all(re.fullmatch(r"evt_[a-z0-9]{20}", event["id"]) for event in events)
    assert len({event["id"] for event in events}) == len(events)


def test_a_resumed_session_counts_its_copied_tokens_once(collect: Collected, log: Path) -> None:
    """A forked session's log repeats the old one's messages; their tokens were spent once."""
    logs.write(log, logs.answer())
    logs.write(log.with_name("0c5a54a1-7d55-4a0e-9d4b-6f1f0f2ac0de.jsonl"), logs.answer())
    assert [event["type"] for event in collect()].count("token_usage") == 1


def test_equal_ids_in_two_logs_are_two_calls(collect: Collected, log: Path) -> None:
    """Ids that only count (`call_1`) mean something in their own session only."""
    later = "2026-09-14T10:00:00Z"
    other = {"sessionId": "0c5a54a1-7d55-4a0e-9d4b-6f1f0f2ac0de"}
    logs.write(log, logs.tool_use("Read", READ), logs.tool_result())
    logs.write(
        log.with_name("second.jsonl"),
        {**logs.tool_use("Bash", {}, time=later), **other},
        {**logs.tool_result(time=later), **other},
    )
    told = [
        (event["payload"]["tool"], event["payload"]["status"])
        for event in collect()
        if event["type"] == "tool"
    ]
    assert told == [
        ("Read", "started"),
        ("Read", "completed"),
        ("Bash", "started"),
        ("Bash", "completed"),
    ]


def test_a_line_without_a_time_takes_the_last_one(collect: Collected, log: Path) -> None:
    """A missing or impossible time is carried over, the same way at every reading."""
    logs.write(log, logs.prompt(), logs.prompt(None), logs.prompt("yesterday"))
    logs.write(log, logs.prompt("2026-09-14T12:00:00+02:00"), logs.prompt("1970-01-01T00:00:00Z"))
    times = [event["timestamp"] for event in collect() if event["type"] == "activity"]
    assert times == [logs.WIRE_TIME] * 3 + ["2026-09-14T10:00:00.000000Z"] * 2


@pytest.mark.parametrize(
    "line",
    [
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"type": 7}',
        b'{"type": "from-the-future"}',
        b"\xff\xfe",
        b"\x00" * 100,
        b"[" * 100_000,
        b'{"type":"user","x":' + b"9" * 5_000 + b"}",
        b'{"type":"user"',
    ],
)
def test_an_unknown_line_is_said_to_be_one(line: bytes) -> None:
    """What is not an entry is counted, and nothing is raised."""
    assert read_entries(line) == ([], 1)


def test_unknown_lines_are_counted_and_passed_over(collect: Collected, log: Path) -> None:
    """Rubbish between two entries costs neither of them."""
    logs.write(log, logs.prompt())
    with log.open("ab") as file:
        file.write(b"\n{rubbish}\n\xff\xff\n\n" + b'{"type":"from-the-future"}\n')
    logs.write(log, logs.prompt("2026-09-14T09:30:00Z"))
    assert [event["type"] for event in collect()] == ["session", "activity", "activity"]
    assert collect.spool.number("unknown_lines") == 3


@given(st.binary(max_size=300))
def test_any_bytes_are_an_entry_or_unknown(line: bytes) -> None:
    """The parser never raises."""
    found, unknown = read_entries(line)
    assert found or unknown
