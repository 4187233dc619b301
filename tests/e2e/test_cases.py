"""Logs that others got wrong, through the real monitor and the real stack.

The cases lie in ../shared/cases; what is right about them is in its expected.json and nowhere
here. More logs of the same kinds are in `test_kinds_of_faults.py`.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import shared_cases
from tests.e2e.people import Person, newcomer, run_once
from tests.e2e.stack_fixture import ROOT, Stack, environment
from tests.session_logs import Tokens
from vibeloom.spool import Spool

RIGHT = shared_cases.right()
# Those whose figures are all there is to it.
FIGURES = (
    "01-streaming-partial", "03-one-hour-cache-write", "04-btw-sidechain-replay",
    "06-agent-progress-only", "07-not-a-person", "08-queued-prompt", "09-spliced-lines",
    "11-huge-line", "12-fork-copies-history", "21-night-of-notifications", "31-headless-runs",
    "36-tool-over-midnight",
)  # fmt: skip
IN_WORDS = (
    "16-project-names", "17-model-names-and-prices", "18-fast-advisor-longcontext",
    "20-tool-names", "30-claude-config-dir", "32-same-logs-two-machines",
)  # fmt: skip
# US dollars of a prompt of a million tokens in August 2026: Anthropic's price list, where Sonnet
# 4 and 4.5 cost twice as much above 200 k tokens. Bedrock adds 10 % for the endpoint of a region.
INPUT_PRICES = {
    "claude-opus-4-6": 5, "claude-sonnet-4-6": 3, "claude-opus-4-7": 5, "claude-opus-5": 5,
    "claude-sonnet-5": 2, "claude-3-opus-20240229": 15, "claude-3-haiku-20240307": 0.25,
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": 6.6, "claude-sonnet-4-5": 6,
    "anthropic.claude-opus-4-5-20251101-v1:0": 5, "claude-opus-4-5@20251101": 5,
    "claude-sonnet-4-20250514": 6, "claude-opus-4-20250514": 15, "claude-opus-4-1-20250805": 15,
    "claude-3-5-haiku-20241022": 0.8, "anthropic/claude-opus-4.5": 5, "claude-opus-4-8[1m]": 5,
    "claude-fable-5": 10, "claude-sonnet-4-5-20250929-thinking": 6, "claude-haiku-4-5": 1,
}  # fmt: skip


@pytest.fixture
def person(stack: Stack, tmp_path: Path) -> Person:
    """Somebody with no events."""
    return newcomer(stack, tmp_path / "person")


def test_every_case_is_tested() -> None:
    """A case that is added over there is not forgotten here."""
    if RIGHT:
        assert sorted(RIGHT) == sorted(FIGURES + IN_WORDS)


@pytest.mark.parametrize("case", FIGURES)
def test_a_case(person: Person, tmp_path: Path, case: str) -> None:
    """The server's answers have the figures that expected.json calls right."""
    folder = shared_cases.folder(case, tmp_path)
    machine = person.machine(folder)
    run_once(machine)
    right = RIGHT[case]["right"]
    found = _figures(person)
    if "unknown_lines" in right:
        spool = Spool.open_to_read(machine.spool)
        assert spool is not None
        found["unknown_lines"] = (
            "at most 1 (the cut-off record)" if spool.number("unknown_lines") <= 1 else "too many"
        )
        spool.close()
    assert {name: _alike(found.get(name), wanted) for name, wanted in right.items()} == right
    assert run_once(machine).sent == 0


def _figures(person: Person) -> dict[str, Any]:
    """Everything that a case may ask for, under the names of expected.json."""
    calls, tokens, cost = person.totals()
    tools = [event["payload"] for event in person.events("tool")]
    started = Counter(each["tool"] for each in tools if each["status"] == "started")
    time = person.get("query/time")
    assert time["pending_days"] == 0
    sessions = person.get("query/sessions", lane="agent")
    assert sessions["pending_days"] == 0
    shown: Counter[str] = Counter()
    for session in sessions["items"]:
        shown.update(session["tools"])
    return {
        **{
            model: _named(*of_model, person.costs_of(model))
            for model, of_model in person.models().items()
        },
        **_named(calls, tokens, cost),
        "activity": len(person.events("activity")),
        "tool_started": started.total(),
        "tool_completed": len(tools) - started.total(),
        **started,
        "human_s": time["totals"]["human"],
        "agent_s": time["totals"]["agent"],
        "sessions.tools": dict(shown),
    }


def _named(calls: int, tokens: Tokens, cost: float | None) -> dict[str, Any]:
    return {
        "calls": calls,
        "in": tokens.input,
        "out": tokens.output,
        "read": tokens.cache_read,
        "write": tokens.cache_write,
        "usd": cost,
    }


