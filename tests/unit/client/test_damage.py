"""Damaged lines and lines of any length: what can be read counts, in bounded memory."""

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.client import logs
from tests.unit.client.conftest import Collected
from vibeloom import shorten
from vibeloom.entries import Entry, read_entries
from vibeloom.tokens import Usage

FIRST = json.dumps(logs.answer("msg_1")).encode()
SECOND = json.dumps(logs.answer("msg_2")).encode()


def test_a_record_behind_a_cut_off_one_counts() -> None:
    """Wherever a writer was killed, the next writer's record on the same line is read."""
    for cut in range(1, len(FIRST)):
        entries, unknown = read_entries(FIRST[:cut] + SECOND)
        assert (cut, _messages(entries), unknown) == (cut, ["msg_2"], 1)


def _messages(entries: list[Entry]) -> list[str | None]:
    facts = [fact for entry in entries for fact in entry.facts]
    return [fact.message for fact in facts if isinstance(fact, Usage)]


@pytest.mark.parametrize(
    ("line", "messages", "unknown"),
    [
        (FIRST + SECOND, ["msg_1", "msg_2"], 0),
        (b"\0" * 64 + FIRST, ["msg_1"], 0),
        (FIRST + b"\0" * 64 + SECOND, ["msg_1", "msg_2"], 0),
        (b"\xff\xfe" + FIRST, ["msg_1"], 0),
        (b"\xef\xbb\xbf" + FIRST, ["msg_1"], 0),
        (FIRST.replace(b"hunter2", b"hunt\xff\xc3"), ["msg_1"], 0),
        *(
            (b'{"a": ' + value + b", " + FIRST[1:], ["msg_1"], 0)
            for value in (b"NaN", b"-1e999", rb'"\ud800"', b'"\xed\xa0\x80"')
        ),
        (b"garbage " + FIRST + b" garbage", ["msg_1"], 1),
        (FIRST[:100] + FIRST[:200] + SECOND, ["msg_2"], 1),
    ],
)
def test_damage_costs_no_more_than_it_hit(line: bytes, messages: list[str], unknown: int) -> None:
    """NULs, bad bytes and rubbish beside whole records do not hide them, nor do odd values."""
    entries, uncounted = read_entries(line)
    assert _messages(entries) == messages
    assert uncounted == unknown


# A letter and a length, so that what Hypothesis prints stays short.
TEXTS = st.text(max_size=30) | st.tuples(
    st.sampled_from('a"\\\n\u00e9'), st.integers(0, 20_000)
).map(lambda drawn: drawn[0] * drawn[1])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=30), inner, max_size=4)
    ),
    max_leaves=12,
)


def _shortened(line: bytes, pieces: int) -> bytes:
    short = shorten.Shortener()
    for at in range(0, len(line), pieces):
        short.add(line[at : at + pieces])
    return bytes(short.kept)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_shortened_line_is_the_same_but_for_long_texts(data: st.DataObject) -> None:
    """However a line arrives, its short form is JSON with the same values; long texts are cut."""
    value = data.draw(JSON.map(_Quiet)).value
    pieces = data.draw(st.integers(1, 5_000))
    line = json.dumps(value, ensure_ascii=data.draw(st.booleans())).encode()
    short = json.loads(_shortened(line, pieces))
    if len(line) < shorten.MAX_TEXT:
        assert short == json.loads(line)
    else:
        assert len(json.dumps(short)) <= len(line) * 6
        assert _shape(short) == _shape(json.loads(line))


class _Quiet:
    """A value that is not printed."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "a value"


def _shape(value: object) -> object:
    """The value without its texts."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return [_shape(item) for item in value]
    if isinstance(value, dict):
        return sorted(repr(_shape(item)) for item in value.values())
    return value


@pytest.mark.parametrize(
    "escape", ['"', "\\", "\\\\", "\u00e9", "\U0001f600", "\n", 'x"', "\\u0041", "a\\"]
)
@pytest.mark.parametrize("shift", range(14))
def test_a_text_is_never_cut_within_a_character(escape: str, shift: int) -> None:
    """Wherever the limit falls, what stays of a long text is a text."""
    text = "y" * shift + escape * shorten.MAX_TEXT
    for ascii_only in (True, False):
        line = json.dumps({"a": text, "b": 1}, ensure_ascii=ascii_only).encode()
        short = json.loads(_shortened(line, 4_096))
        assert short["b"] == 1
        assert text.startswith(short["a"])
        assert len(short["a"]) >= shorten.MAX_TEXT // 16


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "tool_use", "id": "t", "name": "Write", "input": {"content": "A" * 20_000_000}}],
        [{"type": "text", "text": '\\"\n' * 5_000_000}],
        [
            {
                "type": "tool_use",
                "id": "t",
                "name": "MultiEdit",
                "input": {"edits": [{"old_string": "a", "new_string": "b"}] * 130_000},
            }
        ],
        [{"type": "text", "text": "a"}] * 160_000,
    ],
    ids=["one long text", "escapes", "many short ones", "many blocks"],
)
def test_usage_of_a_huge_line_counts_in_bounded_memory(
    content: list[logs.Entry], collect: Collected, log: Path
) -> None:
    """Lines of tens of megabytes are counted without holding what is in them."""
    record = logs.answer()
    record["message"]["content"] = content
    record["message"]["usage"]["iterations"] = [
        {"type": "advisor_message", "model": "claude-opus-5", "output_tokens": 7}
    ]
    record["toolUseResult"] = {"filenames": ["x"] * 20_000}
    logs.write(log, logs.prompt(), record)
    content.clear()
    tracemalloc.start()
    usage = [e["payload"]["outputTokens"] for e in collect() if e["type"] == "token_usage"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert usage == [50, 7]
    assert peak < 24 * 1024 * 1024
    assert collect.spool.number("over_long_lines") == 0
