"""`GET /v1/query/time`: lanes that add up, in whatever zone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sums import delete_events
from tests.support import Answer, Api, Database, Registered, change_profile, examples

DAY = "2026-11-04"
RANGE = f"from={DAY}&to={DAY}"

Send = Callable[..., None]


@pytest.fixture
def send(api: Api, laptop: Registered) -> Send:
    """Sends events given as (clock on that day in UTC, kind, payload)."""

    def post(*events: tuple[str, str, dict[str, Any]], day: str = DAY) -> None:
        batch = [
            laptop.event(timestamp=f"{day}T{clock}Z", type=kind, payload=payload)
            for clock, kind, payload in events
        ]
        assert laptop.send(api, batch).status == 200

    return post


@pytest.fixture
def ask(api: Api, owner_token: str) -> Callable[[str], Answer]:
    """The owner's question."""
    return lambda query: api("GET", f"/v1/query/time?{query}", token=owner_token)


Ask = Callable[[str], Answer]


def turn(session: str = "s1", project: str = "loom") -> dict[str, Any]:
    return {"sessionId": session, "project": project}


def work(send: Send) -> None:
    """A morning: 10 min of typing, a turn of 5 min, 5 min of waiting, a window of another 10."""
    send(
        (
            "09:00:00",
            "editor",
            {"file": "a.rs", "action": "edit", "project": "loom", "language": "rust"},
        ),
        ("09:10:00", "activity", turn()),
        ("09:11:00", "tool", {**turn(), "tool": "Read", "language": "rust"}),
        ("09:15:00", "token_usage", {**turn(), "inputTokens": 5}),
        ("09:20:00", "activity", turn()),
        ("09:40:00", "window", {"app": "DAW", "duration_ms": 600_000}),
    )


def lanes(human: int = 0, agent: int = 0, both: int = 0, waiting: int = 0) -> dict[str, int]:
    return {"human": human, "agent": agent, "both": both, "waiting": waiting}


def test_a_day_by_category(send: Send, ask: Ask) -> None:
    """The whole answer: what each lane went into, the most first."""
    work(send)
    answer = ask(f"{RANGE}&by=category")
    assert answer.status == 200
    assert answer.json == {
        "period": {
            "from": f"{DAY}T00:00:00+00:00",
            "to": "2026-11-05T00:00:00+00:00",
            "timezone": "UTC",
        },
        "by": "category",
        "totals": lanes(human=2_400, agent=300, both=300, waiting=300),
        "both_elsewhere": 300,  # the person prompts while the agent reads
        "items": [
            {"name": "prompting", **lanes(human=1_200)},
            {"name": "application", **lanes(human=600)},
            {"name": "coding", **lanes(human=600)},
            {"name": "reading", **lanes(agent=240)},
            {"name": "thinking", **lanes(agent=60)},
            {"name": "waiting", **lanes(waiting=300)},
        ],
        "pending_days": 0,
    }


@pytest.mark.parametrize("by", ["day", "project", "language", "category"])
@pytest.mark.parametrize("tz", ["", "&tz=Asia/Kathmandu"])
def test_every_grouping_sums_to_the_totals(send: Send, ask: Ask, by: str, tz: str) -> None:
    """Stored or computed live, whatever the grouping, the totals are the same."""
    work(send)
    answer = ask(f"{RANGE}&by={by}{tz}").json
    assert answer["totals"] == lanes(human=2_400, agent=300, both=300, waiting=300)
    assert_it_adds_up(answer)


def assert_it_adds_up(answer: dict[str, Any]) -> None:
    """The rows sum to each lane, and of both no row has more than of human and agent."""
    for lane, total in answer["totals"].items():
        rest = answer["both_elsewhere"] if lane == "both" else 0
        assert sum(item[lane] for item in answer["items"]) + rest == total
    for item in answer["items"]:
        assert item["both"] <= min(item["human"], item["agent"])
    if answer["by"] == "day":
        assert answer["both_elsewhere"] == 0


