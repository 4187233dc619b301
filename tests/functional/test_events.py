"""Own events: pages that inserts do not shift, and an export in answers of bounded size."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from functions.query.events.models import EventPage
from tests.support import Api, Database, Registered, register_source

START = datetime(2026, 11, 10, 9, tzinfo=UTC)
PERIOD = "from=2026-11-01&to=2026-11-19"


def send(api: Api, monitor: Registered, moments: list[datetime], **changes: Any) -> list[str]:
    """Stores an event at each moment; returns their ids."""
    events = [monitor.event(timestamp=moment.isoformat(), **changes) for moment in moments]
    for first in range(0, len(events), 1_000):
        assert monitor.send(api, events[first : first + 1_000]).status == 200
    return [event["id"] for event in events]


def in_order(database: Database, direction: str = "desc") -> list[str]:
    rows = database.rows(
        f"select id from events order by occurred_at {direction}, id {direction},"
        f" source_id {direction}"
    )
    return [row["id"] for row in rows]


def test_an_event_comes_back_as_it_is(api: Api, laptop: Registered, owner_token: str) -> None:
    """With its payload to the last digit, its time to the microsecond and what was read from it."""
    payload = {
        "project": "loom",
        "branch": "main",
        "model": "claude-opus-4-1",
        "input_tokens": 10,
        "odd": [9007199254740993, 0.1, "ü\n", None],
    }
    moment = "2026-11-10T09:00:00.123456Z"
    event = laptop.event(timestamp=moment, type="token_usage", payload=payload)
    assert laptop.send(api, [event]).status == 200
    answer = api("GET", f"/v1/events?{PERIOD}&kind=token_usage", token=owner_token)
    assert answer.json == {
        "items": [
            {
                "id": event["id"],
                "source": "laptop",
                "occurred_at": moment,
                "kind": "token_usage",
                "project": "loom",
                "language": None,
                "branch": "main",
                "is_error": False,
                "provider": None,
                "model": "claude-opus-4-1",
                "tokens_input": 10,
                "tokens_output": 0,
                "tokens_cache_read": 0,
                "tokens_cache_write": 0,
                "cost_usd": 0.00015,
                "payload": payload,
            }
        ],
        "next": None,
    }
    assert "9007199254740993" in answer.text
    documented = EventPage.model_validate_json(answer.text, strict=True)
    assert documented.model_dump() == answer.json


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_pages_are_stable_under_inserts(
    api: Api, laptop: Registered, owner_token: str, database: Database, order: str
) -> None:
    """Events that arrive between two pages, before, after and among them, move nothing."""
    desk = register_source(api, owner_token, "desk")
    for monitor in (laptop, desk):  # many at the same instant: the id decides, then the source
        send(api, monitor, [START + timedelta(minutes=number // 3) for number in range(12)])
    before = in_order(database, order)
    seen: list[str] = []
    cursor = ""
    while True:
        target = f"/v1/events?{PERIOD}&limit=5&order={order}{cursor}"
        page = api("GET", target, token=owner_token).json
        seen += [event["id"] for event in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
        last = datetime.fromisoformat(page["items"][-1]["occurred_at"])
        offsets = [-timedelta(days=1), -timedelta(seconds=1), timedelta(0), timedelta(days=1)]
        if len(seen) < 20:
            send(api, laptop, [last + offset for offset in offsets])
    old = [id_ for id_ in seen if id_ in set(before)]
    assert old == before
    assert len(seen) == len(set(seen))
    order_now = in_order(database, order)
    assert seen == [id_ for id_ in order_now if id_ in set(seen)]


def test_one_id_of_two_sources_at_one_instant(
    api: Api, laptop: Registered, owner_token: str
) -> None:
    """An id is unique within its source only: both come, whatever the size of a page."""
    desk = register_source(api, owner_token, "desk")
    [id_] = send(api, laptop, [START])
    send(api, desk, [START], id=id_)
    first = api("GET", f"/v1/events?{PERIOD}&limit=1", token=owner_token).json
    target = f"/v1/events?{PERIOD}&limit=1&cursor={first['next']}"
    second = api("GET", target, token=owner_token).json
    assert {first["items"][0]["source"], second["items"][0]["source"]} == {"laptop", "desk"}
    assert second["next"] is None


def test_filters_narrow(api: Api, laptop: Registered, owner_token: str) -> None:
    """Source, project, language, kind and instants; what nobody sent is an empty answer."""
    send(api, laptop, [START], payload={"project": "loom", "language": "rust"})
    send(api, laptop, [START + timedelta(hours=1)], type="session", payload={"project": "web"})
    for query, expected in (
        ("project=loom", 1),
        ("project=web&kind=session", 1),
        ("project=web&kind=tool", 0),
        ("language=rust", 1),
        ("language=", 1),
        ("project=", 0),
        ("source=laptop", 2),
        ("source=nobody", 0),
    ):
        items = api("GET", f"/v1/events?{PERIOD}&{query}", token=owner_token).json["items"]
        assert len(items) == expected, query
    instants = "from=2026-11-10T09:00:00.000001Z&to=2026-11-10T10:00:00.000001Z"
    [item] = api("GET", f"/v1/events?{instants}", token=owner_token).json["items"]
    assert item["kind"] == "session"
    half_open = "from=2026-11-10T09:00:00Z&to=2026-11-10T10:00:00Z"
    [item] = api("GET", f"/v1/events?{half_open}", token=owner_token).json["items"]
    assert item["kind"] == "tool"


def test_the_export_is_everything(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """Answer after answer along `Link` gives each event once, one a line, more than one read."""
    send(api, laptop, [START + timedelta(seconds=number) for number in range(2_500)])
    target: str | None = f"/v1/events.ndjson?{PERIOD}&order=asc&limit=1100"
    seen: list[str] = []
    sizes = []
    while target:
        answer = api("GET", target, token=owner_token)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
        lines = answer.text.splitlines()
        sizes.append(len(lines))
        seen += [json.loads(line)["id"] for line in lines]
        link = answer.headers.get("Link")
        target = None
        if link:
            address, relation = link.split("; ")
            target = address.strip("<>")
            assert relation == 'rel="next"'
            cursor = parse_qs(urlsplit(target).query)["cursor"]
            assert cursor == [answer.headers["X-Next-Cursor"]]
    assert sizes == [1_100, 1_100, 300]
    assert seen == in_order(database, "asc")


def test_an_answer_stays_below_five_megabytes(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """Large payloads end an answer early; one that is larger than an answer comes alone."""
    from functions.query.events import events

    for number, size in enumerate([2_000_000, 2_000_000, 2_000_000, 300, 4_900_000]):
        moment = START + timedelta(seconds=number)
        send(api, laptop, [moment], payload={"project": "loom", "blob": "x" * size})
    for path in ("/v1/events", "/v1/events.ndjson"):
        seen: list[str] = []
        answers = 0
        cursor = ""
        while True:
            answer = api("GET", f"{path}?{PERIOD}&order=asc{cursor}", token=owner_token)
            assert len(answer.text.encode()) < events.MAX_BYTES + 1_024
            answers += 1
            if path == "/v1/events":
                following = answer.json["next"]
                seen += [event["id"] for event in answer.json["items"]]
            else:
                following = answer.headers.get("X-Next-Cursor")
                seen += [json.loads(line)["id"] for line in answer.text.splitlines()]
            if following is None:
                break
            cursor = f"&cursor={following}"
        assert (seen, answers) == (in_order(database, "asc"), 3), path


def test_nobody_else_sees_them(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """Not a stranger, not with the owner's cursor either; without a token 401."""
    from functions.accounts import tokens
    from functions.accounts.models import NewToken
    from functions.core.actor import User

    send(api, laptop, [START, START])
    cursor = api("GET", f"/v1/events?{PERIOD}&limit=1", token=owner_token).json["next"]
    stranger = User(database.value("insert into profiles (handle) values ('eve') returning id"))
    issued = tokens.issue(stranger, NewToken(name="t", scopes=["query:read"]), datetime.now(UTC))
    for path in ("/v1/events", "/v1/events.ndjson"):
        for query in (PERIOD, f"{PERIOD}&cursor={cursor}"):
            answer = api("GET", f"{path}?{query}", token=issued.token)
            assert answer.status == 200
            assert "evt_" not in answer.text
        assert api("GET", path).status == 401


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("order=sideways", "invalid_filter"),
        ("limit=1001", "invalid_limit"),
        ("cursor=bm90", "invalid_cursor"),
        ("cursor=WyJkZXNjIiwiMjAyNi0xMS0xMCIsImEiLCJiIl0", "invalid_cursor"),
        ("days=0", "invalid_range"),
        ("tz=Nowhere", "invalid_timezone"),
    ],
)
def test_what_cannot_be_asked(api: Api, owner_token: str, query: str, code: str) -> None:
    """400, and the name of what is wrong."""
    answer = api("GET", f"/v1/events?{query}", token=owner_token)
    assert (answer.status, answer.error) == (400, code)


def test_a_cursor_is_of_one_order(api: Api, laptop: Registered, owner_token: str) -> None:
    """A cursor of newest-first does not continue oldest-first."""
    send(api, laptop, [START, START])
    cursor = api("GET", f"/v1/events?{PERIOD}&limit=1", token=owner_token).json["next"]
    answer = api("GET", f"/v1/events?{PERIOD}&order=asc&cursor={cursor}", token=owner_token)
    assert (answer.status, answer.error) == (400, "invalid_cursor")
