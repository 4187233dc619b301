"""The real local stack, as a process of its own: it starts, stops, recovers, and leaves nothing."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
import pytest

from infra.local import children, postgres

pytestmark = pytest.mark.deployment("infra/local", "infra/serving.py", "functions/gateway.py")

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
SETTINGS = ("PORT", "WORKERS", "DATABASE_URL", "VIBELOOM_HOME", "VIBELOOM_DATABASE_URL")


@dataclass
class Run:
    """One run of `python -m infra.local`."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def said(self) -> str:
        return self.output.read_text()

    def says(self, words: str) -> None:
        """Wait until the words stand in its output."""
        wait_for(lambda: words in self.said, lambda: self.said)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@dataclass
class Place:
    """A home and a port for stacks of one test."""

    home: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def start(self, command: str = "serve", **environment: str) -> Run:
        """Start a stack and return at once."""
        output = self.home.parent / f"output-{len(self.runs)}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "infra.local", command],
                cwd=ROOT,
                env={**self.environment, **environment},
                stdout=file,
                stderr=file,
            )
        self.runs.append(Run(process, output))
        return self.runs[-1]

    def serve(self, command: str = "serve", **environment: str) -> Run:
        """Start a stack and return once it has introduced itself."""
        run = self.start(command, **environment)
        done = re.compile(r"stop +Ctrl-C")
        wait_for(
            lambda: done.search(run.said) is not None or run.process.poll() is not None,
            lambda: run.said,
        )
        assert run.process.poll() is None, run.said
        return run

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and body; 0 if nothing answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except OSError as error:
            return 0, str(error)
        finally:
            connection.close()

    @property
    def token(self) -> str:
        return (self.home / "access-token").read_text().strip()

    def total(self) -> int:
        """How many events the owner's last seven days have."""
        status, body = self.get("/v1/query?days=7", Authorization=f"Bearer {self.token}")
        assert status == 200, body
        return sum(map(int, re.findall(r'"(?:eventCount|event_count|count)": ?(\d+)', body)))

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for this home."""
        found = []
        with contextlib.suppress(OSError, ValueError):
            mark = json.loads((self.home / "secrets.json").read_text())["stack_id"]
            found = children.marked(mark)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if str(process.cwd()).startswith(str(self.home)):
                    found.append(process)
        return found

    def sockets(self) -> list[Path]:
        return [path for path in self.home.rglob("*") if path.is_socket()]


def wait_for(condition: Callable[[], bool], explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def place() -> Iterator[Place]:
    """A home of its own; whatever a failed test leaves running there is ended."""
    with tempfile.TemporaryDirectory(prefix="vibeloom-e2e-") as folder:
        home, port = Path(folder) / "home", free_port()
        inherited = {k: v for k, v in os.environ.items() if k not in SETTINGS}
        environment = {**inherited, "VIBELOOM_HOME": str(home), "PORT": str(port)}
        place = Place(home, port, environment)
        try:
            yield place
        finally:
            for run in place.runs:
                if run.process.poll() is None:
                    run.process.kill()
                    run.process.wait()
            for process in place.processes():
                with contextlib.suppress(psutil.Error):
                    process.kill()


def test_it_answers_refuses_a_second_start_and_leaves_nothing(place: Place) -> None:
    """One stack per home; Ctrl-C ends every process and socket, with exit code 0."""
    run = place.serve()
    assert place.get("/readyz")[0] == 200
    assert (place.home / "access-token").stat().st_mode & 0o777 == 0o600
    assert place.token not in run.said
    assert place.total() == 0

    second = place.start()
    assert second.process.wait(30) == 1
    assert f"already runs in {place.home}" in second.said

    assert run.stop() == 0
    assert place.processes() == []
    assert place.sockets() == []
    assert place.get("/readyz")[0] == 0


def test_a_second_start_keeps_the_data_and_the_token(place: Place) -> None:
    """SIGTERM is as good as Ctrl-C; the token of the first start is accepted by the second."""
    run = place.serve()
    token = place.token
    assert run.stop(signal.SIGTERM) == 0
    place.serve()
    assert place.token == token
    assert place.get("/v1/query?days=7", Authorization=f"Bearer {token}")[0] == 200


def test_after_kill_9_of_the_supervisor_the_next_start_takes_over(place: Place) -> None:
    """The gateway and worker left behind are ended, the Postgres is adopted, the data is there."""
    run = place.serve()
    token = place.token
    left = {process.pid for process in place.processes()}
    run.process.kill()
    run.process.wait()
    again = place.serve()
    assert "processes that an earlier run left behind" in again.said
    assert "already runs" in again.said
    assert place.get("/v1/query?days=7", Authorization=f"Bearer {token}")[0] == 200
    assert {process.pid for process in place.processes()} != left
    assert again.stop() == 0
    assert place.processes() == []


def test_after_kill_9_of_everything_the_next_start_recovers(place: Place) -> None:
    """A power cut: pid files and sockets stay, and the number is somebody else's by now."""
    run = place.serve()
    token = place.token
    run.process.kill()
    run.process.wait()
    for process in place.processes():
        with contextlib.suppress(psutil.Error):
            process.kill()
    wait_for(lambda: place.processes() == [], lambda: str(place.processes()))
    pid_file = place.home / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n" + pid_file.read_text().split("\n", 1)[1])
    place.serve()
    assert place.token == token
    assert place.get("/v1/query?days=7", Authorization=f"Bearer {token}")[0] == 200


