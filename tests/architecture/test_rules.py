"""The rules of the house, read from the code itself."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.core import db

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "functions"
ROOMS = sorted(p.parent.name for p in FUNCTIONS.glob("*/handler.py"))
SOURCES = sorted(FUNCTIONS.rglob("*.py"))
DOORS = ("handler", "door")  # the modules that know requests and responses


def imports(file: Path) -> Iterator[str]:
    """Every module that `file` imports, also inside functions, as dotted names."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def exported(name: str) -> bool:
    """Whether another room may have it: its own room's `__init__` names it in `__all__`."""
    room, _, thing = name.rpartition(".")
    return thing in getattr(importlib.import_module(room), "__all__", ())


def relative(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", SOURCES, ids=relative)
def test_imports_run_one_way(file: Path) -> None:
    """handler → service → core: core knows no room, and only jobs and gateway know handlers."""
    own = file.relative_to(FUNCTIONS).parts[0]
    for name in imports(file):
        parts = name.split(".")
        if parts[0] != "functions" or len(parts) < 2:
            assert parts[0] not in ("infra", "tests", "migrations", "vibeloom"), name
            continue
        if own == "core":
            assert parts[1] == "core", f"core imports {name}"
        elif own in ROOMS:
            assert parts[1] in ("core", own) or exported(name), f"{own} imports {name}"
            if file.stem not in DOORS:
                assert not {*DOORS} & {*parts[2:]}, f"{file.name} imports a door: {name}"


@pytest.mark.parametrize("room", ROOMS)
def test_http_stays_at_the_door(room: str) -> None:
    """Only handlers know requests and responses."""
    for file in (FUNCTIONS / room).rglob("*.py"):
        if file.stem not in DOORS:
            names = list(imports(file))
            assert not any(name.startswith("aws_lambda_powertools") for name in names), file
            assert "functions.core.http" not in names, file


def test_the_environment_is_read_in_one_place() -> None:
    """`core/config.py`, and nowhere else."""
    readers = {
        relative(file) for file in SOURCES if re.search(r"os\.environ|getenv", file.read_text())
    }
    assert readers == {"functions/core/config.py"}


SQL = re.compile(
    r"\b(select\s+\S+.*\bfrom\b|insert\s+into|update\s+\w+\s+set|delete\s+from)\b", re.I | re.S
)


def test_sql_lives_in_sql_files() -> None:
    """No statement in a string of a .py file."""
    found = set()
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and SQL.search(node.value)
            ):
                found.add(relative(file))
    assert found == set()


# Every transaction of a room instead of a person's, with its reason. A new one is a decision and no
# accident. The room is a literal: nothing that is sent chooses a role.
ROOM_USES = {
    ("functions/rollup/retention.py", "rollup", "retention is the house's duty to everybody"): 1,
    ("functions/rollup/tasks.py", "rollup", "retention is the house's duty to everybody"): 1,
    ("functions/rollup/tasks.py", "rollup", "looks whose days are dirty"): 1,
    ("functions/rollup/recompute.py", "rollup", "failures are the house's to write"): 1,
    ("functions/rollup/days.py", "rollup", "a day's mark is waited for"): 1,
    ("functions/rollup/days.py", "rollup", "looks whose days are dirty"): 1,
    ("functions/rollup/days.py", "rollup", "only the house writes daily figures"): 1,
    ("functions/rollup/days.py", "rollup", "only the house writes sums"): 1,
    ("functions/sources/service.py", "sources", "nobody else clears what was never used"): 1,
    ("functions/core/bearer.py", "door", "a token is looked up before anybody is known"): 1,
    ("functions/core/bearer.py", "door", "the deployment's owner must exist"): 1,
    ("functions/front/health.py", "front", "figures are sums over everybody"): 1,
    ("functions/core/jobs.py", "job.room", "a job's run is noted"): 1,
    ("functions/core/work.py", "work", "work is everybody's until it is taken"): 1,
    ("functions/core/work.py", "work", "whoever did it takes it off the queue"): 1,
    ("functions/core/work.py", "work", "an item that failed is put back"): 1,
    ("functions/core/work.py", "work", "an operator looks after the queue"): 3,
    ("functions/core/readiness.py", "front", "the schema's version is not any user's data"): 1,
    ("functions/ingest/service.py", "ingest", "partitions are the table owner's"): 1,
}


def test_every_use_of_a_room_s_rights_is_listed() -> None:
    """`Room(name, reason)` has a literal reason, and each stands in the table above."""
    found: dict[tuple[str, str, str], int] = {}
    for file in SOURCES:
        if "from functions.core.room import" in file.read_text():
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Room":
                room, reason = node.args
                assert isinstance(reason, ast.Constant), f"{file}: the reason must be a literal"
                name = str(room.value) if isinstance(room, ast.Constant) else ast.unparse(room)
                key = (relative(file), name, str(reason.value))
                found[key] = found.get(key, 0) + 1
    assert found == ROOM_USES


# Only these may catch everything: where a request comes in, and where a task does.
BROAD = {"functions/gateway.py": 1, "functions/core/work.py": 1, "functions/work/worker.py": 1}


def test_broad_excepts_stand_at_the_entry_only() -> None:
    """`except Exception` hides bugs anywhere else."""
    found: dict[str, int] = {}
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ExceptHandler):
                name = ast.unparse(node.type) if node.type else "everything"
                if name in ("everything", "Exception") or (
                    name == "BaseException" and not _reraises(node)
                ):
                    found[relative(file)] = found.get(relative(file), 0) + 1
    assert found == BROAD


def _reraises(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None


HEAVY = {"boto3", "openai", "stripe", "httpx", "jwt", "cryptography", "requests", "nacl"}


@pytest.mark.parametrize("file", SOURCES, ids=relative)
def test_heavy_libraries_are_imported_where_they_are_used(file: Path) -> None:
    """Start-up is a feature: none of them at the top of a file."""
    tops = [
        n for n in ast.parse(file.read_text()).body if isinstance(n, (ast.Import, ast.ImportFrom))
    ]
    for node in tops:
        module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        assert (module or "").split(".")[0] not in HEAVY, f"{file}: {module}"


def test_files_stay_short_and_have_plain_names() -> None:
    """A file past 400 lines is two ideas; a file called utils is none."""
    tracked = [
        *SOURCES,
        *(ROOT / "infra").rglob("*.py"),
        *(ROOT / "sam").rglob("*.py"),
        *(ROOT / "clients/python/vibeloom").rglob("*.py"),
    ]
    tracked += (ROOT / "migrations").glob("*.py")
    for file in tracked:
        assert file.stem not in ("utils", "util", "helpers", "helper", "common", "misc"), file
        assert len(file.read_text().splitlines()) <= 400, f"{file} is longer than 400 lines"


@pytest.mark.parametrize("room", [*ROOMS, "core"])
def test_every_room_has_a_readme(room: str) -> None:
    """The contract stands beside the code."""
    assert (FUNCTIONS / room / "README.md").exists()


def test_every_statement_says_why() -> None:
    """Each named statement of a queries.sql is followed by a line of comment."""
    for file in FUNCTIONS.rglob("*.sql"):
        lines = file.read_text().splitlines()
        for number, line in enumerate(lines):
            if line.startswith("-- name:"):
                assert re.match(r"-- \w", lines[number + 1]), f"{file}: {line}"


def test_the_code_names_the_newest_migration() -> None:
    """`/readyz` compares with it."""
    newest = max(file.name[:14] for file in (ROOT / "migrations").glob("2*.sql"))
    assert newest == db.SCHEMA_VERSION
