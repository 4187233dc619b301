"""The monitor beside ccusage over the same logs: the same tokens by model and day.

Where the two differ on purpose, the README's table "Beside ccusage" says why. Each of its rows has
logs here that show what either of them counts.
"""

import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.local.samples import write_sample_sessions
from tests import ccusage_report
from tests.owner import Owner
from tests.session_logs import Record, Tokens, history, line
from tests.unit.client.conftest import Collected
from tests.unit.client.test_samples import NOW
from vibeloom.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati")
SESSION = "11111111-2222-4333-8444-555555555501"
SONNET = "claude-sonnet-4-5-20250929"
NOON = "2026-03-02T12:00:00.000Z"
LATER = "2026-03-02T12:00:05.000Z"


def _owner(collect: Collected) -> Owner:
    owner = Owner()
    owner.take(collect())
    return owner


@pytest.mark.parametrize("seed", range(12))
def test_generated_sessions_have_the_same_tokens(
    collect: Collected, configured: Settings, seed: int
) -> None:
    """By model and day, wherever the day begins; and both are right."""
    made = history(random.Random(seed), sessions=4, turns=5)
    [claude_dir] = configured.claude_dirs
    made.write(claude_dir)
    owner = _owner(collect)
    for zone in ZONES:
        assert owner.tokens(zone) == made.truth.tokens(zone)
        assert ccusage_report.daily(claude_dir, zone).tokens == made.truth.tokens(zone)


def test_the_samples_have_the_same_tokens(collect: Collected, configured: Settings) -> None:
    """Those of the demonstration."""
    [claude_dir] = configured.claude_dirs
    write_sample_sessions(claude_dir, NOW)
    owner = _owner(collect)
    for zone in ZONES:
        assert owner.tokens(zone) == ccusage_report.daily(claude_dir, zone).tokens


# Where they differ.


def answer(at: str = NOON, message: str | None = "msg_1", **more: Any) -> Record:
    """A record of a model's answer: 10 tokens in, 100 out; `usage` and other fields replace."""
    usage = {"input_tokens": 10, "output_tokens": 100} | more.pop("usage", {})
    record = {
        "isSidechain": False,
        "cwd": "/home/dev/alpha",
        "sessionId": SESSION,
        "version": "2.1.42",
        "type": "assistant",
        "uuid": f"{message} {at}",
        "timestamp": at,
        "requestId": "req_1",
        "message": {
            "id": message,
            "role": "assistant",
            "model": more.pop("model", SONNET),
            "content": [],
            "usage": usage,
        },
    } | more
    return {name: value for name, value in record.items() if value is not None}


def progress(record: Record) -> Record:
    """The line in the session's log that repeats a subagent's record."""
    inner = {name: record[name] for name in ("type", "timestamp", "uuid", "requestId", "message")}
    data = {"type": "agent_progress", "agentId": "a1", "message": inner}
    frame = {name: record[name] for name in ("cwd", "sessionId", "version", "timestamp")}
    return {**frame, "type": "progress", "uuid": "p", "isSidechain": False, "data": data}


def _lines(*records: Record) -> bytes:
    return b"".join(line(record) for record in records)


ADVISED = {
    "iterations": [
        {"type": "message", "input_tokens": 10, "output_tokens": 100},
        {"type": "advisor_message", "model": SONNET, "input_tokens": 5, "output_tokens": 5},
    ]
}
COMPACTED = {
    "iterations": [
        {"type": "compaction", "input_tokens": 1_000, "output_tokens": 50},
        {"type": "message", "input_tokens": 10, "output_tokens": 100},
    ]
}
WRITES = {
    "cache_creation_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 10},
}


@dataclass(frozen=True)
class Difference:
    """One row of the README's table, by its first words, and logs that show it."""

    row: str
    logs: dict[str, bytes]  # below projects/p/
    ours: Tokens
    theirs: Tokens


