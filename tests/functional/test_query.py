"""`GET /v1/query`: the heatmap contract, and who may read what."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.query.heatmap.heatmap import queries
from tests.support import (
    Api,
    Database,
    Registered,
    as_role,
    fresh_process,
    register_source,
)


def hours_ago(hours: float) -> datetime:
    """Half past, so that an hour ago is never the same hour."""
    now = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
    return now - timedelta(hours=hours)


def aggregate(source: str, moment: datetime, count: int) -> dict[str, Any]:
    return {
        "source": source,
        "date": moment.date().isoformat(),
        "hour": moment.hour,
        "eventCount": count,
    }


@pytest.fixture
def filled(api: Api, laptop: Registered, owner_token: str) -> list[dict[str, Any]]:
    """Two monitors' events; returns the aggregates of seven days, newest first."""
    desk = register_source(api, owner_token, "desk")
    plan = [(laptop, 1, 3), (desk, 1, 2), (laptop, 26, 5), (laptop, 24 * 20, 7)]
    for monitor, hours, count in plan:
        moment = hours_ago(hours).isoformat()
        events = [monitor.event(timestamp=moment) for _ in range(count)]
        assert monitor.send(api, events).status == 200
    return [
        aggregate("desk", hours_ago(1), 2),
        aggregate("laptop", hours_ago(1), 3),
        aggregate("laptop", hours_ago(26), 5),
    ]


def test_the_answer_is_the_contract(
    api: Api, filled: list[dict[str, Any]], owner_token: str
) -> None:
    """Counts by source, date and hour in UTC, newest first, and nothing else."""
    answer = api("GET", "/v1/query", token=owner_token)
    fetched_at = answer.json["meta"].pop("fetchedAt")
    assert answer.status == 200
    assert json.loads(answer.text)["aggregates"] == filled
    body = json.loads(answer.text)
    assert body["meta"] == {
        "totalCount": 3,
        "daysRequested": 7,
        "fetchedAt": body["meta"]["fetchedAt"],
    }
    assert datetime.now(UTC) - datetime.fromisoformat(fetched_at) < timedelta(minutes=1)


def test_thirty_days_and_one_source(
    api: Api, filled: list[dict[str, Any]], owner_token: str
) -> None:
    """`days` widens, `source` narrows; an unknown source is an empty answer."""
    month = api("GET", "/v1/query?days=30", token=owner_token).json
    assert month["aggregates"] == [*filled, aggregate("laptop", hours_ago(24 * 20), 7)]
    assert month["meta"]["daysRequested"] == 30
    desk = api("GET", "/functions/v1/query?days=7&source=desk", token=owner_token).json
    assert desk["aggregates"] == [filled[0]]
    nobody = api("GET", "/v1/query?source=nobody", token=owner_token).json
    assert (nobody["aggregates"], nobody["meta"]["totalCount"]) == ([], 0)


@pytest.mark.parametrize("days", ["", "0", "1", "8", "-7", "7.0", "7,30", "7abc", "٧", "9" * 50])
def test_other_days_are_refused(api: Api, owner_token: str, days: str) -> None:
    """Only 7 and 30."""
    answer = api("GET", f"/v1/query?days={days}", token=owner_token)
    assert (answer.status, answer.json) == (
        400,
        {"error": "invalid_days", "message": "days parameter must be 7 or 30"},
    )


@pytest.mark.parametrize("source", ["%00", "a'--", "💥", "x" * 4000])
def test_odd_sources_are_only_names(api: Api, owner_token: str, source: str) -> None:
    """Whatever is asked for, it is no error of ours."""
    assert api("GET", f"/v1/query?source={source}", token=owner_token).status in (200, 400)


def test_without_a_token(api: Api) -> None:
    """401 says which: none at all, or one that is not valid."""
    answer = api("GET", "/v1/query")
    assert (answer.status, answer.error) == (401, "missing_auth")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    for header in (
        "Bearer",
        "Bearer ",
        "Basic x",
        "Bearer vlm_x",
        "Bearer x",
        "Bearer é\u2028",
        "Bearer " + "x" * 9000,
    ):
        answer = api("GET", "/v1/query", headers={"Authorization": header})
        assert (answer.status, answer.error) == (401, "invalid_token"), header


def test_strangers_see_their_own_nothing(
    api: Api, filled: list[dict[str, Any]], database: Database
) -> None:
    """Another account's valid token reads none of the owner's events."""
    from functions.accounts import tokens
    from functions.accounts.models import NewToken
    from functions.core.actor import User

    stranger = database.value(
        "insert into profiles (email) values ('eve@example.org') returning id"
    )
    issued = tokens.issue(
        User(stranger), NewToken(name="t", scopes=["query:read"]), datetime.now(UTC)
    )
    answer = api("GET", "/v1/query?days=30", token=issued.token)
    assert (answer.status, answer.json["aggregates"]) == (200, [])


