"""Counts are exact at every moment, in any grouping, and read from the sums alone."""

import random
import re
import threading
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.core.actor import User
from functions.query.counts import counts
from functions.query.counts.models import TimelineAsked
from functions.query.summary import summary
from functions.query.tokens import tokens
from tests.sums import assert_exact, delete_events
from tests.support import (
    Api,
    Database,
    Registered,
    as_role,
    examples,
    register_source,
    run_job,
)

GROUPINGS = ("kind", "project", "language", "source", "none")
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


def owner(database: Database) -> User:
    return User(database.value("select id from profiles"))


def move_to(database: Database, zone: str) -> None:
    """The owner now lives in `zone`; the sums by day are not cut anew yet."""
    database.rows("update profiles set timezone = %s", zone)


def fold(database: Database) -> None:
    """The sums by day are cut in the owner's zone."""
    database.rows("select fold_days(id) from profiles")


ZONES = ("UTC", "Asia/Kathmandu", "America/Sao_Paulo", "Australia/Lord_Howe", "Europe/Berlin")
MOMENTS = st.integers(0, 270 * 86_400).map(
    lambda seconds: datetime(2026, 2, 20, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(
    sent=st.lists(
        st.tuples(
            MOMENTS,
            st.sampled_from(["tool", "error", "session"]),
            st.sampled_from([None, "loom", "web"]),
            st.sampled_from([None, "rust", "sql"]),
        ),
        min_size=1,
        max_size=12,
    ),
    zone=st.sampled_from(ZONES),
    home=st.sampled_from(ZONES),
    by=st.sampled_from(["hour", "day", "week"]),
    folded=st.booleans(),
)
@settings(
    max_examples=examples(25),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_sum_over_any_grouping_is_the_total(
    api: Api,
    laptop: Registered,
    database: Database,
    sent: list[tuple[datetime, str, str | None, str | None]],
    zone: str,
    home: str,
    by: str,
    folded: bool,
) -> None:
    """Whatever the zone, the grain and the group, the rows sum to the totals and to the truth."""
    delete_events(database)
    move_to(database, home)
    events = [
        event(laptop, moment, type=kind, payload={"project": project, "language": language})
        for moment, kind, project, language in sent
    ]
    assert laptop.send(api, events).status == 200
    if folded:
        fold(database)
    for group in GROUPINGS:
        asked = TimelineAsked.model_validate(
            {
                "from": "2026-02-01",
                "to": "2026-11-20",
                "tz": zone,
                "by": by,
                "group": group,
                "limit": "10000",
            }
        )
        answer = counts.timeline(owner(database), asked, datetime(2026, 11, 20, tzinfo=UTC))
        assert answer.totals.events == len(sent)
        assert answer.totals.errors == sum(kind == "error" for _, kind, _, _ in sent)
        for measure in MEASURES:
            total = sum(getattr(row, measure) for row in answer.items)
            assert total == pytest.approx(getattr(answer.totals, measure)), (group, measure)
        assert all(row.events > 0 for row in answer.items)


# Days, days of another zone, a time of day, a quarter of an hour, all there is.
PERIODS = (
    "days=30",
    "days=30&tz=America/Sao_Paulo",
    "days=7&tz=Asia/Kathmandu",
    "from=2026-10-24&to=2026-10-26&tz=Europe/Berlin",  # clocks go back
    "from=2026-10-30T18:15:00Z&to=2026-11-10T18:15:00Z",  # days of Kathmandu, if it is asked
    "from=2026-10-30T18:15:00Z&to=2026-11-10T18:15:00Z&tz=Asia/Kathmandu",
    "from=2026-11-01T10:45:00Z&to=2026-11-12&tz=UTC",
    "from=2026-11-01&to=2026-11-12T23:45:00Z&tz=UTC",
    "from=2026-11-05T09:00:00Z&to=2026-11-05T09:15:00Z",
    "from=2025-12-01&to=2026-12-31&tz=UTC",
)
ASKED = (
    "timeline?by=hour&group=kind",
    "timeline?by=day&group=project",
    "timeline?by=week&group=source&project=loom",
    "timeline?by=day&kind=token_usage&language=",
    "projects?source=laptop",
    "languages?kind=tool",
    "tokens?by=day",
    "tokens?by=week&group=project&model=claude-opus-4-1",
    "tokens?by=month&group=none&source=desk",
    "summary?",
    "summary?kind=token_usage",
    "summary?project=web&language=rust",
)


def answers(api: Api, token: str) -> dict[str, Any]:
    """What is answered to each question about each period."""
    found = {}
    for question in ASKED:
        for period in PERIODS:
            target = f"/v1/query/{question}&{period}".replace("?&", "?")
            if "tz=" not in target:
                target += "&tz=UTC"  # the profile's is about to change
            if "by=hour" in target:
                target += "&limit=10000"
            answer = api("GET", target, token=token)
            assert answer.status == 200, (target, answer.text)
            found[target] = answer.json
    return found


def test_an_answer_is_the_same_from_days_and_from_quarters(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """Whatever zone the days are cut in, or were cut in until now, and also after a purge."""
    chance = random.Random(7)
    desk = register_source(api, owner_token, "desk")
    for _ in range(12):
        for monitor in (laptop, desk):
            assert monitor.send(api, some_events(monitor, chance, 25)).status == 200
    database.rows("select make_event_partitions()")
    run_job("refresh_days")  # the score has nothing to wait for
    expected = answers(api, owner_token)
    assert sum(answer["totals"].get("events", 1) > 0 for answer in expected.values()) > 60
    for zone in ("Asia/Kathmandu", "America/Sao_Paulo", "Europe/Berlin", "UTC"):
        move_to(database, zone)
        assert from_own_days(answers(api, owner_token)) == from_own_days(expected), zone
        fold(database)
        assert from_own_days(answers(api, owner_token)) == from_own_days(expected), zone
    database.rows("delete from events where occurred_at < '2026-11-05'")  # as a purge does
    assert answers(api, owner_token) == expected


def from_own_days(found: dict[str, Any]) -> dict[str, Any]:
    """Without the score, which rests on figures by day of the profile's zone."""
    return {
        target: {name: part for name, part in answer.items() if name != "score"}
        for target, answer in found.items()
    }


def some_events(monitor: Registered, chance: random.Random, count: int) -> list[dict[str, Any]]:
    """Events of October and November, a third of them calls of models."""
    return [
        event(
            monitor,
            datetime(2026, 10, 10, tzinfo=UTC) + timedelta(seconds=chance.randrange(40 * 86_400)),
            type=chance.choice(["tool", "error", "token_usage"]),
            payload={
                "project": chance.choice(["loom", "web", None]),
                "language": chance.choice(["rust", "sql", None]),
                "model": chance.choice(["claude-opus-4-1", "unheard-of", None]),
                "inputTokens": chance.randrange(5_000),
            },
        )
        for _ in range(count)
    ]


def test_no_number_is_ever_wrong(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """While the days are cut anew again and again, each answer has every committed event, once."""
    stop = threading.Event()
    runs = 0

    def cut() -> None:
        nonlocal runs
        chance = random.Random(3)
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            while not stop.is_set():
                zone = chance.choice(ZONES)
                connection.execute("update profiles set timezone = %s", (zone,))
                connection.execute("select fold_days(id) from profiles")
                runs += 1
                stop.wait(chance.random() / 200)

    cutter = threading.Thread(target=cut)
    cutter.start()
    desk = register_source(api, owner_token, "desk")
    sent = tokens_sent = 0
    chance = random.Random(4)
    try:
        for number in range(40):
            monitor = chance.choice([laptop, desk])
            size = chance.randint(1, 5)
            ago = timedelta(hours=chance.randint(1, 24 * 6))
            batch = [
                usage(monitor, datetime.now(UTC) - ago, number, "claude-opus-4-1")
                for _ in range(size)
            ]
            assert monitor.send(api, batch).status == 200
            sent += size
            tokens_sent += size * number
            heat = api("GET", "/v1/query?days=7", token=owner_token).json["aggregates"]
            assert sum(hour["eventCount"] for hour in heat) == sent
            timeline = api("GET", "/v1/query/timeline?group=source", token=owner_token).json
            assert timeline["totals"]["events"] == sent
            assert sum(row["events"] for row in timeline["items"]) == sent
            costs = api("GET", "/v1/query/tokens", token=owner_token).json["totals"]
            assert (costs["calls"], costs["tokens_input"]) == (sent, tokens_sent)
            painted = api("GET", "/v1/query/summary?days=8", token=owner_token).json["totals"]
            assert (painted["events"], painted["tokens_input"]) == (sent, tokens_sent)
    finally:
        stop.set()
        cutter.join()
    assert runs > 10
    assert_exact(database)


NOTHING: dict[str, Any] = dict.fromkeys(("source", "project", "language", "kind"))
SPAN = {
    "zone": "Asia/Kathmandu",
    "since": datetime(2026, 10, 22, 18, 15, tzinfo=UTC),
    "until": datetime(2026, 11, 20, 18, 15, tzinfo=UTC),
}
QUESTIONS: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "timeline": (
        counts.queries.timeline,
        "event",
        {"by": "day", "grouping": "kind", "at": None, "label": None, "limit": 10},
    ),
    "breakdown": (
        counts.queries.breakdown,
        "event",
        {"grouping": "project", "events": None, "label": None, "limit": 10},
    ),
    "summary": (
        summary.queries.summary,
        "event",
        {"before": datetime(2026, 9, 22, 18, 15, tzinfo=UTC)},
    ),
    "tokens": (
        tokens.queries.tokens,
        "token",
        {
            "by": "month",
            "grouping": "model",
            "top": 10,
            "today": date(2026, 11, 20),
            "provider": None,
            "model": None,
            "after": None,
            "limit": 10,
        },
    ),
}


def scans(
    database: Database, statement: str, parameters: dict[str, Any]
) -> dict[str, list[tuple[str, str]]]:
    """By table, each scan that ran and its condition; no table is too small for its index."""
    with as_role(database, "authenticated", str(owner(database).id)) as connection:
        connection.execute("set local enable_seqscan = off")
        connection.execute("set local enable_bitmapscan = off")
        explained = connection.execute(
            "explain (analyze, costs off, timing off, summary off) "
            + statement.rstrip().rstrip(";"),
            parameters,
        )
        plan = [line.strip() for (line,) in explained]
    found: dict[str, list[tuple[str, str]]] = {}
    for line, condition in pairwise(plan):
        if (named := re.search(r" on (\w+)", line)) and "never executed" not in line:
            found.setdefault(named[1], []).append((line, condition))
    return found


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_about_days_ride_the_primary_key(
    api: Api, laptop: Registered, database: Database, question: str, folded: bool
) -> None:
    """A range of (owner, day) where days are cut in the zone, else of (owner, quarter)."""
    assert laptop.send(api, some_events(laptop, random.Random(8), 20)).status == 200
    if folded:
        move_to(database, "Asia/Kathmandu")
        fold(database)
    statement, what, parameters = QUESTIONS[question]
    found = scans(database, statement.sql, NOTHING | SPAN | parameters)
    check_rides(found, f"{what}_days" if folded else f"{what}_sums")
    assert f"{what}_sums" not in found or not folded
    assert "events" not in "".join(found)


@pytest.mark.parametrize("question", QUESTIONS)
def test_other_questions_ride_the_primary_key_of_the_quarters(
    api: Api, laptop: Registered, database: Database, question: str
) -> None:
    """A period that ends within a day, or hours, although the days are cut in the zone."""
    assert laptop.send(api, some_events(laptop, random.Random(8), 20)).status == 200
    move_to(database, "Asia/Kathmandu")
    fold(database)
    statement, what, parameters = QUESTIONS[question]
    late = SPAN | {"until": datetime(2026, 11, 20, 18, 30, tzinfo=UTC)}
    found = scans(database, statement.sql, NOTHING | late | parameters)
    check_rides(found, f"{what}_sums")
    # The month's projection, which is of whole days whatever the period is.
    assert (f"{what}_days" in found) == (question == "tokens")
    if question == "timeline":
        hours = scans(database, statement.sql, NOTHING | SPAN | parameters | {"by": "hour"})
        check_rides(hours, "event_sums")
        assert "event_days" not in hours


def check_rides(found: dict[str, list[tuple[str, str]]], table: str) -> None:
    """The table's scans are ranges of its key, under row-level security, with nothing left out."""
    assert found.get(table), found
    column = "day" if table.endswith("_days") else "quarter_at"
    for scan, condition in found[table]:
        assert f"{table}_identity" in scan
        assert condition.startswith("Index Cond: ((owner_id = (InitPlan"), condition
        assert f"({column} >= " in condition
        assert f"({column} < " in condition
