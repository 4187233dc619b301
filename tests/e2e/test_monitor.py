"""The real monitor against the real stack: what it reads arrives, once, whatever kills it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local.samples import write_sample_sessions
from tests.e2e.stack_fixture import ROOT, Stack, environment, running_gateway

KILLS = 15
SENT = (
    "select e.id, e.occurred_at, e.kind, e.payload from events as e"
    " join sources as s on s.id = e.source_id where s.name = %s order by 2, 1"
)


class Machine:
    """A machine with session logs and a monitor, settings in its environment."""

    def __init__(self, home: Path, name: str, logs: Path, **settings: str) -> None:
        self.name = name
        self.settings = {
            "VIBELOOM_KEY_PATH": str(home / name),
            "VIBELOOM_SOURCE_ID": name,
            "VIBELOOM_CLAUDE_DIR": str(logs),
            "PYTHONPATH": str(ROOT / "clients" / "python"),
        } | settings

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "vibeloom.cli", *arguments],
            env=environment(**self.settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out

    def run_json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))


def registered(stack: Stack, home: Path, name: str, logs: Path) -> Machine:
    """A machine with a key that the server knows."""
    url = f"http://127.0.0.1:{stack.gateway.port}"
    # Somebody of their own: an owner's events count once, whichever machine sends them.
    machine = Machine(home, name, logs, VIBELOOM_TOKEN=stack.person(), VIBELOOM_URL=url)
    machine.run("monitor", "init")
    machine.run("monitor", "register")
    return machine


def meaning(rows: list[dict[str, Any]]) -> list[str]:
    """Rows of one source without what differs between sources."""
    return sorted(json.dumps([str(r["occurred_at"]), r["kind"], r["payload"]]) for r in rows)


def test_what_was_read_is_what_the_heatmap_shows(stack: Stack, tmp_path: Path) -> None:
    """Every event of the logs is stored, counted in the answer, and not sent a second time."""
    logs = tmp_path / "claude"
    write_sample_sessions(logs, datetime.now(UTC), days=4)
    machine = registered(stack, tmp_path, "replay", logs)
    first = machine.run_json("monitor", "run", "--once")
    rows = stack.database.rows(SENT, "replay")
    assert first["sent"] == len(rows) > 50
    answer = machine.run_json("heatmap", "--days", "7", "--source", "replay")
    assert sum(hour["eventCount"] for hour in answer["aggregates"]) == len(rows)
    assert machine.run_json("monitor", "run", "--once")["sent"] == 0


def test_a_killed_monitor_loses_and_doubles_nothing(stack: Stack, tmp_path: Path) -> None:
    """Killed at random moments and started again, it has sent what an undisturbed one sends."""
    logs = tmp_path / "claude"
    write_sample_sessions(logs, datetime.now(UTC), days=7)
    calm = registered(stack, tmp_path, "calm", logs)
    calm.run("monitor", "run", "--once")
    killed = registered(stack, tmp_path, "killed", logs)
    killed.settings["VIBELOOM_BUFFER_SIZE"] = "50"
    chance = random.Random(7)
    for _ in range(KILLS):
        process = killed.start("monitor", "run", "--once")
        time.sleep(0.3 + chance.random() * 0.7)
        process.kill()
        process.communicate()
    killed.run("monitor", "run", "--once")
    expected = meaning(stack.database.rows(SENT, "calm"))
    assert len(expected) > 500
    assert meaning(stack.database.rows(SENT, "killed")) == expected


def test_a_running_monitor_sends_what_is_written(stack: Stack, tmp_path: Path) -> None:
    """A line that is appended arrives within the interval; SIGTERM sends the rest and ends well."""
    logs = tmp_path / "claude"
    (logs / "projects" / "p").mkdir(parents=True)
    machine = registered(stack, tmp_path, "watcher", logs)
    machine.settings["VIBELOOM_BATCH_INTERVAL_SECS"] = "1"
    log = logs / "projects" / "p" / "6c1d9a5e-0c4b-4f6e-8d52-1b2f3a4c5d6e.jsonl"
    process = machine.start("monitor", "run")

    def append(second: int) -> None:
        entry = {
            "type": "user",
            "timestamp": f"2026-11-01T10:00:{second:02d}.000Z",
            "sessionId": log.stem,
            "cwd": "/home/ada/loom",
            "message": {"role": "user", "content": "a prompt that stays here"},
        }
        with log.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def kinds() -> list[str]:
        return sorted(row["kind"] for row in stack.database.rows(SENT, "watcher"))

    try:
        append(1)
        deadline = time.monotonic() + 30
        while not kinds() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert kinds() == ["activity", "session"]
        append(2)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert kinds() == ["activity", "activity", "session"]
    finally:
        process.kill()
        process.communicate()


def test_a_key_is_replaced_without_a_gap(stack: Stack, tmp_path: Path) -> None:
    """A new key is added to the source, the old one revoked, and the monitor goes on sending."""
    logs = tmp_path / "claude"
    write_sample_sessions(logs, datetime.now(UTC), days=4)
    machine = registered(stack, tmp_path, "rotating", logs)
    machine.run("monitor", "init", "--force")
    refused = machine.start("monitor", "register")
    assert "--add-key" in refused.communicate(timeout=60)[1]
    assert refused.returncode == 1
    assert machine.run_json("monitor", "register", "--add-key")["created"] is True
    assert machine.run_json("monitor", "register", "--add-key")["created"] is False
    token = machine.settings["VIBELOOM_TOKEN"]
    [source] = [
        item
        for item in stack.gateway("GET", "/v1/sources", token=token).json["items"]
        if item["name"] == "rotating"
    ]
    old = f"/v1/sources/{source['id']}/keys/{source['keys'][0]['id']}"
    assert stack.gateway("DELETE", old, token=token).status == 204
    assert machine.run_json("monitor", "run", "--once")["sent"] > 0


def test_a_vibetea_deployment_moves_without_changing_its_monitors(
    stack: Stack, tmp_path: Path
) -> None:
    """VibeTea's own settings on both sides, no registration, and the subscriber token reads."""
    logs = tmp_path / "claude"
    write_sample_sessions(logs, datetime.now(UTC), days=4)
    machine = Machine(tmp_path, "old-mac", logs)
    machine.run("monitor", "init")
    key = (tmp_path / "old-mac" / "key.pub").read_text().strip()
    with running_gateway(
        tmp_path,
        stack.functions_url,
        VIBETEA_PUBLIC_KEYS=f"old-mac:{key}",
        VIBETEA_SUBSCRIBER_TOKEN="dev-token-for-testing",
    ) as gateway:
        machine.settings = {
            "PYTHONPATH": machine.settings["PYTHONPATH"],
            "VIBETEA_SUPABASE_URL": f"http://127.0.0.1:{gateway.port}/functions/v1",
            "VIBETEA_SOURCE_ID": "old-mac",
            "VIBETEA_KEY_PATH": str(tmp_path / "old-mac"),
            "VIBETEA_CLAUDE_DIR": str(logs),
            "HOME": os.fspath(tmp_path),
        }
        sent = machine.run_json("monitor", "run", "--once")["sent"]
        answer = gateway("GET", "/functions/v1/query?source=old-mac", token="dev-token-for-testing")
    assert sent > 0
    assert sum(hour["eventCount"] for hour in answer.json["aggregates"]) == sent
