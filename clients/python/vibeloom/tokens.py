"""A message's usage: tokens of each kind, of its own model and of others that it called."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from vibeloom import privacy


class Tokens(NamedTuple):
    """What one request to a model used."""

    input: int
    output: int
    cache_read: int
    cache_write: int  # those that live an hour included
    cache_write_1h: int


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one message; the same message may stand in many records."""

    message: str | None  # local: counts a message once, never leaves
    model: str
    tokens: Tokens
    requests: tuple[Tokens, ...] = ()  # if the message was more than one
    web_searches: int = 0
    fast: bool = False
    batch: bool = False


def read_usage(usage: dict[str, Any], message_id: str | None, model: str) -> Iterator[Usage]:
    """The message's own usage, and that of the calls which its totals leave out."""
    fast = usage.get("speed") == "fast"
    batch = usage.get("service_tier") == "batch"
    rounds = usage.get("iterations")
    rounds = [each for each in rounds if isinstance(each, dict)] if isinstance(rounds, list) else []
    requests = tuple(_tokens(each) for each in rounds if each.get("type") == "message")
    totals = _tokens(usage)
    searches = privacy.token_count(_part(usage.get("server_tool_use")).get("web_search_requests"))
    if any(totals) or searches:
        yield Usage(
            message_id, model, totals, requests if len(requests) > 1 else (), searches, fast, batch
        )
    for number, each in enumerate(rounds):
        kind = each.get("type")
        # "Top-level usage does not include" these: Messages API, usage.iterations.
        if kind not in ("advisor_message", "compaction"):
            continue
        other = privacy.model_name(each.get("model")) if "model" in each else model
        if other is not None and any(tokens := _tokens(each)):
            called = f"{message_id}\n{kind}\n{number}" if message_id else None
            yield Usage(called, other, tokens, batch=batch)


def _tokens(usage: dict[str, Any]) -> Tokens:
    """Counts of one usage; where only the parts of the cache writes are given, their sum."""
    count = privacy.token_count
    parts = _part(usage.get("cache_creation"))
    for_an_hour = count(parts.get("ephemeral_1h_input_tokens"))
    written = count(usage.get("cache_creation_input_tokens")) or min(
        count(parts.get("ephemeral_5m_input_tokens")) + for_an_hour, privacy.MAX_TOKENS
    )
    return Tokens(
        input=count(usage.get("input_tokens")),
        output=count(usage.get("output_tokens")),
        cache_read=count(usage.get("cache_read_input_tokens")),
        cache_write=written,
        cache_write_1h=min(for_an_hour, written),
    )


def _part(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
