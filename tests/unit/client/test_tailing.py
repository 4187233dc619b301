"""Logs that grow, break off, are cut, replaced, renamed or are not logs at all."""

import io
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.client import logs
from tests.unit.client.conftest import Collected
from vibeloom import tail
from vibeloom.settings import Settings


def _times(count: int, hour: int = 9) -> list[str]:
    return [f"2026-09-14T{hour:02d}:{minute:02d}:00Z" for minute in range(count)]


def _prompts(collect: Collected) -> list[str]:
    """When somebody asked something, as the spool has it."""
    events = [event for event in collect() if event["type"] == "activity"]
    return [event["timestamp"].replace(".000000Z", "Z") for event in events]


@given(
    st.lists(st.binary(max_size=40).filter(lambda text: b"\n" not in text), max_size=12),
    st.integers(min_value=1, max_value=30),
)
def test_lines_are_the_same_however_they_arrive(lines: list[bytes], longest: int) -> None:
    """Reading in one go or again after each line gives the same lines at the same places."""
    text = b"".join(line + b"\n" for line in lines)
    read = list(tail.read_lines(io.BytesIO(text), 0, max_line=longest))
    assert [line.end for line in read] == [
        index + 1 for index, byte in enumerate(text) if byte == 10
    ]
    for line, original in zip(read, lines, strict=True):
        if len(original) <= longest:
            assert line.content == original
        rest = list(tail.read_lines(io.BytesIO(text), line.end, max_line=longest))
        assert rest == [later for later in read if later.end > line.end]


def test_a_half_written_line_waits_for_its_end(collect: Collected, log: Path) -> None:
    """However a line is torn, its events come once, when it is whole."""
    first, second = (logs.line(logs.prompt(time)) for time in _times(2))
    logs.write(log, logs.prompt("2026-09-14T08:00:00Z"))
    for byte in range(0, len(first + second), 37):
        with log.open("ab") as file:
            file.write((first + second)[byte : byte + 37])
        _prompts(collect)
    assert _prompts(collect) == ["2026-09-14T08:00:00Z", *_times(2)]
    assert collect.spool.number("unknown_lines") == 0


def test_a_whole_last_line_needs_no_line_break(collect: Collected, log: Path) -> None:
    """A writer that puts the line break first is understood, and nothing comes twice."""
    first, second = (json.dumps(logs.prompt(time)).encode() for time in _times(2))
    log.parent.mkdir()
    log.write_bytes(first)
    assert _prompts(collect) == _times(1)
    log.write_bytes(first + b"\r\n" + second)
    assert _prompts(collect) == _times(2)


def test_reading_goes_on_where_it_stopped(collect: Collected, log: Path) -> None:
    """A restarted monitor reads only what is new."""
    logs.write(log, *(logs.prompt(time) for time in _times(3)))
    assert len(_prompts(collect)) == 3
    logs.write(log, *(logs.prompt(time) for time in _times(2, hour=10)))
    assert _prompts(collect) == _times(3) + _times(2, hour=10)


def test_a_truncated_log_is_read_anew(collect: Collected, log: Path) -> None:
    """What is written after a truncation arrives, what was there before does not come twice."""
    logs.write(log, *(logs.prompt(time) for time in _times(3)))
    _prompts(collect)
    log.write_bytes(logs.line(logs.prompt(_times(1)[0])))
    assert _prompts(collect) == _times(3)
    logs.write(log, logs.prompt("2026-09-14T11:00:00Z"))
    assert _prompts(collect) == [*_times(3), "2026-09-14T11:00:00Z"]


def test_a_log_rewritten_to_a_greater_length_is_read_anew(collect: Collected, log: Path) -> None:
    """A log that was cut and grew past the old offset between two looks is noticed."""
    logs.write(log, logs.prompt(_times(1)[0]), logs.prompt(_times(2)[1]))
    _prompts(collect)
    log.write_bytes(b"")
    logs.write(log, *(logs.prompt(time) for time in _times(5, hour=12)))
    assert _prompts(collect) == _times(2) + _times(5, hour=12)


def test_a_log_rewritten_after_its_first_line_is_read_anew(collect: Collected, log: Path) -> None:
    """The same beginning does not hide that the rest is another, and is not counted twice."""
    first, second = (logs.prompt(time) for time in _times(2))
    logs.write(log, first, second)
    _prompts(collect)
    log.write_bytes(b"")
    logs.write(log, first, *(logs.prompt(time) for time in _times(5, hour=12)))
    assert _prompts(collect) == _times(2) + _times(5, hour=12)


@pytest.mark.parametrize("suffix", [".1", ".jsonl.old", "-old.jsonl"])
def test_a_rotated_log_is_read_to_its_end(collect: Collected, log: Path, suffix: str) -> None:
    """Lines written just before a rotation are found under the log's new name."""
    logs.write(log, logs.prompt(_times(1)[0]))
    _prompts(collect)
    logs.write(log, logs.prompt(_times(2)[1]))
    log.rename(log.with_name(log.stem + suffix))
    logs.write(log, logs.prompt("2026-09-14T12:00:00Z"))
    logs.write(log.with_name("zz.jsonl"), logs.prompt("2026-09-14T13:00:00Z"))
    assert sorted(_prompts(collect)) == [
        *_times(2),
        "2026-09-14T12:00:00Z",
        "2026-09-14T13:00:00Z",
    ]


