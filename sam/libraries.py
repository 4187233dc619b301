"""The libraries of an artefact: fetched as wheels, chosen by what they require, and slimmed.

pip decides about `; python_version < "3.13"` and the like with the Python that runs it, not with
the one it fetches for. So it fetches for all rooms at once, and what belongs into which is found
out here from the wheels' own metadata, with the target's markers.
"""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, PackagePath, distributions
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sam.target import BuildError, Target

Installed = Mapping[str, Distribution]  # by canonical name

# Lambda's runtime brings its own, and it alone is larger than a room.
FORBIDDEN = frozenset({"boto3", "botocore"})

# For compilers, type checkers and people: nothing that runs reads them.
NEVER_SUFFIXES = frozenset({".pyi", ".pyc", ".pyx", ".pxd", ".c", ".h"})
NEVER_FOLDERS = frozenset({"__pycache__", "tests", "test", "bin"})


def fetch(requirements: Iterable[Path], target: Target, folder: Path) -> None:
    """Wheels for `target`, unpacked into `folder`. Raises `BuildError` with pip's last words."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-compile", "--no-warn-conflicts", "--target", str(folder)]
    command += target.pip_options()
    for file in requirements:
        command += ["-r", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BuildError(f"pip could not fetch wheels for {target.name}:\n{done.stderr.strip()}")


def host_folder() -> Path:
    """Where the Python that runs this has its libraries."""
    return Path(sysconfig.get_path("platlib"))


def installed(folder: Path) -> Installed:
    """What is installed in `folder`."""
    return {
        canonicalize_name(each.metadata["Name"]): each for each in distributions(path=[str(folder)])
    }


def required(file: Path) -> Iterator[Requirement]:
    """The requirements in `file` and in the files that it names with `-r`."""
    for line in file.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            yield from required(file.parent / text[3:].strip())
        elif text and not text.startswith("-"):
            yield Requirement(text)


def needed(
    requirements: Iterable[Requirement], there: Installed, target: Target
) -> list[Distribution]:
    """What `requirements` need on `target`, and what that needs in turn; by name.

    Raises `BuildError` when something is missing, of another version, or must not be there.
    """
    markers = target.markers()
    # A requirement counts for itself ("") and for each extra that it was asked with.
    waiting = [(each, "") for each in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, of_extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({**markers, "extra": of_extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name in FORBIDDEN:
            raise BuildError(f"{name} must not be in an artefact: Lambda's runtime has its own")
        found = there.get(name)
        if found is None:
            raise BuildError(
                f"{requirement} is needed on {target.name} and was not installed;"
                " name it in the room's requirements"
            )
        if not requirement.specifier.contains(found.version, prereleases=True):
            raise BuildError(f"{requirement} is wanted, {found.version} is installed")
        for extra in {"", *requirement.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += [(Requirement(text), extra) for text in found.requires or ()]
    return [there[name] for name in sorted({name for name, _ in seen})]


def slim(chosen: Iterable[Distribution], shelf: Path, target: Target) -> None:
    """The files of `chosen` that something may read at run time, copied to `shelf`."""
    for distribution in chosen:
        for file in _files(distribution):
            copied = _copy(Path(str(file.locate())), shelf / file)
            if ".so" in file.name:
                target.refuse_foreign(copied)
        # Libraries ask for their own version as they are imported; this much answers.
        metadata = shelf / _metadata(distribution)
        metadata.parent.mkdir(parents=True, exist_ok=True)
        metadata.write_text(
            "Metadata-Version: 2.1\n"
            f"Name: {distribution.metadata['Name']}\nVersion: {distribution.version}\n"
        )


def put(chosen: Iterable[Distribution], shelf: Path, destination: Path) -> None:
    """What `slim` made of `chosen`, with the .pyc that were added to it, below `destination`."""
    for distribution in chosen:
        for file in (*_files(distribution), _metadata(distribution)):
            _copy(shelf / file, destination / file)
            for compiled in (shelf / file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
                _copy(compiled, destination / compiled.relative_to(shelf))


def _files(distribution: Distribution) -> Iterator[PackagePath]:
    """What is of use at run time. pip's own notes differ from build to build, and are not."""
    for file in distribution.files or ():
        folders = file.parts[:-1]
        if (
            ".." not in folders  # scripts, in a folder beside
            and not NEVER_FOLDERS.intersection(folders)
            and not any(part.endswith(".dist-info") for part in folders)
            and file.suffix not in NEVER_SUFFIXES
            and file.name != "py.typed"
        ):
            yield file


def _metadata(distribution: Distribution) -> PurePosixPath:
    stem = canonicalize_name(distribution.metadata["Name"]).replace("-", "_")
    return PurePosixPath(f"{stem}-{distribution.version}.dist-info", "METADATA")


def _copy(file: Path, to: Path) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(file, to))
