"""The migrations on a database with a Supabase project's roles and default privileges."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from infra.local import postgres
from migrations import apply
from tests import supabase_project
from tests.support import throwaway_postgres

ROOT = Path(__file__).resolve().parents[2]

# What of ours a role may use. `service_role` is left out: a project means it to have everything.
PRIVILEGES = """
    with role (name) as (
        values ('anon'), ('authenticated'), ('vibeloom_functions'), ('vibeloom_ingest')
    ),
    ours (oid) as (
        select n.oid from pg_catalog.pg_namespace n
        where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'auth')
    )
    select role.name, p.oid::regprocedure::text, 'execute'
    from role, pg_catalog.pg_proc p join ours on ours.oid = p.pronamespace
    where has_function_privilege(role.name, p.oid, 'execute')
    union all
    select role.name, c.oid::regclass::text, privilege
    from role, pg_catalog.pg_class c join ours on ours.oid = c.relnamespace,
        unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'])
            as privilege
    where c.relkind in ('r', 'p', 'v', 'm') and has_table_privilege(role.name, c.oid, privilege)
    union all
    select role.name, c.oid::regclass::text, privilege
    from role, pg_catalog.pg_class c join ours on ours.oid = c.relnamespace,
        unnest(array['select', 'update', 'usage']) as privilege
    where c.relkind = 'S' and has_sequence_privilege(role.name, c.oid, privilege)
"""

MONTHS = "select count(*) from pg_catalog.pg_inherits where inhparent = 'public.events'::regclass"

numbers = itertools.count()


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Server]:
    """A cluster of its own: in a project, the first migration makes the roles."""
    with throwaway_postgres() as started:
        yield started


@pytest.fixture(scope="module")
def project(cluster: postgres.Server) -> str:
    """The administrator's address of a project's database with all migrations."""
    url = supabase_project.create(cluster, f"project_{next(numbers)}")
    apply.apply(url)
    return url


def privileges(url: str) -> set[tuple[str, str, str]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return set(connection.execute(PRIVILEGES).fetchall())


def test_the_migrations_need_no_superuser(project: str) -> None:
    """Nobody is one in a hosted project."""
    with psycopg.connect(project, autocommit=True) as connection:
        assert connection.execute("show is_superuser").fetchone() == ("off",)
    assert apply.pending(project) == []


def test_default_privileges_open_nothing(
    server: postgres.Server, template: str, project: str
) -> None:
    """What a project grants by default, each migration takes back: nothing is offered as an RPC."""
    assert privileges(project) == privileges(server.url(template))


def test_the_seed_may_run_again(project: str) -> None:
    """It makes the months that are missing, and then there is nothing left to make."""
    seed = (ROOT / "supabase/seed.sql").read_text()
    this_month = f"partitions.events_{datetime.now(UTC):%Y_%m}"
    with psycopg.connect(project, autocommit=True) as connection:
        before = connection.execute(MONTHS).fetchone()
        connection.execute(f"drop table {this_month}".encode())
        assert connection.execute(MONTHS).fetchone() != before
        for _ in range(2):
            connection.execute(seed.encode())
            assert connection.execute(MONTHS).fetchone() == before
