"""What stands in for Supabase on a plain Postgres."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from infra.local import postgres

BOOTSTRAP = Path(__file__).resolve().parents[2] / "infra" / "local" / "bootstrap.sql"


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A Postgres for this module, in a directory short enough for its socket."""
    with tempfile.TemporaryDirectory(prefix="vibeloom-test-") as place:
        running = postgres.start(Path(place) / "pg", postgres.THROWAWAY)
        yield running
        running.stop()


def test_bootstrap_may_run_twice_and_in_several_databases_at_once(server: postgres.Server) -> None:
    """Roles belong to the cluster, so the tests' databases race for them."""
    names = [f"bootstrap_{i}" for i in range(4)]
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for name in names:
            connection.execute(f"create database {name}".encode())
    text = BOOTSTRAP.read_bytes()

    def bootstrap(name: str) -> None:
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            connection.execute(text)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bootstrap, names * 4))
    query = """
        select rolname, rolcanlogin, rolinherit, rolbypassrls,
            pg_has_role('authenticator', oid, 'member')
        from pg_roles
        where rolname in ('anon', 'authenticated', 'service_role', 'authenticator')
        order by rolname
    """
    with psycopg.connect(server.url(names[0]), autocommit=True) as connection:
        roles = connection.execute(query).fetchall()
    assert roles == [
        ("anon", False, False, False, True),
        ("authenticated", False, False, False, True),
        ("authenticator", True, False, False, True),
        ("service_role", False, False, True, True),
    ]


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("request.jwt.claims", '{"sub": "%s", "role": "authenticated"}', ("%s", "authenticated")),
        ("request.jwt.claim.sub", "%s", ("%s", None)),
        ("request.jwt.claims", "", (None, None)),
        ("request.jwt.claims", "{}", (None, None)),
    ],
)
def test_auth_functions_read_the_claims(
    server: postgres.Server, setting: str, value: str, expected: tuple[str | None, str | None]
) -> None:
    """auth.uid() and auth.role() answer as Supabase's do, for anon too, and null for nobody."""
    sub = "6a4c0a2e-3d1f-4c57-9a55-0d6b3c1f0a11"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(BOOTSTRAP.read_bytes())
        connection.execute("set role anon")
        query = "select auth.uid()::text, auth.role()"
        assert connection.execute(query).fetchone() == (None, None)
        claims = value % sub if "%s" in value else value
        connection.execute("select set_config(%s, %s, false)", (setting, claims))
        assert connection.execute(query).fetchone() == tuple(
            part % sub if part == "%s" else part for part in expected
        )
