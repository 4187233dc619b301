"""One artefact per room: `build/<room>/` and `build/<room>.zip`, with only what the room needs.

The same sources and pins make the same bytes, on any host; `sam/README.md` says how that is used.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from functions.core.room import rooms
from sam import archive, bytecode, libraries, licences, sources
from sam.target import BuildError, Target

Say = Callable[[str], None]

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Artefact:
    """What was built of a room."""

    room: str
    folder: Path
    libraries: int  # how many
    unzipped: int  # bytes
    zipped: int | None = None  # bytes; None where no zip was asked for
    sha256: str | None = None

    @property
    def limit(self) -> int:
        """Bytes that it may have unzipped."""
        [limit] = [room.most_unzipped for room in rooms() if room.name == self.room]
        return limit * MEGABYTE


@dataclass(frozen=True)
class Shelf:
    """The libraries of several rooms, slimmed and compiled once."""

    target: Target
    there: libraries.Installed
    folder: Path
    python: str | None  # which compiles for the target

    def put(self, requirements: Path, destination: Path) -> int:
        """What `requirements` need, with its licences, below `destination`; returns how many."""
        chosen = libraries.needed(libraries.required(requirements), self.there, self.target)
        libraries.put(chosen, self.folder, destination)
        (destination / licences.FILE).write_text(licences.listed(chosen))
        return len(chosen)


@contextmanager
def stocked(requirements: Sequence[Path], target: Target, say: Say) -> Iterator[Shelf]:
    """A shelf with all that `requirements` name: fetched, or the host's own."""
    python = bytecode.interpreter(target)
    if python is None:
        say(f"no python{target.version} on the path: no .pyc, so cold starts compile every module")
    with tempfile.TemporaryDirectory(prefix="vibeloom-build-") as name:
        fetched, shelf = Path(name, "fetched"), Path(name, "shelf")
        if not target.is_host:
            say(f"fetching wheels for {target.name}")
            libraries.fetch(requirements, target, fetched)
        there = libraries.installed(libraries.host_folder() if target.is_host else fetched)
        named = (each for file in requirements for each in libraries.required(file))
        libraries.slim(libraries.needed(named, there, target), shelf, target)
        if python is not None:
            bytecode.compile_all(python, shelf)
        yield Shelf(target, there, shelf, python)


def requirements_of(room: str) -> Path:
    """The file that pins what a room needs."""
    return sources.ROOT / "requirements" / f"{room}.txt"


def build(
    names: Iterable[str], target: Target, out: Path, say: Say, *, zipped: bool = True
) -> list[Artefact]:
    """Builds the artefacts of the rooms `names` below `out`; what was there of them is replaced.

    Raises `BuildError`.
    """
    wanted = list(names)
    for room in wanted:
        if room not in sources.rooms() or not requirements_of(room).exists():
            raise BuildError(f"there is no room {room} with requirements/{room}.txt")
    out.mkdir(parents=True, exist_ok=True)
    built = []
    with stocked([requirements_of(room) for room in wanted], target, say) as shelf:
        for room in wanted:
            say(f"building {room}")
            artefact = assemble(room, shelf, out)
            built.append(_packed(artefact, out) if zipped else artefact)
    for artefact in built:
        refuse_too_large(artefact)
    return built


def refuse_too_large(artefact: Artefact) -> None:
    """Raises `BuildError` for an artefact beyond its limit."""
    if artefact.unzipped > artefact.limit:
        raise BuildError(
            f"{artefact.room} has {artefact.unzipped / MEGABYTE:.1f} MB unzipped,"
            f" more than its {artefact.limit / MEGABYTE:.0f} MB"
        )


def assemble(room: str, shelf: Shelf, out: Path) -> Artefact:
    """The folder of a room."""
    making, folder = out / f".{room}.making", out / room
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    count = shelf.put(requirements_of(room), making)
    sources.copy(sources.needed(room), making)
    if shelf.python is not None:
        bytecode.compile_all(shelf.python, making / sources.PACKAGE, below=sources.PACKAGE)
    shutil.copyfile(sources.ROOT / "LICENSE", making / "LICENSE")
    shutil.rmtree(folder, ignore_errors=True)
    making.rename(folder)
    return Artefact(room, folder, count, archive.size(folder))


def _packed(artefact: Artefact, out: Path) -> Artefact:
    path = out / f"{artefact.room}.zip"
    sha256 = archive.pack(artefact.folder, path)
    return replace(artefact, zipped=path.stat().st_size, sha256=sha256)
