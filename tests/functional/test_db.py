"""Transactions: identity stays inside, dead connections are replaced, one actor at a time."""

from uuid import uuid4

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from functions.core import db, errors
from functions.core.actor import Monitor, User
from tests.support import Database

WHO = "select current_user, current_setting('request.jwt.claims', true)"


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
    with pytest.raises(RuntimeError), db.service("a test") as connection:
        connection.execute("insert into profiles (email) values ('x')")
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


def test_a_transaction_inside_a_transaction_is_a_bug(database: Database) -> None:
    """One connection, one actor: the inner identity would end the outer one."""
    with pytest.raises(RuntimeError, match="inside"), db.service("outer"), db.service("inner"):
        pass


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


def test_what_the_database_says_in_the_domain_s_words(database: Database) -> None:
    """Errors are mapped by SQLSTATE in one table; what passes is a 503, bad values a 400."""
    raising = "do $$ begin raise exception 'x' using errcode = '{}'; end $$"
    for sqlstate, expected in (
        ("VL001", errors.SourceNameTaken),
        ("VL003", errors.TooManyKeys),
        ("40P01", errors.Unavailable),
        ("57014", errors.Unavailable),
        ("53300", errors.Unavailable),
        ("22P05", errors.Malformed),
    ):
        with pytest.raises(expected), db.service("a test") as connection:
            connection.execute(raising.format(sqlstate))
