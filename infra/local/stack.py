"""The local stack: Postgres, migrations, gateway and worker, kept alive until told to stop.

One supervisor process owns them. Ctrl-C or SIGTERM stops what it started, in order; if it is killed
itself, the next start ends or adopts what it left.
"""

import contextlib
import fcntl
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psycopg

from functions.core.config import ConfigError, load
from infra.local import children, database, gateway, postgres
from infra.local.children import Backoff, Child, Say
from infra.local.settings import ROOT, Settings
from migrations.apply import MigrationError

READY_SECONDS = 90.0  # the gateway imports every room before it answers
GATEWAY_GRACE = 35.0  # gunicorn gives requests in flight 30 s
# An owner with a very large history needs longer transactions than a request may take.
WORKER_LIMITS = {
    "VIBELOOM_STATEMENT_TIMEOUT_SECONDS": "400",
    "VIBELOOM_TRANSACTION_TIMEOUT_SECONDS": "420",
    "VIBELOOM_IDLE_TRANSACTION_TIMEOUT_SECONDS": "300",
}
WORKER_GRACE = 15.0  # a task is bounded, and may be cut off: it is done again later


class StackError(Exception):
    """The stack cannot start; the message says what to do."""


class StopRequestedError(BaseException):
    """A signal asked the stack to stop. Not an Exception: nothing may swallow it."""


@dataclass(frozen=True)
class Secrets:
    """What the stack made up for itself on its first start."""

    stack_id: str
    functions_password: str = field(repr=False)


@dataclass
class Stack:
    """A running stack."""

    settings: Settings
    secrets: Secrets
    say: Say
    functions_url: str = ""
    server: postgres.Server | None = None  # None for an administrator's
    server_backoff: Backoff = field(default_factory=Backoff)
    gateway: Child | None = None
    worker: Child | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What every child of the stack gets."""
        return {
            **self.settings.environment,
            children.MARK: self.secrets.stack_id,
            "VIBELOOM_DATABASE_URL": self.functions_url,
            "PROMETHEUS_MULTIPROC_DIR": str(self._counters),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def _counters(self) -> Path:
        """Where the gateway's workers keep what `/metrics` sums; of no worth to the next start."""
        return self.settings.home / "metrics"

    def start(self) -> None:
        """Bring everything up, or raise StackError, PostgresError or MigrationError."""
        self._check_configuration()
        if left := children.end(self.secrets.stack_id, patience=5.0):
            self.say(f"ended {left} processes that an earlier run left behind")
        _check_port(self.settings.port)
        self.functions_url = self._database()
        shutil.rmtree(self._counters, ignore_errors=True)
        self._counters.mkdir()
        # One request per process: the rooms keep the current request in a class attribute.
        command = gateway.command(self.settings.port, self.settings.workers)
        self.gateway = self._child("gateway", *command[1:], THREADS="1")
        self.gateway.start()
        self._wait_until_ready(self.gateway)
        chosen = WORKER_LIMITS.keys() & self.settings.environment.keys()
        limits = {} if chosen else WORKER_LIMITS
        self.worker = self._child("worker", "-m", "functions.work", "run", **limits)
        self.worker.start()

    def watch(self) -> NoReturn:
        """Keep everything alive; never returns, StopRequestedError ends it."""
        while True:
            time.sleep(0.25)
            now = time.monotonic()
            self._keep_postgres_alive(now)
            for child in (self.gateway, self.worker):
                if child is not None:
                    child.keep_alive(now, self.say)

    def stop(self) -> None:
        """Stop what was started: requests in flight are answered first, the database goes last."""
        if self.gateway is not None:
            self.gateway.stop(GATEWAY_GRACE)
        if self.worker is not None:
            self.worker.stop(WORKER_GRACE)
        children.end(self.secrets.stack_id, patience=5.0)
        if self.server is not None:
            self.server.stop()

    def answer(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and body of a GET to the gateway; status 0 if it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.port, timeout=10)
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)
        finally:
            connection.close()

    def _check_configuration(self) -> None:
        """What the functions would refuse is said now, not by a log."""
        usable = self.settings.functions_url or "postgresql://not-yet"
        try:
            load({**self.settings.environment, "VIBELOOM_DATABASE_URL": usable, "THREADS": "1"})
        except ConfigError as error:
            raise StackError(str(error)) from None

    def _child(self, name: str, *arguments: str, **environment: str) -> Child:
        return Child(
            name=name,
            command=[sys.executable, *arguments],
            environment={**self.environment, **environment},
            log=self.settings.home / f"{name}.log",
            directory=ROOT,
        )

    def _database(self) -> str:
        """Start Postgres unless there is one, prepare the database; the functions' address."""
        admin_url = self.settings.database_url
        if admin_url is None:
            self.server = postgres.start(self.settings.home / "postgres", say=self.say)
            database.create(self.server.url())
            admin_url = self.server.url(database.DATABASE)
        try:
            database.prepare(admin_url, self.say)
            if self.settings.functions_url is not None:
                return _reachable(self.settings.functions_url)
            return database.functions_login(admin_url, self.secrets.functions_password)
        except psycopg.Error as error:
            which = "the database" if self.settings.database_url is None else "DATABASE_URL"
            raise StackError(f"{which}: {error}") from error

    def _wait_until_ready(self, gateway: Child) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            status, body = self.answer("/readyz")
            code = gateway.exit_code()
            if code is not None:
                raise StackError(
                    f"the gateway ended ({children.ending(code)}); the end of {gateway.log} says:\n"
                    f"{gateway.tail()}"
                )
            if status == http.client.OK:
                return
            if time.monotonic() > deadline:
                raise StackError(
                    f"the gateway is not ready after {READY_SECONDS:.0f} s "
                    f"(GET /readyz: {status or 'no answer'} {body[:200]}); "
                    f"the end of {gateway.log} says:\n{gateway.tail()}"
                )
            time.sleep(0.05)

    def _keep_postgres_alive(self, now: float) -> None:
        if self.server is None or self.server.running() or now < self.server_backoff.not_before:
            return
        self.say("Postgres is gone; starting it again")
        self.server_backoff.started(now)
        try:
            self.server = postgres.start(self.server.data, say=self.say)
            self.say("Postgres answers again")
        except postgres.PostgresError as error:
            pause = self.server_backoff.failed(now)
            self.say(f"{error}\ntrying again in {pause:.0f} s")


