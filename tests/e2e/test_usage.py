"""`vibeloom usage` and `statusline` over the real stack: what the logs say is what they show."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.stack_fixture import Stack
from tests.e2e.test_monitor import Machine

OPUS, HAIKU = "claude-opus-4-5-20251101", "claude-haiku-4-5-20251001"
UNKNOWN = "qwen-from-tomorrow"  # of a known maker; no list has a price for it
SESSION = "6c1d9a5e-0c4b-4f6e-8d52-{:012d}"


@pytest.fixture
def machine(stack: Stack, tmp_path: Path) -> Machine:
    """A registered machine of somebody new, whose logs reach from three days ago to now."""
    return registered(stack, tmp_path, "laptop", stack.person(), tmp_path / "laptop-logs")


def registered(stack: Stack, home: Path, name: str, token: str, logs: Path) -> Machine:
    write_logs(logs, datetime.now(UTC))
    url = f"http://127.0.0.1:{stack.gateway.port}"
    unique = f"{name}-{uuid4()}"  # every account of this stack shares the names of sources
    made = Machine(home, unique, logs, VIBELOOM_TOKEN=token, VIBELOOM_URL=url)
    made.run("monitor", "init")
    made.run("monitor", "register")
    return made


def write_logs(folder: Path, now: datetime) -> None:
    """Two sessions: streamed messages, a subagent's, an advisor's, and a model without a price."""
    lines: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    for number in range(40):
        session = 1 if number < 25 else 2
        at = now - timedelta(days=3) + timedelta(hours=1.75 * number)
        if number >= 30:
            at = now - timedelta(minutes=45 - number)
        usage = {
            "input_tokens": 100 + number,
            "output_tokens": 1,
            "cache_read_input_tokens": 50_000,
            "cache_creation_input_tokens": 900,
            "cache_creation": {"ephemeral_1h_input_tokens": 400},
        }
        final = usage | {"output_tokens": 500 + number}
        if number % 8 == 0:
            advisor = {"type": "advisor_message", "model": OPUS, "input_tokens": 7}
            final["iterations"] = [advisor]
        model = UNKNOWN if number == 33 else HAIKU if number % 3 else OPUS
        for seconds, said in ((0, usage), (2, final)):
            lines[session].append(
                {
                    "type": "assistant",
                    "timestamp": (at + timedelta(seconds=seconds)).isoformat(),
                    "sessionId": SESSION.format(session),
                    "uuid": f"{number}-{seconds}",
                    "cwd": "/home/ada/工程",
                    "isSidechain": number % 5 == 0,
                    "message": {"id": f"msg_{number}", "model": model, "usage": said},
                }
            )
    for session, records in lines.items():
        path = folder / "projects" / "p" / f"{SESSION.format(session)}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records))


def question(machine: Machine, *arguments: str) -> Any:
    """The JSON of `vibeloom usage`, whatever its exit code."""
    process = machine.start("usage", *arguments, "--json")
    out, err = process.communicate(timeout=60)
    assert process.returncode in (0, 1), err
    return json.loads(out)


def test_the_logs_and_the_server_agree(machine: Machine) -> None:
    """Before they are sent, all of the logs are missing; afterwards nothing is, and it stays so."""
    before = question(machine, "--check")
    assert (before["equal"], before["totals"]["server"]["calls"]) == (False, 0)
    machine.run("monitor", "run", "--once")
    after = question(machine, "--check")
    assert (after["equal"], after["differences"], after["waiting"]) == (True, [], 0)
    assert after["totals"]["local"]["calls"] == 40 + 5  # messages, and an advisor's calls
    [*_, last] = (machine_logs(machine)).splitlines()
    record = json.loads(last)
    record["message"]["usage"]["output_tokens"] += 1_000
    record["timestamp"] = datetime.now(UTC).isoformat()
    with log_of(machine).open("a") as file:
        file.write(json.dumps(record) + "\n")
    revised = question(machine, "--check")
    assert len(revised["differences"]) == 1
    machine.run("monitor", "run", "--once")
    assert question(machine, "--check")["equal"]


def log_of(machine: Machine) -> Path:
    folder = Path(machine.settings["VIBELOOM_CLAUDE_DIR"]) / "projects" / "p"
    return folder / f"{SESSION.format(2)}.jsonl"


def machine_logs(machine: Machine) -> str:
    return log_of(machine).read_text()


def test_every_grouping_has_the_same_totals(machine: Machine) -> None:
    """Days, months, sessions and blocks have the same calls, and name what has no price."""
    machine.run("monitor", "run", "--once")
    local = question(machine, "--check")["totals"]["local"]
    del local["calls"]
    for option in ("--daily", "--monthly", "--session", "--blocks"):
        answer = question(machine, option)
        totals = answer["totals"]
        assert {name: totals[name] for name in local} == local, option
        assert (totals["unpriced"], answer["unpriced_models"]) == (1, [UNKNOWN]), option
    costs = [
        question(machine, option)["totals"]["cost_usd"]
        for option in ("--daily", "--monthly", "--session", "--blocks")
    ]
    assert costs == [pytest.approx(costs[0])] * 4
    assert costs[0] > 0
    session = question(machine, "--session")["items"][-1]
    assert (session["project"], sorted(session["models"])) == (
        "工程",
        sorted([HAIKU, OPUS, UNKNOWN]),
    )
    for option in ("--daily", "--monthly", "--session", "--blocks"):
        shown = machine.run("usage", option)
        assert f"+ 1 call not in the cost; no price known for: {UNKNOWN}" in shown
        assert "$0.00" not in shown


def test_another_zone_has_other_days_and_the_same_totals(machine: Machine) -> None:
    """Both sides cut their days where the zone does."""
    machine.run("monitor", "run", "--once")
    for zone in ("Pacific/Kiritimati", "Asia/Kathmandu", "America/St_Johns"):
        answer = question(machine, "--check", "--timezone", zone)
        assert (answer["equal"], answer["timezone"]) == (True, zone)


def test_two_machines_of_one_person(stack: Stack, machine: Machine, tmp_path: Path) -> None:
    """The server has both; with --source each is compared with what it sent itself."""
    machine.run("monitor", "run", "--once")
    token = machine.settings["VIBELOOM_TOKEN"]
    other = registered(stack, tmp_path, "studio", token, tmp_path / "studio-logs")
    for path in (tmp_path / "studio-logs").rglob("*.jsonl"):
        path.write_text(path.read_text().replace("msg_", "studio_"))
    other.run("monitor", "run", "--once")
    together = question(machine, "--check")
    assert not together["equal"]
    assert together["totals"]["server"]["calls"] == 90
    assert any("--source" in hint for hint in together["hints"])
    for each in (machine, other):
        assert question(each, "--check", "--source", each.name)["equal"]


def test_the_status_line(machine: Machine) -> None:
    """Soon after it was asked for, it shows what `usage` says of today and of the block."""
    machine.run("monitor", "run", "--once")
    cache = Path(machine.settings["VIBELOOM_KEY_PATH"]) / "statusline.json"
    assert machine.run("statusline") == "vibeloom: fetching the first figures\n"
    deadline = time.monotonic() + 30
    while not cache.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    line = machine.run("statusline")
    today = question(machine, "--days", "1")["totals"]
    block = next(item for item in question(machine, "--blocks")["items"] if item["is_active"])
    mark = " + unpriced" if today["unpriced"] else ""
    assert line.startswith(
        f"${today['cost_usd']:,.2f}{mark} today · block ${block['cost_usd']:,.2f}"
    )
    assert line.endswith(" tok/min\n")
