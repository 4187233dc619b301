"""From commands in the order of time to failures: when each began, its class, when it was fixed.

A failure begins with a run that fails while no failure of the same command in the same project is
open. Later runs that fail belong to it, and the next one that succeeds fixes it. Of an agent's
command only its program is known: it is the same if the program, the project and the session are.
Where the program is not known, each run that fails is a failure of its own, and nothing fixes it.
Nothing here knows a database: `fold` may stop anywhere and go on from what was open there.
"""

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

HUMAN, AGENT = "human", "agent"

CLASSES = (
    "syntax",
    "missing_dependency",
    "permission",
    "network",
    "test_failure",
    "compile",
    "timeout",
    "other",
)

# Exit codes of `timeout` and of every POSIX shell (POSIX.1-2017, 2.8.2; coreutils, timeout).
_EXIT_CODES = {124: "timeout", 126: "permission", 127: "missing_dependency"}

# Patterns of stderr in lower case. The first that matches decides, so patterns of causes stand
# before patterns of consequences.
_PATTERNS = tuple(
    (name, re.compile("|".join(patterns), re.MULTILINE))
    for name, patterns in (
        (
            "missing_dependency",
            (
                r"command not found",
                r"no module named",
                r"modulenotfounderror",
                r"cannot find (module|package|crate)",
                r"can't find crate",
                r"module not found",
                r"no matching distribution",
                r"unresolved import",
                r"cannot open shared object file",
                r"package \S+ is not in (std|goroot)",
                r"could not find a version that satisfies",
                r"is not recognized as an internal or external command",
                r"fatal error: \S+: no such file or directory",
            ),
        ),
        (
            "permission",
            (
                r"permission denied",
                r"permissionerror",
                r"operation not permitted",
                r"access is denied",
                r"eacces\b",
                r"(?<![a-z])eperm\b",
                r"must be (run as )?(root|superuser)",
            ),
        ),
        (
            "network",
            (
                r"could not resolve host",
                r"name or service not known",
                r"temporary failure in name resolution",
                r"connection (refused|reset|timed out|aborted)",
                r"network is (unreachable|down)",
                r"no route to host",
                r"econnrefused|econnreset|enotfound|etimedout|ehostunreach",
                r"ssl(error|: certificate)",
                r"failed to (fetch|download|connect)",
            ),
        ),
        (
            "syntax",
            (
                r"syntax ?error",
                r"indentationerror",
                r"parse error",
                r"unexpected (token|end of file|eof|indent|identifier)",
                r"unterminated (string|quoted)",
                r"error: expected (one of|`|';'|'\)')",
            ),
        ),
        (
            "test_failure",
            (
                r"\d (tests? )?failed\b",
                r"tests? failed",
                r"test result: failed",
                r"assertion ?(error|failed)",
                r"assertion `.*` failed",
                r"^--- fail",
                r"^failed .*::",
                r"failures?: *[1-9]",
            ),
        ),
        (
            "compile",
            (
                r"error\[e\d{4}\]",
                r"error ts\d+",
                r"could not compile",
                r"compilation (failed|error|terminated)",
                r"undefined reference to",
                r"linker command failed",
                r"ld returned \d+ exit status",
                r"cannot find symbol",
                r"undefined: \w",
                r"\.(c|cc|cpp|cxx|h|hpp|java|kt|swift|go|rs):\d+(:\d+)?: (fatal )?error",
            ),
        ),
        ("timeout", (r"timed? ?out", r"timeout", r"deadline exceeded")),
    )
)

# If stderr matches no pattern, the purpose of the command decides.
_TESTS = re.compile(
    r"\b(pytest|jest|vitest|rspec|phpunit|ctest|tox|nox|mocha)\b"
    r"|\b(cargo|go|npm|pnpm|yarn|bun|make|mvn|gradle|gradlew|swift|dotnet|mix|rake)( run)? test\b"
    r"|\bcargo nextest\b|-m unittest\b"
)
_BUILDS = re.compile(
    r"\b(gcc|g\+\+|clang|clang\+\+|rustc|javac|tsc|ghc|kotlinc|swiftc|nvcc)\b"
    r"|\b(cargo|go|npm run|pnpm|yarn|make|mvn|swift|dotnet|zig)( run)? (build|check|compile)\b"
    r"|^(make|ninja|cmake --build)\b"
)

# A program and its subcommands, as the monitor names them. A path, an address or a sentence does
# not have this form.
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9 +._:-]{0,63}", re.ASCII)

_SPACE = re.compile(r"\s+")
_CHATTER = re.compile(r" (--verbose|--quiet|--silent|--no-color|--colou?r(=[a-z]+)?|-vvv?)(?= |$)")
_PREFIX = re.compile(
    r"""(?:(?:env|sudo|time|command|nohup)\ (?=\S)(?!-)
        |[A-Za-z_][A-Za-z0-9_]*=(?:"[^"]*"|'[^']*'|\\.|[^\s"'\\])*+\ (?=\S))++""",
    re.VERBOSE,
)
_VOLATILE = (
    (re.compile(r"(?:/private)?(?:/var)?/tmp/[^\s\"';|&<>]+"), "<tmp>"),
    (re.compile(r"/var/folders/[^\s\"';|&<>]+"), "<tmp>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (
        re.compile(
            r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T_ ][0-9]{2}[:-]?[0-9]{2}(?:[:-]?[0-9]{2})?"
            r"(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?(?![0-9A-Za-z-])"
        ),
        "<time>",
    ),
    (re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{12,64}\b"), "<id>"),
    (re.compile(r"\b1[0-9]{9}(?:[0-9]{3})?\b"), "<time>"),  # seconds or milliseconds since 1970
)


