"""What the rooms say of themselves, held against their code."""

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import functions
from functions.core import errors
from functions.core.door import scopes_of
from functions.core.room import OWNER, SIGN_IN, Room, RoomConflict, rooms, scopes
from functions.rooms import room_of
from functions.schedule import JOBS

ROOT = Path(__file__).parents[2]
ALL = {room.name: room for room in rooms()}


def codes(base: type[errors.ApiError], package: str) -> set[str]:
    """The error codes of the classes below `base` that a package defines."""
    found = {base.error} if base.__module__.startswith(f"{package}.") else set()
    return found.union(*(codes(each, package) for each in base.__subclasses__()))


@pytest.mark.parametrize("name", ALL)
def test_a_room_declares_its_error_codes(name: str) -> None:
    """Those that it adds to core's, all of them and no others."""
    importlib.import_module(ALL[name].module)
    own = codes(errors.ApiError, f"functions.{name}")
    assert ALL[name].errors == own - codes(errors.ApiError, "functions.core")


# What SQL refuses that no client of an API is told.
FOR_OPERATORS = {"VL010": "the deployment belongs to another account"}


def test_every_state_that_sql_raises_has_one_error() -> None:
    """A state without a class would be a 500; a class without a state would never be raised."""
    for room in ALL.values():
        importlib.import_module(room.module)
    raised = {
        state
        for file in (ROOT / "migrations").glob("2*.sql")
        for line in file.read_text().splitlines()
        if "errcode" in line or line.lstrip().startswith(("when ", "else "))
        for state in re.findall(r"'(VL[0-9]{3})'", line)
    }
    known = {state for state in errors.BY_SQLSTATE if state.startswith("VL")}
    assert raised == known | set(FOR_OPERATORS)


# Which variables a field of `Config` comes from, of those that not every room is told.
READ = {
    "configured_keys": {"VIBETEA_PUBLIC_KEYS"},
    "retention_months": {"VIBELOOM_RETENTION_MONTHS"},
}


@pytest.mark.parametrize("name", ALL)
def test_a_room_is_told_what_its_code_reads(name: str) -> None:
    """The fields of `config()` that it names, and what finding out who asks takes."""
    [folder] = importlib.import_module(f"functions.{name}").__path__
    code = "".join(file.read_text() for file in Path(folder).rglob("*.py"))
    read = set().union(
        *(READ.get(field, set()) for field in re.findall(r"config\(\)\.(\w+)", code))
    )
    if "bearer.authenticate" in code or "may(" in code:
        read |= SIGN_IN
    if "deployment_owner" in code:
        read |= OWNER
    assert ALL[name].settings == read


# Routes that are not for people with a token, and who asks there.
WITHOUT_A_DOOR = {
    ("POST", "/v1/ingest"): "monitors, by their signature",
    **{("POST", f"/v1/jobs/{name}"): "schedulers, by the job token" for name in JOBS},
    ("GET", "/healthz"): "anybody",
    ("GET", "/readyz"): "anybody",
    ("GET", "/metrics"): "Prometheus, by the metrics token",
    ("GET", "/openapi.json"): "anybody",
    ("GET", "/docs"): "anybody",
}


def test_every_route_has_a_door_or_is_listed() -> None:
    """A route that forgot to ask who is there is a decision, not an accident."""
    found = set()
    for room in ALL.values():
        for route in importlib.import_module(room.module).app.routes:
            wanted = scopes_of(route.func)
            assert set(wanted) <= set(scopes()), f"{route.openapi_path}: no room has {wanted}"
            if not wanted and route.method != "HEAD":
                found.add((route.method, route.openapi_path))
    assert found == set(WITHOUT_A_DOOR)


def test_who_asks_for_the_rooms_imports_none_of_them() -> None:
    """A function that knows every scope still starts with its own code alone."""
    script = (
        "import sys; from functions.core.room import rooms; assert rooms();"
        f"print([m for m in sys.modules if m.split('.')[1:2] and m.split('.')[1] in {list(ALL)}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_longest_prefix_has_the_path() -> None:
    """Prefixes end at a slash: a path that only begins with the same letters is nobody's."""
    assert room_of("/v1/query") == room_of("/v1/query/time") == "functions.query.handler"
    assert room_of("/v1/queries") is None
    assert room_of("/") is room_of("") is None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is searched for rooms as well."""
    monkeypatch.setattr(functions, "__path__", [*functions.__path__, str(tmp_path)])
    rooms.cache_clear()
    yield tmp_path
    rooms.cache_clear()


@pytest.mark.parametrize(
    ("name", "claim", "why"),
    [
        ("bees", 'prefixes=("/v1/query",)', "rooms bees and query both have /v1/query"),
        ("bees", 'aliases=("/v1/query",)', "rooms bees and query both have /v1/query"),
        ("bees", 'scopes={"query:read": "?"}', "both have query:read"),
        ("bees", 'errors=frozenset({"invalid_days"})', "both have invalid_days"),
        ("hive", "", "the room 'bees' does not have its folder's name"),
    ],
)
def test_two_rooms_cannot_claim_the_same(folder: Path, name: str, claim: str, why: str) -> None:
    """The conflict is named where it arises, not met as the wrong answer later."""
    (folder / name).mkdir()
    (folder / name / "room.py").write_text(
        f"from functions.core.room import Room\nROOM = Room('bees', 'Honey', {claim})\n"
    )
    with pytest.raises(RoomConflict, match=why):
        rooms()


def test_a_room_is_data() -> None:
    """It compares by value, so that it does not matter how its file was loaded."""
    from functions.ingest.room import ROOM

    assert ROOM == ALL["ingest"] != Room("ingest", "Signed batches in")
