"""From an administrator's address to the address at which the functions log in."""

from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from migrations.apply import apply

Say = Callable[[str], None]

BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")
DATABASE = "vibeloom"
FUNCTIONS_ROLE = "vibeloom_functions"


def create(admin_url: str, name: str = DATABASE) -> None:
    """Make the database on a server of our own, unless it is there."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        query = "select 1 from pg_database where datname = %s"
        if connection.execute(query, (name,)).fetchone() is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def prepare(admin_url: str, say: Say) -> None:
    """Bootstrap the database if nobody has (a Supabase project has all of it), and migrate it.

    Raises psycopg.Error, and MigrationError.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection:
        row = connection.execute("select to_regprocedure('auth.uid()') is null").fetchone()
        if row is not None and row[0]:
            connection.execute(BOOTSTRAP.read_bytes())
    applied = apply(admin_url, on_progress=lambda line: _only_waiting(line, say))
    if applied:
        say(f"{len(applied)} migrations applied")


def functions_login(admin_url: str, password: str) -> str:
    """The functions' address; their role is given this password if it cannot log in with it."""
    url = make_conninfo(admin_url, user=FUNCTIONS_ROLE, password=password)
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError:
        set_password(admin_url, FUNCTIONS_ROLE, password)
        psycopg.connect(url, connect_timeout=10).close()
    return url


def set_password(admin_url: str, role: str, password: str) -> None:
    """Lets `role` log in with this password."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        # Hashed on this side, so that no log of the server ever shows the password.
        hashed = connection.pgconn.encrypt_password(
            password.encode(), role.encode(), b"scram-sha-256"
        )
        connection.execute(
            sql.SQL("alter role {} with login password {}").format(
                sql.Identifier(role), sql.Literal(hashed.decode())
            )
        )


def _only_waiting(line: str, say: Say) -> None:
    """Twenty lines of progress on a first start say less than their number."""
    if line.startswith("waiting"):
        say(line)