def serve(settings: Settings, say: Say, when_up: Callable[[Stack], None]) -> int:
    """Run the stack until a signal stops it; the exit code. `when_up` runs once all answers."""
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        say(f"error: VIBELOOM_HOME={settings.home} cannot be used: {error.strerror}")
        return 1
    try:
        with _sole_owner(settings), _signals_stop():
            stack = Stack(settings, _secrets(settings.home), say)
            try:
                stack.start()
                when_up(stack)
                stack.watch()
            except StopRequestedError:
                say("stopping …")
                raise
            finally:
                _ignore_signals()
                stack.stop()
    except StopRequestedError:
        say("stopped")
        return 0
    except (StackError, postgres.PostgresError, MigrationError) as error:
        say(f"error: {error}")
    return 1


def _reachable(functions_url: str) -> str:
    """The address, if one can log in there."""
    try:
        psycopg.connect(functions_url, connect_timeout=10).close()
    except psycopg.Error as error:
        raise StackError(f"VIBELOOM_DATABASE_URL: the functions cannot log in: {error}") from error
    return functions_url


@contextlib.contextmanager
def _sole_owner(settings: Settings) -> Iterator[None]:
    """Hold the home's lock; the kernel frees it when this process ends, however that happens."""
    lock = os.open(settings.home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 200).decode(errors="replace").strip() or "another process"
            raise StackError(
                f"a stack already runs in {settings.home}: {owner}; stop it there with Ctrl-C, "
                "or give this one another VIBELOOM_HOME and PORT"
            ) from None
        os.truncate(lock, 0)
        os.write(lock, f"{settings.url}, process {os.getpid()}\n".encode())
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def _signals_stop() -> Iterator[None]:
    def request(number: int, frame: FrameType | None) -> None:
        _ignore_signals()
        raise StopRequestedError

    before = {}
    for number in _STOPPING:
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue  # started by nohup: the terminal may go
        before[number] = signal.signal(number, request)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    """A second Ctrl-C must not leave half of it running."""
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)


_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _secrets(home: Path) -> Secrets:
    path = home / "secrets.json"
    try:
        kept = json.loads(path.read_text())
        return Secrets(kept["stack_id"], kept["functions_password"])
    except FileNotFoundError:
        made = Secrets(secrets.token_hex(16), secrets.token_urlsafe(32))
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(
            f"{path} cannot be read ({error}): remove it, and it is made anew"
        ) from error
    write_private(
        path,
        json.dumps({"stack_id": made.stack_id, "functions_password": made.functions_password}),
    )
    return made


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, as a whole or not at all."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StackError(
                f"port {port} is not free ({error.strerror}): "
                f"choose another, as in PORT={port + 1} make serve"
            ) from error