@dataclass(frozen=True, slots=True)
class Run:
    """A command that ended. `stderr`, `declared` and `exit_code` matter only when it failed."""

    occurred_at: datetime
    source_id: UUID
    event_id: str
    project: str
    command: str
    failed: bool
    exit_code: int | None = None
    stderr: str = ""
    declared: str | None = None  # the class that the monitor saw
    lane: str = HUMAN
    named: str | None = None  # an agent's: the program, as it was sent
    session: str | None = None  # an agent's

    @property
    def program(self) -> str:
        """An agent's program; empty where it is not known."""
        return self.named if self.named and _PROGRAM.fullmatch(self.named) else ""

    @property
    def stands_alone(self) -> bool:
        """Whether no other run is known to be of the same command."""
        return self.lane == AGENT and not self.program


@dataclass(frozen=True, slots=True)
class Key:
    """The same command in the same project."""

    project: str
    command_sha256: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """From the run that failed first to the run that succeeded again, if one did."""

    key: Key
    source_id: UUID
    event_id: str  # of the run that failed first
    opened_at: datetime
    failure_class: str
    fixed_at: datetime | None = None
    lane: str = HUMAN
    program: str = ""


Open = dict[Key, Failure]


class Place(NamedTuple):
    """Where and when runs of an agent's program are counted."""

    quarter: datetime
    source_id: UUID
    project: str
    program: str


def fold(still_open: Open, runs: Iterable[Run]) -> tuple[list[Failure], Open]:
    """What `runs`, in the order of time, settle and leave open, if `still_open` was open before.

    A failure is settled when it is fixed or when nothing can fix it. Folding two stretches one
    after the other gives the same as folding both at once.
    """
    now_open = dict(still_open)
    settled: list[Failure] = []
    for run in runs:
        key = _key(run)
        if not run.failed:
            if (failure := now_open.pop(key, None)) is not None:
                settled.append(replace(failure, fixed_at=run.occurred_at))
        elif run.stands_alone:
            settled.append(_begin(key, run))
        elif key not in now_open:
            now_open[key] = _begin(key, run)
    return settled, now_open


def count(runs: Iterable[Run], since: datetime) -> dict[Place, tuple[int, int]]:
    """Runs and failed runs of agents' known programs; `runs` begin at `since` or later.

    A quarter of an hour in which `since` lies counts from there, so that stretches never share one.
    """
    all_runs, failed = Counter[Place](), Counter[Place]()
    for run in runs:
        if run.program:
            at = run.occurred_at.astimezone(UTC)
            quarter = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
            place = Place(max(quarter, since), run.source_id, run.project, run.program)
            all_runs[place] += 1
            failed[place] += run.failed
    return {place: (number, failed[place]) for place, number in all_runs.items()}


def _key(run: Run) -> Key:
    if run.lane == HUMAN:
        return Key(run.project, digest(run.command))
    # No command begins with a NUL, because Postgres stores none.
    parts = (run.session or f"\0{run.source_id}", run.program)
    if run.stands_alone:
        parts = (f"\0{run.source_id}", f"\0{run.event_id}")
    return Key(run.project, hashlib.sha256("\0".join(("", *parts)).encode()).digest())


def _begin(key: Key, run: Run) -> Failure:
    return Failure(
        key,
        run.source_id,
        run.event_id,
        run.occurred_at,
        classify(run),
        lane=run.lane,
        program=run.program,
    )


@functools.lru_cache(maxsize=4_096)  # people repeat commands
def digest(command: str) -> bytes:
    """The SHA-256 of the normal form of a command; its text is kept in the raw event alone."""
    return hashlib.sha256(normalise(command).encode()).digest()


def normalise(command: str) -> str:
    """The form in which two commands are the same attempt at the same thing.

    White space is one space. Environment assignments and `env`, `sudo`, `time`, `command`,
    `nohup` in front are dropped, and options that only change how much is said (`--verbose`,
    `--quiet`, `--silent`, `--color…`, `--no-color`, `-vv`, `-vvv`; not `-v`, which means other
    things to other programs). What differs from run to run is replaced: paths of temporary
    folders, UUIDs, hexadecimal ids of 12 digits or more, dates and times.
    """
    text = _SPACE.sub(" ", command).strip()
    for pattern, name in _VOLATILE:
        text = pattern.sub(name, text)
    text = _CHATTER.sub("", text)
    prefix = _PREFIX.match(text)
    return text[prefix.end() :] if prefix else text


def classify(run: Run) -> str:
    """One of `CLASSES`, of a run that failed.

    The class that the monitor declares comes first, because the monitor saw all of the output. An
    agent's command has no other. Then the exit code decides, then the first pattern that matches
    stderr, then the purpose of the command.
    """
    if run.declared in CLASSES:
        return run.declared
    if run.lane == AGENT:
        return "other"
    if run.exit_code in _EXIT_CODES:
        return _EXIT_CODES[run.exit_code]
    written = run.stderr.lower()
    for name, pattern in _PATTERNS:
        if pattern.search(written):
            return name
    command = normalise(run.command)
    if _TESTS.search(command):
        return "test_failure"
    return "compile" if _BUILDS.search(command) else "other"
