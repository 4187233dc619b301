"""The recount of the logs: each message once, its last record, and what damaged lines hold."""

import json
import os
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.client import logs
from vibeloom import usage_check
from vibeloom.usage_check import Recount, Tokens, recount

CASES = Path(__file__).parents[4] / "shared" / "cases"
OPUS = "claude-opus-4-5-20251101"
HAIKU = "claude-haiku-4-5-20251001"


def message(
    name: str | None = "msg_1",
    second: int = 0,
    output: int = 50,
    model: object = OPUS,
    **fields: Any,
) -> logs.Entry:
    """A record of an answer."""
    usage = {
        "input_tokens": 3,
        "output_tokens": output,
        "cache_read_input_tokens": 700,
        "cache_creation_input_tokens": 9,
    } | fields.pop("usage", {})
    content = {"model": model, "usage": usage} | ({} if name is None else {"id": name})
    return logs.entry("assistant", f"2026-09-14T09:26:{second:02d}.000Z", message=content, **fields)


def progress(inner: logs.Entry) -> logs.Entry:
    """What a log of a session holds of its subagent's record."""
    data = {"type": "agent_progress", "message": {**inner, "sessionId": None}}
    return logs.entry("progress", inner["timestamp"], data=data)


def counted(folder: Path) -> Recount:
    return recount([folder])


def by_model(found: Recount) -> dict[str, Tokens]:
    models: dict[str, Tokens] = {}
    for call in found.calls:
        models[call.model] = models.get(call.model, Tokens()).plus(call.tokens)
    return models


def outputs(found: Recount) -> list[int]:
    """The output tokens of each call, which the tests tell calls by."""
    return sorted(call.tokens.output for call in found.calls)


def test_the_last_record_of_a_message_counts(tmp_path: Path) -> None:
    """Earlier ones are snapshots of a stream, also where they stand behind it."""
    logs.write(tmp_path / "p" / "a.jsonl", message(second=3, output=640), message(output=1))
    found = counted(tmp_path)
    assert found.calls == [
        usage_check.Call(
            datetime(2026, 9, 14, 9, 26, 3, tzinfo=UTC), OPUS, Tokens(1, 3, 640, 9, 700)
        )
    ]


def test_a_later_record_may_lower_a_field(tmp_path: Path) -> None:
    """All fields are of the last record; the highest of each would be too much."""
    lowered = message(second=2, output=7, usage={"cache_read_input_tokens": 0})
    logs.write(tmp_path / "a.jsonl", message(output=900), lowered)
    assert by_model(counted(tmp_path)) == {OPUS: Tokens(1, 3, 7, 9, 0)}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_session_wins_over_its_copies(tmp_path: Path, order: tuple[int, ...]) -> None:
    """A side chain's copy, or one in a progress line, is later and does not count."""
    records = [
        message(output=500),
        message(second=30, output=1, isSidechain=True),
        progress(message(second=50, output=2)),
    ]
    for place, index in enumerate(order):
        logs.write(tmp_path / f"{place}.jsonl", records[index])
    assert outputs(counted(tmp_path)) == [500]


def test_what_only_progress_lines_hold_counts(tmp_path: Path) -> None:
    """A subagent without a file of its own used tokens, too."""
    early, late = message("msg_a", 1, 2, HAIKU), message("msg_a", 9, 150, HAIKU)
    logs.write(tmp_path / "a.jsonl", progress(early), progress(late), message("msg_b"))
    assert outputs(counted(tmp_path)) == [50, 150]


def test_a_message_in_many_files_counts_once(tmp_path: Path) -> None:
    """Forks, backups and links to the same file change nothing."""
    logs.write(tmp_path / "p" / "a.jsonl", message())
    logs.write(tmp_path / "backup" / "b.jsonl", message(), message("msg_2", output=7))
    (tmp_path / "p" / "again.jsonl").symlink_to(tmp_path / "p" / "a.jsonl")
    (tmp_path / "p" / "loop").symlink_to(tmp_path)
    found = recount([tmp_path, tmp_path / "p"])
    assert (outputs(found), found.logs) == ([7, 50], 2)


def test_messages_without_an_id_are_told_apart(tmp_path: Path) -> None:
    """By the request's id, by the record's, or each is its own."""
    nameless = message(None, output=1)
    del nameless["uuid"]
    logs.write(
        tmp_path / "a.jsonl",
        *(message(None, second, 10 + second, requestId="req_1") for second in (1, 2)),
        *(message(None, second, 20 + second, uuid="u-1") for second in (3, 4)),
        nameless,
        nameless,
    )
    assert outputs(counted(tmp_path)) == [1, 1, 12, 24]


def test_calls_within_a_message(tmp_path: Path) -> None:
    """An advisor and a compaction count by themselves, the message's own rounds do not."""
    tokens = {"input_tokens": 5, "output_tokens": 11}
    rounds = [
        {"type": "message", **tokens},
        {"type": "advisor_message", "model": OPUS, **tokens},
        {"type": "advisor_message", "model": "<synthetic>", **tokens},
        {"type": "compaction", **tokens},
        "damaged",
    ]
    logs.write(tmp_path / "a.jsonl", message(model=HAIKU, usage={"iterations": rounds}))
    assert by_model(counted(tmp_path)) == {
        HAIKU: Tokens(2, 8, 61, 9, 700),
        OPUS: Tokens(1, 5, 11, 0, 0),
    }


