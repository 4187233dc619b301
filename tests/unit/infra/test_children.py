"""Child processes: kept alive, found again, and ended only if they are ours."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from infra.local import children
from infra.local.children import LONGEST_PAUSE, MARK, STEADY_SECONDS, Backoff, Child

SLEEP = "import time; time.sleep(60)"
# Starts another like itself, in a session of its own, and waits.
PARENT = (
    "import subprocess, sys, time;"
    f"subprocess.Popen([sys.executable, '-c', '{SLEEP}'], start_new_session=True); time.sleep(60)"
)
STUBBORN = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
)


@pytest.fixture
def mark() -> Iterator[str]:
    """A stack's mark; what carries it is gone after the test."""
    mark = uuid4().hex
    yield mark
    children.end(mark, patience=1.0)


def child(mark: str, tmp_path: Path, code: str) -> Child:
    environment = {**os.environ, MARK: mark}
    return Child(
        "child", [sys.executable, "-c", code], environment, tmp_path / "child.log", tmp_path
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_pauses_double_up_to_a_limit_and_start_over_after_a_steady_life() -> None:
    """What dies at once is not started in a loop; what lived long is started soon."""
    backoff = Backoff()
    pauses = []
    for now in range(7):
        backoff.started(float(now))
        pauses.append(backoff.failed(float(now)))
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_PAUSE, LONGEST_PAUSE]
    backoff.started(100.0)
    assert backoff.failed(100.0 + STEADY_SECONDS) == 1.0


def test_a_dead_child_is_started_again_after_its_pause(mark: str, tmp_path: Path) -> None:
    """The message says how it ended and where its last words are."""
    said: list[str] = []
    kept = child(mark, tmp_path, SLEEP)
    kept.start()
    assert kept.process is not None
    kept.process.kill()
    kept.process.wait()
    now = time.monotonic()
    kept.keep_alive(now, said.append)
    assert "ended (signal 9)" in said[0]
    assert str(tmp_path / "child.log") in said[1]
    kept.keep_alive(now + 0.9, said.append)
    assert kept.process is None
    kept.keep_alive(now + 1.0, said.append)
    assert kept.exit_code() is None
    assert kept.process is not None
    kept.stop(5.0)


def test_what_a_child_started_is_found_by_its_mark(mark: str, tmp_path: Path) -> None:
    """A grandchild in a session of its own carries the mark too, and both are ended."""
    kept = child(mark, tmp_path, PARENT)
    kept.start()
    wait_for(lambda: len(children.marked(mark)) == 2)
    assert children.end(mark, patience=5.0) == 2
    assert children.marked(mark) == []


def test_a_process_with_another_mark_is_left_alone(mark: str, tmp_path: Path) -> None:
    """Two stacks of one person do not end each other's children."""
    other = subprocess.Popen([sys.executable, "-c", SLEEP], env={**os.environ, MARK: "other"})
    try:
        kept = child(mark, tmp_path, SLEEP)
        kept.start()
        wait_for(lambda: len(children.marked(mark)) == 1)
        children.end(mark, patience=5.0)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_child_that_will_not_go_is_killed(mark: str, tmp_path: Path) -> None:
    """SIGTERM first, and SIGKILL after the patience that it was given."""
    kept = child(mark, tmp_path, STUBBORN)
    kept.start()
    wait_for(lambda: (tmp_path / "child.log").read_text() != "")
    kept.stop(0.1)
    assert kept.exit_code() == -9


def test_a_long_log_is_set_aside(
    mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logs do not grow without end; the generation before is kept."""
    monkeypatch.setattr(children, "MAX_LOG_BYTES", 10)
    (tmp_path / "child.log").write_text("x" * 11)
    kept = child(mark, tmp_path, "print('new')")
    kept.start()
    wait_for(lambda: kept.exit_code() == 0)
    assert kept.tail() == "new"
    assert (tmp_path / "child.log.1").read_text() == "x" * 11


def test_the_tail_is_what_this_start_has_logged(mark: str, tmp_path: Path) -> None:
    """The last six lines, and none that an earlier run wrote."""
    (tmp_path / "child.log").write_text("an error of yesterday\n")
    short = child(mark, tmp_path, "print('new')")
    short.start()
    wait_for(lambda: short.exit_code() == 0)
    assert short.tail() == "new"
    long = child(mark, tmp_path, "print(*range(20), sep='\\n')")
    long.start()
    wait_for(lambda: long.exit_code() == 0)
    assert long.tail() == "\n".join(map(str, range(14, 20)))
