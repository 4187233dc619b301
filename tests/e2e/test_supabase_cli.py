"""The Supabase CLI against a project's database: its migrations are ours, and its advisors agree.

It connects as in real life: TCP, a password, an administrator who is no superuser, and a pooler in
session mode, which is what `supabase link` chooses where there is no IPv6.
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local import postgres
from migrations import apply
from tests import pooler, supabase_project, tools
from tests.e2e.stack_fixture import free_port
from tests.support import throwaway_postgres

pytestmark = pytest.mark.deployment("supabase", "migrations", "tests/supabase_project.py")

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = [migration.version for migration in apply.read()]
HISTORY = "select version from supabase_migrations.schema_migrations order by 1"
CLI_SECONDS = 60  # it should need two
NOTES = {
    # Only a function that runs with its owner's rights reads it.
    ("rls_enabled_no_policy", "public.deployment"),
    # Only the views of its schema read it; its identity has a null: everybody's figures.
    ("rls_enabled_no_policy", "dashboards.readers"),
    ("no_primary_key", "dashboards.readers"),
}

numbers = itertools.count()


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Project:
    """A database of a project, and the CLI in a checkout."""

    admin_url: str  # on the socket
    url: str  # over TCP and the pooler
    checkout: Path

    def supabase(self, *command: str) -> Said:
        """Runs the CLI against this database, with nothing to tell anybody and nobody to ask."""
        return self._run([str(tools.supabase()), *command, f"--remote={self.url}"])

    def our_runner(self) -> Said:
        """`python -m migrations.apply` of the checkout."""
        return self._run([sys.executable, "-m", "migrations.apply"])

    def rows(self, query: str) -> list[Any]:
        """The first column."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            return [row[0] for row in connection.execute(query.encode())]

    def execute(self, statements: str) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statements.encode())

    def _run(self, command: list[str]) -> Said:
        done = subprocess.run(
            command,
            cwd=self.checkout,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.checkout),
                "DATABASE_URL": self.admin_url,
                "SUPABASE_TELEMETRY_DISABLED": "1",
                "SUPABASE_NO_UPDATE_NOTIFIER": "1",
                # Whatever it might ask of another host fails at once, and must not matter.
                "HTTPS_PROXY": "http://127.0.0.1:9",
                "NO_PROXY": "127.0.0.1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CLI_SECONDS,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def advice(self, level: str, fail_on: str) -> tuple[int, list[dict[str, Any]]]:
        """The exit code of `db advisors`, and what it found of both types."""
        said = self.supabase(
            "db", "advisors", "--type", "all", "--level", level, "--fail-on", fail_on
        )
        if "No issues found" in said.err:
            return said.status, []
        try:
            found: list[dict[str, Any]] = json.loads(said.out)
        except ValueError:
            pytest.fail(f"db advisors: {said}")
        return said.status, found


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Server]:
    """The Postgres that Supabase runs."""
    with throwaway_postgres(tools.postgres_17()) as server:
        yield server


@pytest.fixture(scope="module")
def session_pooler(cluster: postgres.Server) -> Iterator[pooler.Pooler]:
    """Its session pooler, on TCP."""
    with pooler.running(
        cluster,
        cluster.data.parent / "pooler",
        (supabase_project.ADMIN,),
        mode="session",
        size=5,
        tcp_port=free_port(),
    ) as running:
        yield running


