"""The spool's file: its tables, and SQLite's failures in words that say what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vibeloom.errors import SpoolError

SCHEMA_VERSION = 2
_SCHEMA = """
create table if not exists events (
    seq integer primary key autoincrement,
    id text not null unique,
    timestamp text not null,
    body text not null
);
create table if not exists set_aside (
    id text primary key,
    timestamp text not null,
    body text not null,
    reason text not null,
    at text not null
);
create table if not exists logs (
    path text primary key,
    device integer not null,
    inode integer not null,
    offset integer not null,
    head_length integer not null,
    head_digest text not null,
    recent text not null,
    session text not null
);
create index if not exists logs_inode on logs (device, inode);
create table if not exists told (
    key blob primary key, revision integer not null, digest blob not null, at integer not null
) without rowid;
create table if not exists calls (
    key blob primary key, tool text not null, context text, program text
) without rowid;
create table if not exists facts (name text primary key, value text not null);
"""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """SQLite's failures in words that say what to do."""
    try:
        yield
    except sqlite3.OperationalError as problem:
        raise SpoolError(
            f"the spool {path} cannot be used ({problem}); free some space or fix its permissions "
            "and start again: nothing is lost, the logs are read on from where the spool stands"
        ) from None
    except sqlite3.DatabaseError as problem:
        raise SpoolError(
            f"the spool {path} is damaged ({problem}); move it away and start again: the logs are "
            "read anew and the server recognises what it already has"
        ) from None


def prepare(path: Path, connection: sqlite3.Connection) -> None:
    version = connection.execute("pragma user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise SpoolError(f"the spool {path} was written by a newer vibeloom; upgrade this one")
    if 0 < version < SCHEMA_VERSION:
        raise SpoolError(
            f"the spool {path} was written by a vibeloom that counted each message several times; "
            "move it away and start again: the logs are read anew"
        )
    if version < SCHEMA_VERSION:
        connection.executescript(f"begin;{_SCHEMA}pragma user_version = {SCHEMA_VERSION};commit;")
