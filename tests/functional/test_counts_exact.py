"""Counts are exact at every moment, in any grouping, and read from the roll-ups alone."""

import random
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.core.actor import User
from functions.query import counts, summary, tokens
from functions.query.models_counts import TimelineAsked
from tests.support import Api, Database, Registered, as_role, register_source

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
    by=st.sampled_from(["hour", "day", "week"]),
    counted=st.booleans(),
)
@settings(
    max_examples=25,
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
    by: str,
    counted: bool,
) -> None:
    """Whatever the zone, the grain and the group, the rows sum to the totals and to the truth."""
    database.rows("delete from events")
    events = [
        event(laptop, moment, type=kind, payload={"project": project, "language": language})
        for moment, kind, project, language in sent
    ]
    assert laptop.send(api, events).status == 200
    if counted:
        database.rows("select count_batches()")
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


def test_no_number_is_ever_wrong(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """While another connection counts at random, each answer has every committed event, once."""
    stop = threading.Event()
    runs = 0

    def count() -> None:
        nonlocal runs
        chance = random.Random(3)
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            while not stop.is_set():
                connection.execute("select count_batches(%s)", (chance.randint(1, 3),))
                runs += 1
                stop.wait(chance.random() / 200)

    counter = threading.Thread(target=count)
    counter.start()
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
        counter.join()
    assert runs > 10
    assert database.value("select count(*) from event_hourly") > 0


NOTHING: dict[str, Any] = dict.fromkeys(("source", "project", "language", "kind"))
SPAN = {
    "zone": "Asia/Kathmandu",
    "since": datetime(2026, 10, 22, 18, 15, tzinfo=UTC),
    "until": datetime(2026, 11, 20, 18, 15, tzinfo=UTC),
}
QUESTIONS: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "timeline": (
        counts.queries.timeline,
        "event_hourly",
        {"by": "day", "grouping": "kind", "at": None, "label": None, "limit": 10},
    ),
    "breakdown": (
        counts.queries.breakdown,
        "event_hourly",
        {"grouping": "project", "events": None, "label": None, "limit": 10},
    ),
    "summary": (
        summary.queries.summary,
        "event_hourly",
        {"before": datetime(2026, 9, 22, 18, 15, tzinfo=UTC)},
    ),
    "tokens": (
        tokens.queries.tokens,
        "token_hourly",
        {
            "by": "month",
            "grouping": "model",
            "top": 10,
            "recent": datetime(2026, 10, 15, 18, 15, tzinfo=UTC),
            "provider": None,
            "model": None,
            "after": None,
            "limit": 10,
        },
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_ride_the_primary_key(
    database: Database, owner_token: str, question: str
) -> None:
    """Each reads a range of (owner, hour) of its roll-up, under row-level security."""
    statement, table, parameters = QUESTIONS[question]
    with as_role(database, "authenticated", str(owner(database).id)) as connection:
        connection.execute("set local enable_seqscan = off")
        connection.execute("set local enable_bitmapscan = off")
        explained = connection.execute(
            "explain (costs off) " + statement.sql.rstrip().rstrip(";"),
            NOTHING | SPAN | parameters,
        )
        plan = [line for (line,) in explained]
    scans = [number for number, line in enumerate(plan) if f" on {table} " in line]
    assert scans, "\n".join(plan)
    for number in scans:
        assert f"{table}_identity" in plan[number]
        condition = plan[number + 1].strip()
        assert condition.startswith("Index Cond: ((owner_id = (InitPlan"), condition
        assert "(hour >= " in condition