@pytest.fixture
def project(cluster: postgres.Server, session_pooler: pooler.Pooler, tmp_path: Path) -> Project:
    """A new project and a checkout of this repository, with its link from supabase/migrations."""
    tools.supabase()
    name = f"project_{next(numbers)}"
    admin_url = supabase_project.create(cluster, name)
    shutil.copytree(
        ROOT / "migrations", tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(
        ROOT / "supabase",
        tmp_path / "supabase",
        symlinks=True,
        ignore=shutil.ignore_patterns("node_modules", ".temp", ".branches"),
    )
    return Project(admin_url, session_pooler.url(name, supabase_project.ADMIN), tmp_path)


def test_migration_up_leaves_our_runner_nothing(project: Project) -> None:
    """Both keep the same record, so what the CLI applied is done."""
    said = project.supabase("migration", "up", "--yes")
    assert said.status == 0, said
    assert project.rows("show server_version_num")[0].startswith("17")
    assert project.rows(HISTORY) == VERSIONS
    assert project.our_runner() == Said(0, "nothing to apply\n", "")


def test_db_push_applies_and_seeds(project: Project) -> None:
    """`--include-seed` runs supabase/seed.sql once; neither tool finds more to do."""
    said = project.supabase("db", "push", "--include-seed", "--yes")
    assert said.status == 0, said
    assert "Seeding data from supabase/seed.sql" in said.err
    assert project.rows(HISTORY) == VERSIONS
    assert project.our_runner() == Said(0, "nothing to apply\n", "")
    again = project.supabase("db", "push", "--include-seed", "--yes")
    assert (again.status, again.out) == (0, "Remote database is up to date.\n")


def test_our_runner_leaves_the_cli_nothing(project: Project) -> None:
    """The other way round: what our runner applied, the CLI does not apply again."""
    said = project.our_runner()
    assert said.out.endswith(f"\n{len(VERSIONS)} applied\n"), said
    up = project.supabase("migration", "up", "--yes")
    assert (up.status, "up to date" in up.out + up.err) == (0, True), up
    push = project.supabase("db", "push", "--yes")
    assert (push.status, push.out) == (0, "Remote database is up to date.\n")
    assert project.rows(HISTORY) == VERSIONS


BOUND = (
    "select proname from pg_proc where pronamespace = 'public'::regnamespace"
    " and prosqlbody is not null"
)


def test_the_advisors_find_nothing(project: Project) -> None:
    """No warning and no error, about security or performance; what is left to note is known."""
    apply.apply(project.admin_url)
    warnings = project.advice("warn", "error")[1]
    # A body that is bound to what it names when it is made looks nothing up in a search path.
    bound = set(project.rows(BOUND))
    assert {warning["name"] for warning in warnings} <= {"function_search_path_mutable"}
    assert {warning["metadata"]["name"] for warning in warnings} <= bound
    notes = {
        (note["name"], f"{note['metadata']['schema']}.{note['metadata']['name']}")
        for note in project.advice("info", "error")[1]
        if note["name"] not in ("unused_index", "function_search_path_mutable")
        and note["metadata"]["schema"] != "partitions"  # nobody is granted anything there
    }
    assert notes == NOTES


def test_the_advisors_see_a_hole(project: Project) -> None:
    """So that silence means something: a table and a view that anybody may read, and an RPC."""
    project.execute(
        """
        create table public.leak (id integer primary key);
        create view public.window as select id from public.leak;
        create function public.door() returns integer language sql as 'select 1';
        """
    )
    status, found = project.advice("warn", "error")
    assert status == 1
    assert {issue["name"] for issue in found} == {
        "rls_disabled_in_public",
        "security_definer_view",
        "function_search_path_mutable",
    }


def test_the_cli_knows_every_key_of_config_toml(project: Project, tmp_path: Path) -> None:
    """It passes over keys that it does not know, so ours are compared with those it would write."""
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    subprocess.run(
        [tools.supabase(), "init", f"--workdir={fresh}"],
        env={"HOME": str(tmp_path), "SUPABASE_TELEMETRY_DISABLED": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=CLI_SECONDS,
        check=True,
    )
    known, section = set(), ""
    for line in (fresh / "supabase/config.toml").read_text().splitlines():
        if found := re.match(r"#? ?\[([\w.]+)\]$", line):
            section = f"{found[1]}."
        elif found := re.match(r"#? ?(\w+) = ", line):
            known.add(section + found[1])
    ours = tomllib.loads((project.checkout / "supabase/config.toml").read_text())
    assert {function: {"verify_jwt"} for function in ours["functions"]} == {
        function: set(settings) for function, settings in ours.pop("functions").items()
    }
    assert set(_keys(ours)) - known == set()


def _keys(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Every key with the tables that it is in: `auth.email.enabled`."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{key}.")
        else:
            yield prefix + key
