"""The image of `infra/container` without Docker: what its Dockerfile says, done in a folder.

The paths that it copies are copied and nothing else, its build steps are run, into a clean virtual
environment, and its commands are started with its environment and nobody's else, as its user where
we may become that user, over files that this user cannot change. What is not the image's: the
interpreter, which is the one that runs the tests, and the system's libraries.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "infra/container"
# Absolute paths of the image that the Dockerfile may write to or read from.
PLACES = re.compile(r"(?<![\w./-])/(?=(?:app|opt/venv|requirements|tmp)(?![\w.-]))")


@dataclass(frozen=True)
class Instruction:
    """One instruction: `RUN`, its `--flags`, and the rest in one line."""

    word: str
    flags: tuple[str, ...]
    rest: str

    def words(self) -> list[str]:
        """The arguments, in either form."""
        if self.rest.startswith("["):
            return [str(word) for word in json.loads(self.rest)]
        return shlex.split(self.rest)


Stage = list[Instruction]


def read_dockerfile(path: Path = FOLDER / "Dockerfile") -> list[Stage]:
    """Its stages, each beginning with its FROM; what stands before the first is left out."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    stages: list[Stage] = []
    for line in filter(None, text.splitlines()):
        word, *arguments = line.split(" ")
        flags = []
        while arguments and arguments[0].startswith("--"):
            flags.append(arguments.pop(0))
        instruction = Instruction(word, tuple(flags), " ".join(arguments).strip())
        if word == "FROM":
            stages.append([])
        if stages:
            stages[-1].append(instruction)
    return stages


def rest_of(stage: Stage, word: str) -> list[str]:
    """What each instruction of this kind says."""
    return [instruction.rest for instruction in stage if instruction.word == word]


def copied(stage: Stage) -> list[tuple[list[str], str]]:
    """What a stage takes from the checkout, and where it puts it."""
    found = []
    for instruction in stage:
        from_stage = any(flag.startswith("--from") for flag in instruction.flags)
        if instruction.word == "COPY" and not from_stage:
            *sources, target = instruction.words()
            found.append((sources, target))
    return found


def environment_of(stage: Stage) -> dict[str, str]:
    """Its ENV."""
    pairs = (word for rest in rest_of(stage, "ENV") for word in shlex.split(rest))
    return dict(pair.split("=", 1) for pair in pairs)


@dataclass
class Image:
    """What was built, in a folder that stands for the image's `/`."""

    root: Path
    command: list[str]
    healthcheck: list[str]
    environment: dict[str, str]
    directory: str
    user: int | None  # None where we cannot become anybody else
    built: dict[str, int] = field(default_factory=dict)  # its files, when it was new
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self, command: list[str], output: int | IO[bytes], **settings: str
    ) -> subprocess.Popen[bytes]:
        """A container's first process."""
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            cwd=self.place(self.directory),
            env={name: self.place(value) for name, value in self.environment.items()} | settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE if output == subprocess.PIPE else subprocess.STDOUT,
            start_new_session=True,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )
        self.started.append(process)
        return process

    def run(self, command: list[str], **settings: str) -> subprocess.CompletedProcess[str]:
        """A container that does one thing and ends."""
        process = self.start(command, subprocess.PIPE, **settings)
        said, complained = process.communicate(timeout=60)
        return subprocess.CompletedProcess(
            command, process.returncode, said.decode(), complained.decode()
        )

    def place(self, text: str) -> str:
        """`text` with the image's own paths below our folder."""
        return PLACES.sub(f"{self.root}/", text)

    def files(self) -> dict[str, int]:
        """Everything but /tmp, with its size."""
        return {
            str(path): path.lstat().st_size
            for place in ("app", "opt")
            for path in (self.root / place).rglob("*")
        }


def build(root: Path) -> Image:
    """Does what the Dockerfile says, below `root`."""
    making, final = read_dockerfile()
    user, _, _ = rest_of(final, "USER")[0].partition(":")
    [healthcheck] = [i for i in final if i.word == "HEALTHCHECK"]
    image = Image(
        root=root,
        command=[str(word) for word in json.loads(rest_of(final, "CMD")[0])],
        healthcheck=json.loads(healthcheck.rest.removeprefix("CMD ")),
        environment=environment_of(final),
        directory=rest_of(final, "WORKDIR")[0],
        user=int(user) if os.geteuid() == 0 else None,
    )
    for instruction in making:
        if instruction.word == "COPY":
            *sources, target = instruction.words()
            for source in sources:
                _copy(ROOT / source, Path(image.place(target)))
        elif instruction.word == "RUN":
            _build_step(image.place(instruction.rest))
    temporary = root / "tmp"
    temporary.mkdir(mode=0o700)
    if image.user is not None:
        os.chown(temporary, image.user, image.user)
    subprocess.run(["chmod", "-R", "a-w", root / "app", root / "opt"], check=True)
    image.built = image.files()
    return image


def _copy(source: Path, target: Path) -> None:
    """As COPY does, less what `Dockerfile.dockerignore` keeps out."""
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "*.md")
        shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _build_step(script: str) -> None:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    inherited = {n: v for n, v in os.environ.items() if n == "HOME" or n.startswith("PIP_")}
    done = subprocess.run(
        ["/bin/sh", "-ec", script],
        env={"PATH": path, **inherited},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


@contextlib.contextmanager
def interpreter_for_all() -> Iterator[None]:
    """Lets any account pass the folders above our interpreter, which may be in a private home."""
    opened: dict[Path, int] = {}
    if os.geteuid() == 0:
        for folder in Path(sys.executable).resolve().parents:
            mode = stat.S_IMODE(folder.stat().st_mode)
            if not mode & stat.S_IXOTH:
                opened[folder] = mode
                folder.chmod(mode | stat.S_IXOTH)
    try:
        yield
    finally:
        for folder, mode in opened.items():
            folder.chmod(mode)


def filled(value: str, secrets: Mapping[str, str]) -> str:
    """A value of compose.yaml with `${NAME:?…}` from what would be its `.env`."""
    return re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: secrets[found[1]], value)
