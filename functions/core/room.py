"""What a room is to the house, as data: `functions/<room>/room.py` holds it as `ROOM`.

Rooms are found by their folders, and nothing else lists them. Their files are loaded by path and
without the package around them, so that whoever asks for the rooms imports none of their code.
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import functions
from functions.core.metrics import Metric

# What every function is told, and what `core/bearer.py` reads to find out who is asking.
EVERYWHERE = frozenset(
    {
        "VIBELOOM_DATABASE_URL",
        "VIBELOOM_CORS_ORIGINS",
        "VIBELOOM_LOG_LEVEL",
        "VIBELOOM_METRICS_NAMESPACE",
    }
)
OWNER = frozenset({"VIBELOOM_OWNER_EMAIL", "VIBELOOM_OWNER_ID"})
SIGN_IN = OWNER | {
    "VIBETEA_SUBSCRIBER_TOKEN",
    "VIBELOOM_JWT_SECRET",
    "VIBELOOM_JWKS_URL",
    "VIBELOOM_JWT_ALGORITHM",
    "VIBELOOM_JWT_AUDIENCE",
    "VIBELOOM_JWT_ISSUER",
}


HOURLY = timedelta(hours=3)  # an hourly job is late when it was missed twice
DAILY = timedelta(hours=50)


@dataclass(frozen=True)
class Scheduled:
    """What a room does again and again: the function `name(budget)` of its `jobs.py`.

    It says whether more of it remains for the next run.
    """

    name: str
    cron: str  # five fields, UTC
    late_after: timedelta  # without a success, somebody should look


@dataclass(frozen=True)
class Room:
    """A folder of `functions/` that is one cloud function."""

    name: str  # of its folder
    purpose: str  # one line, for tables and for AWS
    prefixes: tuple[str, ...] = ()  # it answers these paths and everything below them
    aliases: tuple[str, ...] = ()  # paths of earlier systems that it answers as well
    answers_the_rest: bool = False  # on AWS, also every path that no room has
    tags: Mapping[str, str] = field(default_factory=dict)  # in the OpenAPI document: tag → sentence
    scopes: Mapping[str, str] = field(default_factory=dict)  # scope → what a token with it may do
    settings: frozenset[str] = frozenset()  # variables that it reads besides `EVERYWHERE`
    values: Mapping[str, str] = field(default_factory=dict)  # variables that it is given on Lambda
    errors: frozenset[str] = frozenset()  # codes of its own, besides those of core/errors.py
    metrics: tuple[Metric, ...] = ()  # counters of its own
    jobs: tuple[Scheduled, ...] = ()  # what it does on a schedule
    has_tasks: bool = False  # whether the work queue holds tasks of its own, `TASKS` in tasks.py
    libraries: tuple[str, ...] = ()  # requirements of its own, besides those of core
    memory: int = 512  # MB on Lambda, where CPU comes with it
    timeout: int = 29  # s on Lambda; API Gateway gives up after 30, and nobody reads a later answer
    most_unzipped: int = 120  # MB of its artefact; Lambda takes 250 MiB

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it answers."""
        return (*self.prefixes, *self.aliases)

    @property
    def module(self) -> str:
        """Its doors."""
        return f"functions.{self.name}.handler"


class RoomConflict(Exception):
    """Two rooms claim the same path, tag, scope, code or figure; the message names it."""


@functools.cache
def rooms() -> tuple[Room, ...]:
    """Every room there is, by name. Raises `RoomConflict`."""
    files = {
        file.parent.name: file
        for folder in functions.__path__
        for file in Path(folder).glob("*/room.py")
        if file.parent.name != "core"
    }
    found = tuple(_load(files[name]) for name in sorted(files))
    for what in ("paths", "tags", "scopes", "errors", "metrics"):
        _refuse_twice(what, [(room.name, each) for room in found for each in getattr(room, what)])
    return found


def scopes() -> dict[str, str]:
    """Every scope that a token may have, and what it allows."""
    return {scope: meaning for room in rooms() for scope, meaning in room.scopes.items()}


def tags() -> dict[str, str]:
    """Every group of operations, and what it is about."""
    return {tag: sentence for room in rooms() for tag, sentence in room.tags.items()}


def counters() -> tuple[Metric, ...]:
    """The figures that rooms count besides those that core counts for all of them."""
    return tuple(metric for room in rooms() for metric in room.metrics)


def _load(file: Path) -> Room:
    spec = spec_from_file_location(f"functions.{file.parent.name}.room", file)
    assert spec is not None  # noqa: S101 (a .py file has one)
    assert spec.loader is not None  # noqa: S101
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    room: Room = module.ROOM
    if room.name != file.parent.name:
        raise RoomConflict(f"{file}: the room {room.name!r} does not have its folder's name")
    return room


def _refuse_twice(what: str, claims: Iterable[tuple[str, object]]) -> None:
    owners: dict[object, str] = {}
    for room, claimed in claims:
        if (other := owners.setdefault(claimed, room)) != room:
            raise RoomConflict(f"{what}: the rooms {other} and {room} both have {claimed}")