def test_equal_lines_of_a_rotated_log_are_other_events(collect: Collected, log: Path) -> None:
    """A record of a new log under an old name is another one, even at the same place and time."""
    logs.write(log, logs.prompt())
    _prompts(collect)
    log.rename(log.with_suffix(".1"))
    logs.write(log, {**logs.prompt(), "uuid": "another"})
    assert len(_prompts(collect)) == 2


def test_a_renamed_log_is_not_read_again(collect: Collected, log: Path) -> None:
    """A moved project brings no event a second time."""
    logs.write(log, *(logs.prompt(time) for time in _times(2)))
    _prompts(collect)
    moved = log.parent.with_name("-home-moved")
    log.parent.rename(moved)
    logs.write(moved / log.name, logs.prompt("2026-09-14T12:00:00Z"))
    assert _prompts(collect) == [*_times(2), "2026-09-14T12:00:00Z"]
    assert collect.spool.logs_tracked() == 1


def test_a_log_replaced_by_its_longer_copy_is_read_on(collect: Collected, log: Path) -> None:
    """A tool that saves by writing a copy and renaming it causes no second reading."""
    logs.write(log, *(logs.prompt(time) for time in _times(2)))
    _prompts(collect)
    copy = log.with_suffix(".tmp")
    copy.write_bytes(log.read_bytes())
    logs.write(copy, logs.prompt("2026-09-14T12:00:00Z"))
    copy.replace(log)
    assert _prompts(collect) == [*_times(2), "2026-09-14T12:00:00Z"]


def test_reading_anew_gives_the_same_events(
    collect: Collected, log: Path, configured: Settings
) -> None:
    """A lost spool costs nothing: ids, times and payloads are those of the first reading."""
    logs.write(log, logs.prompt(), logs.answer(), logs.tool_use("Bash", {}), logs.tool_result())
    before = collect()
    collect.spool.close()
    for path in configured.home.glob("spool.sqlite3*"):
        path.unlink()
    again = Collected(configured, type(collect.spool).open(configured.spool))
    assert again() == before
    again.spool.close()


def test_an_over_long_line_is_skipped_in_constant_memory(
    collect: Collected, log: Path, configured: Settings
) -> None:
    """Forty megabytes without a line break are counted as one line and never held."""
    logs.write(log, logs.prompt(_times(1)[0]))
    with log.open("ab") as file:
        for _ in range(40):
            file.write(b"x" * 1024 * 1024)
    tracemalloc.start()
    assert _prompts(collect) == _times(1)
    with log.open("ab") as file:
        file.write(b"the end\n")
    logs.write(log, logs.prompt("2026-09-14T12:00:00Z"))
    assert _prompts(collect) == [*_times(1), "2026-09-14T12:00:00Z"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * tail.MAX_LINE
    assert collect.spool.number("over_long_lines") == 1


def test_only_regular_files_are_logs(collect: Collected, log: Path, tmp_path: Path) -> None:
    """A directory, a pipe, a circle of links or an empty file called x.jsonl does no harm."""
    logs.write(log, logs.prompt())
    (log.parent / "folder.jsonl").mkdir()
    logs.write(log.parent / "folder.jsonl" / "inner.jsonl", logs.prompt("2026-09-14T11:00:00Z"))
    (log.parent / "empty.jsonl").touch()
    os.mkfifo(log.parent / "pipe.jsonl")
    (log.parent / "circle").symlink_to(log.parent)
    (log.parent / "nowhere.jsonl").symlink_to(tmp_path / "nowhere")
    (log.parent / "self.jsonl").symlink_to(log.parent / "self.jsonl")
    assert len(_prompts(collect)) == 2


def test_a_linked_log_is_read_once(collect: Collected, log: Path, tmp_path: Path) -> None:
    """A log behind a link is read, and a second name of it is no second log."""
    outside = logs.write(tmp_path / "elsewhere" / "session.jsonl", logs.prompt())
    log.parent.mkdir()
    log.symlink_to(outside)
    (log.parent / "again.jsonl").symlink_to(outside)
    os.link(outside, log.parent / "hard.jsonl")
    assert len(_prompts(collect)) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_log_does_not_stop_the_others(collect: Collected, log: Path) -> None:
    """A log without permission is passed over and read once it has one."""
    logs.write(log, logs.prompt())
    closed = logs.write(log.with_name("closed.jsonl"), logs.prompt("2026-09-14T11:00:00Z"))
    closed.chmod(0)
    assert len(_prompts(collect)) == 1
    closed.chmod(0o600)
    assert len(_prompts(collect)) == 2
