"""`GET /v1/query/sessions`: agents' and people's sessions as whole things."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.query.sessions import sessions
from tests.sums import delete_events
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
    "models": ["claude-opus-4-5"],
    "tokens_input": 1_000_000,
    "tokens_output": 2,
    "tokens_cache_read": 3,
    "tokens_cache_write": 4,
    "unpriced": 0,
    "complete": True,
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
    "models": [],
    "tokens_input": 0,
    "tokens_output": 0,
    "tokens_cache_read": 0,
    "tokens_cache_write": 0,
    "cost_usd": 0.0,
    "unpriced": 0,
    "complete": True,
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


def test_a_tool_call_over_midnight_is_one_call(api: Api, laptop: Registered, ask: Ask) -> None:
    """Its start and its end lie on two days; a call that reports only its end counts as well."""
    own = {"sessionId": "s1", "project": "loom"}
    post(
        api,
        laptop,
        (f"{DAY}T23:59:50Z", "tool", {**own, "tool": "Bash", "status": "started"}),
        (f"{NEXT}T00:00:20Z", "tool", {**own, "tool": "Bash", "status": "completed"}),
        (f"{DAY}T23:58:00Z", "tool", {**own, "tool": "Read", "status": "started"}),
        (f"{DAY}T23:58:01Z", "tool", {**own, "tool": "Read", "status": "completed"}),
        (f"{DAY}T23:59:59Z", "tool", {**own, "tool": "Read", "status": "started"}),
        (f"{NEXT}T00:00:01Z", "tool", {**own, "tool": "Read", "status": "completed"}),
        (f"{NEXT}T00:01:00Z", "tool", {**own, "tool": "Grep"}),
    )
    for day in (DAY, NEXT):
        [session] = ask(f"from={day}&to={day}&lane=agent").json["items"]
        assert session["tools"] == {"Bash": 1, "Read": 2, "Grep": 1}


def test_a_persons_project_is_that_of_the_whole_session(
    api: Api, laptop: Registered, ask: Ask
) -> None:
    """Each day's part went into loom and vibe; only their sum says that it was vibe."""
    beats = [
        *((f"{DAY}T23:{minute}:00Z", "loom") for minute in range(40, 50, 3)),
        *((f"{DAY}T23:{minute}:00Z", "vibe") for minute in range(50, 60, 3)),
        *((f"{NEXT}T00:0{minute}:00Z", "vibe") for minute in range(0, 9, 3)),
    ]
    post(
        api,
        laptop,
        *(
            (moment, "heartbeat", {"entity": "a.rs", "project": project})
            for moment, project in [(f"{DAY}T23:30:00Z", "loom"), *beats]
        ),
    )
    for day in (DAY, NEXT):
        [session] = ask(f"from={day}&to={day}&lane=human").json["items"]
        assert (session["project"], session["events"]) == ("loom", 12)
    post(api, laptop, (f"{NEXT}T00:20:00Z", "heartbeat", {"entity": "a.rs", "project": "vibe"}))
    for day in (DAY, NEXT):
        [session] = ask(f"from={day}&to={day}&lane=human").json["items"]
        assert (session["project"], session["events"]) == ("vibe", 13)


def test_events_that_look_alike_all_count(api: Api, laptop: Registered, ask: Ask) -> None:
    """Two heartbeats in one second are one instant of time, and two events."""
    beat = {"entity": "a.rs", "project": "loom"}
    moments = ("10:00:00.100", "10:00:00.900", "10:05:00.000")
    post(api, laptop, *((f"{DAY}T{moment}Z", "heartbeat", beat) for moment in moments))
    [session] = ask(f"from={DAY}&to={DAY}").json["items"]
    assert (session["events"], session["duration_seconds"]) == (3, 300)


def test_what_has_no_price_never_looks_free(api: Api, laptop: Registered, ask: Ask) -> None:
    """Models by name, calls without a price, and no cost where no call has one; over two days."""
    for session, moment, model in (
        ("mixed", f"{DAY}T23:00:00Z", "claude-opus-4-5"),
        ("mixed", f"{NEXT}T01:00:00Z", "unheard-of"),
        ("unknown", f"{DAY}T22:00:00Z", "unheard-of"),
    ):
        usage = {"sessionId": session, "model": model, "inputTokens": 1_000_000}
        post(api, laptop, (moment, "token_usage", usage))
    items = ask(f"from={DAY}&to={DAY}&lane=agent").json["items"]
    found = [(item["id"], item["models"], item["cost_usd"], item["unpriced"]) for item in items]
    assert found == [
        ("mixed", ["claude-opus-4-5", "unheard-of"], 5.0, 1),
        ("unknown", ["unheard-of"], None, 1),
    ]


LONG = "from=2026-11-04&to=2026-11-08"  # of what lasts from the first to the tenth


def ten_days(api: Api, monitor: Registered) -> None:
    """An agent's session with an event a day; every day is still to be computed."""
    own = {"sessionId": "s1", "project": "loom", "tool": "Bash"}
    post(api, monitor, *((f"2026-11-{day:02}T12:00:00Z", "tool", own) for day in range(1, 11)))


