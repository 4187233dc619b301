"""Brings a database to the schema of this folder: `python -m migrations.apply`.

What is applied is recorded in `supabase_migrations.schema_migrations` exactly as the Supabase CLI
records it, so either tool may run the next migration. Connect directly, not through a transaction
pooler: concurrent runs wait for each other on a lock that belongs to the session.
"""

import argparse
import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from migrations.statements import Statement, UnterminatedError, line_of, split

Progress = Callable[[str], None]

HERE = Path(__file__).parent
SUM = "schema.sql"  # what the migrations add up to; to be read, never run
NAME = re.compile(r"([0-9]{14})_([a-z0-9_]+)\.sql")
NO_TRANSACTION = "-- vibeloom: no transaction"
HEADER_LINES = 5  # the remark must stand where a reader sees it first
LOCK_KEY = 7_305_201_148  # any constant that no other user of this database's advisory locks takes
LOCK_TIMEOUT = "10s"  # a migration that waits for a lock makes every later query wait behind it
# What would end the transaction that a file and its record share.
TRANSACTION_WORDS = frozenset({"begin", "start", "commit", "end", "rollback", "abort"})

CREATE_HISTORY = """
    create schema if not exists supabase_migrations;
    create table if not exists supabase_migrations.schema_migrations (
        version text not null primary key
    );
    alter table supabase_migrations.schema_migrations add column if not exists statements text[];
    alter table supabase_migrations.schema_migrations add column if not exists name text;
"""
READ_HISTORY = "select version, statements from supabase_migrations.schema_migrations"
RECORD = """
    insert into supabase_migrations.schema_migrations (version, name, statements)
    values (%s, %s, %s)
"""


class MigrationError(Exception):
    """The migrations cannot be applied; the message names the file and says what to do."""


@dataclass(frozen=True)
class Migration:
    """One file, cut into its statements."""

    version: str
    name: str
    file: str
    text: str
    statements: tuple[Statement, ...]

    @property
    def transactional(self) -> bool:
        """Whether it runs in one transaction with its record."""
        lines = self.text.splitlines()[:HEADER_LINES]
        return NO_TRANSACTION not in (line.strip() for line in lines)

    def line(self, offset: int) -> str:
        """`file:line` of a character."""
        return f"{self.file}:{line_of(self.text, offset)}"


def apply(
    url: str,
    directory: Path = HERE,
    on_progress: Progress = lambda _: None,
    *,
    include_all: bool = False,
) -> list[str]:
    """Apply what is pending and return the versions applied, oldest first.

    `include_all` also applies files older than the newest applied one, as the CLI's flag does.
    Raises MigrationError; what was applied before the failing file stays applied.
    """
    files = read(directory)
    with _connected(url) as guard, _connected(url) as connection:
        _wait_for_turn(guard, on_progress)
        todo = _compare(files, _history(connection), include_all=include_all)
        if todo:
            _settle(connection)
            connection.execute(CREATE_HISTORY)
        for migration in todo:
            on_progress(f"applying {migration.file}")
            _apply_one(connection, migration)
    return [migration.version for migration in todo]


def pending(url: str, directory: Path = HERE, *, include_all: bool = False) -> list[str]:
    """The versions that `apply` would apply; changes nothing and raises what it would raise."""
    files = read(directory)
    with _connected(url) as connection:
        todo = _compare(files, _history(connection), include_all=include_all)
    return [migration.version for migration in todo]


def read(directory: Path = HERE) -> list[Migration]:
    """Every migration of the folder, oldest first; MigrationError for one that cannot be one."""
    migrations = []
    for path in sorted(directory.iterdir()):
        if path.suffix.lower() != ".sql" or path.name == SUM:
            continue
        match = NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(
                f"{path.name}: not a migration's name; use YYYYMMDDHHMMSS_verb_object.sql"
            )
        try:
            text = path.read_text(encoding="utf-8-sig")
        except ValueError as error:
            raise MigrationError(f"{path.name}: not UTF-8 text: {error}") from error
        if "\0" in text:
            raise MigrationError(
                f"{path.name}:{line_of(text, text.index(chr(0)))}: a NUL character"
            )
        try:
            statements = tuple(statement for statement in split(text) if statement.sql)
        except UnterminatedError as error:
            line = line_of(text, error.offset)
            raise MigrationError(f"{path.name}:{line}: {error}") from error
        migrations.append(Migration(match[1], match[2], path.name, text, statements))
    for one, other in pairwise(migrations):
        if one.version == other.version:
            raise MigrationError(
                f"{one.file} and {other.file} have the same version: give one a later time"
            )
    return migrations


def _compare(
    files: Sequence[Migration],
    history: Mapping[str, Sequence[str] | None],
    *,
    include_all: bool,
) -> list[Migration]:
    """The files still to apply, having made sure that files and history agree about the rest."""
    missing = sorted(history.keys() - {migration.version for migration in files})
    if missing:
        raise MigrationError(
            f"applied to this database but without a file here: {', '.join(missing)}; "
            "update the checkout, or mark them as reverted with `supabase migration repair`"
        )
    for migration in files:
        recorded = history.get(migration.version)
        if recorded is not None and _essence(";\n".join(recorded)) != _essence(migration.text):
            raise MigrationError(
                f"{migration.file} was changed after it was applied: put it back as it was, "
                "and write what is new as a new migration"
            )
    todo = [migration for migration in files if migration.version not in history]
    newest = max(history, default="")
    late = [migration.file for migration in todo if migration.version < newest]
    if late and not include_all:
        raise MigrationError(
            f"older than the newest applied migration ({newest}): {', '.join(late)}; "
            "give them a later time, or apply them all the same with --include-all"
        )
    return todo


