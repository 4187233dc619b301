"""Session logs of Claude Code as it writes them, and what is right about them.

`history` makes up a few sessions from a source of chance and counts along: a call is counted where
the model answers, a prompt where a person types it. Nothing is read back from the logs, so the
counts do not share an error with anybody who reads them.

What is in them: streamed messages, cache writes of five minutes and of an hour, tools that succeed
and fail, subagents in files of their own, in the session's log and in progress lines, side
questions that repeat the conversation, forks, resumed sessions, prompts that were queued, slash
commands, notifications, headless runs, several models, midnights.
"""

import json
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

Record = dict[str, Any]
Chance = random.Random
Day = str  # YYYY-MM-DD

# All of them cost the same on ccusage's list and on ours, as long as a prompt has less than 200 k.
MODELS = (
    "claude-opus-4-5-20251101",
    "claude-sonnet-4-5-20250929",
    "claude-haiku-4-5-20251001",
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-opus-4-1-20250805",
)
ADVISOR = "claude-opus-4-5-20251101"
PROJECTS = ("/home/dev/alpha", "/home/dev/beta", "C:\\Users\\Dev\\gamma")
VERSIONS = ("1.0.128", "2.0.14", "2.1.42", "2.1.200")
BEGIN = datetime(2026, 3, 2, 18, tzinfo=UTC)
TOOLS = ("Read", "Edit", "Bash", "Grep", "WebFetch", "mcp__github__create_issue")
COMMANDS = ("cargo test --all", "git push origin main", "pytest -q", "make check", "ls -la")
FAILURES = (
    "Exit code 1\nFAILED tests/test_a.py::test_b - assert 1 == 2",
    "Exit code 101\nerror[E0308]: mismatched types",
    "Exit code 127\nbash: cargo: command not found",
    "<tool_use_error>File has not been read yet.</tool_use_error>",
)
# What stands in a prompt's place and no person typed.
NOT_TYPED: tuple[Record, ...] = (
    {
        "message": {"content": "<task-notification>\n<task-id>b1</task-id></task-notification>"},
        "origin": {"kind": "task-notification"},
    },
    {"message": {"content": "<local-command-stdout>total: 3</local-command-stdout>"}},
    {"message": {"content": "<bash-stdout>/home</bash-stdout><bash-stderr></bash-stderr>"}},
    {"message": {"content": [{"type": "text", "text": "[Request interrupted by user]"}]}},
    {"message": {"content": "Caveat: The messages below were generated …"}, "isMeta": True},
    {"message": {"content": "This session is being continued …"}, "isCompactSummary": True},
    {"message": {"content": ""}},
)
# What a person typed or pasted.
TYPED: tuple[Any, ...] = (
    "please build it",
    [{"type": "text", "text": "and now the tests"}],
    [{"type": "image", "source": {"type": "base64", "data": "AAAA"}}],
    "<command-name>/cost</command-name>\n<command-message>cost</command-message>",
    "<bash-input>pwd</bash-input>",
)


@dataclass(frozen=True)
class Tokens:
    """Tokens of one model on one day."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
        )


@dataclass(frozen=True)
class Call:
    """One call of a model."""

    at: datetime
    model: str
    tokens: Tokens
    cache_write_1h: int = 0


@dataclass
class Truth:
    """What is right about some logs, however they are copied, cut and read."""

    calls: list[Call] = field(default_factory=list)
    prompts: list[datetime] = field(default_factory=list)  # when a person typed them
    sessions: set[str] = field(default_factory=set)
    started: Counter[str] = field(default_factory=Counter)  # tool calls, by tool
    completed: Counter[tuple[str, bool]] = field(default_factory=Counter)  # by tool and success

    def tokens(self, zone: str = "UTC") -> dict[tuple[Day, str], Tokens]:
        """By day of the zone, and model."""
        sums: dict[tuple[Day, str], Tokens] = {}
        for call in self.calls:
            key = (call.at.astimezone(ZoneInfo(zone)).date().isoformat(), call.model)
            sums[key] = sums.get(key, Tokens()) + call.tokens
        return sums

    def calls_by_model(self) -> Counter[str]:
        """How often each model was called."""
        return Counter(call.model for call in self.calls)


@dataclass
class History:
    """Logs by their path below `projects`, and what is right about them."""

    logs: dict[str, list[Record]] = field(default_factory=dict)
    truth: Truth = field(default_factory=Truth)

    def lines(self) -> dict[str, list[bytes]]:
        """The lines of each log, with their line breaks."""
        return {path: [line(record) for record in log] for path, log in self.logs.items()}

    def write(self, claude_dir: Path) -> None:
        """All logs, whole."""
        for path, lines in self.lines().items():
            file = claude_dir / "projects" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"".join(lines))


def line(record: Record) -> bytes:
    """One line of a log."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def history(
    chance: Chance, sessions: int = 3, turns: int = 4, reaccounted: bool = False
) -> History:
    """Up to `sessions` sessions of up to `turns` turns, and up to as many copies of them.

    With `reaccounted`, the last record of a message may say less than an earlier one, which our
    monitor believes and ccusage does not.
    """
    made = History()
    begin = BEGIN
    for _ in range(chance.randint(1, sessions)):
        writer = _Writer(chance, made, begin, reaccounted)
        writer.work(chance.randint(1, turns))
        if not writer.headless and chance.random() < 0.5:
            writer.go_on_elsewhere(turns)
        begin += timedelta(hours=chance.choice((0, 1, 3, 6, 30)), minutes=chance.randint(0, 59))
    return made


