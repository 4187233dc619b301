"""More logs of the kinds that ../shared/cases has one of each of: the kind is right, not the file.

The numbers are those of the cases. All go through the real monitor and the real stack.
"""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.people import Person, newcomer, run_once
from tests.e2e.stack_fixture import ROOT, Stack, environment
from tests.session_logs import Record, Tokens, line, stamp
from vibeloom.spool import Spool

SESSION = "22222222-3333-4444-8555-666666666601"
SONNET = "claude-sonnet-4-5-20250929"
OPUS = "claude-opus-4-5-20251101"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def person(stack: Stack, tmp_path: Path) -> Person:
    """Somebody with no events."""
    return newcomer(stack, tmp_path / "person")


@pytest.fixture
def claude_dir(tmp_path: Path) -> Path:
    """Where the logs go."""
    return tmp_path / "claude"


def at(seconds: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(seconds=seconds)


def record(kind: str, second: float, **fields: Any) -> Record:
    """A record of a session's log."""
    return {
        "isSidechain": False,
        "cwd": "/home/dev/alpha",
        "sessionId": SESSION,
        "version": "2.1.200",
        "type": kind,
        "uuid": f"{kind} {second} {fields.get('sessionId', '')}",
        "timestamp": stamp(at(second)),
    } | fields


def prompt(second: float, content: Any = "go on", **fields: Any) -> Record:
    """What stands in a person's place."""
    return record("user", second, message={"role": "user", "content": content}, **fields)


def answer(
    second: float,
    message: str = "msg_1",
    usage: Record | None = None,
    content: list[Record] | None = None,
    model: str = SONNET,
    **fields: Any,
) -> Record:
    """A record of a model's answer: 10 tokens in, 100 out, unless `usage` says otherwise."""
    said = {
        "id": message,
        "role": "assistant",
        "model": model,
        "content": content or [],
        "usage": {"input_tokens": 10, "output_tokens": 100} | (usage or {}),
    }
    return record("assistant", second, message=said, requestId=f"req_{message}", **fields)


def tool_use(use_id: str, name: str = "Edit") -> Record:
    """A block of an answer."""
    return {"type": "tool_use", "id": use_id, "name": name, "input": {"file_path": "/x/a.py"}}


def result(second: float, use_id: str, **fields: Any) -> Record:
    """What a tool says."""
    block = {"type": "tool_result", "tool_use_id": use_id, "content": "fine"}
    return prompt(second, [block], **fields)


def write(claude_dir: Path, *records: Record | bytes, log: str = f"p/{SESSION}.jsonl") -> Path:
    """A log of these records, or of bytes as they are."""
    path = claude_dir / "projects" / log
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(r if isinstance(r, bytes) else line(r) for r in records))
    return path


def test_01_what_was_sent_of_a_stream_is_corrected(person: Person, claude_dir: Path) -> None:
    """Also where the last record says less, and after the spool was lost in between."""
    records = [answer(0, usage={"output_tokens": 2}), answer(1, usage={"input_tokens": 900})]
    machine = person.machine(claude_dir)
    write(claude_dir, *records)
    run_once(machine)
    assert person.totals()[:2] == (1, Tokens(900, 100))
    for file in machine.home.glob("spool.sqlite3*"):
        file.unlink()
    write(claude_dir, *records, answer(2, usage={"output_tokens": 640}))
    run_once(machine)
    calls, tokens, cost = person.totals()
    assert (calls, tokens) == (1, Tokens(10, 640))
    assert cost == pytest.approx((10 * 3 + 640 * 15) / 1e6)
    assert len(person.events("token_usage")) == 1


def test_03_minutes_and_an_hour_are_priced_apart(person: Person, claude_dir: Path) -> None:
    """In one message: 1.25 × and 2 × the price of input."""
    parts = {"ephemeral_5m_input_tokens": 40_000, "ephemeral_1h_input_tokens": 60_000}
    usage = {"input_tokens": 0, "output_tokens": 0, "cache_creation_input_tokens": 100_000}
    write(claude_dir, answer(0, usage=usage | {"cache_creation": parts}))
    person.feed(claude_dir)
    assert person.totals()[2] == pytest.approx((40_000 * 3.75 + 60_000 * 6) / 1e6)


def test_04_a_backup_and_a_replay_count_nothing_twice(person: Person, claude_dir: Path) -> None:
    """The folder was copied, and a side question repeats the conversation later under new ids."""
    main = [prompt(0), answer(1, content=[tool_use("toolu_a1")]), result(2, "toolu_a1")]
    write(claude_dir, *main)
    write(claude_dir, *main, log=f"backup/p/{SESSION}.jsonl")
    replay = [
        {**each, "isSidechain": True, "uuid": f"again {number}", "timestamp": stamp(at(600))}
        for number, each in enumerate(main)
    ]
    own = answer(601, "msg_own", isSidechain=True)
    write(claude_dir, *replay, own, log=f"p/{SESSION}/subagents/agent-aside.jsonl")
    person.feed(claude_dir)
    assert person.totals()[:2] == (2, Tokens(20, 200))
    assert [event["payload"]["status"] for event in person.events("tool")] == [
        "started",
        "completed",
    ]
    assert len(person.events("activity")) == 1


