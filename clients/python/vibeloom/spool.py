"""The spool: one SQLite file in which events wait until the server has acknowledged them.

How far each log has been read is committed in the same transaction as the events that were read, so
a kill at any moment leaves both or neither. The spool never sees a log line, only finished events.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from vibeloom.errors import SpoolError
from vibeloom.events import Event, Session, ToolCall, rfc3339, stored
from vibeloom.tail import Place

SCHEMA_VERSION = 1
_SCHEMA = """
create table if not exists events (
    seq integer primary key autoincrement,
    id text not null,
    timestamp text not null,
    body text not null,
    unique (id, timestamp)
);
create table if not exists set_aside (
    id text not null,
    timestamp text not null,
    body text not null,
    reason text not null,
    at text not null,
    primary key (id, timestamp)
);
create table if not exists logs (
    path text primary key,
    device integer not null,
    inode integer not null,
    offset integer not null,
    inside_long_line integer not null,
    head_length integer not null,
    head_digest text not null,
    recent text not null,
    identity text not null,
    session_id text not null,
    project text not null,
    branch text,
    last_timestamp text,
    started integer not null
);
create index if not exists logs_inode on logs (device, inode);
create table if not exists told (key blob primary key) without rowid;
create table if not exists calls (
    key blob primary key, tool text not null, context text
) without rowid;
create table if not exists facts (name text primary key, value text not null);
"""


@dataclass(frozen=True)
class Waiting:
    """One spooled event."""

    seq: int
    id: str
    timestamp: str
    body: str


@dataclass(frozen=True)
class SetAside:
    """One event that the server refused, with its words."""

    id: str
    timestamp: str
    reason: str
    at: str


@dataclass(frozen=True)
class Log:
    """One tracked session log; its path is a digest, for directories are nobody's business."""

    path: str
    device: int
    inode: int
    place: Place
    session: Session


def _key(kind: str, key: str) -> bytes:
    return sha256(f"{kind}\n{key}".encode("utf-8", "surrogatepass")).digest()[:16]


