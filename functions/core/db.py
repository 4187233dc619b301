"""One connection per process, one transaction per piece of work, identity inside the transaction.

A transaction pooler may stand in front: nothing here outlives a transaction. No session settings,
no prepared statements, no LISTEN. The role and the claims are set by one transaction-local
statement, and row-level security decides the rest.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from functions.core import errors
from functions.core.actor import Actor, Service
from functions.core.config import config
from functions.core.observability import logger

# The newest migration that this code was written against; `/readyz` compares. A test holds it.
SCHEMA_VERSION = "20261125140100"

CONNECT_TIMEOUT = 5  # s; a caller that waits longer is better served by a 503
STATEMENT_TIMEOUT = "25s"  # below API Gateway's 30 s, so the cause is ours to report

_BEGIN_AS = (
    "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
    " set_config('statement_timeout', %s, true)"
)

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


def _begin(actor: Actor) -> Connection:
    """A connection inside a transaction of `actor`'s. A connection gone stale is replaced once."""
    while True:
        connection, fresh = _connected()
        if connection.info.transaction_status is TransactionStatus.INTRANS:
            raise RuntimeError("a transaction inside a transaction: one actor at a time")
        try:
            with connection.pipeline():
                connection.execute("begin")
                _become(connection, actor)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            disconnect()
            if fresh:
                raise
        except BaseException:
            _roll_back(connection)
            raise
        else:
            return connection


def _become(connection: Connection, actor: Actor) -> None:
    connection.execute(_BEGIN_AS, (actor.role, actor.claims, STATEMENT_TIMEOUT))


def _roll_back(connection: Connection) -> None:
    with suppress(psycopg.Error):
        connection.execute("rollback")


@contextmanager
def transaction(actor: Actor) -> Iterator[Connection]:
    """A transaction as `actor`: committed at the end of the block, rolled back by an exception.

    Raises `errors.Unavailable` when the database cannot be reached, and what `DOMAIN_ERRORS`
    says of the database's own errors.
    """
    with _translated():
        connection = _begin(actor)
        try:
            yield connection
            connection.execute("commit")
        except BaseException:
            _roll_back(connection)
            raise


@contextmanager
def service(reason: str) -> Iterator[Connection]:
    """A transaction past row-level security. `reason` says why no actor can do it."""
    logger.debug("service transaction", reason=reason)
    with transaction(Service(reason)) as connection:
        yield connection


def call(actor: Actor, statement: str, parameters: Mapping[str, Any]) -> list[TupleRow]:
    """One statement as one transaction in two round trips; returns its rows.

    `statement` must be safe to send twice: it is tried again once when a connection that was
    kept from an earlier request turns out to be dead.
    """
    with _translated():
        while True:
            connection, fresh = _connected()
            try:
                # The pipeline ends inside the transaction: psycopg flushes after its end, and an
                # idle client's flush makes a pooler lend it a connection that nothing gives back.
                with connection.pipeline():
                    connection.execute("begin")
                    _become(connection, actor)
                    cursor = connection.execute(statement, parameters)
                connection.execute("commit")
                return cursor.fetchall()
            except psycopg.Error:
                _roll_back(connection)
                if connection.info.transaction_status is TransactionStatus.IDLE:
                    raise  # the statement's fault
                disconnect()  # it is dead, or behind a pooler its server is
                if fresh:
                    raise
            except BaseException:
                _roll_back(connection)
                raise


# What a statement may report, in the domain's words: SQLSTATE → error. VL… are our own.
DOMAIN_ERRORS: dict[str, type[Exception]] = {
    "VL001": errors.SourceNameTaken,
    "VL002": errors.KeyTaken,
    "VL003": errors.TooManyKeys,
    "VL004": errors.KeyRevoked,
    "VL005": errors.SourceExists,
}

# Not the caller's fault and gone in a moment.
_PASSING = (
    pg.SerializationFailure,
    pg.DeadlockDetected,
    pg.LockNotAvailable,
    pg.QueryCanceled,
    pg.ReadOnlySqlTransaction,
)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        domain = DOMAIN_ERRORS.get(error.sqlstate or "")
        if domain is not None:
            raise domain() from error
        if isinstance(error, pg.DataError):
            logger.warning("the database refused a value", sqlstate=error.sqlstate)
            raise errors.Malformed("The request holds a value that cannot be stored.") from error
        if isinstance(error, (*_PASSING, psycopg.OperationalError, psycopg.InterfaceError)):
            logger.error(
                "database unavailable",
                sqlstate=error.sqlstate,
                cause=error.diag.message_primary or str(error),
            )
            raise errors.Unavailable from error
        # Only the primary message: details and contexts quote rows, which are nobody's to log.
        logger.error(
            "statement failed",
            sqlstate=error.sqlstate,
            cause=error.diag.message_primary or type(error).__name__,
            constraint=error.diag.constraint_name,
        )
        raise errors.InternalError from error
