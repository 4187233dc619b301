"""`GET /v1/query/blocks`: five-hour blocks over all machines, from the stored events."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.core.actor import User
from functions.query.blocks import blocks
from functions.query.blocks.models import BlocksAsked
from tests.support import Answer, Api, Database, Registered, register_source

OPUS = "claude-opus-4-5"  # 5 US dollars per million tokens read
DAY = "2026-11-04"
NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)

Ask = Callable[[str], Answer]


@pytest.fixture
def ask(api: Api, owner_token: str) -> Ask:
    """The owner's question."""
    return lambda query: api("GET", f"/v1/query/blocks?{query}", token=owner_token)


def call(monitor: Registered, moment: datetime, **changes: Any) -> dict[str, Any]:
    """A call that costs 0.1 dollars, unless it is changed."""
    payload = {"model": OPUS, "inputTokens": 20_000, "outputTokens": 0, "project": "loom"}
    return monitor.event(
        timestamp=moment.isoformat(), type="token_usage", payload=payload | changes
    )


def send(api: Api, monitor: Registered, *moments: datetime) -> None:
    batch = [call(monitor, moment) for moment in moments]
    assert monitor.send(api, batch).status == 200


def edges(answer: Answer) -> list[tuple[str, str, int]]:
    """Start and end (without year and month) and calls of each block and gap."""
    assert answer.status == 200
    return [
        (item["started_at"][8:], item["ends_at"][8:], item["calls"])
        for item in answer.json["items"]
    ]


def test_a_block_and_a_gap(api: Api, laptop: Registered, ask: Ask, owner_token: str) -> None:
    """The whole answer: calls of two machines, what they cost, and the night between."""
    desk = register_source(api, owner_token, "desk")
    events = [
        call(laptop, NOON.replace(minute=17), outputTokens=5, cacheReadTokens=3),
        call(laptop, NOON.replace(minute=59), model="unheard-of", cacheCreationTokens=2),
    ]
    assert laptop.send(api, events).status == 200
    send(api, desk, NOON + 5 * HOUR, NOON + 11 * HOUR)
    nothing = {
        "tokens_input": 0,
        "tokens_output": 0,
        "tokens_cache_read": 0,
        "tokens_cache_write": 0,
        "is_active": False,
        "is_gap": False,
        "unpriced": 0,
        "burn_rate": None,
        "projection": None,
    }
    answer = ask(f"from={DAY}&to={DAY}").json
    cost = answer["items"][0].pop("cost_usd")
    assert cost == pytest.approx(0.2 + 5 * 25e-6 + 3 * 0.5e-6)
    assert answer == {
        "period": {
            "from": f"{DAY}T00:00:00+00:00",
            "to": "2026-11-05T00:00:00+00:00",
            "timezone": "UTC",
        },
        "items": [
            nothing
            | {
                "started_at": f"{DAY}T12:00:00Z",
                "ends_at": f"{DAY}T17:00:00Z",
                "last_call_at": f"{DAY}T17:00:00Z",
                "calls": 3,
                "tokens_input": 60_000,
                "tokens_output": 5,
                "tokens_cache_read": 3,
                "tokens_cache_write": 2,
                "unpriced": 1,
                "models": [OPUS, "unheard-of"],
            },
            nothing
            | {
                "started_at": f"{DAY}T22:00:00Z",
                "ends_at": f"{DAY}T23:00:00Z",
                "last_call_at": None,
                "is_gap": True,
                "calls": 0,
                "cost_usd": 0.0,
                "models": [],
            },
            nothing
            | {
                "started_at": f"{DAY}T23:00:00Z",
                "ends_at": "2026-11-05T04:00:00Z",
                "last_call_at": f"{DAY}T23:00:00Z",
                "calls": 1,
                "tokens_input": 20_000,
                "cost_usd": 0.1,
                "models": [OPUS],
            },
        ],
        "is_aligned": True,
        "purged_before": None,
    }


def test_blocks_do_not_depend_on_the_period(api: Api, laptop: Registered, ask: Ask) -> None:
    """Day after day without a long pause: where each block begins follows from the first call."""
    moments = [NOON - timedelta(days=9, minutes=13)]
    while moments[-1] < NOON:
        moments.append(moments[-1] + timedelta(hours=4, minutes=31, seconds=7))
    send(api, laptop, *moments)
    whole = ask(f"from=2026-10-20&to={DAY}").json["items"]
    assert sum(item["calls"] for item in whole) == len(moments)
    for day in ("2026-10-26", "2026-10-30", "2026-11-03", DAY):
        start, end = f"{day}T00:00:00Z", f"{day}T24:00:00Z"
        expected = [item for item in whole if item["started_at"] < end and item["ends_at"] > start]
        answer = ask(f"from={day}&to={day}").json
        assert answer["items"] == expected
        assert answer["is_aligned"]


def test_what_touches_the_period_is_whole(api: Api, laptop: Registered, ask: Ask) -> None:
    """A block from the evening before, one into the next day, the gaps at both ends."""
    send(
        api,
        laptop,
        NOON - 22 * HOUR,
        NOON - 13 * HOUR,
        NOON - 12 * HOUR,  # midnight
        NOON + 11 * HOUR,
        NOON + 15 * HOUR,
        NOON + 90 * HOUR,
    )
    assert edges(ask(f"from={DAY}&to={DAY}")) == [
        ("03T23:00:00Z", "04T04:00:00Z", 2),
        ("04T05:00:00Z", "04T23:00:00Z", 0),
        ("04T23:00:00Z", "05T04:00:00Z", 2),
    ]
    assert edges(ask("from=2026-11-06&to=2026-11-06")) == [("05T08:00:00Z", "08T06:00:00Z", 0)]
    assert edges(ask("from=2026-12-06&to=2026-12-06")) == []


