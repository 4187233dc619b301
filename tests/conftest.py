"""Fixtures: one Postgres a session, a template database, a clone per test that may commit."""

import io
import itertools
import logging
import os
import tracemalloc  # noqa: F401 (pytest imports it inside its hook, which an import may call)
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("VIBELOOM_DATABASE_URL", "postgresql://nobody@/nowhere")
os.environ["THREADS"] = "1"

import psycopg
import pytest

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


@pytest.fixture(scope="session")
def template(server: postgres.Server) -> str:
    """The name of a database with bootstrap and all migrations, to be cloned."""
    name = "template_vibeloom"
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f"create database {name}")
    with psycopg.connect(server.url(name), autocommit=True) as admin:
        admin.execute(BOOTSTRAP.read_text())
    apply.apply(server.url(name))
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f"alter role {LOGIN} login")
    return name


@pytest.fixture
def database(
    request: pytest.FixtureRequest,
    server: postgres.Server,
    template: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Database]:
    """A migrated database of its own, and this process set up to use it as the functions do."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f"create database {name} template {template}")
    for variable in [*os.environ]:
        if variable.startswith(("VIBELOOM_", "VIBETEA_")):
            monkeypatch.delenv(variable)
    given = request.config.getoption("--functions-url")
    url = server.url(name, LOGIN) if given is None else given.replace("{}", name)
    monkeypatch.setenv("VIBELOOM_DATABASE_URL", url)
    fresh_process()
    yield Database(admin_url=server.url(name), functions_url=url)
    fresh_process()
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f"drop database {name} with (force)")


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
