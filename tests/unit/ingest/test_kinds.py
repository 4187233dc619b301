"""The models of the capture kinds: what they take, what they refuse, and what they say."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.kinds import CAPTURE_KINDS, KINDS
from functions.ingest import batch, kinds

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

LEAST: dict[str, dict[str, Any]] = {
    "terminal": {"command": "make", "exit_code": 0},
    "editor": {"action": "open"},
    "window": {"app": "Ableton Live"},
    "browser": {"domain": "docs.rs"},
    "heartbeat": {"entity": "lib.rs"},
    "emotion": {"emotion": "smile"},
    "llm": {"model": "claude-sonnet-4-5"},
    "manual": {"task": "mix the second song"},
    "custom": {"name": "tea"},
}
MOST: dict[str, dict[str, Any]] = {
    "terminal": {
        "command": "x" * 4_096,
        "exit_code": 2**32 - 1,
        "duration_ms": 86_400_000,
        "stderr": "é" * 4_096,
        "stderr_class": "a" * 32,
        "cwd": "loom",
        "shell": "zsh",
    },
    "editor": {"action": "error", "file": "a" * 256, "lines": 10_000_000},
    "window": {"app": "a" * 256, "title": "t" * 512, "duration_ms": 0},
    "browser": {
        "domain": "a" * 253,
        "title": "",
        "duration_ms": 1,
        "category": "research",
        "ai_provider": "p" * 64,
    },
    "heartbeat": {"entity": "e" * 256, "is_write": True, "category": "c" * 64},
    "emotion": {"emotion": "neutral", "score": 1, "trigger": "PL/SQL Developer"},
    "llm": {
        "model": "m" * 128,
        "provider": "p" * 64,
        "input_tokens": 10**9,
        "output_tokens": 0,
        "cache_read_tokens": 1,
        "cacheCreationTokens": 2,
        "purpose": "review",
    },
    "manual": {"task": "t" * 512, "duration_min": 1440.0, "errors": 1_000_000},
    "custom": {"name": "n" * 256, "tags": ["t" * 64] * 32},
}
NAMES = {"project": "p" * 256, "language": "l" * 64, "branch": "b/" * 128}

PATH = "Must be a name, not a path"
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("terminal", {"command": None}, "payload.command: Input should be a valid string"),
    ("terminal", {"command": ""}, "payload.command: "),
    ("terminal", {"command": "x" * 4_097}, "payload.command: "),
    ("terminal", {"exit_code": None}, "payload.exit_code: "),
    ("terminal", {"exit_code": "0"}, "payload.exit_code: Input should be a valid integer"),
    ("terminal", {"exit_code": False}, "payload.exit_code: "),
    ("terminal", {"exit_code": 0.0}, "payload.exit_code: "),
    ("terminal", {"exit_code": 2**32}, "payload.exit_code: "),
    ("terminal", {"exit_code": -(2**31) - 1}, "payload.exit_code: "),
    ("terminal", {"duration_ms": -1}, "payload.duration_ms: "),
    ("terminal", {"duration_ms": 86_400_001}, "payload.duration_ms: "),
    ("terminal", {"duration_ms": 1.5}, "payload.duration_ms: "),
    ("terminal", {"stderr": "x" * 4_097}, "payload.stderr: "),
    ("terminal", {"stderr_class": "Syntax Error"}, "payload.stderr_class: "),
    ("terminal", {"stderr_class": "syntax\n"}, "payload.stderr_class: "),
    ("terminal", {"cwd": "/home/ada/loom"}, f"payload.cwd: {PATH}"),
    ("terminal", {"shell": "C:\\bin\\pwsh.exe"}, f"payload.shell: {PATH}"),
    ("terminal", {"project": 7}, "payload.project: "),
    ("terminal", {"language": "l" * 65}, "payload.language: "),
    ("terminal", {"branch": ["main"]}, "payload.branch: "),
    ("editor", {"action": "run"}, "payload.action: "),
    ("editor", {"file": "src/lib.rs"}, f"payload.file: {PATH}"),
    ("editor", {"lines": -1}, "payload.lines: "),
    ("window", {"app": None}, "payload.app: "),
    ("window", {"title": "t" * 513}, "payload.title: "),
    ("browser", {"domain": "https://docs.rs/x"}, f"payload.domain: {PATH}"),
    ("browser", {"domain": "a" * 254}, "payload.domain: "),
    ("browser", {"category": "games"}, "payload.category: "),
    ("heartbeat", {"entity": "a/b"}, f"payload.entity: {PATH}"),
    ("heartbeat", {"is_write": 1}, "payload.is_write: "),
    ("emotion", {"emotion": "bored"}, "payload.emotion: "),
    ("emotion", {"score": 1.01}, "payload.score: "),
    ("emotion", {"score": -0.01}, "payload.score: "),
    ("emotion", {"trigger": ""}, "payload.trigger: "),
    ("llm", {"model": ""}, "payload.model: "),
    ("llm", {"input_tokens": 10**9 + 1}, "payload.input_tokens: "),
    ("llm", {"output_tokens": 1.5}, "payload.output_tokens: "),
    ("llm", {"cacheReadTokens": -1}, "payload.cacheReadTokens: "),
    ("manual", {"task": None}, "payload.task: "),
    ("manual", {"duration_min": 1_440.1}, "payload.duration_min: "),
    ("manual", {"errors": True}, "payload.errors: "),
    ("custom", {"name": 3}, "payload.name: "),
    ("custom", {"tags": ["t"] * 33}, "payload.tags: "),
    ("custom", {"tags": ["ok", "t" * 65]}, "payload.tags.1: "),
    ("custom", {"tags": "one"}, "payload.tags: "),
]


def body(*events: tuple[str, dict[str, Any]]) -> bytes:
    """A batch with one event for each kind and payload."""
    return json.dumps(
        [
            {
                "id": f"evt_{number:020}",
                "source": "mac",
                "timestamp": NOW.isoformat(),
                "type": kind,
                "payload": payload,
            }
            for number, (kind, payload) in enumerate(events)
        ]
    ).encode()


def test_every_capture_kind_has_a_model() -> None:
    """The list of kinds and the models name the same, and no VibeTea kind has one."""
    assert tuple(kinds.MODELS) == CAPTURE_KINDS
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", CAPTURE_KINDS)
def test_least_and_most_are_taken(kind: str) -> None:
    """The required fields alone, every field at its limit, nulls, and fields nobody knows."""
    nulls = {
        name: None
        for name, field in kinds.MODELS[kind].model_fields.items()
        if not field.is_required()
    }
    payloads = [
        LEAST[kind],
        MOST[kind] | NAMES,
        LEAST[kind] | nulls,
        LEAST[kind] | {"zodiac": {"sign": ["leo"]}},
    ]
    parsed = batch.parse(body(*((kind, payload) for payload in payloads)), "mac", NOW)
    assert [event["payload"] for event in json.loads(parsed.text)] == payloads


@pytest.mark.parametrize("kind", CAPTURE_KINDS)
def test_each_required_field_is_required(kind: str) -> None:
    """Without it the event says nothing."""
    for missing in LEAST[kind]:
        payload = {name: value for name, value in LEAST[kind].items() if name != missing}
        with pytest.raises(batch.InvalidEvent) as caught:
            batch.parse(body((kind, payload)), "mac", NOW)
        assert caught.value.message == f"Event at index 0: payload.{missing}: Field required"


@pytest.mark.parametrize(("kind", "change", "says"), REFUSED)
def test_what_breaks_a_model_is_named(kind: str, change: dict[str, Any], says: str) -> None:
    """400 with the index and the field; the first event at fault decides."""
    good = (kind, LEAST[kind])
    with pytest.raises(batch.InvalidEvent) as caught:
        batch.parse(body(good, (kind, LEAST[kind] | change), (kind, {})), "mac", NOW)
    assert caught.value.status == 400
    assert caught.value.message.startswith(f"Event at index 1: {says}")


def test_a_refusal_repeats_nothing_that_was_sent() -> None:
    """An error ends up in logs of monitors: no command, no path in it."""
    with pytest.raises(batch.InvalidEvent) as caught:
        batch.parse(body(("terminal", LEAST["terminal"] | {"cwd": "/home/ada/secret"})), "mac", NOW)
    assert "secret" not in caught.value.message


@given(
    st.sampled_from(CAPTURE_KINDS),
    st.dictionaries(
        st.sampled_from(sorted({name for most in MOST.values() for name in most} | {*NAMES})),
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=8)
        | st.lists(st.text(max_size=3), max_size=3),
    ),
)
def test_any_payload_is_a_batch_or_an_invalid_event(kind: str, payload: dict[str, Any]) -> None:
    """No payload makes the parser raise anything else."""
    try:
        batch.parse(body((kind, payload)), "mac", NOW)
    except batch.InvalidEvent as error:
        assert error.message.startswith("Event at index 0: ")
