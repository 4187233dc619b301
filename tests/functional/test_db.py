"""Transactions: identity stays inside, dead connections are replaced, one actor at a time."""

import io
import logging
import traceback
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from functions.core import db, errors
from functions.core.actor import Member, Monitor, User
from functions.core.observability import logger
from tests.support import Database, fresh_process

WHO = "select current_user, current_setting('request.jwt.claims', true)"

ADA = Member(UUID("00000000-0000-4000-8000-00000000000a"))


def test_identity_ends_with_the_transaction(database: Database) -> None:
    """After any outcome the connection is nobody's again."""
    user = User(uuid4())
    with db.transaction(user) as connection:
        assert connection.execute(WHO).fetchone() == ("authenticated", user.claims)
    assert connection.execute(WHO).fetchone() == ("vibeloom_functions", "")
    with pytest.raises(ZeroDivisionError), db.transaction(user):
        raise ZeroDivisionError
    with pytest.raises(errors.InternalError), db.transaction(user) as connection:
        connection.execute("select * from nothing")
    with pytest.raises(errors.InternalError):
        db.call(Monitor(), "select * from nothing", {})
    assert db.call(user, WHO, {}) == [("authenticated", user.claims)]
    assert connection.execute(WHO).fetchone() == ("vibeloom_functions", "")


def test_an_exception_rolls_back(database: Database) -> None:
    """Nothing of a block that raised is kept."""
    with pytest.raises(RuntimeError), db.transaction(ADA) as connection:
        connection.execute("insert into profiles (id, email) values (auth.uid(), 'x')")
        raise RuntimeError
    assert database.value("select count(*) from profiles") == 0


class Nobody(Monitor):
    """An actor whose role the functions may not have."""

    role = "postgres"


def test_a_refused_role_leaves_no_transaction(database: Database) -> None:
    """Behind a pooler an open one would keep a connection from everybody else."""
    for use in (
        lambda: db.call(Nobody(), "select 1", {}),
        lambda: db.transaction(Nobody()).__enter__(),
    ):
        with pytest.raises(errors.InternalError):
            use()
        assert db._connection is not None
        assert db._connection.info.transaction_status is TransactionStatus.IDLE
        assert _in_one_call() == [(1,)]


INSERT = f"insert into public.profiles (id, email) values ('{ADA.id}', 'x')"


@pytest.mark.parametrize(
    "inner",
    [
        lambda: db.call(Monitor(), "select 1", {}),
        lambda: db.transaction(Monitor()).__enter__(),
        lambda: db.reading(Monitor(), "select 1", {}).__enter__(),
        lambda: db.transaction(ADA).__enter__(),
    ],
    ids=["call", "transaction", "reading", "member"],
)
def test_a_transaction_inside_a_transaction_is_a_bug(
    database: Database, inner: Callable[[], object]
) -> None:
    """There is one connection: the inner one would commit the outer one and end its identity."""
    with pytest.raises(RuntimeError, match="inside"), db.transaction(ADA) as connection:
        connection.execute(INSERT)
        inner()
    assert database.value("select count(*) from profiles") == 0
    with db.transaction(ADA) as connection:
        connection.execute(INSERT)
        with pytest.raises(RuntimeError, match="inside"):
            inner()
        assert connection.execute("select current_user").fetchone() == ("vibeloom_member",)
    assert database.value("select count(*) from profiles") == 1


@pytest.mark.parametrize("statement", ["select * from nothing", "rollback", "commit"])
def test_no_transaction_ends_in_silence(database: Database, statement: str) -> None:
    """Postgres answers the commit of a failed transaction with a rollback, which is no error."""
    with pytest.raises(RuntimeError, match="no longer open"), db.transaction(ADA) as connection:
        connection.execute(INSERT)
        with suppress(psycopg.Error):
            connection.execute(statement)
    assert _in_one_call() == [(1,)]
    assert database.value("select count(*) from profiles") == int(statement == "commit")


def test_a_failure_that_was_foreseen_is_none(database: Database) -> None:
    """A savepoint is the way to try something inside a transaction."""
    with db.transaction(ADA) as connection:
        connection.execute(INSERT)
        with suppress(psycopg.Error), connection.transaction():
            connection.execute("select * from nothing")
    assert database.value("select count(*) from profiles") == 1


