"""A PgBouncer of our own before a Postgres of our own, as Supabase's pooler stands before its."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psycopg

from infra.local import binaries, postgres
from tests import tools

PASSWORD = "let-me-through"  # of this pooler's users; Postgres itself trusts its socket
START_SECONDS = 10.0
MAX_WAIT = 10  # s; a client that gets no server connection by then is told so
SETTINGS = """
[databases]
* = host={server}

[pgbouncer]
unix_socket_dir = {home}
listen_addr = {address}
listen_port = {port}
auth_type = scram-sha-256
auth_file = {home}/users
admin_users = pooler
logfile = {home}/log
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 100
query_wait_timeout = {wait}
server_login_retry = 0.2
{prepared}
"""


@dataclass
class Pooler:
    """A running PgBouncer."""

    home: Path  # its settings, its log, its socket
    port: int
    address: str  # of its TCP door, or nothing
    process: subprocess.Popen[bytes]

    def url(self, database: str, user: str) -> str:
        """The address of one database; `{}` for a name that is yet to come."""
        host = quote(self.address or str(self.home), safe="")
        name = quote(database, safe="{}")
        # A URI, as in a deployment; PgBouncer speaks no TLS here.
        at = f"{host}:{self.port}/{name}?sslmode=disable"
        if not self.address:
            at = f"/{name}?host={host}&port={self.port}"
        return f"postgresql://{user}:{PASSWORD}@{at}"

    def console(self, command: str) -> None:
        """Runs a command of its administrator."""
        with psycopg.connect(
            self.url("pgbouncer", "pooler"), autocommit=True, cursor_factory=psycopg.ClientCursor
        ) as console:
            console.execute(command.encode())

    def stop(self) -> None:
        """Cut everybody off. Twice does no harm."""
        self.process.terminate()
        self.process.wait()

    def start(self) -> None:
        """Start it again, on the same socket."""
        self.process = _launch(self.home)
        _wait_until_it_answers(self)


@contextmanager
def running(
    server: postgres.Server,
    home: Path,
    users: tuple[str, ...],
    *,
    mode: Literal["transaction", "session"] = "transaction",
    size: int = 1,
    tcp_port: int | None = None,
) -> Iterator[Pooler]:
    """A pooler that lends `size` server connections for each database and user."""
    account = binaries.account_for(server.data)
    home.mkdir()
    binaries.let_through(home, lambda _: None)
    address, port = ("", 6543) if tcp_port is None else ("127.0.0.1", tcp_port)
    (home / "users").write_text("".join(f'"{user}" "{PASSWORD}"\n' for user in ("pooler", *users)))
    (home / "settings").write_text(
        SETTINGS.format(
            server=server.sockets,
            home=home,
            address=address,
            port=port,
            mode=mode,
            size=size,
            wait=MAX_WAIT,
            prepared=_without_prepared_statements(),
        )
    )
    if account is not None:  # like Postgres, it does not run as root
        for path in (home, home / "users", home / "settings"):
            os.chown(path, account.pw_uid, account.pw_gid)
    pooler = Pooler(home, port, address, _launch(home))
    try:
        _wait_until_it_answers(pooler)
        yield pooler
    finally:
        pooler.stop()


def _without_prepared_statements() -> str:
    """From 1.21 on PgBouncer can follow prepared statements; Supabase's pooler did not always."""
    said = subprocess.run(
        [tools.pgbouncer(), "--version"], capture_output=True, text=True, check=True
    ).stdout
    version = re.search(r"PgBouncer (\d+)\.(\d+)", said)
    assert version is not None, said
    return "max_prepared_statements = 0" if (int(version[1]), int(version[2])) >= (1, 21) else ""


def _launch(home: Path) -> subprocess.Popen[bytes]:
    program = tools.pgbouncer()
    account = binaries.account_for(home)
    if account is not None:
        binaries.let_through(program, lambda _: None)
    with (home.parent / f"{home.name}.out").open("a") as output:
        return binaries.spawn([str(program), "--quiet", str(home / "settings")], account, output)


def _wait_until_it_answers(pooler: Pooler) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            pooler.console("show version")
        except psycopg.OperationalError as error:
            if pooler.process.poll() is not None or time.monotonic() > deadline:
                said = pooler.home.with_name(f"{pooler.home.name}.out").read_text()
                raise AssertionError(f"PgBouncer does not answer: {error}\n{said}") from error
            time.sleep(0.02)
        else:
            return
