"""One connection per process, one transaction per piece of work, identity inside the transaction.

A transaction pooler may stand in front: nothing here outlives a transaction. No session settings,
no prepared statements, no LISTEN. The role and the claims are set by one transaction-local
statement, and row-level security decides the rest.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from traceback import extract_tb
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from functions.core import errors
from functions.core.actor import Actor
from functions.core.config import config
from functions.core.observability import logger

# The newest migration that this code was written against; `/readyz` compares. A test holds it.
SCHEMA_VERSION = "20261120180000"

CONNECT_TIMEOUT = 5  # s; a caller that waits longer is better served by a 503

# How a transaction begins.
WRITING = "begin"
READING = "begin isolation level repeatable read, read only"  # all its statements see one snapshot

_SET_ACTOR = (
    "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
    " set_config('statement_timeout', %s, true), set_config('transaction_timeout', %s, true),"
    " set_config('idle_in_transaction_session_timeout', %s, true),"
    " set_config('lock_timeout', %s, true)"
)

_FUNCTIONS = f"{Path(__file__).parents[1]}/"

# The library warns of errors that it ignores, and quotes them whole.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)

Connection = psycopg.Connection[TupleRow]

_connection: Connection | None = None


def _connected() -> tuple[Connection, bool]:
    """This process's connection, and whether it was just made."""
    global _connection  # noqa: PLW0603 (the one piece of state a process keeps)
    if _connection is not None and not _connection.closed:
        return _connection, False
    try:
        _connection = psycopg.connect(
            config().database_url.reveal(),
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=CONNECT_TIMEOUT,
        )
    except psycopg.OperationalError:
        config().database_url.forget()  # its password may be a new one
        raise
    return _connection, True


def disconnect() -> None:
    """Closes the connection; the next use makes a new one."""
    global _connection  # noqa: PLW0603
    if _connection is not None:
        with suppress(psycopg.Error):
            _connection.close()
    _connection = None


def _begin(
    actor: Actor, mode: str, *statements: tuple[str, Mapping[str, Any]]
) -> tuple[Connection, psycopg.Cursor[TupleRow]]:
    """A transaction of `actor`'s after `statements`, in one round trip; the last one's cursor.

    A connection that turns out to be dead is replaced once. Nothing of the first attempt can have
    been committed.
    """
    timeouts = [f"{seconds}s" for seconds in vars(config().timeouts).values()]
    while True:
        connection, fresh = _connected()
        if connection.info.transaction_status is not TransactionStatus.IDLE:
            raise RuntimeError("a transaction was begun inside another one")
        try:
            # The pipeline ends inside the transaction: psycopg flushes after its end, and an
            # idle client's flush makes a pooler lend it a connection that nothing gives back.
            with connection.pipeline():
                connection.execute(mode)
                cursor = connection.execute(_SET_ACTOR, (actor.role, actor.claims, *timeouts))
                for statement, parameters in statements:
                    cursor = connection.execute(statement, parameters)
        except psycopg.Error:
            if _roll_back(connection) or fresh:
                raise
        except BaseException:
            _roll_back(connection)
            raise
        else:
            return connection, cursor


def _commit(connection: Connection) -> None:
    if connection.info.transaction_status is not TransactionStatus.INTRANS:
        raise RuntimeError(
            "the transaction is no longer open: the error of a statement inside it was swallowed"
        )
    connection.execute("commit")


def _roll_back(connection: Connection) -> bool:
    """Ends the transaction, if there is one; whether the connection can still be used."""
    with suppress(psycopg.Error):
        connection.execute("rollback")
    if connection.info.transaction_status is TransactionStatus.IDLE:
        return True
    disconnect()  # it is dead, or behind a pooler its server is
    return False