def test_what_is_no_call(tmp_path: Path) -> None:
    """The agent's own messages, answers without tokens, and numbers that are none."""
    nothing = dict.fromkeys(message()["message"]["usage"], 0)
    logs.write(
        tmp_path / "a.jsonl",
        message("msg_1", model="<synthetic>"),
        message("msg_2", usage=nothing),
        message("msg_3", usage={**nothing, "output_tokens": True}),
        message("msg_4", usage={**nothing, "output_tokens": 10**30}),
        message("msg_5", usage={**nothing, "output_tokens": -4}),
        {"type": "assistant", "message": {"usage": "damaged"}, "timestamp": logs.TIME},
        {"type": "assistant", "message": 5, "usage": 1},
        {"type": "user", "message": {"usage": {"output_tokens": 9}}, "timestamp": logs.TIME},
    )
    (tmp_path / "b.txt").write_bytes(logs.line(message()))
    assert counted(tmp_path).calls == []


def test_only_the_parts_of_the_cache_writes(tmp_path: Path) -> None:
    """Their sum, where no total is given; the total, where one is."""
    parts = {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6}
    usage = {"cache_creation_input_tokens": 0, "cache_creation": parts}
    logs.write(tmp_path / "a.jsonl", message(usage=usage))
    assert by_model(counted(tmp_path)) == {OPUS: Tokens(1, 3, 50, 10, 700)}


def test_a_record_without_a_time(tmp_path: Path) -> None:
    """Has the time of the one before; before any time was said, it does not count."""
    untimed = message("msg_2", output=2)
    del untimed["timestamp"]
    logs.write(tmp_path / "a.jsonl", untimed)
    logs.write(tmp_path / "b.jsonl", message(second=5), untimed)
    found = counted(tmp_path)
    assert outputs(found) == [2, 50]
    assert {call.at.second for call in found.calls} == {5}


def whole(name: str, output: int) -> bytes:
    return logs.line(message(name, output=output)).rstrip()


CUT = logs.line(message("msg_cut", output=999))
NESTED = CUT[: CUT.index(b'"message": ') + 11]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(whole("a", 1) + whole("b", 2), id="two records"),
        pytest.param(CUT[:100] + whole("a", 1) + b" " + whole("b", 2), id="cut in a string"),
        pytest.param(NESTED + whole("a", 1) + whole("b", 2), id="cut before a value"),
        pytest.param(CUT[:-30] + whole("a", 1) + CUT[:60] + whole("b", 2), id="cut twice"),
        pytest.param(b"\0" * 512 + whole("a", 1) + b"\0\0" + whole("b", 2), id="NULs"),
        pytest.param(b"\xff\xfe" + whole("a", 1) + b"\x80\xc3" + whole("b", 2), id="bad bytes"),
        pytest.param(b"\xef\xbb\xbf" + whole("a", 1) + whole("b", 2), id="byte order mark"),
        pytest.param(b'{"x": tru' + whole("a", 1) + b"}}]" + whole("b", 2), id="other rubbish"),
    ],
)
def test_damaged_lines(tmp_path: Path, line: bytes) -> None:
    """What is whole on a line counts, what was cut off does not, and the line is noted."""
    (tmp_path / "a.jsonl").write_bytes(line + b"\n" + whole("c", 3) + b"\n")
    found = counted(tmp_path)
    assert (outputs(found), found.damaged, found.unfinished) == ([1, 2, 3], 1, 0)


def test_bad_bytes_within_a_record(tmp_path: Path) -> None:
    """A text that is not UTF-8 does not hide the usage beside it."""
    line = logs.line(message(thinking="@")).replace(b"@", b"\xff\xc3(")
    (tmp_path / "a.jsonl").write_bytes(line)
    assert outputs(counted(tmp_path)) == [50]


def test_a_line_without_an_end(tmp_path: Path) -> None:
    """It counts if it is whole, and is said to be unfinished: the monitor waits for its end."""
    (tmp_path / "a.jsonl").write_bytes(whole("a", 1))
    (tmp_path / "b.jsonl").write_bytes(whole("b", 2)[:-9])
    found = counted(tmp_path)
    assert (outputs(found), found.unfinished) == ([1], 2)


BIG = {"plain": "A", "escapes": '\\"\n', "letters": "é工"}


@pytest.mark.parametrize("text", BIG.values(), ids=BIG.keys())
@pytest.mark.parametrize("limit", [999, 1_000, 1_001, 4_096])
def test_long_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, limit: int) -> None:
    """A line above the limit is read without its long strings, wherever the pieces are cut."""
    monkeypatch.setattr(usage_check, "WHOLE_LINE", limit)
    monkeypatch.setattr(usage_check, "LONG_STRING", 200)
    long = text * 20_000
    content = [{"type": "tool_use", "input": {"content": long}}, {"type": "text", "text": '{"'}]
    line = logs.line(message("a", 1, 1, thinking=long, content=content))
    cut = logs.line(message("cut", 1, 999, thinking=long))[: len(text) * 9_000]
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        line
        + logs.line(message("b", output=2))
        + cut
        + logs.line(message("c", output=3))
        + cut
        + logs.line(message("d", output=4, thinking=long)).rstrip()
    )
    found = counted(tmp_path)
    assert (outputs(found), found.damaged, found.unfinished) == ([1, 2, 3, 4], 2, 1)


