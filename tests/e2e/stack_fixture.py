"""The real thing for tests over HTTP: a durable Postgres, the functions' login, a gateway.

Nothing here is a stand-in: the processes are those of a deployment, and every answer came through
a socket. The supervisor of `infra/local` is left out, since tests kill what it would restart.
"""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import jwt
import psutil

from infra.local import database, gateway, postgres
from infra.local.access_token import ISSUE
from infra.local.settings import WITHHELD
from tests.support import Answer, Api, Database

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
START_SECONDS = 60.0  # a worker imports the rooms before it answers
STOP_SECONDS = 10.0
JWT_SECRET = "signs the people of the end-to-end tests in"

Body = bytes | str | Iterable[bytes] | None


@dataclass
class Gateway(Api):
    """A running gateway; called like the rooms in other tests, but over HTTP."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def __call__(
        self,
        method: str,
        target: str,
        body: object = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own; `body` is JSON unless it is bytes."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if body is None or isinstance(body, bytes):
            return self.request(method, target, body, sent)
        sent.setdefault("Content-Type", "application/json")
        return self.request(method, target, json.dumps(body), sent)

    def request(
        self, method: str, target: str, body: Body = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request; a body that is an iterable of bytes is sent in chunks, without a length."""
        with self.connection() as connection:
            connection.request(method, target, body, dict(headers or {}))
            response = connection.getresponse()
            text = response.read().decode()
            return Answer(response.status, dict(response.getheaders()), text)

    @contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        """A connection that is closed at the end of the block."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            yield connection
        finally:
            connection.close()

    def raw(self, sent: bytes) -> bytes:
        """What comes back for these bytes until the gateway hangs up."""
        with self.socket() as connection:
            connection.sendall(sent)
            received = b""
            with contextlib.suppress(ConnectionError):
                while chunk := connection.recv(65_536):
                    received += chunk
            return received

    def socket(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def workers(self) -> list[psutil.Process]:
        """The processes that answer requests."""
        return psutil.Process(self.process.pid).children()

    def lines(self) -> list[str]:
        """The log so far."""
        return self.log.read_text().splitlines()

    def wait_until_it_answers(self, path: str = "/healthz") -> None:
        """Until some answer comes, or AssertionError with the log."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.request("GET", path)
                return
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends it with all its workers."""
        family = [psutil.Process(self.process.pid), *self.workers()] if self.alive() else []
        self.process.terminate()
        _, stubborn = psutil.wait_procs(family, timeout=STOP_SECONDS)
        for process in stubborn:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait()

    def alive(self) -> bool:
        """Whether the process that owns the workers runs."""
        return self.process.poll() is None


@dataclass
class Stack:
    """A Postgres with the schema, and a gateway over it."""

    home: Path
    server: postgres.Server
    functions_url: str
    gateway: Gateway
    token: str  # the owner's, every scope

    @property
    def database(self) -> Database:
        """For a look behind the scenes."""
        return Database(self.server.url(database.DATABASE), self.functions_url)

    def person(self) -> str:
        """An access token of somebody new, who signed in over HTTP to make it."""
        claims = {
            "sub": str(uuid4()),
            "aud": "authenticated",
            "exp": datetime.now(UTC) + timedelta(minutes=5),
        }
        session = jwt.encode(claims, JWT_SECRET, algorithm="HS256")
        scopes = ["query:read", "sources:read", "sources:write", "tokens:read", "tokens:write"]
        scopes += ["profile:read", "profile:write"]
        body = {"name": "end to end", "scopes": scopes}
        answer = self.gateway("POST", "/v1/tokens", body, token=session)
        assert answer.status == 201, answer.text
        return str(answer.json["token"])


def environment(**settings: str) -> dict[str, str]:
    """What a gateway gets: this environment without anybody's settings, and with `settings`."""
    ours = ("VIBELOOM_", "VIBETEA_", "PG", "THREADS", "WORKERS", "GUNICORN_")
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ours) and name not in WITHHELD
    }
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **settings}


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_gateway(
    home: Path,
    database_url: str,
    name: str = "gateway",
    workers: int = WORKERS,
    arguments: Callable[[int], list[str]] | None = None,
    **settings: str,
) -> Iterator[Gateway]:
    """A gateway over a database that is there, or is not."""
    port, log = free_port(), home / f"{name}.log"
    fixed = {
        "THREADS": "1",
        "VIBELOOM_DATABASE_URL": database_url,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            arguments(port) if arguments else gateway.command(port, workers),
            cwd=ROOT,
            env=environment(**fixed | settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    running = Gateway(port, log, process)
    try:
        running.wait_until_it_answers()
        yield running
    finally:
        running.stop()


@contextmanager
def running_stack() -> Iterator[Stack]:
    """Everything, in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="vl-e2e-") as folder:
        home = Path(folder)
        server = postgres.start(home / "pg")
        try:
            database.create(server.url())
            admin_url = server.url(database.DATABASE)
            database.prepare(admin_url, lambda _: None)
            functions_url = database.functions_login(admin_url, "not a secret")
            token = owner_token(functions_url)
            with running_gateway(home, functions_url, VIBELOOM_JWT_SECRET=JWT_SECRET) as answering:
                yield Stack(home, server, functions_url, answering, token)
        finally:
            server.stop()


def owner_token(functions_url: str) -> str:
    """The first token of a deployment, made as whoever installs it makes it."""
    issued = subprocess.run(
        [sys.executable, "-c", ISSUE, "end to end"],
        env=environment(THREADS="1", VIBELOOM_DATABASE_URL=functions_url),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return issued.stdout
