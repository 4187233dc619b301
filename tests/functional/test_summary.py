"""A dashboard's first paint: totals, trend, streaks, best hour and score in one answer."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from functions.core.actor import User
from functions.query.models import Filtered
from functions.query.summary import summary
from functions.query.summary.models import Streaks
from tests.support import Api, Database, Registered, as_role, fresh_process

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
ZERO = dict.fromkeys(
    [
        "errors",
        "tokens_input",
        "tokens_output",
        "tokens_cache_read",
        "tokens_cache_write",
        "unpriced",
    ],
    0,
)


def send(api: Api, monitor: Registered, moments: list[datetime], **changes: Any) -> None:
    events = [monitor.event(timestamp=moment.isoformat(), **changes) for moment in moments]
    assert monitor.send(api, events).status == 200


def ask(database: Database, **asked: str) -> dict[str, Any]:
    user = User(database.value("select id from profiles"))
    return summary.summary(user, Filtered.model_validate(asked), NOW).model_dump(by_alias=True)


def at(day: int, hour: int = 12, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


@pytest.fixture
def owner(database: Database, owner_token: str) -> str:
    """Somebody with no events at all."""
    return owner_token


def test_the_first_paint(api: Api, laptop: Registered, database: Database) -> None:
    """Everything of seven days against the seven before."""
    send(api, laptop, [at(20), at(20), at(19, 9), at(18, 12), at(16, 23)])
    send(api, laptop, [at(18, 9)], type="error", payload={"project": "loom"})
    send(api, laptop, [at(10), at(11, 23), at(11, 23), at(7)])  # the 7th is before both
    answer = ask(database, days="7")
    score = answer.pop("score")
    assert answer == {
        "period": {
            "from": "2026-11-14T00:00:00+00:00",
            "to": "2026-11-21T00:00:00+00:00",
            "timezone": "UTC",
        },
        "previous_period": {
            "from": "2026-11-07T00:00:00+00:00",
            "to": "2026-11-14T00:00:00+00:00",
            "timezone": "UTC",
        },
        "totals": ZERO | {"events": 6, "errors": 1, "cost_usd": 0.0, "active_days": 4},
        "previous": ZERO | {"events": 4, "cost_usd": 0.0, "active_days": 3},
        "trend": {
            "events": 0.5,
            "errors": None,
            "tokens": None,
            "cost_usd": None,
            "active_days": 0.3333,
        },
        "streaks": {"current": 3, "longest": 3},
        "best_hour": {"hour": 12, "events": 3},
    }
    consistency = next(part for part in score["parts"] if part["name"] == "consistency")
    assert consistency == {"name": "consistency", "value": 80.0, "weight": 25}


def test_days_are_of_the_zone(api: Api, laptop: Registered, database: Database) -> None:
    """What is one day in UTC are two in Kathmandu, and the best hour is one of theirs."""
    send(api, laptop, [at(18, 18), at(18, 19), at(18, 19)])
    there = ask(database, days="7", tz="Asia/Kathmandu")
    assert there["totals"]["active_days"] == 2
    assert there["streaks"]["longest"] == 2
    assert there["best_hour"] == {"hour": 0, "events": 2}
    here = ask(database, days="7")
    assert here["totals"]["active_days"] == 1
    assert here["streaks"] == {"current": 0, "longest": 1}


def test_nothing_is_an_answer_too(database: Database, owner: str) -> None:
    """No events: zeros, no best hour, no score, and for each part why."""
    answer = ask(database)
    assert answer["totals"] == ZERO | {"events": 0, "cost_usd": 0.0, "active_days": 0}
    assert answer["streaks"] == {"current": 0, "longest": 0}
    assert answer["best_hour"] is None
    assert answer["score"]["value"] is None
    assert answer["score"]["parts"] == []
    assert [part["name"] for part in answer["score"]["left_out"]] == [
        "focus",
        "consistency",
        "errors_fixed",
        "learning",
        "plan_completion",
    ]
    assert all(part["reason"] for part in answer["score"]["left_out"])


def test_what_has_no_price_never_looks_free(
    api: Api, laptop: Registered, database: Database, owner_token: str
) -> None:
    """Both periods say how many calls have no price, under every filter; without any, no cost."""
    for day, model in ((20, "claude-opus-4-5"), (19, "unheard-of"), (18, "unheard-of"), (10, "x")):
        usage = {"model": model, "inputTokens": 1_000_000, "project": f"of-{model}"}
        send(api, laptop, [at(day)], type="token_usage", payload=usage)

    def costs(**asked: str) -> list[tuple[float | None, int]]:
        answer = ask(database, days="7", **asked)
        parts = (answer["totals"], answer["previous"])
        return [(part["cost_usd"], part["unpriced"]) for part in parts]

    assert costs() == [(5.0, 2), (None, 1)]
    assert ask(database, days="7")["trend"]["cost_usd"] is None
    assert costs(source="laptop") == [(5.0, 2), (None, 1)]
    assert costs(source="nobody") == [(0.0, 0), (0.0, 0)]
    assert costs(project="of-unheard-of") == [(None, 2), (0.0, 0)]
    assert costs(kind="token_usage") == [(5.0, 2), (None, 1)]
    assert costs(language="") == [(5.0, 2), (None, 1)]
    assert costs(kind="tool") == [(0.0, 0), (0.0, 0)]
    tokens = api("GET", "/v1/query/tokens?from=2026-11-14&to=2026-11-20", token=owner_token)
    assert tokens.json["totals"]["unpriced"] == 2


def test_filters_narrow_what_is_counted(api: Api, laptop: Registered, database: Database) -> None:
    """Totals, streaks, best hour are of one project; what is not known of it is left out."""
    send(api, laptop, [at(20), at(19)], payload={"project": "loom"})
    send(api, laptop, [at(18, 8), at(18, 8)], payload={"project": "web"})
    answer = ask(database, days="7", project="web")
    assert answer["totals"]["events"] == 2
    assert answer["streaks"] == {"current": 0, "longest": 1}
    assert answer["best_hour"] == {"hour": 8, "events": 2}
    left_out = {part["name"]: part["reason"] for part in answer["score"]["left_out"]}
    assert "without filters" in left_out["focus"]
    assert "without filters" in left_out["errors_fixed"]


def test_the_score_rests_on_time_and_repairs(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Focus and errors fixed are of the daily figures, computed when they are asked for."""
    for minute in range(0, 60, 5):
        moment = at(19, 9) + timedelta(minutes=minute)
        project = "loom" if minute < 45 else "web"
        payload = {"entity": "a.rs", "is_write": True, "category": "editing", "project": project}
        send(api, laptop, [moment], type="heartbeat", payload=payload)
    for minute, code in ((0, 1), (5, 0), (10, 2)):
        payload = {
            "command": "cargo test" if minute < 10 else "npm ci",
            "exit_code": code,
            "duration_ms": 10,
            "project": "loom",
        }
        send(api, laptop, [at(18) + timedelta(minutes=minute)], type="terminal", payload=payload)
    score = ask(database, days="7")["score"]
    parts = {part["name"]: part["value"] for part in score["parts"]}
    assert parts["errors_fixed"] == 50.0
    assert 50.0 < parts["focus"] < 100.0
    expected = (parts["focus"] * 30 + parts["consistency"] * 25 + 50.0 * 20) / 75
    assert score["value"] == round(expected)
    assert {part["name"] for part in score["left_out"]} == {"learning", "plan_completion"}