def test_a_line_that_stays_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Megabytes of brackets are held in bounded memory, and the lines behind them count."""
    monkeypatch.setattr(usage_check, "WHOLE_LINE", 1_000)
    monkeypatch.setattr(usage_check, "MOST_OF_LINE", 10_000)
    brackets = b'{"usage": [' + b"[[[],[]]]," * 100_000 + b"\n"
    (tmp_path / "a.jsonl").write_bytes(brackets + whole("a", 1) + b"\n")
    found = counted(tmp_path)
    assert (outputs(found), found.damaged) == ([1], 1)


def test_a_hostile_line_takes_no_time(tmp_path: Path) -> None:
    """Every brace of a damaged line could begin a record; not all of them are tried."""
    (tmp_path / "a.jsonl").write_bytes(
        b'"usage"' + b'{"a":' * 700_000 + b"\n" + b'{"a":' * 900 + b"\n" + whole("b", 2) + b"\n"
    )
    assert outputs(counted(tmp_path)) == [2]


def test_folders_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder that is not there is nothing; a pipe is not waited for; a refusal is noted."""
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "nowhere.jsonl").symlink_to(tmp_path / "gone")
    (tmp_path / "folder.jsonl").mkdir()
    logs.write(tmp_path / "folder.jsonl" / "a.jsonl", message())
    found = recount([tmp_path / "absent", tmp_path])
    assert (outputs(found), found.logs, found.unreadable) == ([50], 1, {})


RIGHT = {
    "01-streaming-partial": (1, 3, 640, 200, 1000),
    "04-btw-sidechain-replay": (3, 26, 557, 40, 200),
    "06-agent-progress-only": (3, 20, 340, 150, 10100),
    "09-spliced-lines": (4, 100, 1000, 0, 0),
    "12-fork-copies-history": (3, 21, 201, 0, 0),
    "18-fast-advisor-longcontext": (4, 1459421, 9296, 7853, 226584),
    "32-same-logs-two-machines": (1, 10, 100, 0, 0),
}


@pytest.mark.parametrize("case", RIGHT)
def test_cases_that_others_got_wrong(case: str) -> None:
    """The shared sample logs have these tokens."""
    if not CASES.is_dir():
        pytest.skip("the shared cases are not beside the project")
    total = Tokens()
    for call in counted(CASES / case / "projects").calls:
        total = total.plus(call.tokens)
    assert total == Tokens(*RIGHT[case])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[logs.Entry], dict[str, int]]:
    """Records of some messages in any order, and what each message's last one says."""
    records, right = [], {}
    for number in range(draw(st.integers(1, 6))):
        name = f"msg_{number}"
        seconds = sorted(draw(st.sets(st.integers(0, 59), min_size=1, max_size=4)))
        said = [draw(st.integers(1, 10_000)) for _ in seconds]
        own = [message(name, second, output) for second, output in zip(seconds, said, strict=True)]
        copies = draw(st.lists(st.sampled_from(own), max_size=3))
        asides = [
            {**message(name, 59, 7), "isSidechain": True} for _ in range(draw(st.integers(0, 1)))
        ]
        records += [*own, *copies, *asides]
        right[name] = said[-1]
    return draw(st.permutations(records)), right


@given(histories(), st.integers(1, 4), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_and_files_change_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    history: tuple[list[logs.Entry], dict[str, int]],
    files: int,
    dice: random.Random,
) -> None:
    """Shuffled, copied, split over files and spliced on lines, a history has the same totals."""
    folder = tmp_path_factory.mktemp("logs")
    records, right = history
    for record in records:
        path = folder / f"{dice.randrange(files)}.jsonl"
        broken = CUT[: dice.randrange(len(CUT) // 2)] if dice.random() < 0.3 else b""
        with path.open("ab") as file:
            file.write(broken + json.dumps(record).encode() + dice.choice([b"\n", b"\r\n", b""]))
    assert outputs(counted(folder)) == sorted(right.values())


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A line of 64 MB is read with a few megabytes."""
    import tracemalloc

    with (tmp_path / "a.jsonl").open("wb") as file:
        head, tail = logs.line(message(thinking="@")).split(b"@")
        file.write(head)
        for piece in _pieces(64, b"AbC/+9\\n" * 150_000):
            file.write(piece)
        file.write(tail)
    tracemalloc.start()
    try:
        assert outputs(counted(tmp_path)) == [50]
        assert tracemalloc.get_traced_memory()[1] < 24 * 1024 * 1024
    finally:
        tracemalloc.stop()


def _pieces(count: int, piece: bytes) -> Iterable[bytes]:
    return (piece for _ in range(count))