def test_06_a_subagent_with_progress_and_a_file(person: Person, claude_dir: Path) -> None:
    """Its own file goes on where the progress lines stop; its tools count once."""

    def told(inner: Record) -> Record:
        data = {"type": "agent_progress", "agentId": "a1", "message": inner}
        return record("progress", 0, data=data, uuid=f"p {inner['uuid']}")

    inner = [
        answer(1, "msg_a", {"output_tokens": 3}, [tool_use("toolu_a2", "Read")], isSidechain=True),
        result(2, "toolu_a2", isSidechain=True),
    ]
    write(claude_dir, prompt(0), *(told(each) for each in inner))
    last = answer(3, "msg_a", {"output_tokens": 70}, isSidechain=True)
    write(claude_dir, *inner, last, log=f"p/{SESSION}/subagents/agent-a1.jsonl")
    person.feed(claude_dir)
    assert person.totals()[:2] == (1, Tokens(10, 70))
    tools = [event["payload"] for event in person.events("tool")]
    assert [(each["tool"], each["status"]) for each in tools] == [
        ("Read", "started"),
        ("Read", "completed"),
    ]


def test_07_who_is_a_person(person: Person, claude_dir: Path) -> None:
    """A picture and words are typed; what hooks, interruptions and summaries write is not."""
    write(
        claude_dir,
        prompt(0, [{"type": "image", "source": {}}]),
        prompt(100, [{"type": "text", "text": "<b>bold</b> words of mine"}]),
        prompt(200, [{"type": "text", "text": "[Request interrupted by user for tool use]"}]),
        prompt(300, "<system-reminder>remember</system-reminder>"),
        prompt(400, "<user-prompt-submit-hook>ok</user-prompt-submit-hook>"),
        prompt(500, "the conversation so far", isCompactSummary=True),
        prompt(600, "  \n"),
        prompt(
            700,
            "Caveat: The messages below were generated by the user while running local commands.",
        ),
        prompt(800, "look after it", isSidechain=True),
    )
    person.feed(claude_dir)
    assert [event["occurred_at"][11:19] for event in person.events("activity")] == [
        "12:00:00",
        "12:01:40",
    ]


def test_08_a_queued_prompt_counts_when_it_was_typed(person: Person, claude_dir: Path) -> None:
    """Delivered as a line of its own, taken back and changed, or never delivered."""

    def queue(operation: str, second: float, content: str | None = None) -> Record:
        said = {"type": "queue-operation", "operation": operation, "sessionId": SESSION}
        said["timestamp"] = stamp(at(second))
        return said if content is None else said | {"content": content}

    write(
        claude_dir,
        prompt(0),
        queue("enqueue", 60, "then b"),
        queue("dequeue", 300),
        prompt(300, "then b"),
        answer(310),
        queue("enqueue", 400, "then c"),
        queue("popAll", 410, "then c"),
        prompt(420, "then c and d"),
        queue("enqueue", 500, "<task-notification>\n</task-notification>"),
        queue("remove", 510),
    )
    person.feed(claude_dir)
    assert [event["occurred_at"][14:19] for event in person.events("activity")] == [
        "00:00",
        "01:00",
        "07:00",
    ]


def test_09_what_is_whole_on_a_damaged_line_counts(person: Person, claude_dir: Path) -> None:
    """Behind a cut record, bad bytes, NULs and a byte order mark; between two cut ones."""
    one, two, three, four = (line(answer(n, f"msg_{n}")).strip() for n in range(4))
    write(
        claude_dir,
        b"\xef\xbb\xbf" + one + b"\r\n",
        b"\xff\xfe\x80" + two + b"\n",
        three[:70] + b"\0\0\0\0" + three + three[:200] + b"\n",
        b"\0" * 4_096 + four + b"\0" * 10 + b"\n",
    )
    person.feed(claude_dir)
    assert person.totals()[:2] == (4, Tokens(40, 400))


def test_11_a_line_of_20_mb_counts(person: Person, claude_dir: Path) -> None:
    """With the usage behind the long text, escapes in it, and a record after it."""
    text = 'a "quoted" \\ text\n' * 1_200_000
    long = answer(1, content=[{"type": "text", "text": text}, tool_use("toolu_a3", "Write")])
    said = [{"type": "tool_result", "tool_use_id": "toolu_a3", "content": text}]
    write(claude_dir, prompt(0), long, prompt(2, said), answer(3, "msg_2"))
    person.feed(claude_dir)
    assert person.totals()[:2] == (2, Tokens(20, 200))
    assert len(person.events("tool")) == 2
    assert len(person.events("activity")) == 1


