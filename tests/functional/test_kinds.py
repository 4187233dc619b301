"""Capture kinds from a signed batch to the columns of a row."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support import Api, Database, Registered

NAMES = {"project": "loom", "language": "rust", "branch": "main"}
NO_TOKENS = (None, None, None, None)
LLM = {
    "provider": "anthropic",
    "model": "claude-sonnet-4-5",
    "input_tokens": 1_000_000,
    "output_tokens": 10,
    "cache_read_tokens": 20,
    "cache_creation_tokens": 0,
}

# kind, payload, is_error, tokens (input, output, cache read, cache write), cost in US dollars
ROWS: list[tuple[str, dict[str, Any], bool, tuple[int | None, ...], Decimal | None]] = [
    ("terminal", {"command": "make", "exit_code": 0}, False, NO_TOKENS, None),
    ("terminal", {"command": "make", "exit_code": 2}, True, NO_TOKENS, None),
    ("terminal", {"command": "make", "exit_code": -1}, True, NO_TOKENS, None),
    ("editor", {"action": "save", "file": "lib.rs"}, False, NO_TOKENS, None),
    ("editor", {"action": "error"}, True, NO_TOKENS, None),
    ("window", {"app": "Live", "duration_ms": 5_000}, False, NO_TOKENS, None),
    ("browser", {"domain": "docs.rs", "category": "research"}, False, NO_TOKENS, None),
    ("heartbeat", {"entity": "lib.rs", "is_write": True}, False, NO_TOKENS, None),
    ("emotion", {"emotion": "anger", "score": 0.5}, False, NO_TOKENS, None),
    ("llm", LLM, False, (1_000_000, 10, 20, 0), Decimal("6.000237")),
    ("llm", {"model": "of-my-own"}, False, (0, 0, 0, 0), None),
    ("llm", {"model": "of-my-own", "inputTokens": 7}, False, (7, 0, 0, 0), None),
    (
        "llm",
        {"model": "of-my-own", "input_tokens": None, "inputTokens": 7, "output_tokens": 10**9},
        False,
        (0, 10**9, 0, 0),
        None,
    ),
    ("manual", {"task": "mixing", "errors": 3}, False, NO_TOKENS, None),
    ("custom", {"name": "tea", "tags": ["green"], "exit_code": 1}, False, NO_TOKENS, None),
]


@pytest.mark.parametrize(("kind", "payload", "is_error", "tokens", "cost"), ROWS)
def test_the_columns_of_each_kind(
    api: Api,
    laptop: Registered,
    database: Database,
    kind: str,
    payload: dict[str, Any],
    is_error: bool,
    tokens: tuple[int | None, ...],
    cost: Decimal | None,
) -> None:
    """What the roll-ups sum, read from a payload that its model took; the payload stays whole."""
    sent = payload | NAMES | {"of_my_own": [1, None]}
    assert laptop.send(api, [laptop.event(type=kind, payload=sent)]).status == 200
    [row] = database.rows("select * from events")
    assert row["payload"] == sent
    assert (row["kind"], row["project"], row["language"], row["branch"], row["is_error"]) == (
        kind,
        "loom",
        "rust",
        "main",
        is_error,
    )
    columns = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write")
    assert tuple(row[column] for column in columns) == tokens
    assert row["cost_usd"] == cost
    if kind == "llm":
        assert (row["provider"], row["model"]) == (payload.get("provider"), payload["model"])


def test_a_broken_payload_stores_nothing(api: Api, laptop: Registered, database: Database) -> None:
    """The batch is atomic, and the answer names the event and the field."""
    events = [
        laptop.event(type="terminal", payload={"command": "make", "exit_code": 0}),
        laptop.event(type="editor", payload={"action": "open", "file": "src/lib.rs"}),
    ]
    answer = laptop.send(api, events)
    assert (answer.status, answer.json) == (
        400,
        {
            "error": "invalid_event",
            "message": "Event at index 1: payload.file: Must be a name, not a path:"
            " send the last part only",
        },
    )
    assert database.value("select count(*) from events") == 0
