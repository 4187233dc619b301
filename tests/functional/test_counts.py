"""Timelines, projects, languages and tokens: exact in any zone, at every moment."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from functions.core.actor import User
from tests.support import Api, Database, Registered

MEASURES = (
    "events",
    "errors",
    "tokens_input",
    "tokens_output",
    "tokens_cache_read",
    "tokens_cache_write",
    "cost_usd",
)


def event(monitor: Registered, moment: datetime, **changes: Any) -> dict[str, Any]:
    return monitor.event(timestamp=moment.isoformat(), **changes)


def usage(monitor: Registered, moment: datetime, tokens: int, model: str) -> dict[str, Any]:
    payload = {"model": model, "provider": "anthropic", "input_tokens": tokens, "project": "loom"}
    return event(monitor, moment, type="token_usage", payload=payload)


def move_to(database: Database, zone: str) -> None:
    """The owner now lives in `zone`."""
    database.rows("update profiles set timezone = %s", zone)


def fold(database: Database) -> None:
    """The sums by day are cut in the owner's zone."""
    database.rows("select fold_days(id) from profiles")


@pytest.mark.parametrize("folded", [False, True])
def test_days_of_kathmandu(
    api: Api, laptop: Registered, owner_token: str, database: Database, folded: bool
) -> None:
    """A day there begins at 18:15 UTC, in the middle of an hour; its sums are folded or not yet."""
    move_to(database, "Asia/Kathmandu")
    moments = [
        datetime(2026, 11, 9, 18, 14, 59, 999_999, UTC),
        datetime(2026, 11, 9, 18, 15, tzinfo=UTC),
        datetime(2026, 11, 10, 18, 14, 59, tzinfo=UTC),
        datetime(2026, 11, 10, 18, 15, tzinfo=UTC),
    ]
    assert laptop.send(api, [event(laptop, moment) for moment in moments]).status == 200
    if folded:
        fold(database)
    target = "/v1/query/timeline?from=2026-11-09&to=2026-11-11"
    answer = api("GET", target, token=owner_token).json
    assert [(row["start"], row["events"]) for row in answer["items"]] == [
        ("2026-11-09", 1),
        ("2026-11-10", 2),
        ("2026-11-11", 1),
    ]
    assert answer["period"] == {
        "from": "2026-11-09T00:00:00+05:45",
        "to": "2026-11-12T00:00:00+05:45",
        "timezone": "Asia/Kathmandu",
    }
    one = "/v1/query/timeline?from=2026-11-10&to=2026-11-10&by=hour"
    hours = api("GET", one, token=owner_token).json
    assert hours["totals"]["events"] == 2
    assert [row["start"] for row in hours["items"]] == [
        "2026-11-10T00:00:00+05:45",
        "2026-11-10T23:00:00+05:45",
    ]


@pytest.mark.parametrize(
    ("day", "length"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 8), 24)]
)
def test_days_on_which_clocks_change(
    api: Api, laptop: Registered, owner_token: str, day: date, length: int
) -> None:
    """An event each hour: the day has 23, 25 or 24, and a repeated hour stands there twice."""
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(day.year, day.month, day.day, tzinfo=berlin).astimezone(UTC)
    moments = [first + timedelta(hours=hour, minutes=30) for hour in range(-2, 28)]
    assert laptop.send(api, [event(laptop, moment) for moment in moments]).status == 200
    query = f"from={day}&to={day}&tz=Europe/Berlin"
    days = api("GET", f"/v1/query/timeline?{query}", token=owner_token).json
    assert [(row["start"], row["events"]) for row in days["items"]] == [(day.isoformat(), length)]
    hours = api("GET", f"/v1/query/timeline?{query}&by=hour", token=owner_token).json["items"]
    starts = [row["start"] for row in hours]
    assert len(starts) == len(set(starts)) == length
    assert [datetime.fromisoformat(start) for start in starts] == [
        first + timedelta(hours=hour) for hour in range(length)
    ]


