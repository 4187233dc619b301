"""The real command in a real process: killed at any moment, stopped by signals, started twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.client import logs
from tests.unit.client.conftest import Env
from tests.unit.client.loopback import Answer, Loopback, Request
from vibeloom.settings import Settings

CLIENT = Path(__file__).parents[3] / "clients" / "python"
KILLS = 12
DEADLINE = 20.0  # seconds; reached only when something is broken


@contextmanager
def _running(env: Env, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "vibeloom.cli", *arguments],
        env={**os.environ, **env, "PYTHONPATH": str(CLIENT), "PYTHONWARNINGS": "error"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _until(condition: Callable[[], bool]) -> None:
    """Wait for another process; the length of the wait is nothing that is tested."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "the other process did not get there"
        time.sleep(0.01)


def _finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=DEADLINE)
    return process.returncode, stdout, stderr


def test_killed_at_any_moment_every_event_arrives_exactly_once(
    env: Env, configured: Settings, server: Loopback, log: Path
) -> None:
    """Kills while reading, sending and acknowledging, with logs that grow between, lose nothing."""
    dice = random.Random(20260914)
    written = 0

    def grow(count: int) -> None:
        nonlocal written
        for number in range(written, written + count):
            moment = f"2026-09-14T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
            path = log.with_name(f"{number % 3}.jsonl")
            logs.write(path, logs.prompt(moment))
        written += count

    def slowly(_: Request) -> Answer | None:
        time.sleep(dice.uniform(0, 0.03))  # so that kills also hit between arrival and answer
        return (503, {}, {}) if dice.random() < 0.1 else None

    server.always = slowly
    grow(900)
    began = time.monotonic()
    with _running(env, "monitor", "run", "--once") as process:
        _finish(process)
    lasts = time.monotonic() - began  # as long as it takes on this machine at this moment
    killed = 0
    for _ in range(KILLS):
        grow(900)
        with _running(env, "monitor", "run", "--once") as process:
            time.sleep(dice.uniform(0.2, 1.0) * lasts)
            killed += process.poll() is None
            process.kill()
    server.always = None
    with _running(env, "monitor", "run", "--once", "--json") as process:
        code, stdout, _ = _finish(process)
    assert (code, json.loads(stdout)["waiting"]) == (0, 0)
    arrived = [key for key, event in server.events.items() if event["type"] == "activity"]
    assert len(arrived) == written
    assert len({event["timestamp"] for event in server.events.values()}) == written
    assert sum(event["type"] == "session" for event in server.events.values()) == 1
    assert killed >= KILLS // 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_flushes_a_running_monitor(
    env: Env, configured: Settings, server: Loopback, log: Path, number: signal.Signals
) -> None:
    """What waits for its batch, and what was written a moment ago, is sent before the end."""
    env["VIBELOOM_BATCH_INTERVAL_SECS"] = "3600"
    logs.write(log, logs.prompt("2026-09-14T09:00:00Z"))
    with _running(env, "monitor", "run") as process:
        _until(lambda: len(server.events) == 2)  # an earlier run's events do not wait
        logs.write(log, logs.prompt("2026-09-14T09:01:00Z"))
        time.sleep(0.3)
        logs.write(log, logs.prompt("2026-09-14T09:02:00Z"))
        process.send_signal(number)
        code, _, stderr = _finish(process)
    assert (code, len(server.events)) == (0, 4), stderr
    assert "Traceback" not in stderr


def test_a_running_monitor_notices_new_logs(
    env: Env, configured: Settings, server: Loopback, log: Path
) -> None:
    """A folder that appears with a log in it, in a home without any, is found and sent."""
    env["VIBELOOM_BUFFER_SIZE"] = "1"
    configured.project_folders[0].rmdir()
    with _running(env, "monitor", "run") as process:
        time.sleep(0.5)
        logs.write(log, logs.prompt())
        _until(lambda: len(server.events) == 2)
        logs.write(log, logs.answer())
        _until(lambda: len(server.events) == 3)
        process.terminate()
        assert _finish(process)[0] == 0


def test_a_flush_at_the_end_that_fails_says_so(
    env: Env, configured: Settings, server: Loopback, log: Path
) -> None:
    """Exit code 1, one line, and a second signal does not wait for the schedule."""
    env["VIBELOOM_RETRY_LIMIT"] = "10"
    server.always = lambda _: (503, {"error": "unavailable", "message": "later"}, {})
    logs.write(log, logs.prompt())
    with _running(env, "monitor", "run") as process:
        _until(lambda: len(server.requests) >= 1)
        process.terminate()
        _until(lambda: len(server.requests) >= 2)
        process.terminate()
        code, _, stderr = _finish(process)
    assert code == 1
    assert "2 events wait in the spool" in stderr
    assert "Traceback" not in stderr


def test_a_second_monitor_refuses(
    env: Env, configured: Settings, server: Loopback, log: Path
) -> None:
    """Two monitors on one spool would send everything twice."""
    logs.write(log, logs.prompt())
    with _running(env, "monitor", "run") as first:
        _until(lambda: len(server.events) == 2)
        with _running(env, "monitor", "run", "--once") as second:
            code, _, stderr = _finish(second)
        assert code == 1
        assert stderr.startswith("error: another monitor is at work on the spool")
        assert stderr.count("\n") == 1
        first.terminate()
        assert _finish(first)[0] == 0