def test_what_only_reads_sees_one_snapshot_and_writes_nothing(database: Database) -> None:
    """Whatever is committed meanwhile."""
    count = "select count(*) from public.profiles"
    with db.transaction(ADA, db.READING) as connection:
        seen = [connection.execute(count).fetchone()]
        database.rows(INSERT)
        seen.append(connection.execute(count).fetchone())
    assert seen == [(0,), (0,)]
    show = "select current_setting('transaction_isolation'), current_setting(%(name)s)"
    parameters = {"name": "transaction_read_only"}
    with db.reading(Monitor(), show, parameters) as (connection, rows):
        assert rows == [("repeatable read", "on")]
    assert db.call(Monitor(), show, parameters, db.READING) == rows
    assert db.call(Monitor(), show, parameters) == [("read committed", "off")]
    with (
        pytest.raises(errors.InternalError),
        db.transaction(ADA, db.READING) as connection,
    ):
        connection.execute(INSERT)


def test_a_dead_connection_is_replaced(database: Database) -> None:
    """A server that restarted between two requests costs nobody an error."""
    for use in (_in_one_call, _in_transaction):
        use()
        database.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where usename = 'vibeloom_functions'"
        )
        assert use() == [(1,)]


def _in_one_call() -> object:
    return db.call(Monitor(), "select 1", {})


def _in_transaction() -> object:
    with db.transaction(Monitor()) as connection:
        return connection.execute("select 1").fetchall()


def test_the_login_is_no_superuser_and_reads_nothing(database: Database) -> None:
    """Without becoming somebody, the functions' own login sees no table."""
    with psycopg.connect(database.functions_url, autocommit=True) as connection:
        row = connection.execute(
            "select rolsuper, rolbypassrls, rolcreaterole from pg_roles"
            " where rolname = current_user"
        ).fetchone()
        assert row == (False, False, False)
        for table in ("profiles", "sources", "access_tokens", "batches", "events"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select from {table}")


RAISE = "do $$ begin raise exception 'x' using errcode = '{}'; end $$"


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [
        ("VL001", errors.SourceNameTaken),
        ("VL003", errors.TooManyKeys),
        ("40P01", errors.Unavailable),
        ("40001", errors.Unavailable),
        ("53300", errors.Unavailable),
        ("25006", errors.Unavailable),
        ("57014", errors.StatementTimeout),
        ("55P03", errors.LockTimeout),
        ("22003", errors.InternalError),
        ("22P05", errors.InternalError),
        ("23514", errors.InternalError),
    ],
)
def test_what_the_database_says_in_the_domain_s_words(
    database: Database, sqlstate: str, expected: type[Exception]
) -> None:
    """Each error class names its SQLSTATE; a value that does not fit is our own fault."""
    with (
        pytest.raises(errors.ApiError) as raised,
        db.transaction(ADA) as connection,
    ):
        connection.execute(RAISE.format(sqlstate))
    assert type(raised.value) is expected


def test_only_what_a_caller_sent_is_the_caller_s_fault(database: Database) -> None:
    """A door that passes a caller's values on says so, and which errors they may cause."""
    overflow = "select 9223372036854775807 + %(number)s::bigint"
    with pytest.raises(errors.InternalError):
        db.call(Monitor(), overflow, {"number": 1})
    refusals = {"22003": errors.Malformed}
    with pytest.raises(errors.Malformed):
        db.call(Monitor(), overflow, {"number": 1}, refusals=refusals)
    with pytest.raises(errors.InternalError):
        db.call(Monitor(), "select 1 / %(number)s::bigint", {"number": 0}, refusals=refusals)
    assert _in_one_call() == [(1,)]


def _limit(monkeypatch: pytest.MonkeyPatch, **seconds: int) -> None:
    """A process with those limits."""
    for name, limit in seconds.items():
        monkeypatch.setenv(f"VIBELOOM_{name.upper()}_TIMEOUT_SECONDS", str(limit))
    fresh_process()


