"""The dashboards' login: what it reads, whose rows those are, and that it writes nothing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support import Database, as_role

ROLE = "vibeloom_grafana"
ALICE = "grafana_alice"  # a login of one person's own Grafana
README = Path(__file__).parents[2] / "infra/grafana/README.md"

# Every column that leaves. A new one is a decision: no payload, no project, no address, no key.
COLUMNS = {
    "owners": "owner_id name timezone",
    "time_by_language": "owner_id day language human_seconds agent_seconds both_seconds"
    " both_elsewhere_seconds",
    "errors_by_class": "owner_id day class introduced fixed unresolved fix_seconds",
    "tokens_by_model": "owner_id hour day provider model calls tokens_input tokens_output"
    " tokens_cache_read tokens_cache_write cost_usd unpriced",
    "activity": "owner_id hour day hour_of_day events",
    "batches": "owner_id source received_at events inserted duplicates first_occurred_at"
    " last_occurred_at",
    "sources": "owner_id source created_at last_seen_at expected_every_hours",
    "pending_days": "owner_id day waits_since marked_at",
    "job_runs": "name last_run_at succeeded_at failed_at runs failures seconds",
}
VIEWS = {f"dashboards.{name}" for name in COLUMNS}

# One row of each owner's in every table that a view reads.
ROWS = (
    "insert into time_daily values (%(id)s, '2026-11-03', 'human', '', '', '', 60)",
    "insert into activity_sums values (%(id)s, '2026-11-03T04:00Z', gen_random_uuid(), 1)",
    "insert into token_sums values"
    " (%(id)s, '2026-11-03T04:00Z', gen_random_uuid(), '', '', '', 1, 0, 2, 3, 4, 5, 6)",
    "insert into error_episodes values"
    " (%(id)s, '2026-11-03T04:00Z', gen_random_uuid(), 'e', '', sha256('x'), 'other', null)",
    "insert into dirty_days (owner_id, day) values (%(id)s, '2026-11-03')",
    "insert into sources (owner_id, name) values (%(id)s, %(name)s)",
    "insert into source_keys (source_id, owner_id, public_key)"
    " select id, owner_id, sha256(name::bytea) from sources where name = %(name)s",
    "insert into batches (owner_id, source_id, key_id, body_sha256, signature, events, inserted,"
    " first_occurred_at, last_occurred_at)"
    " select owner_id, source_id, id, public_key, public_key || public_key, 1, 1, now(), now()"
    " from source_keys where owner_id = %(id)s",
)


@pytest.fixture
def owners(database: Database) -> list[str]:
    """Two people with one row in every table that a view reads, and a job that has run."""
    database.rows("select note_job_run('refresh_days', true, 0.1)")
    made = []
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        for name in ("alice", "bob"):
            [(owner,)] = admin.execute(
                "insert into profiles (handle, email) values (%s, %s) returning id::text",
                (name, f"{name}@example.org"),
            ).fetchall()
            for statement in ROWS:
                admin.execute(statement, {"id": owner, "name": name})
            made.append(owner)
    return made


@contextmanager
def as_login(database: Database, login: str = ROLE) -> Iterator[psycopg.Connection[Any]]:
    """A connection that logs in as `login`, which may for as long as it lasts."""
    database.rows(f"alter role {login} login")
    try:
        with psycopg.connect(database.admin_url, user=login, autocommit=True) as connection:
            yield connection
    finally:
        database.rows(f"alter role {login} nologin")


@pytest.fixture
def alice(database: Database, owners: list[str]) -> Iterator[str]:
    """A second login, made as the README says, that sees the first owner."""
    database.rows(f"create role {ALICE} nologin connection limit 5 in role {ROLE}")
    database.rows("insert into dashboards.readers values (%s, %s)", ALICE, owners[0])
    yield owners[0]
    database.rows(f"drop role {ALICE}")


def relations(database: Database) -> list[str]:
    """Every table, view, partition and sequence that is ours."""
    rows = database.rows(
        "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name from pg_class as c"
        " join pg_namespace as n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p', 'v', 'm', 'S')"
        " and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
    )
    return sorted(row["name"] for row in rows)


def seen(connection: psycopg.Connection[Any]) -> dict[str, set[str]]:
    """Whose rows each view shows; of the jobs, their names."""
    found = {}
    for view in COLUMNS:
        column = "name" if view == "job_runs" else "owner_id::text"
        rows = connection.execute(f"select {column} from dashboards.{view}").fetchall()
        found[view] = {value for (value,) in rows}
    return found


def test_the_role_is_dead_until_an_operator_wakes_it(database: Database) -> None:
    """No login, no attribute of power, member of nothing; few connections, short statements."""
    [role] = database.rows(
        "select rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication,"
        " rolinherit, rolconnlimit, rolconfig from pg_roles where rolname = %s",
        ROLE,
    )
    settings = role.pop("rolconfig")
    assert role.pop("rolconnlimit") == 10
    assert not any(role.values())
    assert sorted(settings) == [
        "TimeZone=UTC",
        "default_transaction_read_only=on",
        "idle_in_transaction_session_timeout=10s",
        "lock_timeout=2s",
        "search_path=dashboards",
        "statement_timeout=15s",
        "transaction_timeout=30s",
    ]
    memberships = "select from pg_auth_members where member = %s::regrole"
    assert database.rows(memberships, ROLE) == []


def test_every_column_that_leaves_is_listed(database: Database) -> None:
    """The views and their columns, all of them."""
    rows = database.rows(
        "select c.relname as name, string_agg(a.attname, ' ' order by a.attnum) as columns,"
        " 'security_barrier=true' = any(c.reloptions) as barred"
        " from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0"
        " where c.relnamespace = 'dashboards'::regnamespace and c.relkind = 'v'"
        " group by c.relname, c.reloptions"
    )
    assert {row["name"]: row["columns"] for row in rows} == COLUMNS
    assert all(row["barred"] for row in rows)  # or a cheap function would see others' rows


def test_it_reads_the_views_and_nothing_else(database: Database) -> None:
    """Each relation of the database, tried."""
    allowed = set()
    with as_login(database) as connection:
        for relation in relations(database):
            try:
                connection.execute(f"select from {relation}")
            except psycopg.errors.InsufficientPrivilege:
                continue
            allowed.add(relation)
    assert allowed == VIEWS


@pytest.mark.parametrize("mode", ["read only", "read write"])
def test_it_writes_nowhere(database: Database, owners: list[str], mode: str) -> None:
    """Not as it comes, and not when it takes the belt of its read-only default off."""
    refused = (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.ReadOnlySqlTransaction,
        psycopg.errors.ObjectNotInPrerequisiteState,  # a view that unites tables is not writable
        psycopg.errors.WrongObjectType,  # truncating a view
    )
    statements = [
        "create table public.mine (n integer)",
        "create table dashboards.mine (n integer)",
        "create schema mine",
        "create function public.mine() returns integer language sql return 1",
        "create role mine",
        "alter role vibeloom_grafana connection limit -1",
        "insert into dashboards.readers (role_name) values ('vibeloom_grafana')",
        "select public.note_job_run('refresh_days', true, 0)",
        "set role service_role",
        "set role authenticated",
    ]
    for relation in relations(database):
        columns = database.rows(
            "select quote_ident(attname) as name from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and attidentity = '' limit 1",
            relation,
        )
        statements += [
            f"insert into {relation} default values",
            f"update {relation} set {columns[0]['name']} = null",
            f"delete from {relation}",
            f"truncate {relation}",
        ]
    if mode == "read only":
        statements.append("create temporary table mine (n integer)")
    with as_login(database) as connection:
        assert connection.execute("show transaction_read_only").fetchone() == ("on",)
        if mode == "read write":
            connection.execute("set default_transaction_read_only = off")
        for statement in statements:
            with pytest.raises(refused):
                connection.execute(statement)


def test_nothing_else_is_granted(database: Database) -> None:
    """No right to write anywhere, which row-level security would hide, and no function of ours."""
    writable = database.rows(
        "select c.oid::regclass::text as name from pg_class as c"
        " join pg_namespace as n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p', 'v', 'm')"
        " and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
        " and (has_any_column_privilege(%s, c.oid, 'insert, update, references')"
        " or has_table_privilege(%s, c.oid, 'delete, truncate, trigger'))",
        *(ROLE, ROLE),
    )
    executable = database.rows(
        "select p.oid::regprocedure::text as name from pg_proc as p"
        " where p.pronamespace in ('public'::regnamespace, 'dashboards'::regnamespace)"
        " and has_function_privilege(%s, p.oid, 'execute')",
        ROLE,
    )
    assert (writable, executable) == ([], [])


def test_without_a_row_it_sees_nothing(database: Database, owners: list[str]) -> None:
    """A password alone opens nothing; `readers` says whose figures are seen."""
    with as_login(database) as connection:
        assert seen(connection) == {view: set() for view in COLUMNS}
        database.rows("insert into dashboards.readers (role_name) values (%s)", ROLE)
        everybody = {view: set(owners) for view in COLUMNS} | {"job_runs": {"refresh_days"}}
        assert seen(connection) == everybody


def test_a_login_of_ones_own_sees_its_owner(database: Database, alice: str) -> None:
    """Also after `set role` to the one that sees everybody, and with it beside."""
    database.rows("insert into dashboards.readers (role_name) values (%s)", ROLE)
    own = {view: {alice} for view in COLUMNS} | {"job_runs": {"refresh_days"}}
    with as_login(database, ALICE) as connection:
        assert seen(connection) == own
        connection.execute(f"set role {ROLE}")
        assert seen(connection) == own


def test_a_deleted_account_opens_nothing(database: Database, alice: str) -> None:
    """The row goes with its owner; a login without one is as blind as it began."""
    database.rows("delete from profiles where id = %s", alice)
    with as_login(database, ALICE) as connection:
        assert seen(connection) == {view: set() for view in COLUMNS}


def test_the_readme_wakes_the_login(database: Database, owners: list[str]) -> None:
    """Its SQL, block by block: everybody, one person instead, a login of one's own, and sleep."""
    text = README.read_text(encoding="utf-8").partition("\n## 2.")[0].replace("'ada'", "'alice'")
    everybody, one, own = re.findall(r"(?:^    .+\n)+", text.partition("\n## 1.")[2], re.MULTILINE)
    [sleep] = re.findall(r"`(alter role .+)`", text)
    alice = {view: {owners[0]} for view in COLUMNS} | {"job_runs": {"refresh_days"}}
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        try:
            admin.execute(everybody)
            with psycopg.connect(database.admin_url, user=ROLE) as connection:
                assert seen(connection)["sources"] == set(owners)
            admin.execute("delete from dashboards.readers")
            admin.execute(one)
            with psycopg.connect(database.admin_url, user=ROLE) as connection:
                assert seen(connection) == alice
            admin.execute(own)
            with psycopg.connect(database.admin_url, user="grafana_ada") as connection:
                assert seen(connection) == alice
        finally:
            admin.execute(sleep)
            admin.execute("drop role if exists grafana_ada")
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        psycopg.connect(database.admin_url, user=ROLE)


def test_the_views_are_nobody_elses(database: Database, owners: list[str]) -> None:
    """They read with their owner's rights, so no role of the API may come near them."""
    roles = ("anon", "authenticated", "vibeloom_member", "vibeloom_ingest")
    for role in roles:
        for view in COLUMNS:
            with (
                as_role(database, role, owners[0]) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute(f"select from dashboards.{view}")


def test_a_reader_cannot_see_past_the_barrier(database: Database, alice: str) -> None:
    """An expression that fails on another's row is not evaluated there, whatever the plan."""
    with as_login(database, ALICE) as connection:
        connection.execute("set enable_nestloop = off; set enable_mergejoin = off")
        rows = connection.execute(
            "select source from dashboards.sources where 1 / (length(source) - 3) = 0"
        ).fetchall()  # "bob" has three letters
    assert rows == [("alice",)]
