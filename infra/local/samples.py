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

_Line = dict[str, Any]

# The chance that an hour of a working day has a session in it: mornings, a lunch, an evening tail.
HOURLY = (
    0.02, 0.01, 0.0, 0.0, 0.0, 0.0, 0.02, 0.12, 0.45, 0.85, 0.9, 0.8,
    0.3, 0.65, 0.9, 0.85, 0.75, 0.5, 0.2, 0.15, 0.35, 0.4, 0.22, 0.08,
)  # fmt: skip
WEEKEND = 0.22  # of a working day
MOODS = (0.85, 1.25)  # a slow day and a busy one, as a share of the hours above
# What a session is worked on with, and what its subagents are. All have one price for any prompt.
MODELS = ("claude-opus-5", "claude-sonnet-5")
SMALL_MODEL = "claude-haiku-4-5-20251001"
PROMPTS = (
    "Why does the second retry come too early?",
    "Add a test for the empty case, then make it pass.",
    "Rename this so that the name says what it does.",
    "Explain what this query rides on.",
    "Make the error say what to do next.",
)
AFTERTHOUGHTS = (
    "And the changelog, please.",
    "Leave the old name as an alias.",
    "Use main as base.",
)
FAILS = 0.25  # of the commands below; the next edit fixes most of them


@dataclass(frozen=True)
class _Command:
    """What an agent runs, and how it fails: the first words of a failed tool's result."""

    line: str
    failure: str


_PUSH = _Command(
    "git push origin HEAD",
    "Exit code 128\nfatal: Could not read from remote repository.\nConnection timed out",
)
_STATUS = _Command("git status --short", "Exit code 128\nfatal: not a git repository")


@dataclass(frozen=True)
class _Project:
    name: str
    branches: tuple[str, ...]
    files: tuple[str, ...]
    commands: tuple[_Command, ...]

    @property
    def folder(self) -> str:
        return f"/home/sample/code/{self.name}"

    @property
    def slug(self) -> str:
        return self.folder.replace("/", "-")