@contextmanager
def _transaction(
    actor: Actor,
    mode: str,
    *statements: tuple[str, Mapping[str, Any]],
    refusals: Mapping[str, type[Exception]] | None = None,
) -> Iterator[tuple[Connection, psycopg.Cursor[TupleRow]]]:
    try:
        connection, cursor = _begin(actor, mode, *statements)
        try:
            yield connection, cursor
            _commit(connection)
        except BaseException:
            _roll_back(connection)
            raise
    except psycopg.Error as error:
        # Not from `error`: a traceback would show its text, which quotes rows and parameters.
        raise _domain_error(error, mode, refusals or {}) from None


@contextmanager
def transaction(actor: Actor, mode: str = WRITING) -> Iterator[Connection]:
    """A transaction as `actor`: committed at the end of the block, rolled back by an exception.

    Raises what `errors.BY_SQLSTATE` says of the database's errors, `Unavailable` when the database
    cannot be reached, and `InternalError`. Raises `RuntimeError` inside another
    transaction, and at the end of a block in which the error of a statement was swallowed.
    """
    with _transaction(actor, mode) as (connection, _):
        yield connection


@contextmanager
def reading(
    actor: Actor, statement: str, parameters: Mapping[str, Any]
) -> Iterator[tuple[Connection, list[TupleRow]]]:
    """A transaction that only reads, all of it from one snapshot; and the rows of `statement`.

    The statement travels with the beginning of the transaction, which saves a round trip.
    """
    with _transaction(actor, READING, (statement, parameters)) as (connection, cursor):
        yield connection, cursor.fetchall()


def ask(connection: Connection, *statements: tuple[str, Mapping[str, Any]]) -> list[list[TupleRow]]:
    """The rows of each statement, inside a transaction, in one round trip for all of them."""
    with connection.pipeline():
        cursors = [connection.execute(*statement) for statement in statements]
    return [cursor.fetchall() for cursor in cursors]


def call(
    actor: Actor,
    statement: str,
    parameters: Mapping[str, Any],
    mode: str = WRITING,
    refusals: Mapping[str, type[Exception]] | None = None,
) -> list[TupleRow]:
    """One statement as one transaction in two round trips; returns its rows.

    A door that passes a caller's own values to Postgres says in `refusals` (SQLSTATE → error) what
    the caller is told when Postgres does not take them. Without it, that is a bug of ours.
    """
    with _transaction(actor, mode, (statement, parameters), refusals=refusals) as (_, cursor):
        return cursor.fetchall()


def _domain_error(
    error: psycopg.Error, mode: str, refusals: Mapping[str, type[Exception]]
) -> Exception:
    """What `error` is to whoever called; as much of it as anybody may read is logged."""
    state = error.sqlstate or ""
    known = {"sqlstate": state, "place": _place(error), "cause": type(error).__name__}
    if state in refusals:
        logger.warning("the database refused a value", extra=known)
        return refusals[state]()
    if found := errors.BY_SQLSTATE.get(state):
        if found.status >= 500:
            logger.error("a time limit of the database was reached", extra=known)
        return found()
    # Details and contexts quote rows. So does the message itself where a value is not accepted.
    if not isinstance(error, pg.DataError):
        known["cause"] = error.diag.message_primary or (known["cause"] if state else str(error))
        known["constraint"] = error.diag.constraint_name or ""
    # A server that became a replica takes no writes. Where we only read, a write is our own bug.
    failed_over = isinstance(error, pg.ReadOnlySqlTransaction) and mode == WRITING
    if failed_over or isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        logger.error("database unavailable", extra=known)
        return errors.Unavailable()
    logger.error("statement failed", extra=known)
    return errors.InternalError()


def _place(error: psycopg.Error) -> str:
    """Which line of a room sent the statement, such as `rollup/days.py:111`."""
    rooms = (
        f"{frame.filename.removeprefix(_FUNCTIONS)}:{frame.lineno}"
        for frame in reversed(extract_tb(error.__traceback__))
        if frame.filename.startswith(_FUNCTIONS) and frame.filename != __file__
    )
    return next(rooms, "")