def test_the_subscriber_token(
    api: Api, filled: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads the owner's data, as in existing deployments, and does nothing else."""
    monkeypatch.setenv("VIBETEA_SUBSCRIBER_TOKEN", "dev-token-for-testing")
    fresh_process()
    answer = api("GET", "/v1/query", token="dev-token-for-testing")
    assert (answer.status, answer.json["aggregates"]) == (200, filled)
    assert api("GET", "/v1/query", token="dev-token-for-testinh").error == "invalid_token"
    refused = api(
        "POST", "/v1/tokens", {"name": "x", "scopes": ["query:read"]}, token="dev-token-for-testing"
    )
    assert (refused.status, refused.error) == (403, "insufficient_scope")


def test_the_owner_exists_from_the_first_start(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscriber token on an empty database is an empty answer, not an error."""
    monkeypatch.setenv("VIBETEA_SUBSCRIBER_TOKEN", "t")
    monkeypatch.setenv("VIBELOOM_OWNER_EMAIL", "ada@example.org")
    fresh_process()
    assert api("GET", "/v1/query", token="t").json["aggregates"] == []
    assert database.rows(
        "select p.email from deployment as d join profiles as p on d.owner_id = p.id"
    ) == [{"email": "ada@example.org"}]


def plan_of(database: Database, statement: str, parameters: dict[str, Any]) -> str:
    """How the owner's question is answered when no table is too small for its indexes."""
    owner = database.value("select owner_id from deployment")
    with as_role(database, "authenticated", str(owner)) as connection:
        connection.execute("set local enable_seqscan = off")
        connection.execute("set local enable_bitmapscan = off")
        explained = connection.execute(
            "explain (costs off) " + statement.rstrip().rstrip(";"), parameters
        )
        return "\n".join(line for (line,) in explained)


def heatmap_parameters(now: datetime) -> dict[str, Any]:
    since = (now - timedelta(days=7)).replace(minute=5)
    return {
        "since": since,
        "whole": since.replace(minute=15, second=0, microsecond=0),
        "until": now + timedelta(days=2),
        "source": None,
    }


def test_reading_rides_the_primary_key_of_the_sums(database: Database, owner_token: str) -> None:
    """Seven days are a range of (owner, quarter) in activity_sums; nothing is only filtered."""
    plan = plan_of(
        database, queries.hourly_counts.sql, heatmap_parameters(datetime.now(UTC))
    ).splitlines()
    [scan] = [number for number, line in enumerate(plan) if " on activity_sums" in line]
    assert "activity_sums_identity" in plan[scan]
    condition = plan[scan + 1]
    assert condition.strip().startswith("Index Cond: ((owner_id = (InitPlan")
    assert "quarter_at >= " in condition
    assert "quarter_at < " in condition


def test_reading_touches_no_partition_for_nothing(
    api: Api, database: Database, laptop: Registered, owner_token: str
) -> None:
    """No month of events is opened but the one of the quarter that the period begins in."""
    month = [laptop.event(timestamp=hours_ago(1).isoformat()) for _ in range(1_000)]
    assert laptop.send(api, month).status == 200
    late = laptop.event(timestamp=hours_ago(24 * 400).isoformat())
    assert laptop.send(api, [late]).status == 200
    database.rows("analyze")
    owner = database.value("select id from profiles")
    with as_role(database, "authenticated", str(owner)) as connection:
        plan = [
            line
            for (line,) in connection.execute(
                "explain (analyze, costs off, timing off, summary off) "
                + queries.hourly_counts.sql.rstrip().rstrip(";"),
                heatmap_parameters(datetime.now(UTC)),
            )
        ]
    opened = {
        word
        for line in plan
        if "never executed" not in line and " Scan" in line
        for word in line.split()
        if word.startswith("events_2") and len(word) == len("events_2026_11")
    }
    edge = (datetime.now(UTC) - timedelta(days=7)).strftime("events_%Y_%m")
    assert opened == {edge}, "\n".join(plan)


def test_the_edge_is_exact_to_the_microsecond(
    database: Database, owner_token: str, api: Api, laptop: Registered
) -> None:
    """Days × 24 h before now, not the hour or quarter that happens to begin there."""
    from functions.core.actor import User
    from functions.query.heatmap import heatmap

    now = datetime.now(UTC).replace(minute=37, second=11, microsecond=123457)
    since = now - timedelta(days=7)
    moments = [since - timedelta(microseconds=1), since, since + timedelta(minutes=20)]
    events = [laptop.event(timestamp=moment.isoformat()) for moment in moments]
    assert laptop.send(api, events).status == 200
    user = User(database.value("select id from profiles"))
    answer = heatmap.hourly_counts(user, 7, None, now)
    assert [each.eventCount for each in answer.aggregates] == [2]


def test_an_answer_that_did_not_change_is_not_sent_again(
    api: Api, filled: list[dict[str, Any]], owner_token: str
) -> None:
    """`If-None-Match` with the tag of the last answer: 304, until there is something new."""
    first = api("GET", "/v1/query", token=owner_token)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, max-age=0, must-revalidate"
    again = api("GET", "/v1/query", token=owner_token, headers={"If-None-Match": f'"x", {tag}'})
    assert (again.status, again.text, again.headers["ETag"]) == (304, "", tag)
    anything = api("GET", "/v1/query", token=owner_token, headers={"If-None-Match": "*"})
    assert anything.status == 304
    other = api("GET", "/v1/query?days=30", token=owner_token, headers={"If-None-Match": tag})
    assert other.status == 200
