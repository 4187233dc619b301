"""Session logs by the hundred megabytes, made quickly: the shape of real ones, from one stock."""

import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

WORDS = ("def", "return", "import", "session", "query", "index", "print(x)", '{"a": 1}', "\n", "é")
STOCK = 1_000_000  # characters of text that lines are cut from
MODEL = "claude-opus-4-5-20251101"
PROJECTS = ("alpha", "beta", "gamma")

Record = dict[str, Any]


class _Maker:
    """Makes records; a text is cut from the stock, so that making it costs nothing."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._stock = " ".join(self._chance.choices(WORDS, k=STOCK // 5))
        self._time = datetime(2026, 1, 1, tzinfo=UTC)

    def session(self, turns: int) -> Iterator[bytes]:
        """The lines of one session: prompts, streamed messages, tools and what they say."""
        frame = {
            "parentUuid": None,
            "isSidechain": False,
            "userType": "external",
            "cwd": f"/home/dev/{self._chance.choice(PROJECTS)}",
            "sessionId": self._uuid(),
            "version": "2.1.42",
            "gitBranch": "main",
        }
        for turn in range(turns):
            if turn % 5 == 0:
                prompt = {"role": "user", "content": self._text(20, 400)}
                yield self._line(frame, "user", prompt)
            yield from self._answer(frame)

    def _answer(self, frame: Record) -> Iterator[bytes]:
        call = {
            "type": "tool_use",
            "id": f"toolu_{self._chance.getrandbits(96):024x}",
            "name": self._chance.choice(("Read", "Bash", "Edit", "Grep")),
            "input": {
                "file_path": f"{frame['cwd']}/a.py",
                "command": "make test",
                "old_string": self._text(20, 2_000),
            },
        }
        message_id, request = (f"{self._chance.getrandbits(96):024x}" for _ in range(2))
        blocks = [
            {"type": "thinking", "thinking": self._text(100, 2_000), "signature": "x" * 400},
            {"type": "text", "text": self._text(50, 1_500)},
            call,
        ]
        for block in blocks:
            usage = {
                "input_tokens": 7,
                "cache_creation_input_tokens": 1_200,
                "cache_read_input_tokens": 45_000,
                "cache_creation": {"ephemeral_5m_input_tokens": 1_200},
                "output_tokens": self._chance.randint(40, 1_400) if block is call else 1,
                "service_tier": "standard",
            }
            message = {
                "id": f"msg_{message_id}",
                "type": "message",
                "role": "assistant",
                "model": MODEL,
                "content": [block],
                "stop_reason": None,
                "usage": usage,
            }
            yield self._line(frame, "assistant", message, requestId=f"req_{request}")
        said = self._text(400, min(40_000, int(self._chance.paretovariate(1.2) * 800)))
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": said}
        yield self._line(
            frame, "user", {"role": "user", "content": [result]}, toolUseResult={"stdout": said}
        )

    def _line(self, frame: Record, kind: str, message: Record, **more: Any) -> bytes:
        self._time += timedelta(milliseconds=self._chance.randint(500, 8_000))
        stamp = self._time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        own = {"type": kind, "message": message, "uuid": self._uuid(), "timestamp": stamp}
        record = frame | own | more
        return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

    def _text(self, least: int, most: int) -> str:
        length = self._chance.randint(least, max(least, most))
        begin = self._chance.randrange(len(self._stock) - length)
        return self._stock[begin : begin + length]

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))


def write_sessions(claude_dir: Path, size: int) -> int:
    """Sessions of 5 to 60 turns, `size` bytes of them; gives the number of lines."""
    maker = _Maker(1)
    chance = random.Random(2)
    folder = claude_dir / "projects" / "-home-dev"
    folder.mkdir(parents=True)
    lines = written = number = 0
    while written < size:
        number += 1
        with (folder / f"{uuid.UUID(int=number)}.jsonl").open("wb") as log:
            for line in maker.session(chance.randint(5, 60)):
                written += log.write(line)
                lines += 1
    return lines


def write_one_log(claude_dir: Path, size: int) -> int:
    """One session of `size` bytes; gives the number of lines."""
    maker = _Maker(3)
    folder = claude_dir / "projects" / "-home-dev"
    folder.mkdir(parents=True)
    lines = written = 0
    with (folder / f"{uuid.UUID(int=1)}.jsonl").open("wb") as log:
        for line in maker.session(10**9):
            written += log.write(line)
            lines += 1
            if written >= size:
                return lines
    return lines


def write_long_line(claude_dir: Path, size: int) -> int:
    """A log with one line of `size` bytes between two others; gives the number of lines."""
    maker = _Maker(4)
    folder = claude_dir / "projects" / "-home-dev"
    folder.mkdir(parents=True)
    first, *_, last = maker.session(1)
    block = b"A" * 1_000_000
    with (folder / f"{uuid.UUID(int=1)}.jsonl").open("wb") as log:
        log.write(first)
        head, tail = last.split(b'"toolUseResult":{"stdout":"', 1)
        log.write(head + b'"toolUseResult":{"stdout":"')
        for _ in range(size // len(block)):
            log.write(block)
        log.write(tail)
        log.write(first)
    return 3