ONE, TWO = Tokens(10, 100), Tokens(20, 200)
DIFFERENCES = [
    Difference(
        "a later record says less",
        {"a": _lines(answer(usage={"input_tokens": 900}), answer(LATER))},
        ours=ONE,
        theirs=Tokens(900, 100),
    ),
    Difference(
        "the same message under another request id",
        {"a": _lines(answer()), "b": _lines(answer(LATER, requestId="req_2"))},
        ours=ONE,
        theirs=TWO,
    ),
    Difference(
        "no request id",
        {"a": _lines(answer(requestId=None), answer(LATER, requestId=None))},
        ours=ONE,
        theirs=TWO,
    ),
    Difference(
        "no message id",
        {"a": _lines(answer(message=""), answer(LATER, message=""))},
        ours=ONE,
        theirs=Tokens(),
    ),
    Difference(
        "two records on one line",
        {"a": line(answer()).strip() + line(answer(LATER, "msg_2", requestId="req_2"))},
        ours=TWO,
        theirs=Tokens(),
    ),
    Difference(
        "a record behind one that was cut off, or behind zero bytes",
        {"a": line(answer())[:50] + line(answer()) + b"\0" * 64 + line(answer(LATER, "msg_2"))},
        ours=TWO,
        theirs=Tokens(),
    ),
    Difference(
        "another spelling",
        {
            "a": json.dumps(answer()).encode()
            + b"\n"
            + line(answer("2026-03-02T12:00:05.123456Z", "msg_2"))
        },
        ours=TWO,
        theirs=Tokens(),
    ),
    Difference(
        "a subagent's message in progress lines and in a file of its own",
        {
            "a": line(progress(answer(usage={"output_tokens": 7}, isSidechain=True))),
            "agent-a1": line(answer(LATER, isSidechain=True)),
        },
        ours=ONE,
        theirs=Tokens(10, 7),
    ),
    Difference(
        "an advisor's call that only a progress line holds",
        {"a": line(progress(answer(usage=ADVISED)))},
        ours=Tokens(15, 105),
        theirs=ONE,
    ),
    Difference(
        "a compaction inside a message",
        {"a": line(answer(usage=COMPACTED))},
        ours=Tokens(1_010, 150),
        theirs=ONE,
    ),
    Difference(
        "cache writes whose parts are less than their sum",
        {"a": line(answer(usage=WRITES))},
        ours=Tokens(10, 100, 0, 30),
        theirs=Tokens(10, 100, 0, 20),
    ),
]


@pytest.mark.parametrize("shown", DIFFERENCES, ids=lambda shown: shown.row)
def test_a_difference_is_what_the_readme_says(
    collect: Collected, configured: Settings, shown: Difference
) -> None:
    """Both count as its row says."""
    [claude_dir] = configured.claude_dirs
    for name, content in shown.logs.items():
        log = claude_dir / "projects" / "p" / f"{name}.jsonl"
        log.parent.mkdir(exist_ok=True)
        log.write_bytes(content)
    assert _sum(_owner(collect).tokens()) == shown.ours
    assert _sum(ccusage_report.daily(claude_dir).tokens) == shown.theirs


def test_a_fast_call_has_a_model_of_its_own_at_ccusage(
    collect: Collected, configured: Settings
) -> None:
    """Ours keeps the model's name and says `speed`."""
    [claude_dir] = configured.claude_dirs
    log = claude_dir / "projects" / "p" / "a.jsonl"
    log.parent.mkdir()
    log.write_bytes(line(answer(model="claude-opus-4-6", usage={"speed": "fast"})))
    assert _owner(collect).tokens() == {("2026-03-02", "claude-opus-4-6"): ONE}
    assert ccusage_report.daily(claude_dir).tokens == {("2026-03-02", "claude-opus-4-6-fast"): ONE}


def test_the_readme_has_a_row_for_each_difference() -> None:
    """And none that is not shown here or, where it is about money, over the whole stack."""
    from tests.e2e.test_ccusage import PRICED_DIFFERENTLY

    rows = _table((ROOT / "clients/python/README.md").read_text())
    shown = [each.row for each in DIFFERENCES] + [each.row for each in PRICED_DIFFERENTLY]
    shown.append("fast mode")
    for row in shown:
        assert [text for text in rows if text.startswith(row)], row
    for text in rows:
        assert [row for row in shown if text.startswith(row)], text


def _sum(tokens: dict[tuple[str, str], Tokens]) -> Tokens:
    return sum(tokens.values(), Tokens())


def _table(readme: str) -> list[str]:
    """The first cells of the rows of the table."""
    section = readme.partition("## Beside ccusage\n")[2].partition("\n## ")[0]
    return [
        cell.strip()
        for cell in re.findall(r"^\| (.*?) \|", section, re.MULTILINE)
        if not cell.startswith(("in the logs", "---"))
    ]
