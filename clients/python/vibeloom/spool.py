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
from pathlib import Path
from typing import NamedTuple

from vibeloom.errors import SpoolError
from vibeloom.events import STANDING_SHIFT, Event, rfc3339, stored
from vibeloom.session import Session, ToolCall, dump, load
from vibeloom.spool_file import explained, prepare
from vibeloom.tail import Place
from vibeloom.telling import Claim

REMEMBERED = 20_000  # things told that are held in memory; the others are looked up
LOOKED_UP = 500  # at once
CHECKPOINT_EVERY = 4_000  # pages of 4 KiB; each checkpoint waits for the disk


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


class _Told(NamedTuple):
    """What was last told of one thing."""

    revision: int
    digest: bytes
    at: int  # ms


class Spool:
    """Events, read positions and what is remembered between runs."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self._has_set_aside = self._count("set_aside") > 0
        self._added: dict[str, Event] = {}  # by id; written when the transaction ends
        self._told: dict[bytes, _Told] = {}  # what was looked up or told lately
        self._retold: set[bytes] = set()  # of these, what is to be written
        self._calls: dict[bytes, ToolCall] = {}  # to be written, if none of its key is stored

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
        with explained(path):
            connection = sqlite3.connect(path, isolation_level=None, timeout=10)
            try:
                connection.execute("pragma journal_mode = wal")
                # A power cut may undo the last commits, never tear them: they are read or sent
                # again.
                connection.execute("pragma synchronous = normal")
                connection.execute(f"pragma wal_autocheckpoint = {CHECKPOINT_EVERY}")
                prepare(path, connection)
            except BaseException:
                connection.close()
                raise
        return cls(path, connection)

    @classmethod
    def open_to_read(cls, path: Path) -> "Spool | None":
        """Open the spool to look at it, also while a monitor runs; nothing if there is none."""
        if not path.exists() or path.stat().st_size == 0:
            return None
        with explained(path):
            connection = sqlite3.connect(path, isolation_level=None, timeout=10)
            connection.execute("pragma query_only = on")
            return cls(path, connection)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept, or nothing."""
        with explained(self.path):
            self._db.execute("begin immediate")
            try:
                yield
                self._write()
                self._db.execute("commit")
            except BaseException:
                self._forget_unwritten()
                if self._db.in_transaction:  # a full disk may have rolled back already
                    self._db.execute("rollback")
                raise

    def _all(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with explained(self.path):
            return self._db.execute(statement, values).fetchall()

    def _one(self, statement: str, values: Sequence[object] = ()) -> tuple[object, ...] | None:
        rows = self._all(statement, values)
        return rows[0] if rows else None

    # Events.

    def add(self, event: Event) -> None:
        """Spool an event, in the place of the same one that still waits or was set aside."""
        self._added[event.id] = event

    def _write(self) -> None:
        """Everything that was told in this transaction."""
        self._db.executemany(
            "insert into events (id, timestamp, body) values (?, ?, ?) on conflict (id) do"
            " update set timestamp = excluded.timestamp, body = excluded.body",
            [(event.id, event.timestamp, stored(event)) for event in self._added.values()],
        )
        if self._has_set_aside:
            self._db.executemany(
                "delete from set_aside where id = ?", [(name,) for name in self._added]
            )
        self._db.executemany(
            "insert or replace into told values (?, ?, ?, ?)",
            [(key, *self._told[key]) for key in sorted(self._retold)],  # close ones share a page
        )
        self._db.executemany(
            "insert or ignore into calls values (?, ?, ?, ?)",
            [(key, call.tool, call.context, call.program) for key, call in self._calls.items()],
        )
        self._added.clear()
        self._retold.clear()
        self._calls.clear()
        if len(self._told) > REMEMBERED:
            self._told.clear()

    def _forget_unwritten(self) -> None:
        self._added.clear()
        self._retold.clear()
        self._told.clear()
        self._calls.clear()

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
        self._has_set_aside = True

    def requeue(self) -> int:
        """Let every event that was set aside wait again; says how many."""
        with self.transaction():
            count = self._count("set_aside")
            self._db.execute(
                "insert or ignore into events (id, timestamp, body)"
                " select id, timestamp, body from set_aside order by timestamp"
            )
            self._db.execute("delete from set_aside")
        self._has_set_aside = False
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
        name, device, inode, offset, length, digest, recent, session = row
        return Log(
            path=str(name),
            device=int(str(device)),
            inode=int(str(inode)),
            place=Place(int(str(offset)), int(str(length)), str(digest), str(recent)),
            session=load(str(session)),
        )

    def save_log(self, log: Log) -> None:
        """Remember how far a log has been read."""
        place = log.place
        self._db.execute(
            "insert or replace into logs values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                log.path,
                log.device,
                log.inode,
                place.offset,
                place.head_length,
                place.head_digest,
                place.recent,
                dump(log.session),
            ),
        )

    def forget_log(self, path: str) -> None:
        """The log is gone from this path."""
        self._db.execute("delete from logs where path = ?", (path,))

    def logs_tracked(self) -> int:
        """How many logs have been read."""
        return self._count("logs")

    # What is remembered across lines.

    def settle(self, claims: Sequence[Claim]) -> list[int | None]:
        """For each, the revision under which it is to be told, or nothing if what was told holds.

        With a digest, the same told again corrects nothing but the time: the earlier one counts.
        """
        self._look_up({claim.key for claim in claims}.difference(self._told))
        return [self._settle(claim) for claim in claims]

    def _settle(self, claim: Claim) -> int | None:
        key, revision, digest, at = claim
        known = self._told.get(key)
        if known is not None:
            same = digest and digest == known.digest
            if same and revision >> STANDING_SHIFT == known.revision >> STANDING_SHIFT:
                if at >= known.at:
                    if revision > known.revision:
                        self._note_told(key, _Told(revision, digest, known.at))
                    return None
                revision = max(revision, known.revision) + 1
            elif revision <= known.revision:
                return None
        self._note_told(key, _Told(revision, digest, at))
        return revision

    def _look_up(self, keys: set[bytes]) -> None:
        """Hold in memory what was told of these."""
        wanted = list(keys)
        for at in range(0, len(wanted), LOOKED_UP):
            some = wanted[at : at + LOOKED_UP]
            marks = ",".join("?" * len(some))
            rows = self._db.execute(f"select * from told where key in ({marks})", some)  # noqa: S608
            self._told.update((key, _Told(*told)) for key, *told in rows)

    def _note_told(self, key: bytes, told: "_Told") -> None:
        self._told[key] = told
        self._retold.add(key)

    def begin_call(self, key: bytes, call: ToolCall) -> None:
        """Remember a tool call; the first that was said of it stays."""
        self._calls.setdefault(key, call)

    def call(self, key: bytes) -> ToolCall | None:
        """The tool call of this id, if it is remembered."""
        rows = self._db.execute("select tool, context, program from calls where key = ?", (key,))
        row = rows.fetchone()
        return self._calls.get(key) if row is None else ToolCall(*row)

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
