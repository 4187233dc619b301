"""Believable session logs for a demonstration: what a week of somebody's work looks like on disk.

The people, projects and files are invented. A day's logs depend on its date alone, so that a second
call adds the new days and leaves the others as they are.
"""

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

# The chance that an hour of a working day has a session in it: mornings, a lunch, an evening tail.
HOURLY = (
    0.02, 0.01, 0.0, 0.0, 0.0, 0.0, 0.02, 0.12, 0.45, 0.85, 0.9, 0.8,
    0.3, 0.65, 0.9, 0.85, 0.75, 0.5, 0.2, 0.15, 0.35, 0.4, 0.22, 0.08,
)  # fmt: skip
WEEKEND = 0.22  # of a working day
MOODS = (0.85, 1.25)  # a slow day and a busy one, as a share of the hours above
MODELS = ("claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001")
PROMPTS = (
    "Why does the second retry come too early?",
    "Add a test for the empty case, then make it pass.",
    "Rename this so that the name says what it does.",
    "Explain what this query rides on.",
    "Make the error say what to do next.",
)


@dataclass(frozen=True)
class _Project:
    name: str
    branches: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def folder(self) -> str:
        return f"/home/sample/code/{self.name}"


PROJECTS = (
    _Project(
        "tidewatch",
        ("main", "feature/41-tide-tables", "fix/moon-phase"),
        ("src/tides.py", "src/harbour.py", "tests/test_tides.py", "pyproject.toml"),
    ),
    _Project(
        "lantern-web",
        ("main", "feature/colour-picker"),
        ("src/App.tsx", "src/lamp.ts", "src/lamp.css", "package.json", "README.md"),
    ),
    _Project(
        "kilnctl",
        ("main", "refactor/firing-curve"),
        ("src/main.rs", "src/curve.rs", "Cargo.toml"),
    ),
    _Project(
        "granary",
        ("develop", "fix/12-late-rollup"),
        ("migrations/004_rollup.sql", "cmd/granary/main.go", "internal/store.go", "Makefile"),
    ),
)


def write_sample_sessions(claude_dir: Path, now: datetime, days: int = 7) -> list[Path]:
    """Write the logs of the last `days` days up to `now`; gives the files, old and new.

    A file that is there is left alone. Today's later hours are not written before they have come.
    """
    now = now.astimezone(UTC)
    written = []
    for back in range(days - 1, -1, -1):
        day = now.date() - timedelta(days=back)
        for session in _sessions_of(day):
            lines = [line for line in session.lines if line["timestamp"] <= _stamp(now)]
            if not lines:
                continue
            path = claude_dir / "projects" / session.slug / f"{session.id}.jsonl"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
                path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


@dataclass(frozen=True)
class _Session:
    id: str
    slug: str
    lines: list[dict[str, Any]]


def _sessions_of(day: date) -> Iterator[_Session]:
    dice = random.Random(f"vibeloom sample {day.isoformat()}")  # noqa: S311 - a picture, no secret
    share = dice.uniform(*MOODS) * (WEEKEND if day.weekday() >= 5 else 1.0)
    for hour, chance in enumerate(HOURLY):
        if dice.random() < chance * share:
            begin = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
            begin += timedelta(seconds=dice.uniform(60, 1_500))
            yield _Writer(dice, dice.choice(PROJECTS), begin).session()


class _Writer:
    """Writes one session, turn by turn."""

    def __init__(self, dice: random.Random, project: _Project, begin: datetime) -> None:
        self._dice = dice
        self._project = project
        self._time = begin
        self._end = begin + timedelta(seconds=dice.triangular(240, 3_300, 2_000))
        self._id = self._uuid()
        self._branch = dice.choice(project.branches)
        self._model = dice.choices(MODELS, weights=(3, 5, 2))[0]
        self._lines: list[dict[str, Any]] = []

    def session(self) -> _Session:
        while self._time < self._end:
            self._turn()
            self._wait(20, 400)
        return _Session(self._id, self._project.folder.replace("/", "-"), self._lines)

    def _turn(self) -> None:
        self._line("user", {"role": "user", "content": self._dice.choice(PROMPTS)})
        for _ in range(self._dice.randint(1, 5)):
            self._wait(2, 25)
            self._answer()
        self._wait(2, 15)
        self._message([{"type": "text", "text": "Done: the sample says no more than this."}])

    def _answer(self) -> None:
        """A message with words and one or two tool calls, and what the tools say."""
        calls = [self._call() for _ in range(self._dice.choices((1, 2), weights=(4, 1))[0])]
        self._message([{"type": "text", "text": "Let me look."}, *calls])
        for call in calls:
            self._wait(1, 12)
            result: dict[str, Any] = {
                "type": "tool_result",
                "tool_use_id": call["id"],
                "content": "sample output",
            }
            if self._dice.random() < 0.06:
                result["is_error"] = True
            self._line("user", {"role": "user", "content": [result]})

    def _call(self) -> dict[str, Any]:
        file = f"{self._project.folder}/{self._dice.choice(self._project.files)}"
        choices: tuple[tuple[int, str, dict[str, str]], ...] = (
            (6, "Read", {"file_path": file}),
            (5, "Edit", {"file_path": file, "old_string": "before", "new_string": "after"}),
            (1, "Write", {"file_path": file, "content": "sample"}),
            (4, "Bash", {"command": "make test"}),
            (2, "Grep", {"pattern": "sample"}),
            (1, "TodoWrite", {}),
        )
        weights = [weight for weight, _, _ in choices]
        _, name, inputs = self._dice.choices(choices, weights)[0]
        return {"type": "tool_use", "id": f"toolu_{self._token()}", "name": name, "input": inputs}

    def _message(self, blocks: list[dict[str, Any]]) -> None:
        """One line per block, each with the id and the usage of the whole message."""
        message_id = f"msg_{self._token()}"
        usage = {
            "input_tokens": self._dice.randint(3, 60),
            "output_tokens": self._dice.randint(40, 1_400),
            "cache_read_input_tokens": self._dice.randint(8_000, 90_000),
            "cache_creation_input_tokens": self._dice.randint(0, 4_000),
        }
        for block in blocks:
            self._line(
                "assistant",
                {
                    "id": message_id,
                    "type": "message",
                    "role": "assistant",
                    "model": self._model,
                    "content": [block],
                    "usage": usage,
                },
            )
            self._wait(0.2, 2)

    def _line(self, kind: str, message: dict[str, Any]) -> None:
        self._lines.append(
            {
                "parentUuid": self._lines[-1]["uuid"] if self._lines else None,
                "isSidechain": False,
                "userType": "external",
                "cwd": self._project.folder,
                "sessionId": self._id,
                "version": "2.1.0",
                "gitBranch": self._branch,
                "type": kind,
                "message": message,
                "uuid": self._uuid(),
                "timestamp": _stamp(self._time),
            }
        )

    def _wait(self, least: float, most: float) -> None:
        self._time += timedelta(seconds=self._dice.uniform(least, most))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))

    def _token(self) -> str:
        return f"{self._dice.getrandbits(96):024x}"


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