def _essence(text: str) -> str:
    """What two records of one file have in common, however it was cut, trimmed and joined."""
    return re.sub(r"[\s;]+", " ", text).strip()


def _history(connection: psycopg.Connection) -> dict[str, list[str] | None]:
    """The applied versions with their statements, null for a row that was marked by hand."""
    query = "select to_regclass('supabase_migrations.schema_migrations') is null"
    row = connection.execute(query).fetchone()
    if row is None or row[0]:
        return {}
    try:
        return dict(connection.execute(READ_HISTORY).fetchall())
    except psycopg.errors.UndefinedColumn:  # a table made by an early CLI
        versions = connection.execute("select version from supabase_migrations.schema_migrations")
        return dict.fromkeys((row[0] for row in versions), None)


def _apply_one(connection: psycopg.Connection, migration: Migration) -> None:
    """Run a file and record it, in one transaction unless the file says otherwise."""
    _settle(connection)
    if migration.transactional:
        for statement in migration.statements:
            if statement.words and statement.words[0] in TRANSACTION_WORDS:
                raise MigrationError(
                    f"{migration.line(statement.start)}: `{statement.words[0]}` in a migration, "
                    "which is one transaction by itself: leave it out, or put "
                    f"`{NO_TRANSACTION}` on the first line"
                )
        try:
            with connection.transaction():
                _execute(connection, migration)
                _record(connection, migration)
        except psycopg.Error as error:  # of the commit: a deferred constraint, a lost connection
            raise MigrationError(f"{migration.file}: {error}") from error
        return
    _execute(connection, migration)
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise MigrationError(f"{migration.file}: it ends inside a transaction that it began")
    _record(connection, migration)


def _settle(connection: psycopg.Connection) -> None:
    """Set what every file may rely on; what an earlier file set must not reach it."""
    connection.execute("reset role")
    connection.execute("reset all")
    connection.execute(f"set lock_timeout = '{LOCK_TIMEOUT}'".encode())
    connection.execute("set statement_timeout = 0")


def _execute(connection: psycopg.Connection, migration: Migration) -> None:
    for statement in migration.statements:
        if statement.empty:
            continue
        try:
            connection.execute(statement.sql.encode())
        except psycopg.Error as error:
            raise MigrationError(_describe(error, migration, statement)) from error


def _record(connection: psycopg.Connection, migration: Migration) -> None:
    statements = [statement.sql for statement in migration.statements]
    try:
        connection.execute("reset role")  # the file may have set one that cannot write the record
        connection.execute(RECORD, (migration.version, migration.name, statements))
    except psycopg.Error as error:
        raise MigrationError(f"{migration.file}: could not be recorded: {error}") from error


def _describe(error: psycopg.Error, migration: Migration, statement: Statement) -> str:
    """File, line and what Postgres said; the line is the position's if Postgres gave one."""
    place = statement.start
    if error.diag.statement_position is not None:
        lead = len(statement.text) - len(statement.text.lstrip())
        place = statement.offset + lead + int(error.diag.statement_position) - 1
    parts = [f"{migration.line(place)}: {error.diag.message_primary or error}"]
    parts += [
        f"{label}: {said}"
        for label, said in (
            ("detail", error.diag.message_detail),
            ("hint", error.diag.message_hint),
            ("context", error.diag.context),
        )
        if said
    ]
    if isinstance(error, psycopg.errors.LockNotAvailable):
        parts.append(f"hint: something held a lock for over {LOCK_TIMEOUT}; try again when it ends")
    if not migration.transactional:
        parts.append("hint: it ran without a transaction, so statements before this one stay done")
    return "\n  ".join(parts)


def _wait_for_turn(guard: psycopg.Connection, on_progress: Progress) -> None:
    """Take the lock that keeps runs apart; it goes with its connection, however this process ends.

    Asking again and again, rather than waiting inside Postgres, holds no snapshot: a waiting
    snapshot would in turn block a `create index concurrently` of the run that it waits for.
    """
    said = False
    while not _try_lock(guard):
        if not said:
            on_progress("waiting: another run is migrating this database")
            said = True
        time.sleep(0.1)


def _try_lock(guard: psycopg.Connection) -> bool:
    row = guard.execute("select pg_try_advisory_lock(%s)", (LOCK_KEY,)).fetchone()
    return row is not None and bool(row[0])


@contextlib.contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    """A connection in autocommit mode; what Postgres says against it becomes a MigrationError."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # which quotes what stands there, a password perhaps
        raise MigrationError("that is not the address of a Postgres") from None
    try:
        with psycopg.connect(
            url, autocommit=True, prepare_threshold=None, application_name="vibeloom migrations"
        ) as connection:
            yield connection
    except psycopg.Error as error:
        raise MigrationError(f"the database says: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Apply what is pending, or with --check only say what is; 0, or 1 for pending or an error."""
    parser = argparse.ArgumentParser(prog="python -m migrations.apply", description=__doc__)
    parser.add_argument(
        "--database-url",
        default=os.environ.get("DATABASE_URL"),
        help="of an administrator; default: DATABASE_URL, which other users cannot see in a list",
    )
    parser.add_argument("--check", action="store_true", help="apply nothing; 1 if any is pending")
    parser.add_argument("--include-all", action="store_true", help="also older than the newest")
    options = parser.parse_args(arguments)
    if not options.database_url:
        parser.error("no database: set DATABASE_URL or give --database-url")
    try:
        if options.check:
            todo = pending(options.database_url, HERE, include_all=options.include_all)
            print("\n".join(f"pending: {version}" for version in todo) or "nothing is pending")
            return 1 if todo else 0
        done = apply(options.database_url, HERE, print, include_all=options.include_all)
    except MigrationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(done)} applied" if done else "nothing to apply")
    return 0


if __name__ == "__main__":
    sys.exit(main())
