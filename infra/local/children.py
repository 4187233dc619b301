"""The stack's child processes: started, restarted when they die, ended, and found again.

Each carries the stack's mark in its environment, and so does whatever it starts in turn. That is
how a later start tells what an earlier one left behind from everybody else's processes: a process
number proves nothing, since numbers are used again.
"""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

Say = Callable[[str], None]

MARK = "VIBELOOM_STACK_ID"
MAX_LOG_BYTES = 5 * 1024 * 1024  # a larger log is set aside at the next start, one is kept
FIRST_PAUSE = 1.0  # seconds before a dead child is started again, doubled each time
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0  # a child that lived this long starts over with the first pause


@dataclass
class Backoff:
    """When to try again something that keeps failing. Times are seconds of a monotonic clock."""

    failures: int = 0
    not_before: float = 0.0
    began: float = 0.0

    def started(self, now: float) -> None:
        """It was started (again)."""
        self.began = now

    def failed(self, now: float) -> float:
        """It failed; the pause before the next try, in seconds."""
        if now - self.began >= STEADY_SECONDS:
            self.failures = 0
        pause = min(FIRST_PAUSE * 2.0**self.failures, LONGEST_PAUSE)
        self.failures += 1
        self.not_before = now + pause
        return pause


@dataclass
class Child:
    """One program that the stack keeps running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    directory: Path
    process: subprocess.Popen[bytes] | None = None
    backoff: Backoff = field(default_factory=Backoff)
    log_begins: int = 0  # bytes that earlier starts have written to the log

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log_begins = self.log.stat().st_size if self.log.exists() else 0
        output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.process = subprocess.Popen(  # noqa: S603
                self.command,
                cwd=self.directory,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            os.close(output)
        self.backoff.started(time.monotonic())

    def tail(self, lines: int = 6) -> str:
        """The end of what it has logged since it was started."""
        with self.log.open("rb") as file:
            file.seek(self.log_begins)
            text = file.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def exit_code(self) -> int | None:
        """How it ended, or None while it runs."""
        return None if self.process is None else self.process.poll()

    def keep_alive(self, now: float, say: Say) -> None:
        """Start it again if it died, later each time that it dies soon."""
        if self.process is None:
            if now >= self.backoff.not_before:
                self.start()
            return
        code = self.process.poll()
        if code is not None:
            self.process = None
            pause = self.backoff.failed(now)
            say(f"the {self.name} ended ({ending(code)}); starting it again in {pause:.0f} s")
            say(f"its last words are at the end of {self.log}")

    def stop(self, patience: float) -> None:
        """Ask it to finish, and wait for it that many seconds; `end` is for what remains."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def ending(code: int) -> str:
    """An exit code in words."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def marked(mark: str) -> list[psutil.Process]:
    """The living processes that carry this mark; never this process itself."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # somebody else's, or gone
    return found


def end(mark: str, patience: float) -> int:
    """End every process with this mark, gently and then not; how many there were."""
    processes = marked(mark)
    for process in processes:
        _signal(process.terminate)
    _, stubborn = psutil.wait_procs(processes, timeout=patience)
    for process in stubborn:
        _signal(process.kill)
    psutil.wait_procs(stubborn, timeout=5.0)
    return len(processes)


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return