def _alike(found: Any, wanted: Any) -> Any:
    """`found`, as far as `wanted` asks; dollars that differ by less than a double's noise."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return {name: _alike(found.get(name), value) for name, value in wanted.items()}
    if isinstance(wanted, float) and found == pytest.approx(wanted, abs=1e-9):
        return wanted
    return found


def test_16_a_worktree_belongs_to_its_project(person: Person, tmp_path: Path) -> None:
    """On Unix, Windows and WSL; a directory without a name is no project."""
    person.feed(shared_cases.folder("16-project-names", tmp_path))
    projects = {
        event["occurred_at"][14:16]: event["payload"]["project"]
        for event in person.events("activity")
    }
    assert len(projects) == 13
    assert [projects[minute] for minute in ("00", "01", "02", "04", "05", "09")] == ["alpha"] * 6
    assert projects["08"] == "프로젝트 ü"
    assert projects["12"] == "x"


def test_17_models_have_their_names_and_prices(person: Person, tmp_path: Path) -> None:
    """Each Claude costs its list price, however a cloud or a proxy spells it."""
    person.feed(shared_cases.folder("17-model-names-and-prices", tmp_path))
    costs = {model: cost for (_, model), cost in person.costs().items()}
    found = {model: costs.get(model) for model in INPUT_PRICES}
    assert found == pytest.approx(INPUT_PRICES)
    for other in ("GLM-4.6", "MiniMax-M2", "deepseek-chat", "kimi-k2-0905-preview", "o4-mini"):
        assert (costs[other] or 0) > 0
    assert "<synthetic>" not in costs
    unpriced = person.get("query/tokens")["unpriced_models"]
    assert "other:bedrock" in {each["model"] for each in unpriced}
    assert {model for model, cost in costs.items() if cost is None} == {
        each["model"] for each in unpriced
    }


def test_18_an_advisor_fast_mode_and_a_long_prompt(person: Person, tmp_path: Path) -> None:
    """An advisor's call is one of its own model; a long prompt costs more as a whole."""
    person.feed(shared_cases.folder("18-fast-advisor-longcontext", tmp_path))
    calls, tokens = person.models()["claude-opus-4-5-20251101"]
    advised = Tokens(159_419, 7_805)
    assert (calls, tokens) == (2, Tokens(1_000_000) + advised)
    assert person.models()["claude-haiku-4-5-20251001"] == (1, Tokens(2, 491, 226_584, 7_853))
    [fast] = [each for each in person.events("token_usage") if "speed" in each["payload"]]
    assert fast["payload"]["speed"] == "fast"
    long = person.costs_of("claude-sonnet-4-5-20250929")
    assert long == pytest.approx(0.3 * 6 + 0.001 * 22.5)


def test_20_tools_have_their_names(person: Person, tmp_path: Path) -> None:
    """Of MCP servers and built in; a part that could be a key is masked."""
    person.feed(shared_cases.folder("20-tool-names", tmp_path))
    names = {event["payload"]["tool"] for event in person.events("tool")}
    [log] = (tmp_path / "20-tool-names").rglob("*.jsonl")
    written = {
        block["name"]
        for line in log.read_text().splitlines()
        for block in json.loads(line)["message"]["content"]
    }
    assert len(written) == 25
    assert written - names == {"mcp__4f3c2a10-9c1b__run", "server-tool"}
    assert names - written == {"mcp__x-x__run", "other"}


def test_30_claude_config_dir_is_followed(person: Person, tmp_path: Path) -> None:
    """By the command, without any setting of ours about it, in a home without `.claude`."""
    folder = shared_cases.folder("30-claude-config-dir", tmp_path)
    machine = person.machine(folder)
    settings = person.environment(folder, "laptop") | {
        "CLAUDE_CONFIG_DIR": str(folder),
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT / "clients" / "python"),
    }
    del settings["VIBELOOM_CLAUDE_DIR"]
    done = subprocess.run(
        [sys.executable, "-m", "vibeloom.cli", "monitor", "run", "--once", "--json"],
        env={**environment(), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sent"] > 0
    right = RIGHT["30-claude-config-dir"]["right"]
    found = _figures(person)
    assert {name: found[name] for name in right} == right
    assert os.fspath(machine.home) == settings["VIBELOOM_KEY_PATH"]


def test_32_the_same_logs_on_two_machines_count_once(person: Person, tmp_path: Path) -> None:
    """Of one owner; another owner's copy is counted for them."""
    folder = shared_cases.folder("32-same-logs-two-machines", tmp_path)
    right = RIGHT["32-same-logs-two-machines"]["right"]
    person.feed(folder, "a")
    events = person.events()
    person.feed(folder, "b")
    found = _figures(person)
    assert {name: found[name] for name in right} == right
    assert person.events() == events
    stranger = newcomer(person.stack, tmp_path / "stranger")
    stranger.feed(folder)
    found = _figures(stranger)
    assert {name: found[name] for name in right} == right