@contextmanager
def _explained(path: Path) -> Iterator[None]:
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


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    version = connection.execute("pragma user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise SpoolError(f"the spool {path} was written by a newer vibeloom; upgrade this one")
    if version < SCHEMA_VERSION:
        connection.executescript(f"begin;{_SCHEMA}pragma user_version = {SCHEMA_VERSION};commit;")


class Spool:
    """Events, read positions and what is remembered between runs."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection

    @classmethod
    def open(cls, path: Path) -> "Spool":
        """Open the spool for writing; makes it (0600) if need be."""
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        except OSError as problem:
            raise SpoolError(
                f"the spool {path} cannot be written ({problem.strerror}); fix its permissions or "
                "set VIBELOOM_KEY_PATH to another directory"
            ) from None
        with _explained(path):
            connection = sqlite3.connect(path, isolation_level=None, timeout=10)
            try:
                connection.execute("pragma journal_mode = wal")
                # A power cut may undo the last commits, never tear them: they are read or sent
                # again.
                connection.execute("pragma synchronous = normal")
                _prepare(path, connection)
            except BaseException:
                connection.close()
                raise
        return cls(path, connection)

    @classmethod
    def open_to_read(cls, path: Path) -> "Spool | None":
        """Open the spool to look at it, also while a monitor runs; nothing if there is none."""
        if not path.exists() or path.stat().st_size == 0:
            return None
        with _explained(path):
            connection = sqlite3.connect(path, isolation_level=None, timeout=10)
            connection.execute("pragma query_only = on")
            return cls(path, connection)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept, or nothing."""
        with _explained(self.path):
            self._db.execute("begin immediate")
            try:
                yield
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:  # a full disk may have rolled back already
                    self._db.execute("rollback")
                raise

    def _all(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with _explained(self.path):
            return self._db.execute(statement, values).fetchall()

    def _one(self, statement: str, values: Sequence[object] = ()) -> tuple[object, ...] | None:
        rows = self._all(statement, values)
        return rows[0] if rows else None

    # Events.

    def add(self, event: Event) -> bool:
        """Spool an event; one that is waiting or was set aside is not spooled twice."""
        if self._one(
            "select 1 from set_aside where id = ? and timestamp = ?", (event.id, event.timestamp)
        ):
            return False
        with _explained(self.path):
            cursor = self._db.execute(
                "insert or ignore into events (id, timestamp, body) values (?, ?, ?)",
                (event.id, event.timestamp, stored(event)),
            )
        return cursor.rowcount > 0

    def depth(self) -> int:
        """How many events wait."""
        return self._count("events")

    def holds_at_least(self, count: int) -> bool:
        """Whether this many events wait; looks at no more of them."""
        return self._one("select 1 from events limit 1 offset ?", (count - 1,)) is not None

    def oldest(self, limit: int) -> list[Waiting]:
        """The events that have waited longest."""
        rows = self._all(
            "select seq, id, timestamp, body from events order by seq limit ?", (limit,)
        )
        return [Waiting(*row) for row in rows]  # type: ignore[arg-type]

    def acknowledge(self, batch: Sequence[Waiting], at: datetime) -> None:
        """The server has these: they need not wait any longer."""
        with self.transaction():
            self._remove(batch)
            self._note("last_batch_at", rfc3339(at))
            self._note("last_batch_events", str(len(batch)))
            self._increase("acknowledged", len(batch))

    def put_aside(self, event: Waiting, reason: str, at: datetime) -> None:
        """The server will not have this one: out of the way of the others, with the reason."""
        with self.transaction():
            self._remove([event])
            self._db.execute(
                "insert or replace into set_aside (id, timestamp, body, reason, at)"
                " values (?, ?, ?, ?, ?)",
                (event.id, event.timestamp, event.body, reason, rfc3339(at)),
            )

    def requeue(self) -> int:
        """Let every event that was set aside wait again; says how many."""
        with self.transaction():
            count = self._count("set_aside")
            self._db.execute(
                "insert or ignore into events (id, timestamp, body)"
                " select id, timestamp, body from set_aside order by timestamp"
            )
            self._db.execute("delete from set_aside")
        return count

    def set_aside(self, limit: int = 100) -> list[SetAside]:
        """Refused events, the latest first."""
        rows = self._all(
            "select id, timestamp, reason, at from set_aside order by at desc, id limit ?", (limit,)
        )
        return [SetAside(*row) for row in rows]  # type: ignore[arg-type]

    def set_aside_count(self) -> int:
        """How many events the server refused."""
        return self._count("set_aside")

    def _remove(self, batch: Sequence[Waiting]) -> None:
        self._db.executemany("delete from events where seq = ?", [(event.seq,) for event in batch])

    def _count(self, table: str) -> int:
        row = self._one(f"select count(*) from {table}")  # noqa: S608 - our own table names
        return int(str(row[0])) if row else 0

    # Logs.

    def log_at(self, path: str) -> Log | None:
        """The log that was last read under this path."""
        return self._log("path = ?", (path,))

    def log_of(self, device: int, inode: int) -> Log | None:
        """The log that was last read from this inode."""
        return self._log("device = ? and inode = ?", (device, inode))

    def _log(self, condition: str, values: Sequence[object]) -> Log | None:
        row = self._one(f"select * from logs where {condition}", values)  # noqa: S608 - literals
        if row is None:
            return None
        path, device, inode, offset, inside, length, digest, recent, identity, *rest = row
        session_id, project, branch, last, started = rest
        return Log(
            path=str(path),
            device=int(str(device)),
            inode=int(str(inode)),
            place=Place(int(str(offset)), bool(inside), int(str(length)), str(digest), str(recent)),
            session=Session(
                session_id=str(session_id),
                log=str(identity),
                project=str(project),
                branch=None if branch is None else str(branch),
                last_timestamp=None if last is None else datetime.fromisoformat(str(last)),
                started=bool(started),
            ),
        )

    def save_log(self, log: Log) -> None:
        """Remember how far a log has been read."""
        place, session = log.place, log.session
        last = session.last_timestamp
        self._db.execute(
            f"insert or replace into logs values ({', '.join('?' * 14)})",  # noqa: S608 - marks only
            (
                log.path,
                log.device,
                log.inode,
                place.offset,
                place.inside_long_line,
                place.head_length,
                place.head_digest,
                place.recent,
                session.log,
                session.session_id,
                session.project,
                session.branch,
                None if last is None else last.isoformat(),
                session.started,
            ),
        )

    def forget_log(self, path: str) -> None:
        """The log is gone from this path."""
        self._db.execute("delete from logs where path = ?", (path,))

    def logs_tracked(self) -> int:
        """How many logs have been read."""
        return self._count("logs")

    # What is remembered across lines.

    def first_time(self, kind: str, key: str) -> bool:
        """True the first time that this is asked, False ever after."""
        cursor = self._db.execute("insert or ignore into told values (?)", (_key(kind, key),))
        return cursor.rowcount > 0

    def begin_call(self, use_id: str, call: ToolCall) -> None:
        """Remember a tool call until it ends."""
        self._db.execute(
            "insert or replace into calls values (?, ?, ?)",
            (_key("call", use_id), call.tool, call.context),
        )

    def end_call(self, use_id: str) -> ToolCall | None:
        """The tool call that this id began, if it is remembered; then forget it."""
        key = _key("call", use_id)
        row = self._one("select tool, context from calls where key = ?", (key,))
        if row is None:
            return None
        self._db.execute("delete from calls where key = ?", (key,))
        return ToolCall(str(row[0]), None if row[1] is None else str(row[1]))

    # Facts for `status`.

    def fact(self, name: str) -> str | None:
        """One remembered fact."""
        row = self._one("select value from facts where name = ?", (name,))
        return str(row[0]) if row else None

    def number(self, name: str) -> int:
        """One remembered number."""
        return int(self.fact(name) or 0)

    def note(self, name: str, value: str) -> None:
        """Remember a fact."""
        with self.transaction():
            self._note(name, value)

    def _note(self, name: str, value: str) -> None:
        self._db.execute("insert or replace into facts values (?, ?)", (name, value))

    def increase(self, name: str, by: int) -> None:
        """Add to a number, inside a transaction."""
        if by:
            self._increase(name, by)

    def _increase(self, name: str, by: int) -> None:
        self._db.execute(
            "insert into facts values (?, ?)"
            " on conflict (name) do update set value = cast(value as integer) + ?",
            (name, str(by), by),
        )