def test_a_call_at_the_end_of_a_block_belongs_to_it(api: Api, laptop: Registered, ask: Ask) -> None:
    """The very instant, also where that is the beginning of the period; a millisecond later not."""
    send(api, laptop, NOON - 17 * HOUR, NOON - 12 * HOUR, NOON - 12 * HOUR + MILLISECOND)
    assert edges(ask(f"from={DAY}&to={DAY}")) == [
        ("03T19:00:00Z", "04T00:00:00Z", 2),
        ("04T00:00:00Z", "04T05:00:00Z", 1),
    ]


def test_the_active_block_has_a_burn_rate(api: Api, laptop: Registered, database: Database) -> None:
    """Tokens a minute and dollars an hour since its first call, and their sums at its end."""
    send(api, laptop, NOON, NOON + HOUR)
    user = User(database.value("select id from profiles"))
    asked = BlocksAsked.model_validate({"from": DAY, "to": DAY})
    [block] = blocks.blocks(user, asked, NOON + 2 * HOUR).items
    assert block.is_active
    assert block.burn_rate is not None
    assert block.burn_rate.model_dump() == {
        "tokens_per_minute": pytest.approx(40_000 / 60),
        "tokens_per_minute_uncached": pytest.approx(40_000 / 60),
        "cost_usd_per_hour": pytest.approx(0.2),
    }
    assert block.projection is not None
    assert block.projection.model_dump() == {
        "tokens": 160_000,
        "cost_usd": 0.8,
        "remaining_minutes": 180,
    }
    [over] = blocks.blocks(user, asked, NOON + 5 * HOUR).items
    assert (over.is_active, over.burn_rate, over.projection) == (False, None, None)


def test_days_without_a_pause_are_said(
    api: Api, laptop: Registered, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the look back ends in the middle of calls, nobody knows where blocks begin."""
    send(api, laptop, *(NOON + 4 * hours * HOUR for hours in range(-12, 1)))
    monkeypatch.setattr(blocks, "LOOK_BACK", timedelta(days=1))
    user = User(database.value("select id from profiles"))
    for day, is_aligned in ((DAY, False), ("2026-11-02", True), ("2026-11-08", True)):
        asked = BlocksAsked.model_validate({"from": day, "to": day})
        assert blocks.blocks(user, asked, NOON).is_aligned is is_aligned
    monkeypatch.undo()
    assert blocks.blocks(
        user, BlocksAsked.model_validate({"from": DAY, "to": DAY}), NOON
    ).is_aligned


def test_purged_events_are_said(api: Api, laptop: Registered, ask: Ask, database: Database) -> None:
    """Sums stay and blocks do not: the answer names the instant before which events are gone."""
    send(api, laptop, NOON, NOON + 3 * HOUR, NOON + 48 * HOUR)
    database.rows("delete from dirty_days")
    database.rows("update profiles set retention_months = 1")
    purge = "select purge_events(id, null, %s) from profiles"
    assert database.value(purge, datetime(2026, 12, 5, tzinfo=UTC)) == 2
    answer = ask(f"from={DAY}&to=2026-11-06").json
    assert answer["purged_before"] == "2026-11-05T00:00:00Z"
    assert [item["calls"] for item in answer["items"]] == [1]
    # The gap before the first block of the 6th begins after a call that is gone.
    assert ask("from=2026-11-06&to=2026-11-06").json["purged_before"] is not None
    assert ask("from=2026-11-07&to=2026-11-07").json["purged_before"] is None


@pytest.mark.parametrize(
    ("query", "error", "hint"),
    [
        ("days=32", "invalid_range", "At most 31 days"),
        ("from=2026-01-01&to=2026-02-01", "invalid_range", "At most 31 days"),
        ("from=yesterday", "invalid_range", "RFC 3339"),
        ("tz=Mars/Base", "invalid_timezone", "IANA"),
        ("project=loom", "invalid_filter", "leave project out"),
    ],
)
def test_what_cannot_be_answered(ask: Ask, query: str, error: str, hint: str) -> None:
    """400 says what would be accepted."""
    answer = ask(query)
    assert (answer.status, answer.error) == (400, error)
    assert hint in answer.message


def test_three_days_by_default_and_tagged(
    api: Api, laptop: Registered, ask: Ask, owner_token: str
) -> None:
    """Today is the last of them; the same answer again is a 304."""
    now = datetime.now(UTC)
    send(api, laptop, now - timedelta(days=30))
    answer = ask("")
    since, until = (datetime.fromisoformat(answer.json["period"][name]) for name in ("from", "to"))
    assert until - since == timedelta(days=3)
    assert since <= now < until
    tag = {"If-None-Match": answer.headers["ETag"]}
    assert api("GET", "/v1/query/blocks", token=owner_token, headers=tag).status == 304
    assert answer.headers["Cache-Control"].startswith("private")


def test_nobody_else_sees_them(
    api: Api, laptop: Registered, ask: Ask, database: Database, owner_token: str
) -> None:
    """A stranger's blocks are none; 401 without a token, 403 with one that may not read."""
    send(api, laptop, NOON)
    assert len(ask(f"from={DAY}&to={DAY}").json["items"]) == 1
    stranger = database.value("select ensure_profile(gen_random_uuid(), 's@localhost')")
    asked = BlocksAsked.model_validate({"from": DAY, "to": DAY})
    assert blocks.blocks(User(stranger), asked, NOON).items == []
    assert api("GET", "/v1/query/blocks").status == 401
    made = api("POST", "/v1/tokens", {"name": "t", "scopes": ["tokens:read"]}, token=owner_token)
    assert api("GET", "/v1/query/blocks", token=made.json["token"]).status == 403