def test_12_a_resumed_session_counts_its_history_once(person: Person, claude_dir: Path) -> None:
    """Copied under another session's id without a word about it, and later moved by rewriting."""
    other = "22222222-3333-4444-8555-666666666602"
    told = [prompt(0), answer(1, content=[tool_use("toolu_x77")]), result(2, "toolu_x77")]
    copied = [{**each, "sessionId": other} for each in told]
    new = [prompt(900, sessionId=other), answer(901, "msg_2", sessionId=other)]
    machine = person.machine(claude_dir)
    log = write(claude_dir, *told)
    write(claude_dir, *copied, *new, log=f"p/{other}.jsonl")
    run_once(machine)
    log.write_bytes(b"\n\n" + b"\n".join(line(each) for each in told))
    assert run_once(machine).sent == 0
    assert person.totals()[:2] == (2, Tokens(20, 200))
    assert len(person.events("activity")) == 2
    assert len(person.events("tool")) == 2
    sessions = [event["payload"]["sessionId"] for event in person.events("session")]
    assert sorted(sessions) == [SESSION, other]


def test_16_worktrees_of_other_tools(person: Person, claude_dir: Path) -> None:
    """Wherever a tool keeps them, and in a folder below."""
    folders = [
        "/home/dev/alpha/.claude/worktrees/x1/src",
        "/home/dev/alpha/.worktrees/fix",
        "C:\\Users\\Dev\\alpha\\.claude\\worktrees\\x2",
        "/home/dev/alpha",
    ]
    for number, folder in enumerate(folders):
        session = f"22222222-3333-4444-8555-6666666667{number:02d}"
        log = f"p/{session}.jsonl"
        write(claude_dir, prompt(number, cwd=folder, sessionId=session), log=log)
    person.feed(claude_dir)
    assert {event["project"] for event in person.events("activity")} == {"alpha"}


def test_17_other_spellings_of_models(person: Person, claude_dir: Path) -> None:
    """Of proxies and clouds; what has no price is named and free of nothing."""
    prices = {
        "openrouter/anthropic/claude-opus-4.5": 5,
        "vertex_ai/claude-sonnet-4-5@20250929": 3,
        "bedrock/global.anthropic.claude-haiku-4-5-20251001-v1:0": 1,
        "gpt-5.2-codex": 1.75,
        "claude-imaginary-9": None,
    }
    usage = {"input_tokens": 100_000, "output_tokens": 0}
    records = [answer(n, f"msg_{n}", usage, model=model) for n, model in enumerate(prices)]
    write(claude_dir, *records)
    person.feed(claude_dir)
    costs = {model: cost for (_, model), cost in person.costs().items()}
    assert costs == {
        model: None if price is None else pytest.approx(price / 10)
        for model, price in prices.items()
    }
    answered = person.get("query/tokens")
    assert [each["model"] for each in answered["unpriced_models"]] == ["claude-imaginary-9"]
    assert answered["totals"]["unpriced"] == 1
    assert person.get("query/summary")["totals"]["unpriced"] == 1


def test_18_two_advisors_fast_mode_and_requests(person: Person, claude_dir: Path) -> None:
    """Each advisor's call is one; two short requests of one message are no long prompt."""

    def call(kind: str, tokens: int, **more: Any) -> Record:
        return {"type": kind, "input_tokens": tokens, "output_tokens": 10, **more}

    iterations = [
        call("message", 150_000),
        call("advisor_message", 1_000, model=OPUS),
        call("message", 150_000),
        call("advisor_message", 2_000, model=OPUS),
    ]
    usage = {"input_tokens": 300_000, "output_tokens": 20, "iterations": iterations}
    fast = answer(5, "msg_2", {"speed": "fast"}, model="claude-opus-4-8")
    write(claude_dir, answer(0, usage=usage), fast)
    person.feed(claude_dir)
    assert person.models()[OPUS] == (2, Tokens(3_000, 20))
    assert person.models()[SONNET] == (1, Tokens(300_000, 20))
    assert person.costs_of(SONNET) == pytest.approx((300_000 * 3 + 20 * 15) / 1e6)
    assert person.costs_of("claude-opus-4-8") == pytest.approx((10 * 10 + 100 * 50) / 1e6)