def test_the_limits_are_the_transaction_s(database: Database) -> None:
    """They are set with the role, and nothing of them stays on the connection."""
    names = "statement_timeout transaction_timeout idle_in_transaction_session_timeout lock_timeout"
    shown = ", ".join(f"current_setting('{name}')" for name in names.split())
    assert db.call(Monitor(), f"select {shown}", {}) == [("25s", "28s", "15s", "10s")]
    assert db._connection is not None
    assert db._connection.execute(f"select {shown}").fetchone() == ("0", "0", "0", "0")


def test_a_statement_that_takes_too_long_is_not_sent_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by us, on another connection, nor by whoever asked: there is no Retry-After."""
    _limit(monkeypatch, statement=1)
    database.rows("create sequence tries; grant usage on sequence tries to vibeloom_ingest")
    assert _in_one_call() == [(1,)]
    with pytest.raises(errors.StatementTimeout) as raised:
        db.call(Monitor(), "select nextval('tries'), pg_sleep(60)", {})
    assert (raised.value.status, raised.value.retry_after) == (504, None)
    assert database.value("select last_value from tries") == 1
    assert _in_one_call() == [(1,)]


def test_statements_that_take_too_long_together(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may be short; what they hold is held until the end of the last one."""
    _limit(monkeypatch, statement=1, transaction=2)
    with (
        pytest.raises(errors.TransactionTimeout) as raised,
        db.transaction(ADA) as connection,
    ):
        for _ in range(60):
            connection.execute("select pg_sleep(0.5)")
    assert (raised.value.status, raised.value.retry_after) == (504, None)
    assert _in_one_call() == [(1,)]


def test_a_transaction_that_waits_for_us_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was frozen keeps no lock and no place in the pool."""
    _limit(monkeypatch, idle_transaction=1)
    with (
        pytest.raises(errors.IdleTransactionTimeout) as raised,
        db.transaction(ADA) as connection,
    ):
        connection.execute(INSERT)
        database.rows("select pg_sleep(1.5)")
        connection.execute("select 1")
    assert (raised.value.status, raised.value.retry_after) == (504, None)
    assert database.value("select count(*) from profiles") == 0
    assert _in_one_call() == [(1,)]


def test_whoever_waits_for_a_lock_may_try_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is held by another request, which ends."""
    _limit(monkeypatch, lock=1)
    with psycopg.connect(database.admin_url) as holder:
        holder.execute("lock table public.profiles")
        with pytest.raises(errors.LockTimeout) as raised, db.transaction(ADA) as connection:
            connection.execute(INSERT)
    assert (raised.value.status, raised.value.retry_after) == (503, 1)


CANARY = "canary-7f3a"


def test_no_log_quotes_what_the_database_quotes(
    database: Database, lines: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows, parameters and contexts stand in its errors; whoever logs them, and however."""
    database.rows(f"alter table profiles add constraint c check (email <> '{CANARY}')")
    for statement in (
        "insert into public.profiles (id, email) values (auth.uid(), %(canary)s)",  # DETAIL: it
        "select %(canary)s::integer",  # the message itself
        "select %(canary)s::text::jsonb",  # DETAIL and CONTEXT
        "select 1 from nothing where 'x' = %(canary)s",
    ):
        with pytest.raises(errors.InternalError) as raised, db.transaction(ADA) as connection:
            connection.execute(statement, {"canary": CANARY})
        logger.error("unhandled", exc_info=raised.value)
        assert CANARY not in "".join(traceback.format_exception(raised.value))
    with pytest.raises(KeyError) as other, db.transaction(ADA) as connection:
        try:
            connection.execute("select %(canary)s::integer", {"canary": CANARY})
        except psycopg.Error as error:
            logger.warning("caught", cause=error, exc_info=error)
            raise KeyError("x") from error
    logger.error("unhandled", exc_info=other.value)
    logging.getLogger("psycopg").warning("error ignored: %s", CANARY)
    written = lines.getvalue()
    assert CANARY not in written
    assert [record for record in caplog.records if record.name == "psycopg"] == []
    assert written.count("check constraint") == 1
    assert "KeyError: 'x'" in written
    assert "InvalidTextRepresentation: SQLSTATE 22P02" in written