def test_much_to_compute_is_left_to_the_job(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Weeks of days that await their figures do not hold up a first paint; the answer says so."""
    send(api, laptop, [at(day) for day in range(1, 20)])
    left_out = {p["name"]: p["reason"] for p in ask(database)["score"]["left_out"]}
    assert "being computed" in left_out["focus"]
    assert database.value("select count(*) from time_daily") == 0


def test_streaks() -> None:
    """A streak lives until a whole day passed without an event."""
    today = date(2026, 11, 20)

    def streaks(*days: int) -> Streaks:
        return summary.count_streaks([date(2026, 11, day) for day in days], today)

    assert streaks() == Streaks(current=0, longest=0)
    assert streaks(20) == Streaks(current=1, longest=1)
    assert streaks(18, 19) == Streaks(current=2, longest=2)
    assert streaks(17, 18) == Streaks(current=0, longest=2)
    assert streaks(1, 2, 3, 5, 19, 20) == Streaks(current=2, longest=3)


def test_over_http(api: Api, laptop: Registered, database: Database, owner_token: str) -> None:
    """Tagged and private; bad questions are 400; nobody without a token gets in."""
    send(api, laptop, [datetime.now(UTC)])
    answer = api("GET", "/v1/query/summary", token=owner_token)
    assert (answer.status, answer.json["totals"]["events"]) == (200, 1)
    known = {"If-None-Match": answer.headers["ETag"]}
    fresh_process()
    assert api("GET", "/v1/query/summary", token=owner_token, headers=known).status == 304
    refused = api("GET", "/v1/query/summary?tz=X", token=owner_token)
    assert (refused.status, refused.error) == (400, "invalid_timezone")
    assert api("GET", "/v1/query/summary").status == 401


def move_to(database: Database, zone: str) -> None:
    """The owner now lives in `zone`; the sums by day are not cut anew yet."""
    database.rows("update profiles set timezone = %s", zone)


def fold(database: Database) -> None:
    """The sums by day are cut in the owner's zone."""
    database.rows("select fold_days(id) from profiles")


def test_a_late_event_joins_two_streaks(api: Api, laptop: Registered, database: Database) -> None:
    """What arrives later counts for its own day, before and after the days are cut anew."""
    send(api, laptop, [at(17), at(19)])
    assert ask(database)["streaks"] == {"current": 1, "longest": 1}
    send(api, laptop, [at(18), at(20)])
    assert ask(database)["streaks"] == {"current": 4, "longest": 4}
    move_to(database, "Asia/Kathmandu")
    assert ask(database)["streaks"] == {"current": 4, "longest": 4}
    fold(database)
    assert ask(database)["streaks"] == {"current": 4, "longest": 4}


def test_a_repeated_midnight_begins_one_day(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Where clocks go back to midnight, the hour that comes first is the new day's as well."""
    first_pass = datetime(2025, 11, 2, 4, 30, tzinfo=UTC)  # 00:30 in Havana, and so an hour later
    send(api, laptop, [first_pass, datetime(2025, 11, 3, 12, tzinfo=UTC)])
    assert ask(database, tz="America/Havana")["streaks"] == {"current": 0, "longest": 2}
    move_to(database, "America/Havana")
    fold(database)
    assert ask(database, tz="America/Havana")["streaks"] == {"current": 0, "longest": 2}


@pytest.mark.parametrize(
    ("zone", "table", "range_"),
    [
        ("UTC", "event_days", "(day >= p.day) AND (day <= p.day)"),
        ("Asia/Kathmandu", "event_sums", "(quarter_at >= p.since) AND (quarter_at < p.until)"),
    ],
)
def test_streaks_probe_the_sums(
    api: Api, laptop: Registered, database: Database, zone: str, table: str, range_: str
) -> None:
    """A day is one probe of (owner, day), of another zone of (owner, quarter); no event is read."""
    send(api, laptop, [at(18), at(19), at(3, month=6)])
    owner = database.value("select id from profiles")
    parameters: dict[str, Any] = dict.fromkeys(("source", "project", "language", "kind"))
    parameters |= {"zone": zone, "first": date(2026, 1, 1), "last": date(2026, 11, 20)}
    with as_role(database, "authenticated", str(owner)) as connection:
        for other in ("seqscan", "bitmapscan", "material"):
            connection.execute(f"set local enable_{other} = off")
        plan = [
            line
            for (line,) in connection.execute(
                "explain (analyze, costs off, timing off, summary off) "
                + summary.queries.active_days.sql.rstrip().rstrip(";"),
                parameters,
            )
        ]
    text = "\n".join(plan)
    read = [
        number
        for number, line in enumerate(plan)
        if " on event" in line and "never executed" not in line
    ]
    assert [table in plan[number] for number in read] == [True], text
    assert f"{table}_identity" in plan[read[0]]
    assert "Index Cond: ((owner_id = " in plan[read[0] + 1]
    assert range_ in plan[read[0] + 1], text