def test_a_killed_postgres_is_started_again(place: Place) -> None:
    """The stack says so, and the gateway answers again without a restart."""
    run = place.serve()
    pid = postgres.Server(place.home / "postgres", place.home / "postgres").pid
    os.kill(pid, signal.SIGKILL)
    run.says("Postgres is gone; starting it again")
    run.says("Postgres answers again")
    wait_for(lambda: place.get("/readyz")[0] == 200, lambda: run.said)
    assert place.total() == 0
    assert run.process.poll() is None


def test_a_killed_gateway_is_started_again(place: Place) -> None:
    """Its workers go with it, the port is free again, and the message names its log."""
    run = place.serve()
    gateway = next(
        process
        for process in place.processes()
        if "gunicorn" in process.cmdline() and process.ppid() == run.process.pid
    )
    gateway.kill()
    run.says("the gateway ended (signal 9)")
    run.says("gateway.log")
    wait_for(lambda: place.get("/readyz")[0] == 200, lambda: run.said)


def test_a_request_in_flight_is_answered_before_the_end(place: Place) -> None:
    """SIGTERM in the middle of an upload: the rest is read, and the answer comes."""
    run = place.serve()
    with socket.create_connection(("127.0.0.1", place.port), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 2\r\nConnection: close\r\n\r\n["
        )
        # The accept queue is not the worker: another request, answered later, shows that it began.
        assert place.get("/healthz")[0] == 200
        run.process.send_signal(signal.SIGTERM)
        run.says("stopping")
        connection.sendall(b"]")
        answer = connection.makefile("rb").read()
    assert re.match(rb"HTTP/1\.1 4\d\d ", answer), answer
    assert run.process.wait(60) == 0


def test_a_closed_terminal_stops_everything(place: Place) -> None:
    """After SIGHUP there is nobody to print to, and still nothing is left behind."""
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.local", "serve"],
        cwd=ROOT,
        env=place.environment,
        stdout=write,
        stderr=write,
        # These tests may run under nohup, which has it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509
    )
    os.close(write)
    place.runs.append(Run(process, place.home.parent / "no-output"))
    wait_for(lambda: place.get("/v1/query")[0] == 401, lambda: "it never answered")
    os.close(read)
    process.send_signal(signal.SIGHUP)
    process.wait(60)
    assert place.processes() == []
    assert place.sockets() == []


def test_a_taken_port_is_a_clear_error(place: Place) -> None:
    """Nothing is started, and the message says what to do."""
    with socket.create_server(("127.0.0.1", place.port)):
        run = place.start()
        assert run.process.wait(30) == 1
    assert f"port {place.port} is not free" in run.said
    assert f"PORT={place.port + 1} make serve" in run.said
    assert place.processes() == []


UNUSABLE = [
    ("VIBELOOM_LOG_LEVEL", "LOUD"),
    ("VIBETEA_PUBLIC_KEYS", "foo"),
    ("VIBELOOM_JWT_SECRET", "short"),
    ("VIBELOOM_DATABASE_URL", "postgresql://x@127.0.0.1:1/nothing"),
    ("DATABASE_URL", "nonsense"),
    ("VIBELOOM_HOME", "/proc/none"),
]


@pytest.mark.parametrize(("name", "value"), UNUSABLE)
def test_an_unusable_setting_is_named(place: Place, name: str, value: str) -> None:
    """One line says which and why, the exit code is 1, and nothing keeps running."""
    run = place.start(**{name: value})
    assert run.process.wait(60) == 1
    [line] = [line for line in run.said.splitlines() if line.startswith("error: ")]
    assert name in line
    assert "Traceback" not in run.said
    assert place.processes() == []


def test_an_administrators_postgres_is_used_and_left_alone(place: Place) -> None:
    """With DATABASE_URL no Postgres is started, that one is bootstrapped, migrated and stays up."""
    server = postgres.start(place.home.parent / "admin", postgres.THROWAWAY)
    try:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("create database theirs")
        for _ in range(2):
            run = place.serve(DATABASE_URL=server.url("theirs"))
            assert place.get("/readyz")[0] == 200
            assert place.total() == 0
            assert run.stop() == 0
        assert not (place.home / "postgres").exists()
        with psycopg.connect(server.url("theirs"), autocommit=True) as connection:
            row = connection.execute("select to_regprocedure('auth.uid()') is not null").fetchone()
        assert row == (True,)
    finally:
        server.stop()


def test_the_demonstration_draws_a_heatmap_and_a_second_one_adds_nothing_twice(
    place: Place,
) -> None:
    """`make run` goes through the real monitor; key, source and events are reused."""
    run = place.serve("run")
    assert "The last 7 days" in run.said
    assert "curl -H 'Authorization: Bearer " in run.said
    total = place.total()
    assert total > 0
    assert run.stop() == 0
    run = place.serve("run")
    assert "the demonstration failed" not in run.said
    assert place.total() == total
    assert run.stop() == 0
    assert place.processes() == []
