"""What a server answers about tokens, sessions and blocks, small enough to be read."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.client.loopback import Answer, Request

Document = dict[str, Any]
OPUS, HAIKU = "claude-opus-4-5-20251101", "claude-haiku-4-5-20251001"
BEDROCK = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
UNKNOWN = "other:qwen"
PERIOD = {
    "from": "2026-11-14T00:00:00+01:00",
    "to": "2026-11-21T00:00:00+01:00",
    "timezone": "Europe/Berlin",
}


def counts(*tokens: int, cost: float | None = 0.0, unpriced: int = 0, calls: int = 3) -> Document:
    """Input, output, cache write and cache read, in this order."""
    names = ("tokens_input", "tokens_output", "tokens_cache_write", "tokens_cache_read")
    figures: Document = dict(zip(names, (*tokens, 0, 0, 0, 0)[:4], strict=True))
    return {"calls": calls, **figures, "cost_usd": cost, "unpriced": unpriced}


def tokens(day: str, model: str | None, *figures: int, **more: Any) -> Document:
    """A row of `/v1/query/tokens`."""
    names = {"day": day, "provider": "anthropic", "model": model, "project": None}
    return {**names, **counts(*figures, **more)}


def tokens_page(*rows: Document, following: str | None = None, **more: Any) -> Document:
    """A page of `/v1/query/tokens`."""
    unpriced = {row["model"]: row["unpriced"] for row in rows if row["unpriced"]}
    return {
        "period": PERIOD,
        "by": "day",
        "group": "model",
        "totals": counts(),
        "unpriced_models": [
            {"provider": None, "model": name, "calls": calls} for name, calls in unpriced.items()
        ],
        "projection": {},
        "items": list(rows),
        "next": following,
        **more,
    }


def session(name: str, project: str | None, began: str, *figures: int, **more: Any) -> Document:
    """One of `/v1/query/sessions`."""
    models = more.pop("models", [OPUS])
    counted = counts(*figures, **more)
    del counted["calls"]
    return {
        "id": name,
        "lane": "agent",
        "project": project,
        "started_at": began,
        "ended_at": f"{began[:11]}23:26:53Z",
        "duration_seconds": 7_200,
        "events": 12,
        "tools": {"Read": 2},
        "models": models,
        "complete": True,
        **counted,
    }


def sessions_page(
    *sessions: Document, following: str | None = None, pending_days: int = 0
) -> Document:
    """A page of `/v1/query/sessions`."""
    items = list(sessions)
    return {"period": PERIOD, "items": items, "pending_days": pending_days, "next": following}


def block(began: str, ends: str, *figures: int, last: str | None = None, **more: Any) -> Document:
    """One of `/v1/query/blocks`; a gap if nothing was called."""
    named = {name: more.pop(name, None) for name in ("burn_rate", "projection")}
    return {
        "started_at": began,
        "ends_at": ends,
        "last_call_at": last,
        "is_active": named["burn_rate"] is not None or more.pop("is_active", False),
        "is_gap": last is None,
        "models": more.pop("models", [] if last is None else [OPUS]),
        **counts(*figures, **more),
        **named,
    }


def blocks_answer(*blocks: Document, **more: Any) -> Document:
    """An answer of `/v1/query/blocks`."""
    answer = {"period": PERIOD, "items": list(blocks), "is_aligned": True, "purged_before": None}
    return answer | more


def asked(request: Request) -> dict[str, str]:
    """The parameters of a question."""
    return {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}


class Figures:
    """A server that has these answers, by route and cursor."""

    def __init__(self, answers: Mapping[str, Document]) -> None:
        self.answers = answers
        self.token = "secret-token"

    def __call__(self, request: Request) -> Answer | None:
        """The answer, if the token is right."""
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"error": "invalid_token", "message": "The token is unknown."}, {}
        answer: Any = self.answers.get(urlsplit(request.path).path.removeprefix("/v1/query/"))
        if answer is None:
            return None
        cursor = asked(request).get("cursor", "")
        return 200, answer.get(cursor, answer) if cursor or "" in answer else answer, {}
