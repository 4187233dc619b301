"""From session logs to spooled events: finds the logs, reads what is new, remembers how far.

A log is known again by its inode and its content, so a renamed log is read on, a rotated one is
read to its end under its new name, and a truncated or rewritten one is read anew. Reading anew is
harmless: what has been told is known by what it is, not by where it stands.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from vibeloom import privacy, tail
from vibeloom.entries import read_entries
from vibeloom.session import Session, advance
from vibeloom.settings import Settings
from vibeloom.spool import Log, Spool
from vibeloom.tail import Line, Place
from vibeloom.telling import Telling, news, tell

COMMIT_EVERY_BYTES = 4 * 1024 * 1024  # of log; bounds what a transaction holds
COMMIT_EVERY_LINES = 2_000


@dataclass
class Tally:
    """What one stretch of a log amounted to."""

    events: int = 0
    unknown: int = 0
    over_long: int = 0
    untimed: int = 0


@dataclass(frozen=True)
class _Look:
    """What a file looked like when it was last read to its end; unchanged means nothing to do."""

    device: int
    inode: int
    size: int
    changed: int  # nanoseconds


class Collector:
    """Reads every session log below some folders into one spool."""

    def __init__(self, settings: Settings, spool: Spool) -> None:
        self._roots = settings.project_folders
        self._allowlist = settings.allowlist
        self._spool = spool
        self._looks: dict[str, _Look] = {}
        self.unreadable: dict[str, str] = {}  # path → reason, for `status` and the log

    def scan(self) -> Iterator[Tally]:
        """Read what is new in every log; yields after each commit."""
        yield from self.read(path for root in self._roots for path in session_logs(root))

    def read(self, paths: Iterable[Path]) -> Iterator[Tally]:
        """Read what is new in these logs; yields after each commit."""
        seen: set[tuple[int, int]] = set()  # a second name of the same file is not a second log
        for path in paths:
            try:
                yield from self._read(path, seen)
                self.unreadable.pop(str(path), None)
            except FileNotFoundError:
                self.unreadable.pop(str(path), None)  # removed meanwhile
            except OSError as problem:
                self.unreadable[str(path)] = problem.strerror or type(problem).__name__

    def _read(self, path: Path, seen: set[tuple[int, int]]) -> Iterator[Tally]:
        real = path.resolve()
        status = real.stat()
        if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        if self._looks.get(str(real)) == _look(status):
            return
        with open_log(real) as file:
            status = os.fstat(file.fileno())
            log = self._recognise(real, file, status)
            if log is None:
                return
            yield from self._follow(log, file)
        self._looks[str(real)] = _look(status)  # from before reading: what came since is news

    def _recognise(self, path: Path, file: BinaryIO, status: os.stat_result) -> Log | None:
        """The log this file is: known by inode or path, or new; nothing if it is yet unborn."""
        device, inode = status.st_dev % 2**63, status.st_ino % 2**63  # SQLite's integers are signed
        key = tail.digest_of(os.fsencode(path))
        here = self._spool.log_at(key)
        same_inode = self._spool.log_of(device, inode)
        for known in (same_inode, here):
            if known is not None and known.place.holds_in(file):
                if known.path != key:
                    self._drain_replaced(here, path, inode)
                    with self._spool.transaction():
                        self._spool.forget_log(known.path)
                return replace(known, path=key, device=device, inode=inode)
        head = tail.head(file)
        if head is None:
            return None
        self._drain_replaced(here, path, inode)
        place = Place(0, len(head), tail.digest_of(head), tail.digest_of(b""))
        return Log(key, device, inode, place, Session(privacy.session_id(path.stem) or ""))

    def _drain_replaced(self, log: Log | None, path: Path, by_inode: int) -> None:
        """Read the rest of the log that was at this path, if it now lies beside it."""
        if log is None or log.inode == by_inode:
            return
        for entry in os.scandir(path.parent):
            if entry.inode() != log.inode or not entry.is_file(follow_symlinks=False):
                continue
            if entry.name.endswith(".jsonl"):
                return  # it is read under its new name
            with open_log(Path(entry.path)) as file:
                if log.place.holds_in(file):
                    for _ in self._follow(log, file):
                        pass
            return

    def _follow(self, log: Log, file: BinaryIO) -> Iterator[Tally]:
        """Read to the end of the file, a bounded stretch per transaction."""
        before = log
        while True:
            with self._spool.transaction():
                log, tally, done = self._stretch(log, file)
                if log != before or not self._spool.log_at(log.path):
                    self._spool.save_log(log)
                self._spool.increase("unknown_lines", tally.unknown)
                self._spool.increase("over_long_lines", tally.over_long)
                self._spool.increase("untimed_lines", tally.untimed)
            before = log
            yield tally
            if done:
                return

    def _stretch(self, log: Log, file: BinaryIO) -> tuple[Log, Tally, bool]:
        tally = Tally()
        session, offset = log.session, log.place.offset
        tellings: list[Telling] = []
        done = True
        for number, line in enumerate(tail.read_lines(file, offset), 1):
            offset = line.end
            session = self._take(line, session, tellings, tally)
            if number >= COMMIT_EVERY_LINES or offset - log.place.offset >= COMMIT_EVERY_BYTES:
                done = False
                break
        for event in news(tellings, self._spool):
            self._spool.add(event)
            tally.events += 1
        place = replace(log.place, offset=offset, recent=tail.recent_digest(file, offset))
        return replace(log, place=place, session=session), tally, done

    def _take(self, line: Line, session: Session, tellings: list[Telling], tally: Tally) -> Session:
        """The session after one line; what the line tells joins the others."""
        if line.content is None:
            tally.over_long += 1
            return session
        if line.content.isspace() or not line.content:
            return session
        entries, unknown = read_entries(line.content, self._allowlist)
        tally.unknown += unknown
        for entry in entries:
            session = advance(session, entry)
            if session.last_timestamp is None:
                # Nothing yet has said when: a summary of an earlier session at the head of a log.
                tally.untimed += bool(entry.facts)
            else:
                session, told = tell(session, entry, self._spool)
                tellings += told
        return session


def _look(status: os.stat_result) -> _Look:
    return _Look(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def open_log(path: Path) -> BinaryIO:
    """Open a regular file to read; a pipe that took its place does not block us."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileNotFoundError(path)
    return os.fdopen(handle, "rb", buffering=0)


def session_logs(root: Path) -> Iterator[Path]:
    """Every `*.jsonl` below `root`, in a fixed order; links are followed, circles are not."""
    visited: set[tuple[int, int]] = set()

    def walk(folder: Path) -> Iterator[Path]:
        try:
            status = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return
        if (status.st_dev, status.st_ino) in visited:
            return
        visited.add((status.st_dev, status.st_ino))
        for entry in entries:
            try:
                is_folder = entry.is_dir()
            except OSError:
                continue
            if is_folder:
                yield from walk(Path(entry.path))
            elif entry.name.endswith(".jsonl"):
                yield Path(entry.path)

    yield from walk(root)
