"""Fixtures: one Postgres a session, a template database, a clone per test that may commit."""

import io
import itertools
import logging
import os
import tracemalloc  # noqa: F401 (pytest imports it inside its hook, which an import may call)
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("VIBELOOM_DATABASE_URL", "postgresql://nobody@/nowhere")
os.environ["THREADS"] = "1"

import psycopg
import pytest
from pytest_postgresql import factories
from pytest_postgresql.executors import NoopExecutor

from functions.core import observability
from infra.local import postgres
from migrations import apply
from tests.support import (
    Api,
    Database,
    Registered,
    fresh_process,
    register_source,
    throwaway_postgres,
)

pytest_plugins = ("tests.deployment",)

BOOTSTRAP = Path(__file__).parent.parent / "infra/local/bootstrap.sql"
LOGIN = "vibeloom_functions"  # what the functions log in as: no superuser, no owner

_numbers = itertools.count()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the logger writes during the test."""
    stream = io.StringIO()
    handler = observability.logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    original = handler.setStream(stream)
    yield stream
    handler.setStream(original)


def pytest_addoption(parser: pytest.Parser) -> None:
    """So that the same tests run on another Postgres, and through a pooler."""
    parser.addoption("--postgres", metavar="FOLDER", help="use the Postgres with its socket there")
    parser.addoption(
        "--functions-url", metavar="URL", help="where the functions find the database named {}"
    )


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[postgres.Server]:
    """A Postgres for this test session; a crash may lose everything in it."""
    if (given := request.config.getoption("--postgres")) is not None:
        yield postgres.Server(data=Path(given), sockets=Path(given))
        return
    with throwaway_postgres() as started:
        yield started


def migrate(host: str, port: int, user: str, dbname: str, **_: object) -> None:
    """Applies all migrations to a database that has the bootstrap."""
    apply.apply(postgres.Server(Path(host), Path(host)).url(dbname))


def keep_few_months(**address: Any) -> None:
    """Drops the partitions that few tests need: every clone would copy their files.

    The last month, this one, the next two and the default stay. A test that is about the months
    calls `make_event_partitions()` first.
    """
    address.pop("autocommit")
    with psycopg.connect(**address, autocommit=True) as admin:
        names = "select inhrelid::regclass::text from pg_inherits where inhparent = %s::regclass"
        months = admin.execute(names, ("public.events",)).fetchall()
        for (name,) in sorted(months)[:-5]:  # `events_default` is the last
            admin.execute(f"drop table {name}")
        admin.execute(f"alter role {LOGIN} login")


_template = factories.postgresql_noproc(load=[BOOTSTRAP, migrate, keep_few_months])


@pytest.fixture(scope="session")
def template(request: pytest.FixtureRequest, server: postgres.Server) -> str:
    """The name of a database with bootstrap and all migrations, to be cloned."""
    request.config.option.postgresql_host = str(server.sockets)
    made: NoopExecutor = request.getfixturevalue("_template")
    return made.template_dbname


@pytest.fixture(scope="session")
def clone(server: postgres.Server) -> Iterator[Callable[[str], str]]:
    """Clones the template with this name, and drops the clone before; returns the clone's name.

    pytest-postgresql's own clone of the same template takes 54 ms of CPU and 172 ms, this one 25
    and 82, on a busy machine. The other one is copied through the write-ahead log, needs three
    connections more, and is dropped while its last connection closes: Postgres then waits 100 ms.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    last = ""
    with psycopg.connect(server.url(), autocommit=True) as admin:

        def make(template: str) -> str:
            nonlocal last
            before, last = last, f"test{worker}_{next(_numbers)}"
            admin.execute(f"create database {last} template {template} strategy file_copy")
            drop(before)
            return last

        def drop(name: str) -> None:
            if name:
                admin.execute(f"drop database if exists {name} with (force)")

        yield make
        drop(last)


@pytest.fixture
def database(
    request: pytest.FixtureRequest,
    server: postgres.Server,
    template: str,
    clone: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Database]:
    """A migrated database of its own, and this process set up to use it as the functions do."""
    name = clone(template)
    for variable in [*os.environ]:
        if variable.startswith(("VIBELOOM_", "VIBETEA_")):
            monkeypatch.delenv(variable)
    given = request.config.getoption("--functions-url")
    url = server.url(name, LOGIN) if given is None else given.replace("{}", name)
    monkeypatch.setenv("VIBELOOM_DATABASE_URL", url)
    fresh_process()
    yield Database(admin_url=server.url(name), functions_url=url)
    fresh_process()


@pytest.fixture
def api(database: Database) -> Api:
    """The rooms' handlers, called as Lambda calls them."""
    return Api()


@pytest.fixture
def owner_token(database: Database) -> str:
    """An access token of the deployment's owner with every scope."""
    from functions.accounts import issue_owner_token

    return issue_owner_token("test")


@pytest.fixture
def laptop(api: Api, owner_token: str) -> Registered:
    """A monitor named `laptop` of the deployment's owner, registered with a proof of possession."""
    return register_source(api, owner_token, "laptop")