def test_weeks_begin_on_monday(api: Api, laptop: Registered, owner_token: str) -> None:
    """Sunday night belongs to the week before."""
    moments = [datetime(2026, 11, day, 23, 59, tzinfo=UTC) for day in (8, 9, 15, 16)]
    assert laptop.send(api, [event(laptop, moment) for moment in moments]).status == 200
    target = "/v1/query/timeline?by=week&from=2026-11-01&to=2026-11-20"
    rows = api("GET", target, token=owner_token).json["items"]
    assert [(row["start"], row["events"]) for row in rows] == [
        ("2026-11-02", 1),
        ("2026-11-09", 2),
        ("2026-11-16", 1),
    ]


def test_what_is_counted(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """Events, errors, tokens and their cost, in groups by name; null where none is named."""
    moment = datetime(2026, 11, 10, 9, tzinfo=UTC)
    events = [
        event(laptop, moment, type="error", payload={"project": "loom", "language": "rust"}),
        event(laptop, moment, type="session", payload={}),
        usage(laptop, moment, 1_000_000, "claude-opus-4-1"),
        usage(laptop, moment, 500, "nobody-knows"),
    ]
    assert laptop.send(api, events).status == 200
    base = "/v1/query/timeline?from=2026-11-10&to=2026-11-10"
    answer = api("GET", f"{base}&group=project", token=owner_token).json
    zero = dict.fromkeys(MEASURES, 0)
    loom = zero | {"events": 3, "errors": 1, "tokens_input": 1_000_500, "cost_usd": 15.0}
    assert answer["totals"] == zero | loom | {"events": 4}
    assert answer["items"] == [
        zero | {"start": "2026-11-10", "name": None, "events": 1},
        loom | {"start": "2026-11-10", "name": "loom"},
    ]
    by_source = api("GET", f"{base}&group=source", token=owner_token).json["items"]
    assert [(row["name"], row["events"]) for row in by_source] == [("laptop", 4)]
    for narrowed, expected in (
        ("project=loom", 3),
        ("language=rust", 1),
        ("project=", 1),
        ("kind=token_usage", 2),
        ("source=laptop", 4),
        ("source=nobody", 0),
        ("project=loom&kind=session", 0),
    ):
        totals = api("GET", f"{base}&{narrowed}", token=owner_token).json["totals"]
        assert totals["events"] == expected, narrowed


def pages(api: Api, target: str, token: str) -> Iterator[dict[str, Any]]:
    """Every item of all pages."""
    cursor = ""
    while True:
        answer = api("GET", target + cursor, token=token)
        assert answer.status == 200, answer.text
        yield from answer.json["items"]
        if answer.json["next"] is None:
            return
        cursor = f"&cursor={answer.json['next']}"


@pytest.mark.parametrize(
    "target",
    [
        "/v1/query/timeline?group=project&days=10",
        "/v1/query/timeline?group=language&by=hour&days=10",
        "/v1/query/projects?days=10",
        "/v1/query/languages?days=10",
        "/v1/query/tokens?days=10",
    ],
)
def test_pages_are_the_whole(api: Api, laptop: Registered, owner_token: str, target: str) -> None:
    """Page after page gives what one page would, in the same order, with the same totals."""
    now = datetime.now(UTC)
    events = [
        event(
            laptop,
            now - timedelta(hours=7 * number % 200),
            type="token_usage",
            payload={
                "project": f"p{number % 7}" if number % 7 else None,
                "language": ["rust", "sql", None][number % 3],
                "model": ["claude-opus-4-1", "other", None][number % 3],
                "inputTokens": number,
            },
        )
        for number in range(60)
    ]
    assert laptop.send(api, events).status == 200
    whole = api("GET", target, token=owner_token).json
    assert whole["next"] is None
    assert len(whole["items"]) >= 3
    for size in (1, 2, len(whole["items"]) - 1, len(whole["items"])):
        assert list(pages(api, f"{target}&limit={size}", owner_token)) == whole["items"]
    first = api("GET", f"{target}&limit=1", token=owner_token).json
    assert first["totals"] == whole["totals"]


def test_projects_and_languages(api: Api, laptop: Registered, owner_token: str) -> None:
    """Most events first, equal ones by name, with their first and last day in the zone."""
    plan = [("web", 9, 23), ("web", 11, 1), ("loom", 10, 12), ("loom", 10, 13), ("loom", 12, 0)]
    plan += [("arc", 10, 1), ("arc", 10, 2)]
    events = [
        event(
            laptop,
            datetime(2026, 11, day, hour, tzinfo=UTC),
            payload={"project": name, "language": "rust" if name == "web" else None},
        )
        for name, day, hour in plan
    ]
    assert laptop.send(api, events).status == 200
    query = "from=2026-11-01&to=2026-11-19&tz=Asia/Kathmandu"
    rows = api("GET", f"/v1/query/projects?{query}", token=owner_token).json["items"]
    assert [(r["name"], r["events"], r["first_day"], r["last_day"]) for r in rows] == [
        ("loom", 3, "2026-11-10", "2026-11-12"),
        ("arc", 2, "2026-11-10", "2026-11-10"),
        ("web", 2, "2026-11-10", "2026-11-11"),
    ]
    rows = api("GET", f"/v1/query/languages?{query}", token=owner_token).json["items"]
    assert [(row["name"], row["events"]) for row in rows] == [(None, 5), ("rust", 2)]


def test_tokens_are_never_guessed(api: Api, laptop: Registered, owner_token: str) -> None:
    """A model without a price has a null cost, and the totals say how many calls that were."""
    moment = datetime(2026, 11, 10, 9, tzinfo=UTC)
    sent = [(2_000_000, "claude-haiku-4-5"), (700, "unheard-of"), (300, "unheard-of")]
    events = [usage(laptop, moment, tokens, model) for tokens, model in sent]
    assert laptop.send(api, events).status == 200
    target = "/v1/query/tokens?from=2026-11-10&to=2026-11-10"
    answer = api("GET", target, token=owner_token).json
    zero = dict.fromkeys(["tokens_output", "tokens_cache_read", "tokens_cache_write"], 0)
    named = {"day": "2026-11-10", "provider": "anthropic", "project": "loom"} | zero
    priced = {"calls": 1, "tokens_input": 2_000_000, "cost_usd": 2.0, "unpriced": 0}
    unknown = {"calls": 2, "tokens_input": 1_000, "cost_usd": None, "unpriced": 2}
    assert answer["items"] == [
        named | priced | {"model": "claude-haiku-4-5"},
        named | unknown | {"model": "unheard-of"},
    ]
    assert answer["totals"] == zero | {
        "calls": 3,
        "tokens_input": 2_001_000,
        "cost_usd": 2.0,
        "unpriced": 2,
    }
    narrowed = api("GET", f"{target}&model=unheard-of", token=owner_token).json["totals"]
    assert (narrowed["calls"], narrowed["cost_usd"]) == (2, None)


def test_the_month_is_projected(api: Api, laptop: Registered, owner_token: str) -> None:
    """The current month, whatever was asked for, and the day on which a budget was crossed."""
    now = datetime.now(UTC)
    events = [usage(laptop, now, 1_000_000, "claude-opus-4-1")]
    assert laptop.send(api, events).status == 200
    target = "/v1/query/tokens?from=2026-01-01&to=2026-01-02&tz=UTC&budget_usd=14.99"
    answer = api("GET", target, token=owner_token).json
    assert answer["totals"]["calls"] == 0
    today = now.date().isoformat()
    assert answer["projection"] == {
        "month": today[:7],
        "spent_usd": 15.0,
        "spent_today_usd": 15.0,
        "daily_usd": 0.0,
        "basis_days": 0,
        "projected_usd": 15.0,
        "unpriced": 0,
        "budget": {"budget_usd": 14.99, "state": "crossed", "day": today},
    }


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        ("from=yesterday", "invalid_range", "2026-11-20"),
        ("from=2026-02-30", "invalid_range", "RFC 3339"),
        ("from=2026-11-10T10:00:00", "invalid_range", "RFC 3339"),
        ("from=2026-11-10&to=2026-11-09", "invalid_range", "before to"),
        ("from=2026-11-10T10:07:00Z", "invalid_range", ":45"),
        ("from=0001-01-01", "invalid_range", "years 1971 to 2198"),
        ("days=7&from=2026-11-10", "invalid_range", "Either"),
        ("days=0", "invalid_range", "3660"),
        ("days=seven", "invalid_range", "3660"),
        ("from=2020-01-01&by=hour", "invalid_range", "5 years"),
        ("tz=Mars/Phobos", "invalid_timezone", "Europe/Berlin"),
        ("tz=../etc/passwd", "invalid_timezone", "IANA"),
        ("tz=America", "invalid_timezone", "IANA"),
        ("by=minute", "invalid_filter", "hour, day, week"),
        ("group=owner", "invalid_filter", "kind, project"),
        ("project=%00", "invalid_filter", "NUL"),
        ("limit=0", "invalid_limit", "10000"),
        ("limit=99999", "invalid_limit", "10000"),
        ("cursor=x", "invalid_cursor", "first page"),
        ("cursor=WyJkYXk6bm9uZSIsMSwyXQ", "invalid_cursor", "next"),
    ],
)
def test_what_cannot_be_asked(api: Api, owner_token: str, query: str, code: str, says: str) -> None:
    """400 with the name of what is wrong, and what would be accepted."""
    answer = api("GET", f"/v1/query/timeline?{query}", token=owner_token)
    assert (answer.status, answer.error) == (400, code)
    assert says in answer.message


