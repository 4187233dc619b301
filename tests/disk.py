"""What happens to session logs on a disk: they grow, are cut, copied, moved, split, written anew.

Whatever happens, `finish` leaves a folder that holds every record of the history at least once.
"""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.session_logs import Chance, History

_CALLED = re.compile(rb'"type":"tool_use","id":"(\w+)"')
_ANSWERED = re.compile(rb'"(?:tool_use_id|toolUseID)":"(toolu_\w+)"')


@dataclass
class _File:
    """A log: what it is to hold, and how much of it is there."""

    lines: list[bytes]
    written: int = 0  # bytes

    @property
    def content(self) -> bytes:
        return b"".join(self.lines)


class Disk:
    """A folder of logs and what happens to it; chance decides where and how much."""

    def __init__(self, claude_dir: Path, history: History, chance: Chance) -> None:
        self.projects = claude_dir / "projects"
        self._chance = chance
        self._files = {path: _File(lines) for path, lines in history.lines().items()}

    @property
    def events(self) -> dict[str, Callable[[], None]]:
        """Everything that can happen, by name."""
        return {
            "grow": self.grow,
            "truncate": self.truncate,
            "rewrite": self.rewrite,
            "replace": self.replace,
            "repeat lines": self.repeat_lines,
            "rename": self.rename,
            "split": self.split,
            "back up": self.back_up,
        }

    def paths(self) -> list[Path]:
        """Every log that is there, in any order."""
        found = sorted(self.projects.rglob("*.jsonl"))
        self._chance.shuffle(found)
        return found

    def grow(self) -> None:
        """Some logs are written on, often into the middle of a line."""
        for path, file in self._files.items():
            if self._chance.random() < 0.7:
                self._write_to(path, file, self._chance.randint(file.written, len(file.content)))

    def finish(self) -> None:
        """Every log is written to its end."""
        for path, file in self._files.items():
            self._write_to(path, file, len(file.content))

    def truncate(self) -> None:
        """A log loses its end, and gets it back later."""
        path, file = self._any()
        file.written = self._chance.randint(0, file.written)
        if self._at(path).exists():
            os.truncate(self._at(path), file.written)

    def rewrite(self) -> None:
        """A log is written anew in place, with blank lines that move everything."""
        path, file = self._any()
        self._relay(path, file, lambda line: [b"\n", b" \r\n", line])

    def replace(self) -> None:
        """A log is written anew beside itself and moved into its place."""
        path, file = self._any()
        if self._at(path).exists():
            draft = self._at(path).with_suffix(".new")
            shutil.copyfile(self._at(path), draft)
            draft.replace(self._at(path))
        del file

    def repeat_lines(self) -> None:
        """A log is written anew, some lines twice."""
        path, file = self._any()
        self._relay(path, file, lambda line: [line, line])

    def rename(self) -> None:
        """A log gets another name in its folder."""
        path, file = self._any()
        other = f"{path.removesuffix('.jsonl')}-{self._chance.getrandbits(16):x}.jsonl"
        self._files[other] = self._files.pop(path)
        if self._at(path).exists():
            self._at(path).rename(self._at(other))
        del file

    def split(self) -> None:
        """The later part of a log becomes a log of its own."""
        path, file = self._any()
        places = [k for k in range(1, len(file.lines)) if _may_split(file.lines, k)]
        if not places:
            return
        place = self._chance.choice(places)
        first, second = file.lines[:place], file.lines[place:]
        other = f"{path.removesuffix('.jsonl')}.{self._chance.getrandbits(16):x}.jsonl"
        size = len(b"".join(first))
        self._files[other] = _File(second)
        self._write_to(other, self._files[other], max(0, file.written - size))
        file.lines = first
        if file.written > size:
            file.written = size
            os.truncate(self._at(path), size)

    def back_up(self) -> None:
        """What there is of a log is copied to another folder, and never written on."""
        path, file = self._any()
        copy = f"backup-{self._chance.getrandbits(16):x}/{path}"
        self._files[copy] = _File([file.content[: file.written]])
        self._write_to(copy, self._files[copy], file.written)

    def _any(self) -> tuple[str, _File]:
        path = self._chance.choice(sorted(self._files))
        return path, self._files[path]

    def _at(self, path: str) -> Path:
        return self.projects / path

    def _write_to(self, path: str, file: _File, end: int) -> None:
        if end <= file.written:
            return
        self._at(path).parent.mkdir(parents=True, exist_ok=True)
        with self._at(path).open("ab") as log:
            log.write(file.content[file.written : end])
        file.written = end

    def _relay(self, path: str, file: _File, change: Callable[[bytes], list[bytes]]) -> None:
        """Changes some lines; those that are there by now are written anew."""
        there = len(file.content[: file.written].splitlines())
        lines = [change(line) if self._chance.random() < 0.3 else [line] for line in file.lines]
        file.lines = [line for group in lines for line in group]
        file.written = len(b"".join(line for group in lines[:there] for line in group))
        if there:
            self._at(path).write_bytes(file.content[: file.written])


def _may_split(lines: list[bytes], place: int) -> bool:
    """Between a tool's call and its result no log is split, nor between a queued prompt's lines.

    What stands in one of two logs is all that a monitor may know when it reads that one.
    """
    called = {name for line in lines[:place] for name in _CALLED.findall(line)}
    answered = {name for line in lines[place:] for name in _ANSWERED.findall(line)}
    before = next((line for line in reversed(lines[:place]) if line.strip()), b"")
    return not called & answered and b'"queue-operation"' not in before