PROJECTS = (
    _Project(
        "tidewatch",
        ("main", "feature/41-tide-tables", "fix/moon-phase"),
        ("src/tides.py", "src/harbour.py", "tests/test_tides.py", "pyproject.toml"),
        (
            _Command(
                "pytest -q tests/test_tides.py",
                "Exit code 1\nFAILED tests/test_tides.py::test_neap - assert 3.1 == 3.2",
            ),
            _Command(
                "python -m tides --today",
                "Exit code 1\nModuleNotFoundError: No module named 'harbour'",
            ),
            _Command("ruff check src", "Exit code 1\nsrc/tides.py:3:1: F401 unused import"),
            _STATUS,
            _PUSH,
        ),
    ),
    _Project(
        "lantern-web",
        ("main", "feature/colour-picker"),
        ("src/App.tsx", "src/lamp.ts", "src/lamp.css", "package.json", "README.md"),
        (
            _Command("npm test", "Exit code 1\nTests: 1 failed, 23 passed, 24 total"),
            _Command(
                "npx tsc --noEmit",
                "Exit code 2\nsrc/lamp.ts(4,7): error TS2322: Type 'string' is not assignable",
            ),
            _STATUS,
            _PUSH,
        ),
    ),
    _Project(
        "kilnctl",
        ("main", "refactor/firing-curve"),
        ("src/main.rs", "src/curve.rs", "Cargo.toml"),
        (
            _Command(
                "cargo test", "Exit code 101\ntest curve::cools ... FAILED\ntest result: FAILED"
            ),
            _Command("cargo build --release", "Exit code 101\nerror[E0308]: mismatched types"),
            _STATUS,
        ),
    ),
    _Project(
        "granary",
        ("develop", "fix/12-late-rollup"),
        ("migrations/004_rollup.sql", "cmd/granary/main.go", "internal/store.go", "Makefile"),
        (
            _Command("go test ./...", "Exit code 1\n--- FAIL: TestRollup (0.02s)\nFAIL"),
            _Command("make migrate", "Exit code 2\nmake: *** [Makefile:9: migrate] Error 1"),
            _PUSH,
        ),
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
        for name, log in _logs_of(day):
            lines = [line for line in log if line["timestamp"] <= _stamp(now)]
            if not lines:
                continue
            path = claude_dir / "projects" / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
                path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def _logs_of(day: date) -> Iterator[tuple[str, list[_Line]]]:
    """The logs of a day, with their paths below `projects`."""
    dice = random.Random(f"vibeloom sample {day.isoformat()}")  # noqa: S311 - a picture, no secret
    share = dice.uniform(*MOODS) * (WEEKEND if day.weekday() >= 5 else 1.0)
    for hour, chance in enumerate(HOURLY):
        if dice.random() < chance * share:
            begin = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
            begin += timedelta(seconds=dice.uniform(60, 1_500))
            writer = _Writer(dice, dice.choice(PROJECTS), begin)
            writer.work(dice.triangular(240, 3_300, 2_000))
            if dice.random() < 0.12:
                writer.fork()
                writer.work(dice.uniform(120, 600))
            yield from writer.logs.items()


class _Writer:
    """Writes one session turn by turn, as Claude Code does, and the logs beside it."""

    def __init__(self, dice: random.Random, project: _Project, begin: datetime) -> None:
        self._dice = dice
        self._project = project
        self._time = begin
        self._id = self._uuid()
        self._branch = dice.choice(project.branches)
        self._model = dice.choices(MODELS, weights=(2, 3))[0]
        self._tasks = 0
        self._lines: list[_Line] = []
        self._side: _Side | None = None  # the subagent that writes at the moment
        self.logs = {f"{project.slug}/{self._id}.jsonl": self._lines}

    def work(self, seconds: float) -> None:
        """Turns, until so much time has passed."""
        end = self._time + timedelta(seconds=seconds)
        while self._time < end:
            self._turn()
            self._wait(20, 400)

    def fork(self) -> None:
        """Another session that begins with a copy of this one, under the same ids and times."""
        origin, self._id = self._id, self._uuid()
        self._lines = [
            {
                **line,
                "sessionId": self._id,
                "forkedFrom": {"sessionId": origin, "messageUuid": line["uuid"]},
            }
            for line in self._lines
            if "uuid" in line
        ]
        self.logs[f"{self._project.slug}/{self._id}.jsonl"] = self._lines

    def _turn(self) -> None:
        self._line("user", {"role": "user", "content": self._dice.choice(PROMPTS)})
        self._wait(2, 25)
        for number in range(self._dice.randint(1, 5)):
            self._answer()
            self._wait(2, 25)
            if number % 2:
                self._interlude()
        self._message([{"type": "text", "text": "Done: the sample says no more than this."}])

    def _interlude(self) -> None:
        """What happens in some turns: a subagent, a queued prompt, news of a task, a command."""
        happens = self._dice.random()
        if happens < 0.2:
            self._subagent()
        elif happens < 0.35:
            self._queued_prompt()
        elif happens < 0.45:
            self._notification()
        elif happens < 0.85:
            self._run(self._dice.choice(self._project.commands))

    def _answer(self) -> None:
        """A message with words and one or two tool calls, and what the tools say."""
        calls = [self._call() for _ in range(self._dice.choices((1, 2), weights=(4, 1))[0])]
        self._message([{"type": "text", "text": "Let me look."}, *calls])
        for call in calls:
            self._wait(1, 12)
            self._result(call)

    def _call(self) -> _Line:
        file = f"{self._project.folder}/{self._dice.choice(self._project.files)}"
        choices: tuple[tuple[int, str, dict[str, str]], ...] = (
            (6, "Read", {"file_path": file}),
            (5, "Edit", {"file_path": file, "old_string": "before", "new_string": "after"}),
            (1, "Write", {"file_path": file, "content": "sample"}),
            (2, "Grep", {"pattern": "sample"}),
            (1, "TodoWrite", {}),
        )
        weights = [weight for weight, _, _ in choices]
        _, name, inputs = self._dice.choices(choices, weights)[0]
        return self._tool_use(name, inputs)

    def _tool_use(self, name: str, inputs: dict[str, str]) -> _Line:
        return {"type": "tool_use", "id": f"toolu_{self._token()}", "name": name, "input": inputs}

    def _result(self, call: _Line, failure: str | None = None) -> None:
        result = {
            "type": "tool_result",
            "tool_use_id": call["id"],
            "content": failure or "sample output",
        }
        if failure is not None:
            result["is_error"] = True
        self._line("user", {"role": "user", "content": [result]})

    def _run(self, command: _Command) -> None:
        """A command; if it fails, an edit, and the command once more."""
        fails = self._dice.random() < FAILS
        self._bash(command, fails)
        while fails:
            self._answer()
            self._wait(2, 25)
            fails = self._dice.random() < FAILS
            self._bash(command, fails)

    def _bash(self, command: _Command, fails: bool) -> None:
        call = self._tool_use("Bash", {"command": command.line, "description": "sample"})
        self._message([{"type": "text", "text": "Let me run it."}, call])
        self._wait(1, 40)
        self._result(call, command.failure if fails else None)
        self._wait(2, 15)

    def _subagent(self) -> None:
        """A smaller model looks for something, and writes a log of its own."""
        task = self._tool_use("Task", {"description": "sample", "prompt": "sample"})
        self._message([task])
        self._wait(1, 3)
        log: list[_Line] = []
        self._side = _Side(self._token()[:8], log)
        self.logs[f"{self._project.slug}/{self._id}/subagents/agent-{self._side.id}.jsonl"] = log
        self._line("user", {"role": "user", "content": "sample"})
        for _ in range(self._dice.randint(1, 4)):
            self._wait(1, 10)
            self._answer()
        self._message([{"type": "text", "text": "Found: the sample says no more than this."}])
        self._side = None
        self._result(task)
        self._wait(2, 15)

    def _queued_prompt(self) -> None:
        """The person types while the agent works, which reads it a little later."""
        words = self._dice.choice(AFTERTHOUGHTS)
        self._queue("enqueue", content=words)
        self._wait(2, 60)
        self._queue("remove")
        queued = {"type": "queued_command", "prompt": words, "commandMode": "prompt"}
        self._lines.append({**self._frame("attachment"), "attachment": queued})
        self._wait(2, 15)

    def _queue(self, operation: str, **more: str) -> None:
        self._lines.append(
            {
                "type": "queue-operation",
                "operation": operation,
                "timestamp": _stamp(self._time),
                "sessionId": self._id,
                **more,
            }
        )

    def _notification(self) -> None:
        """A task in the background has ended; no person says so."""
        self._tasks += 1
        text = f"<task-notification>\n<task-id>b{self._tasks}</task-id>\n</task-notification>"
        self._line("user", {"role": "user", "content": text}, origin={"kind": "task-notification"})
        self._wait(2, 15)

    def _message(self, blocks: list[_Line]) -> None:
        """A line for each block, as they are streamed; the last has the usage of the message."""
        if self._dice.random() < 0.4:
            blocks = [{"type": "thinking", "thinking": "", "signature": "sample"}, *blocks]
        message_id, request_id = f"msg_{self._token()}", f"req_{self._token()}"
        usage = self._usage()
        for left in range(len(blocks) - 1, -1, -1):
            said = {**usage, "output_tokens": self._dice.randint(1, 8)} if left else usage
            message = {
                "id": message_id,
                "type": "message",
                "role": "assistant",
                "model": SMALL_MODEL if self._side else self._model,
                "content": [blocks[-1 - left]],
                "stop_reason": None,
                "usage": said,
            }
            self._line("assistant", message, requestId=request_id)
            self._wait(0.2, 6)

    def _usage(self) -> _Line:
        """Of a message; what a session's own agent writes to the cache lives an hour."""
        written = self._dice.randint(0, 4_000)
        for_an_hour = 0 if self._side else written
        return {
            "input_tokens": self._dice.randint(3, 60),
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": self._dice.randint(8_000, 90_000),
            "cache_creation": {
                "ephemeral_5m_input_tokens": written - for_an_hour,
                "ephemeral_1h_input_tokens": for_an_hour,
            },
            "output_tokens": self._dice.randint(40, 1_400),
            "service_tier": "standard",
        }

    def _line(self, kind: str, message: _Line, **more: Any) -> None:
        line = {**self._frame(kind), "message": message, **more}
        (self._side.log if self._side else self._lines).append(line)

    def _frame(self, kind: str) -> _Line:
        log = self._side.log if self._side else self._lines
        told = [line["uuid"] for line in log[-2:] if "uuid" in line]
        frame = {
            "parentUuid": told[-1] if told else None,
            "isSidechain": self._side is not None,
            "userType": "external",
            "cwd": self._project.folder,
            "sessionId": self._id,
            "version": "2.1.200",
            "gitBranch": self._branch,
            "type": kind,
            "uuid": self._uuid(),
            "timestamp": _stamp(self._time),
        }
        return frame | ({"agentId": self._side.id} if self._side else {})

    def _wait(self, least: float, most: float) -> None:
        self._time += timedelta(seconds=self._dice.uniform(least, most))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))

    def _token(self) -> str:
        return f"{self._dice.getrandbits(96):024x}"


@dataclass(frozen=True)
class _Side:
    """A subagent's name and log."""

    id: str
    log: list[_Line]


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