def test_no_row_has_more_of_both_than_of_a_lane(send: Send, ask: Ask) -> None:
    """A prompt names no language, the agent's tools do: that both is elsewhere, in no row."""
    work(send)
    for tz in ("", "&tz=Asia/Kathmandu"):
        answer = ask(f"{RANGE}&by=language{tz}").json
        assert (answer["totals"]["both"], answer["both_elsewhere"]) == (300, 60)
        assert answer["items"] == [
            {"name": "rust", **lanes(human=1_200, agent=240, both=240)},
            {"name": None, **lanes(human=1_200, agent=60, waiting=300)},
        ]


KINDS = ("activity", "tool", "editor", "heartbeat", "token_usage", "window", "browser")


@given(
    found=st.lists(
        st.tuples(
            st.integers(0, 86_399),
            st.sampled_from(KINDS),
            st.sampled_from(["loom", "vibe", None]),
            st.sampled_from(["rust", "sql", None]),
            st.sampled_from(["a", "b"]),
            st.sampled_from(["Read", "WebSearch"]),
            st.integers(0, 7_200_000),
        ),
        min_size=1,
        max_size=30,
    )
)
@settings(
    max_examples=examples(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_happened_adds_up(
    api: Api,
    laptop: Registered,
    ask: Ask,
    database: Database,
    found: list[tuple[int, str, str | None, str | None, str, str, int]],
) -> None:
    """Any day, any grouping, any filter, stored or live: rows sum up and exceed no lane."""
    delete_events(database)
    midnight = datetime.fromisoformat(f"{DAY}T00:00:00+00:00")
    batch = [
        laptop.event(
            timestamp=(midnight + timedelta(seconds=second)).isoformat(),
            type=kind,
            payload={
                "project": project,
                "language": language,
                "sessionId": session,
                "tool": detail,
                "category": "research" if kind == "browser" else "reading",
                "entity": "a.rs",
                "file": "a.rs",
                "action": "edit",
                "app": "DAW",
                "domain": "example.org",
                "duration_ms": duration,
            },
        )
        for second, kind, project, language, session, detail, duration in found
    ]
    assert laptop.send(api, batch).status == 200
    for narrowed in ("", "&project=loom", "&language=rust", "&project=&language=sql"):
        for by in ("day", "project", "language", "category"):
            stored = ask(f"{RANGE}&by={by}{narrowed}").json
            assert_it_adds_up(stored)
            # The same day, of another zone: computed live.
            live = ask(f"{RANGE}&tz=Europe/London&by={by}{narrowed}").json
            assert_it_adds_up(live)
            for part in ("totals", "both_elsewhere", "items"):
                assert live[part] == stored[part]


def test_filters_narrow(send: Send, ask: Ask) -> None:
    """By project and by language; nobody's is null."""
    work(send)
    only = ask(f"{RANGE}&by=project&project=loom").json
    assert [item["name"] for item in only["items"]] == ["loom"]
    assert only["totals"] == lanes(human=1_800, agent=300, both=300, waiting=300)
    named = ask(f"{RANGE}&by=project").json["items"]
    assert [item["name"] for item in named] == ["loom", None]
    live = ask(f"{RANGE}&tz=Europe/Berlin&by=language&language=rust").json
    assert [item["name"] for item in live["items"]] == ["rust"]


def test_the_answer_is_fresh_and_tagged(send: Send, ask: Ask, api: Api, owner_token: str) -> None:
    """Each answer has the last committed event; the same one again is 304."""
    work(send)
    first = ask(RANGE)
    assert first.headers["Cache-Control"].startswith("private")
    tag = {"If-None-Match": first.headers["ETag"]}
    path = f"/v1/query/time?{RANGE}"
    assert api("GET", path, token=owner_token, headers=tag).status == 304
    send(("09:45:00", "heartbeat", {"entity": "a.rs"}))
    again = api("GET", path, token=owner_token, headers=tag)
    assert again.status == 200
    assert again.json["totals"]["human"] == first.json["totals"]["human"] + 300


def move(database: Database, zone: str) -> None:
    """Sets everybody's zone as `PATCH /v1/me` does."""
    assert change_profile(database, None, zone=zone) is None


def test_days_of_kathmandu(send: Send, ask: Ask, database: Database) -> None:
    """+05:45: a quarter past six in the evening, UTC, is midnight; live and stored say the same."""
    beat = {"entity": "a.rs", "project": "loom"}
    send(("18:05:00", "heartbeat", beat), ("18:18:00", "heartbeat", beat))
    live = ask("from=2026-11-04&to=2026-11-05&tz=Asia/Kathmandu").json["items"]
    assert live == [
        {"name": "2026-11-04", **lanes(human=600)},
        {"name": "2026-11-05", **lanes(human=180)},
    ]
    move(database, "Asia/Kathmandu")
    stored = ask("from=2026-11-04&to=2026-11-05").json
    assert (stored["items"], stored["period"]["timezone"]) == (live, "Asia/Kathmandu")


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_days_when_clocks_change(
    send: Send, ask: Ask, database: Database, day: str, hours: int
) -> None:
    """A day that is full has 23 or 25 hours, stored and live."""
    first = datetime.fromisoformat(f"{day}T00:00:00+00:00") - timedelta(hours=6)
    for count in range(0, 36 * 6, 36):
        for each in range(count, count + 36):
            moment = first + timedelta(minutes=10 * each)
            beat = ("heartbeat", {"entity": "a.rs"})
            send((moment.strftime("%H:%M:%S"), *beat), day=moment.date().isoformat())
    live = ask(f"from={day}&to={day}&tz=Europe/Berlin").json["totals"]
    move(database, "Europe/Berlin")
    stored = ask(f"from={day}&to={day}").json["totals"]
    assert (live["human"], stored["human"]) == (hours * 3_600, hours * 3_600)


def test_instants_cut_the_day(send: Send, ask: Ask) -> None:
    """From the fifth minute on."""
    work(send)
    answer = ask(f"from={DAY}T09:05:00Z&to={DAY}T09:12:00Z").json
    assert answer["totals"] == lanes(human=420, agent=120, both=120)


@pytest.mark.parametrize(
    ("query", "error", "hint"),
    [
        ("days=93&tz=Asia/Kathmandu", "invalid_range", "At most 92 days"),
        ("from=2026-01-02&to=2026-01-01", "invalid_range", "before"),
        ("days=0", "invalid_range", "1 to"),
        ("tz=Mars/Base", "invalid_timezone", "IANA"),
        ("by=mood", "invalid_filter", "day, project, language, category"),
        ("kind=tool", "invalid_filter", "project, language"),
    ],
)
def test_what_cannot_be_answered(ask: Ask, query: str, error: str, hint: str) -> None:
    """400 says what would be accepted."""
    answer = ask(query)
    assert (answer.status, answer.error) == (400, error)
    assert hint in answer.message


def test_a_long_range_of_whole_days_is_stored(ask: Ask, send: Send) -> None:
    """The limit of live computing is not one of the table's."""
    today = datetime.now(UTC).date().isoformat()
    send(("00:00:01", "heartbeat", {"entity": "a"}), day=today)
    assert ask("days=400").status == 200


def test_a_stranger_sees_nothing_of_it(send: Send, ask: Ask, api: Api, database: Database) -> None:
    """Somebody else's time is empty, stored or live."""
    from functions.core.actor import User
    from functions.query.time import time
    from functions.query.time.models import TimeAsked

    work(send)
    assert ask(RANGE).json["totals"]["human"] == 2_400
    stranger = database.value("select ensure_profile(gen_random_uuid(), 's@localhost')")
    for zone in (None, "Asia/Kathmandu"):
        asked = TimeAsked.model_validate({"from": DAY, "to": DAY, "tz": zone})
        answer = time.time_by_lane(User(stranger), asked, datetime.now(UTC))
        assert answer.totals.model_dump() == lanes()


def test_the_scope_is_needed(api: Api, owner_token: str) -> None:
    """401 without a token, 403 with one that may not read."""
    assert api("GET", "/v1/query/time").status == 401
    made = api("POST", "/v1/tokens", {"name": "t", "scopes": ["tokens:read"]}, token=owner_token)
    assert api("GET", "/v1/query/time", token=made.json["token"]).status == 403