def test_an_agents_session_is_never_cut_short(
    api: Api, laptop: Registered, ask: Ask, database: Database
) -> None:
    """From the 1st to the 10th, asked for the 4th to the 8th: all of it, whatever is computed."""
    ten_days(api, laptop)
    answer = ask(LONG).json
    [session] = answer["items"]
    assert (session["started_at"], session["ended_at"], session["events"]) == (
        "2026-11-01T12:00:00Z",
        "2026-11-10T12:00:00Z",
        10,
    )
    assert (session["complete"], answer["pending_days"]) == (True, 0)
    # Days in between that are dirty for somebody else's sake are left to the job.
    post(api, laptop, ("2026-01-01T12:00:00Z", "tool", {"sessionId": "s2", "tool": "Bash"}))
    again = ask(LONG).json
    assert (again["items"], again["pending_days"]) == ([session], 0)
    assert database.value("select count(*) from dirty_days") == 1


def test_a_persons_session_is_never_cut_short(api: Api, laptop: Registered, ask: Ask) -> None:
    """Ten days and nights without a pause, asked for the 4th to the 8th: all of it."""
    day_and_night(api, laptop)
    answer = ask(LONG).json
    [session] = answer["items"]
    assert (session["started_at"], session["ended_at"], session["events"]) == (
        "2026-11-01T12:00:00Z",
        "2026-11-10T12:00:00Z",
        9 * 24 + 1,
    )
    assert (session["complete"], answer["pending_days"]) == (True, 0)


def day_and_night(api: Api, monitor: Registered) -> None:
    """A window every hour, for an hour, from the 1st to the 10th."""
    first = datetime(2026, 11, 1, 12, tzinfo=UTC)
    events = [("window", 0)] + [("window", 3_600_000)] * (9 * 24)
    post(
        api,
        monitor,
        *(
            (
                (first + timedelta(hours=hour)).isoformat(),
                kind,
                {"app": "DAW", "project": "loom", "duration_ms": duration},
            )
            for hour, (kind, duration) in enumerate(events)
        ),
    )


@pytest.mark.parametrize(("bound", "events", "pending"), [(0, 6, 6), (1, 8, 4)])
def test_what_is_missing_of_an_agents_session_is_said(
    api: Api,
    laptop: Registered,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    bound: int,
    events: int,
    pending: int,
) -> None:
    """Where one answer cannot compute all days, the session says so, and the days are counted."""
    ten_days(api, laptop)
    monkeypatch.setattr(sessions, "MAX_REACH", bound)
    answer = ask("from=2026-11-05&to=2026-11-06").json
    [session] = answer["items"]
    assert (session["events"], session["complete"]) == (events, False)
    assert answer["pending_days"] == pending
    monkeypatch.undo()
    whole = ask(LONG).json
    assert (whole["items"][0]["complete"], whole["pending_days"]) == (True, 0)


def test_a_day_that_was_not_looked_at_may_be_missing(
    api: Api, laptop: Registered, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what is on it, so the session is not said to be complete."""
    own = {"sessionId": "s1", "project": "loom", "tool": "Bash"}
    days = ("2026-11-01", "2026-11-05", "2026-11-06")
    post(api, laptop, *((f"{day}T12:00:00Z", "tool", own) for day in days))
    monkeypatch.setattr(sessions, "MAX_LOOK", 0)
    answer = ask("from=2026-11-05&to=2026-11-06").json
    [session] = answer["items"]
    assert (session["events"], session["complete"], answer["pending_days"]) == (2, False, 1)
    monkeypatch.undo()
    answer = ask("from=2026-11-05&to=2026-11-06").json
    [session] = answer["items"]
    assert (session["events"], session["complete"], answer["pending_days"]) == (3, True, 0)


def test_what_is_missing_of_a_persons_session_is_said(
    api: Api, laptop: Registered, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reaches a midnight behind which a day is still to be computed."""
    day_and_night(api, laptop)
    monkeypatch.setattr(sessions, "MAX_REACH", 0)
    answer = ask(LONG).json
    [session] = answer["items"]
    assert (session["started_at"], session["complete"]) == ("2026-11-02T00:00:00Z", False)
    assert answer["pending_days"] == 3


def test_an_answer_without_sessions_waits_for_nothing(
    api: Api, laptop: Registered, ask: Ask
) -> None:
    """Days far away that are still to be computed do not make an empty answer inexact."""
    ten_days(api, laptop)
    answer = ask("from=2026-09-01&to=2026-09-02").json
    assert (answer["items"], answer["pending_days"]) == ([], 0)


def test_pages_are_in_order_though_sessions_grow(api: Api, laptop: Registered, ask: Ask) -> None:
    """A session that began before days that were not computed stands behind a later one."""
    ten_days(api, laptop)
    own = {"sessionId": "s2", "project": "loom", "tool": "Bash"}
    post(api, laptop, ("2026-11-03T09:00:00Z", "tool", own), ("2026-11-04T09:00:00Z", "tool", own))
    first = ask(f"{LONG}&limit=1").json
    second = ask(f"{LONG}&limit=1&cursor={first['next']}").json
    assert [item["id"] for item in first["items"] + second["items"]] == ["s2", "s1"]
    assert second["next"] is None


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
    delete_events(database, "payload ->> 'tool' = 'Edit'")
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
    from functions.core.actor import User
    from functions.query.sessions.models import SessionsAsked

    across_midnight(api, laptop)
    assert len(ask(f"from={DAY}&to={DAY}").json["items"]) == 2
    stranger = database.value("select ensure_profile(gen_random_uuid(), 's@localhost')")
    asked = SessionsAsked.model_validate({"from": DAY, "to": DAY})
    assert sessions.sessions(User(stranger), asked, datetime.now(UTC)).items == []