def test_20_a_tool_s_name_carries_no_secret(person: Person, claude_dir: Path) -> None:
    """Built-in tools and MCP's words are named; keys, hashes and anything else are not."""
    written = {
        "TaskOutput": "TaskOutput",
        "apply_patch": "apply_patch",
        "mcp__plugin_x_y__do-it": "mcp__plugin_x_y__do-it",
        "mcp__acme__sk-live4f9Qz81mXc02": "mcp__acme__sk-x",
        "mcp__9f8a7c6b5d4e3f2a__run": "mcp__x__run",
        "curl https://evil.example": "other",
    }
    calls = [tool_use(f"toolu_{chr(97 + n)}", name) for n, name in enumerate(written)]
    write(claude_dir, answer(0, content=calls))
    person.feed(claude_dir)
    names = {event["payload"]["tool"] for event in person.events("tool")}
    assert names == set(written.values())


def test_21_a_night_of_other_software(person: Person, claude_dir: Path) -> None:
    """Hooks, reminders and teammates' messages all night long are no human time."""
    texts = (
        "<teammate-message>done</teammate-message>",
        "<local-command-stdout>ok</local-command-stdout>",
        "Stop hook feedback:\nrun the tests",
    )
    records = [prompt(0, "watch it")]
    for hour in range(1, 24):
        records.append(prompt(hour * 1_200, texts[hour % 3]))
        records.append(answer(hour * 1_200 + 5, f"msg_{hour}"))
    write(claude_dir, *records)
    person.feed(claude_dir)
    assert person.get("query/time")["totals"]["human"] == 0
    assert len(person.events("activity")) == 1


def test_30_several_folders_and_one_that_is_absent(
    person: Person, claude_dir: Path, tmp_path: Path
) -> None:
    """All that CLAUDE_CONFIG_DIR names are read; the one that is not there is named."""
    write(claude_dir, answer(0))
    write(tmp_path / "second", answer(1, "msg_2"))
    person.machine(claude_dir)
    folders = f"{claude_dir},{tmp_path / 'second'},{tmp_path / 'third'}"
    settings = person.environment(claude_dir, "laptop") | {
        "CLAUDE_CONFIG_DIR": folders,
        "HOME": os.fspath(tmp_path),
        "PYTHONPATH": str(ROOT / "clients" / "python"),
    }
    del settings["VIBELOOM_CLAUDE_DIR"]
    done = subprocess.run(
        [sys.executable, "-m", "vibeloom.cli", "monitor", "run", "--once"],
        env={**environment(), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path / 'third'}" in (done.stdout + done.stderr).replace("\n", "")
    assert person.totals()[:2] == (2, Tokens(20, 200))


def test_31_other_programs_that_start_agents(person: Person, claude_dir: Path) -> None:
    """Python's and TypeScript's kits: agents' sessions, counted, and no person's time."""
    for number, entry in enumerate(("sdk-py", "sdk-ts", "sdk-cli")):
        session = f"22222222-3333-4444-8555-6666666668{number:02d}"
        fields: Record = {"sessionId": session, "entrypoint": entry}
        begin = number * 3_600
        write(
            claude_dir,
            prompt(begin, "nightly", **fields),
            answer(begin + 30, f"msg_{number}", **fields),
            log=f"p/{session}.jsonl",
        )
    person.feed(claude_dir)
    totals = person.get("query/time")["totals"]
    assert (totals["human"], totals["agent"]) == (0, 90)
    assert person.events("activity") == []
    assert len(person.events("session")) == 3


def test_32_one_machine_saw_less_than_the_other(
    person: Person, claude_dir: Path, tmp_path: Path
) -> None:
    """A machine that saw only the beginning of a stream takes nothing away from the other's."""
    whole = [prompt(0), answer(1, usage={"output_tokens": 1}), answer(5)]
    write(claude_dir, *whole)
    write(tmp_path / "stale", *whole[:2])
    person.feed(claude_dir, "a")
    person.feed(tmp_path / "stale", "b")
    assert person.totals()[:2] == (1, Tokens(10, 100))
    assert len(person.events()) == 3  # session, prompt, usage


def test_36_a_tool_that_runs_for_two_midnights(person: Person, claude_dir: Path) -> None:
    """One call, beside one that begins and ends on the day in between."""
    day = 86_400
    write(
        claude_dir,
        prompt(0),
        answer(1, content=[tool_use("toolu_long", "Bash")]),
        answer(day, "msg_2", content=[tool_use("toolu_short", "Edit")]),
        result(day + 5, "toolu_short"),
        result(2 * day, "toolu_long"),
    )
    machine = person.machine(claude_dir)
    run_once(machine)
    spool = Spool.open_to_read(machine.spool)
    assert spool is not None
    assert spool.number("unknown_lines") == 0
    spool.close()
    answered = person.get("query/sessions", lane="agent")
    assert answered["pending_days"] == 0
    [session] = answered["items"]
    assert session["tools"] == {"Bash": 1, "Edit": 1}
    assert session["complete"] is True