class _Writer:
    """Writes one session, turn by turn, and counts along."""

    def __init__(self, chance: Chance, made: History, begin: datetime, reaccounted: bool) -> None:
        self._chance = chance
        self._made = made
        self._truth = made.truth
        self._reaccounted = reaccounted
        self._time = begin
        self._cwd = chance.choice(PROJECTS)
        self._version = chance.choice(VERSIONS)
        self._model = chance.choice(MODELS)
        self.headless = chance.random() < 0.2
        self._slug = self._cwd.replace("/", "-").replace("\\", "-").replace(":", "-")
        self._begin_session()

    def _begin_session(self) -> None:
        self._session = self._uuid()
        self._log: list[Record] = []
        self._made.logs[f"{self._slug}/{self._session}.jsonl"] = self._log
        self._truth.sessions.add(self._session)

    def work(self, turns: int) -> None:
        """A person asks, the agent answers, and so on."""
        for _ in range(turns):
            self._wait(5, 900)
            self._ask()
            for _ in range(self._chance.randint(0, 3)):
                self._extra()
                self._wait(1, 40)
                self._answer(self._to_main)
            if self._chance.random() < 0.4:
                self._subagent()
            if self._chance.random() < 0.2:
                self._side_question()
            self._wait(1, 20)
            self._message(self._to_main, [{"type": "text", "text": "done"}])

    def go_on_elsewhere(self, turns: int) -> None:
        """Another log that begins with a copy of this one: a fork, or a resumed session."""
        copied = [record for record in self._log if "uuid" in record]
        copied = copied[: self._chance.randint(1, len(copied))]
        origin = self._session
        self._begin_session()
        fork = self._chance.random() < 0.5
        for record in copied:
            copy = {**record, "sessionId": self._session}
            if fork:
                copy["forkedFrom"] = {"sessionId": origin, "messageUuid": record["uuid"]}
            self._log.append(copy)
        self.work(self._chance.randint(1, turns))

    # What stands where.

    def _to_main(self, kind: str, message: Record, **more: Any) -> None:
        self._log.append(self._record(kind, message, **more))

    def _record(self, kind: str, message: Record, **more: Any) -> Record:
        record = {
            "parentUuid": None,
            "isSidechain": False,
            "userType": "external",
            "cwd": self._cwd,
            "sessionId": self._session,
            "version": self._version,
            "gitBranch": "main",
            "type": kind,
            "message": message,
            "uuid": self._uuid(),
            "timestamp": stamp(self._time),
        }
        if self.headless:
            record["entrypoint"] = "sdk-cli"
        return record | more

    def _side_chain(self) -> "_To":
        """Where a subagent's records go: it depends on the version."""
        agent = self._hex(8)
        place = self._chance.choice(("below", "beside", "inline", "progress", "both"))
        beside = f"{self._slug}/agent-{agent}.jsonl"
        below = f"{self._slug}/{self._session}/subagents/agent-{agent}.jsonl"

        def emit(kind: str, message: Record, **more: Any) -> None:
            record = self._record(kind, message, isSidechain=True, agentId=agent, **more)
            if place in ("below", "both"):
                self._made.logs.setdefault(below, []).append(record)
            elif place == "beside":
                self._made.logs.setdefault(beside, []).append(record)
            elif place == "inline":
                self._log.append(record)
            if place in ("progress", "both"):
                self._log.append(self._progress(agent, record))

        return emit

    def _progress(self, agent: str, record: Record) -> Record:
        """The line in a session's log that repeats a subagent's record."""
        inner = {
            name: record[name]
            for name in ("type", "timestamp", "uuid", "requestId", "message")
            if name in record
        }
        return {
            **self._record("progress", {}),
            "data": {
                "type": "agent_progress",
                "agentId": agent,
                "prompt": "",
                "normalizedMessages": [],
                "message": inner,
            },
            "toolUseID": f"agent_{agent}",
            "parentToolUseID": f"toolu_{agent}",
        }

    # A person.

    def _ask(self) -> None:
        content = self._chance.choice(TYPED)
        self._to_main("user", {"role": "user", "content": content})
        self._typed(self._time)

    def _typed(self, at: datetime) -> None:
        if not self.headless:
            self._truth.prompts.append(at)

    def _extra(self) -> None:
        """What happens while the agent works."""
        happens = self._chance.random()
        if happens < 0.15:
            fields = self._chance.choice(NOT_TYPED)
            message = {"role": "user", **fields["message"]}
            self._to_main("user", message, **{k: v for k, v in fields.items() if k != "message"})
        elif happens < 0.3 and not self.headless:
            self._queue()
        elif happens < 0.4:
            self._log.append({"type": "file-history-snapshot", "messageId": self._uuid()})
        elif happens < 0.45:
            self._log.append({"type": "summary", "summary": "…", "leafUuid": self._uuid()})

    def _queue(self) -> None:
        """A person types while the agent works, and the agent reads it, or the person edits it."""
        words = f"also do {self._hex(4)}"
        typed = self._time
        self._operation("enqueue", content=words)
        self._wait(1, 300)
        match self._chance.choice(("remove", "dequeue", "popAll")):
            case "remove":
                self._operation("remove")
                queued = {"type": "queued_command", "prompt": words, "commandMode": "prompt"}
                record = self._record("attachment", {}) | {"attachment": queued}
                del record["message"]
                self._log.append(record)
                self._typed(typed)
            case "dequeue":
                self._operation("dequeue")
                self._to_main("user", {"role": "user", "content": words})
                self._typed(typed)
            case _:
                self._operation("popAll", content=words)
                self._wait(5, 30)
                self._to_main("user", {"role": "user", "content": f"{words}, but later"})
                self._typed(self._time)

    def _operation(self, operation: str, **more: Any) -> None:
        self._log.append(
            {
                "type": "queue-operation",
                "operation": operation,
                "timestamp": stamp(self._time),
                "sessionId": self._session,
                **more,
            }
        )

    # An agent.

    def _answer(self, emit: "_To") -> None:
        """A message with one or two tool calls, and what the tools say."""
        calls = [self._tool_use() for _ in range(self._chance.choice((1, 1, 2)))]
        self._message(emit, [{"type": "thinking", "thinking": "…", "signature": "x"}, *calls])
        for call in calls:
            self._truth.started[call["name"]] += 1
        for call in calls:
            self._wait(0.2, 60)
            if self._chance.random() < 0.1:
                continue  # it was interrupted: nothing came back
            self._result(emit, call)

    def _tool_use(self) -> Record:
        name = self._chance.choice(TOOLS)
        inputs = {"file_path": f"{self._cwd}/a.py", "command": self._chance.choice(COMMANDS)}
        return {"type": "tool_use", "id": f"toolu_{self._hex(24)}", "name": name, "input": inputs}

    def _result(self, emit: "_To", call: Record) -> None:
        failed = self._chance.random() < 0.2
        if not failed and emit == self._to_main and self._chance.random() < 0.2:
            hook = {
                "type": "hook_progress",
                "hookEvent": "PostToolUse",
                "hookName": f"PostToolUse:{call['name']}",
            }
            record = self._record("progress", {}) | {"data": hook, "toolUseID": call["id"]}
            self._log.append(record)
            self._wait(0.01, 0.2)
        block = {
            "type": "tool_result",
            "tool_use_id": call["id"],
            "content": self._chance.choice(FAILURES) if failed else "fine",
        }
        if failed or self._chance.random() < 0.5:
            block["is_error"] = failed
        emit("user", {"role": "user", "content": [block]}, toolUseResult={"stdout": "fine"})
        self._truth.completed[call["name"], not failed] += 1

    def _subagent(self) -> None:
        """An agent that the agent asks, with messages and tools of its own."""
        emit = self._side_chain()
        emit("user", {"role": "user", "content": "look for the cause"})
        main, self._model = self._model, self._chance.choice(MODELS)
        for _ in range(self._chance.randint(1, 3)):
            self._wait(1, 10)
            self._answer(emit)
        self._message(emit, [{"type": "text", "text": "here"}])
        self._model = main

    def _side_question(self) -> None:
        """A question beside the conversation: a file that repeats it under other ids and times."""
        agent = f"aside_{self._hex(6)}"
        log: list[Record] = []
        told = [record for record in self._log if record["type"] in ("user", "assistant")]
        for record in told[-self._chance.randint(1, 12) :]:
            if record["isSidechain"]:
                continue
            self._wait(0.001, 0.01)
            copy = {**record, "isSidechain": True, "agentId": agent, "uuid": self._uuid()}
            copy["timestamp"] = stamp(self._time)
            if "requestId" in copy:
                copy["requestId"] += "_again"
            log.append(copy)

        def emit(kind: str, message: Record, **more: Any) -> None:
            log.append(self._record(kind, message, isSidechain=True, agentId=agent, **more))

        emit("user", {"role": "user", "content": "by the way?"})
        self._message(emit, [{"type": "text", "text": "yes"}])
        self._made.logs[f"{self._slug}/{self._session}/subagents/agent-{agent}.jsonl"] = log

    def _message(self, emit: "_To", blocks: list[Record]) -> None:
        """A record for each block; the last one has the usage of the whole message."""
        message_id, request_id = f"msg_{self._hex(24)}", f"req_{self._hex(24)}"
        usages = list(self._usages(len(blocks), advised=emit == self._to_main))
        # Where the same usage stands in several records, which day counts must be no question.
        quarter = self._time.replace(minute=self._time.minute // 15 * 15, second=0, microsecond=0)
        quarter += timedelta(minutes=15)
        if len(usages) > 1 and usages[-1] == usages[-2] and self._time > quarter - timedelta(0, 30):
            self._time = quarter
        for block, usage in zip(blocks, usages, strict=True):
            emit(
                "assistant",
                {
                    "id": message_id,
                    "type": "message",
                    "role": "assistant",
                    "model": self._model,
                    "content": [block],
                    "stop_reason": None,
                    "usage": usage,
                },
                requestId=request_id,
            )
            at = self._time
            self._wait(0.05, 8)
        self._count(at, self._model, usages[-1])
        for each in usages[-1].get("iterations", ()):
            if each["type"] == "advisor_message":
                self._count(at, each["model"], each)

    def _count(self, at: datetime, model: str, usage: Record) -> None:
        tokens = Tokens(
            usage["input_tokens"],
            usage["output_tokens"],
            usage["cache_read_input_tokens"],
            usage["cache_creation_input_tokens"],
        )
        hour = usage.get("cache_creation", {}).get("ephemeral_1h_input_tokens", 0)
        self._truth.calls.append(Call(at, model, tokens, hour))

    def _usages(self, records: int, advised: bool) -> Iterator[Record]:
        """What each record of a message says: less than the last one, or all the same."""
        final = self._usage(advised)
        grows = self._chance.random() < 0.8
        for left in range(records - 1, 0, -1):
            if not grows:
                yield final
                continue
            early = {k: v for k, v in final.items() if k != "iterations"}
            early["output_tokens"] = final["output_tokens"] // (left + 1) // 2
            if self._reaccounted and self._chance.random() < 0.3:
                lowered = self._chance.choice(("input_tokens", "output_tokens"))
                early[lowered] = final[lowered] + self._chance.randint(1, 5_000)
            yield early
        yield final

    def _usage(self, advised: bool) -> Record:
        for_minutes, for_an_hour = (
            self._chance.choice((0, self._chance.randint(1, 9_000))) for _ in range(2)
        )
        usage: Record = {
            "input_tokens": self._chance.randint(1, 3_000),
            "output_tokens": self._chance.randint(8, 6_000),
            "cache_read_input_tokens": self._chance.choice((0, self._chance.randint(1, 150_000))),
            "cache_creation_input_tokens": for_minutes + for_an_hour,
            "service_tier": "standard",
        }
        if self._version >= "2" or for_an_hour:
            usage["cache_creation"] = {
                "ephemeral_5m_input_tokens": for_minutes,
                "ephemeral_1h_input_tokens": for_an_hour,
            }
        if advised and self._chance.random() < 0.15:
            uncached = dict.fromkeys(("cache_read_input_tokens", "cache_creation_input_tokens"), 0)
            usage["iterations"] = [
                {"type": "message", **{k: v for k, v in usage.items() if k.endswith("_tokens")}},
                {
                    "type": "advisor_message",
                    "model": ADVISOR,
                    "input_tokens": self._chance.randint(100, 90_000),
                    "output_tokens": self._chance.randint(50, 4_000),
                    **uncached,
                },
            ]
        return usage

    # Time and names.

    def _wait(self, least: float, most: float) -> None:
        milliseconds = self._chance.randint(round(least * 1_000), round(most * 1_000))
        self._time += timedelta(milliseconds=max(1, milliseconds))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def _hex(self, digits: int) -> str:
        return f"{self._chance.getrandbits(4 * digits):0{digits}x}"


_To = Callable[..., None]  # emit(kind, message, **more)


def stamp(moment: datetime) -> str:
    """As Claude Code writes it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