def test_tokens_have_their_own_filters(api: Api, owner_token: str) -> None:
    """Kind and language are not theirs; an odd budget is refused by name."""
    for query in ("kind=tool", "language=rust"):
        answer = api("GET", f"/v1/query/tokens?{query}", token=owner_token)
        assert (answer.status, answer.error) == (400, "invalid_filter")
    for budget in ("", "0", "-1", "1e3", "nan", "9" * 30):
        answer = api("GET", f"/v1/query/tokens?budget_usd={budget}", token=owner_token)
        assert (answer.status, answer.error) == (400, "invalid_budget"), budget


@pytest.mark.parametrize("topic", ["timeline", "projects", "languages", "tokens"])
def test_answers_are_private_and_tagged(
    api: Api, laptop: Registered, owner_token: str, database: Database, topic: str
) -> None:
    """An unchanged answer is a 304, a stranger sees nothing, a token without the scope gets 403."""
    from functions.accounts import tokens as access_tokens
    from functions.accounts.models import NewToken

    target = f"/v1/query/{topic}"
    move_to(database, "Asia/Kathmandu")
    batch = [usage(laptop, datetime.now(UTC), 5, "claude-opus-4-1")]
    assert laptop.send(api, batch).status == 200
    answer = api("GET", target, token=owner_token)
    assert answer.json["items"] != []
    assert answer.headers["Cache-Control"] == "private, max-age=0, must-revalidate"
    known = {"If-None-Match": answer.headers["ETag"]}
    fold(database)
    again = api("GET", target, token=owner_token, headers=known)
    assert (again.status, again.text) == (304, "")
    stranger = User(database.value("insert into profiles (handle) values ('eve') returning id"))
    issued = access_tokens.issue(
        stranger, NewToken(name="t", scopes=["query:read"]), datetime.now(UTC)
    )
    seen = api("GET", target, token=issued.token, headers=known)
    assert (seen.status, seen.json["items"]) == (200, [])
    other = access_tokens.issue(
        stranger, NewToken(name="o", scopes=["tokens:read"]), datetime.now(UTC)
    )
    refused = api("GET", target, token=other.token)
    assert (refused.status, refused.error) == (403, "insufficient_scope")
    assert api("GET", target).status == 401
