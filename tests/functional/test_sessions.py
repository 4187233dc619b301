"""`GET /v1/query/sessions`: agents' and people's sessions as whole things."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support import Answer, Api, Database, Registered, register_source

DAY, NEXT = "2026-11-04", "2026-11-05"

Ask = Callable[[str], Answer]


@pytest.fixture
def ask(api: Api, owner_token: str) -> Ask:
    """The owner's question."""
    return lambda query: api("GET", f"/v1/query/sessions?{query}", token=owner_token)


def post(api: Api, monitor: Registered, *events: tuple[str, str, dict[str, Any]]) -> None:
    batch = [
        monitor.event(timestamp=moment, type=kind, payload=payload)
        for moment, kind, payload in events
    ]
    assert monitor.send(api, batch).status == 200


def across_midnight(api: Api, monitor: Registered) -> None:
    """One agent's session from 23:50 to 00:12, with the prompts that a person gave it."""
    own = {"sessionId": "s1", "project": "loom"}
    post(
        api,
        monitor,
        (f"{DAY}T23:50:00Z", "activity", own),
        (f"{DAY}T23:51:00Z", "tool", {**own, "tool": "Read", "status": "started"}),
        (f"{DAY}T23:51:02Z", "tool", {**own, "tool": "Read", "status": "completed"}),
        (f"{NEXT}T00:04:00Z", "activity", own),
        (f"{NEXT}T00:05:00Z", "tool", {**own, "tool": "Read", "status": "started"}),
        (f"{NEXT}T00:06:00Z", "tool", {**own, "tool": "Bash"}),
        (
            f"{NEXT}T00:12:00Z",
            "token_usage",
            {
                **own,
                "project": "vibe",
                "model": "claude-opus-4-5",
                "inputTokens": 1_000_000,
                "outputTokens": 2,
                "cacheReadTokens": 3,
                "cacheCreationTokens": 4,
            },
        ),
    )


AGENT = {
    "id": "s1",
    "lane": "agent",
    "project": "vibe",
    "started_at": f"{DAY}T23:50:00Z",
    "ended_at": f"{NEXT}T00:12:00Z",
    "duration_seconds": 1_320,
    "events": 7,
    "tools": {"Read": 2, "Bash": 1},
    "tokens_input": 1_000_000,
    "tokens_output": 2,
    "tokens_cache_read": 3,
    "tokens_cache_write": 4,
}
HUMAN = {
    "id": "1793836200",
    "lane": "human",
    "project": "loom",
    "started_at": f"{DAY}T23:50:00Z",
    "ended_at": f"{NEXT}T00:04:00Z",
    "duration_seconds": 840,
    "events": 2,
    "tools": {},
    "tokens_input": 0,
    "tokens_output": 0,
    "tokens_cache_read": 0,
    "tokens_cache_write": 0,
    "cost_usd": 0.0,
}


@pytest.mark.parametrize("day", [DAY, NEXT])
def test_a_session_is_whole_whichever_day_is_asked_for(
    api: Api, laptop: Registered, ask: Ask, day: str
) -> None:
    """Both sessions cross midnight, and are the same from either side of it."""
    across_midnight(api, laptop)
    answer = ask(f"from={day}&to={day}")
    assert answer.status == 200
    human, agent = answer.json["items"]
    assert agent.pop("cost_usd") == pytest.approx(5.000077)
    assert (human, agent) == (HUMAN, AGENT)
    assert (answer.json["next"], answer.json["pending_days"]) == (None, 0)
    assert ask("from=2026-11-06&to=2026-11-06").json["items"] == []


def test_filters_and_zones(api: Api, laptop: Registered, ask: Ask) -> None:
    """By lane and project; instants and another zone choose what was under way then."""
    across_midnight(api, laptop)
    period = f"from={DAY}&to={NEXT}"

    def lanes(query: str) -> list[str]:
        return [item["lane"] for item in ask(query).json["items"]]

    assert lanes(f"{period}&lane=agent") == ["agent"]
    assert lanes(f"{period}&project=loom") == ["human"]
    assert lanes(f"from={NEXT}T00:10:00Z&to={NEXT}T00:30:00Z") == ["agent"]
    assert lanes(f"from={NEXT}&to={NEXT}&tz=Asia/Kathmandu") == ["human", "agent"]
    assert lanes(f"from={DAY}&to={DAY}&tz=Asia/Kathmandu") == []


def test_pages_are_the_whole(api: Api, laptop: Registered, ask: Ask, owner_token: str) -> None:
    """Page by page, each session once, the latest to begin first; on two machines."""
    desk = register_source(api, owner_token, "desk")
    for number in range(7):
        session = {"sessionId": f"s{number}", "project": "loom"}
        post(
            api,
            desk if number % 2 else laptop,
            (f"{DAY}T{10 + number // 2}:00:00Z", "tool", {**session, "tool": "Bash"}),
        )
    found: list[str] = []
    query = f"from={DAY}&to={DAY}&limit=3"
    cursor = ""
    while True:
        page = ask(query + cursor).json
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        assert len(page["items"]) == 3
        cursor = f"&cursor={page['next']}"
    assert found == ["s6", "s5", "s4", "s3", "s2", "s1", "s0"]


def test_late_and_deleted_events_change_a_session(
    api: Api, laptop: Registered, ask: Ask, database: Database
) -> None:
    """The answer has the last committed event."""
    across_midnight(api, laptop)
    own = {"sessionId": "s1", "project": "loom", "tool": "Edit"}
    query = f"from={DAY}&to={DAY}&lane=agent"
    assert ask(query).json["items"][0]["duration_seconds"] == 1_320
    post(api, laptop, (f"{NEXT}T00:22:00Z", "tool", own))
    assert ask(f"from={NEXT}&to={NEXT}&lane=agent").json["items"][0]["duration_seconds"] == 1_920
    database.rows("delete from events where payload ->> 'tool' = 'Edit'")
    assert ask(query).json["items"][0]["duration_seconds"] == 1_320


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("limit=0", "invalid_limit"),
        ("limit=1001", "invalid_limit"),
        ("cursor=nonsense", "invalid_cursor"),
        ("lane=both", "invalid_filter"),
        ("source=laptop", "invalid_filter"),
        ("from=tomorrow", "invalid_range"),
    ],
)
def test_what_cannot_be_answered(ask: Ask, query: str, error: str) -> None:
    """400 says what would be accepted."""
    answer = ask(query)
    assert (answer.status, answer.error) == (400, error)


def test_a_stranger_sees_none(api: Api, laptop: Registered, ask: Ask, database: Database) -> None:
    """Somebody else has no sessions."""
    from datetime import UTC, datetime

    from functions.core.actor import User
    from functions.query import sessions
    from functions.query.time_models import SessionsAsked

    across_midnight(api, laptop)
    assert len(ask(f"from={DAY}&to={DAY}").json["items"]) == 2
    stranger = database.value("select ensure_profile(gen_random_uuid(), 's@localhost')")
    asked = SessionsAsked(since=DAY, until=DAY)
    assert sessions.page(User(stranger), asked, datetime.now(UTC)).items == []
