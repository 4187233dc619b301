"""Roll-ups by arrival: every event is counted exactly once, at every moment, whatever happens."""

import json
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import Api, Database, Registered, event_id, register_source

# The truth: what the raw events say, in the shape of each roll-up.
RECOUNT = """
    select date_trunc('hour', e.occurred_at, 'UTC') as hour,
        (extract(minute from e.occurred_at)::integer / 15)::smallint as quarter,
        e.source_id, e.kind, coalesce(e.project, '') as project,
        coalesce(e.language, '') as language, count(*)::bigint as events,
        count(*) filter (where e.is_error)::bigint as errors,
        coalesce(sum(e.tokens_input), 0)::bigint as tokens_input,
        coalesce(sum(e.cost_usd), 0) as cost_usd
    from events as e {where} group by 1, 2, 3, 4, 5, 6
"""
ROLLED_UP = """
    select hour, quarter, source_id, kind, project, language, sum(events)::bigint as events,
        sum(errors)::bigint as errors, sum(tokens_input)::bigint as tokens_input,
        sum(cost_usd) as cost_usd
    from {relation} group by 1, 2, 3, 4, 5, 6
"""
TOKEN_RECOUNT = """
    select date_trunc('hour', e.occurred_at, 'UTC') as hour, coalesce(e.model, '') as model,
        coalesce(e.provider, '') as provider, count(*)::bigint as calls,
        sum(e.tokens_output)::bigint as tokens_output, coalesce(sum(e.cost_usd), 0) as cost_usd,
        count(*) filter (where e.cost_usd is null)::bigint as unpriced
    from events as e where e.tokens_input is not null {where} group by 1, 2, 3
"""
TOKENS = """
    select hour, model, provider, sum(calls)::bigint as calls,
        sum(tokens_output)::bigint as tokens_output, sum(cost_usd) as cost_usd,
        sum(unpriced)::bigint as unpriced
    from {relation} group by 1, 2, 3
"""
COUNTED = "where e.batch_id in (select id from batches where counted_at is not null)"


def table(database: Database, query: str) -> Counter[str]:
    """Rows as a multiset; numerics without trailing zeros, so that 1.50 is 1.5."""
    return Counter(
        json.dumps(
            {
                k: format(v.normalize(), "f") if hasattr(v, "normalize") else str(v)
                for k, v in row.items()
            }
        )
        for row in database.rows(query)
    )


def assert_exact(database: Database) -> None:
    """Roll-ups equal a recount of counted events, the views one of all events."""
    counted = COUNTED
    assert table(database, ROLLED_UP.format(relation="event_hourly")) == table(
        database, RECOUNT.format(where=counted)
    )
    assert table(database, ROLLED_UP.format(relation="event_counts")) == table(
        database, RECOUNT.format(where="")
    )
    assert table(database, TOKENS.format(relation="token_hourly")) == table(
        database, TOKEN_RECOUNT.format(where=counted.replace("where", "and", 1))
    )
    assert table(database, TOKENS.format(relation="token_counts")) == table(
        database, TOKEN_RECOUNT.format(where="")
    )


def some_events(source: Registered, chance: random.Random, count: int) -> list[dict[str, Any]]:
    """Events of several kinds over two months, late ones and token reports among them."""
    events = []
    for _ in range(count):
        moment = datetime.now(UTC) - timedelta(seconds=chance.randrange(60 * 86_400))
        payload: dict[str, Any] = {"project": chance.choice(["loom", "vibe", None])}
        kind = chance.choice(["tool", "error", "token_usage", "session"])
        if kind == "token_usage":
            payload |= {
                "model": chance.choice(["claude-sonnet-4-20250514", "a-model-of-tomorrow"]),
                "inputTokens": chance.randrange(5_000),
                "outputTokens": chance.randrange(900),
            }
        events.append(
            source.event(id=event_id(), timestamp=moment.isoformat(), type=kind, payload=payload)
        )
    return events


def count(database: Database, limit: int = 500) -> int:
    """One run of the job; how many batches it counted."""
    return int(database.value("select batches from count_batches(%s)", limit))


def test_a_run_counts_each_batch_once(api: Api, laptop: Registered, database: Database) -> None:
    """Bounded, idempotent, and exact before, between and after runs."""
    chance = random.Random(1)
    for _ in range(7):
        laptop.send(api, some_events(laptop, chance, 20))
    assert_exact(database)
    assert [count(database, 3) for _ in range(4)] == [3, 3, 1, 0]
    assert_exact(database)
    assert database.value("select count(*) from event_hourly") > 0


def test_what_is_priced_and_what_is_not(api: Api, laptop: Registered, database: Database) -> None:
    """A listed model costs its list price, dated or not; any other is null and counted as such."""
    usage = {"inputTokens": 1_000_000, "outputTokens": 100_000, "cacheReadTokens": 10_000}
    for model in ("claude-sonnet-4-20250514", "claude-sonnet-4", "claude-sonnet-4-9", "gpt-x"):
        event = laptop.event(type="token_usage", payload={"model": model, **usage})
        assert laptop.send(api, [event]).status == 200
    count(database)
    rows = database.rows("select model, cost_usd, unpriced from token_hourly order by model")
    price = 6 + 2.25 + 0.006  # of a prompt of more than 200,000 tokens
    assert [(r["model"], float(r["cost_usd"]), r["unpriced"]) for r in rows] == [
        ("claude-sonnet-4", price, 0),
        ("claude-sonnet-4-20250514", price, 0),
        ("claude-sonnet-4-9", 0, 1),
        ("gpt-x", 0, 1),
    ]


def test_deleting_events_uncounts_them(api: Api, laptop: Registered, database: Database) -> None:
    """In the same transaction, whether or not their batch was counted; nothing is left behind."""
    chance = random.Random(2)
    for _ in range(4):
        laptop.send(api, some_events(laptop, chance, 25))
    count(database, 2)
    database.rows("delete from events where kind = 'token_usage' and id < 'evt_m'")
    assert_exact(database)
    count(database)
    assert_exact(database)
    database.rows("delete from events")
    assert_exact(database)
    assert database.value("select count(*) from event_hourly") == 0
    assert database.value("select count(*) from token_hourly") == 0


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), writers=st.integers(1, 3), runs=st.integers(1, 3))
def test_exact_under_random_interleavings(
    api: Api, laptop: Registered, database: Database, seed: int, writers: int, runs: int
) -> None:
    """Writers, runs, deletions and runs that die half-way, all at once: sums equal a recount."""

    def write(number: int) -> None:
        chance = random.Random(seed + number)
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            for step in range(6):
                body = json.dumps(some_events(laptop, chance, chance.randrange(1, 15)))
                connection.execute(
                    "select bulk_insert_events(%s, %s::jsonb, sha256(%s::bytea), %s)",
                    (laptop.key_id, body, f"{seed}/{number}/{step}".encode(), bytes(64)),
                )

    def run(number: int) -> None:
        chance = random.Random(seed - number - 1)
        with psycopg.connect(database.admin_url) as connection:
            for _ in range(6):
                connection.execute("select count_batches(%s)", (chance.randrange(1, 4),))
                if chance.random() < 0.3:
                    connection.rollback()  # as if it had died
                else:
                    connection.commit()

    def delete() -> None:
        chance = random.Random(seed)
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            for _ in range(4):
                letter = chance.choice("abcdefghijklmnopqrstuvwxyz0123456789")
                connection.execute("delete from events where id like %s", (f"evt_{letter}%",))

    with ThreadPoolExecutor(writers + runs + 1) as pool:
        tasks = [pool.submit(write, n) for n in range(writers)]
        tasks += [pool.submit(run, n) for n in range(runs)] + [pool.submit(delete)]
    for task in tasks:
        try:
            task.result()
        except psycopg.errors.DeadlockDetected:
            pytest.fail("a deadlock: somebody takes locks in another order")
    assert_exact(database)
    while count(database):
        pass
    assert_exact(database)


def test_a_reader_never_sees_a_wrong_number(
    api: Api, laptop: Registered, database: Database
) -> None:
    """While runs move events from the tail into the roll-up, every read is the true count."""
    stop = threading.Event()

    def run() -> None:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            while not stop.is_set():
                connection.execute("select count_batches(1)")

    runner = threading.Thread(target=run)
    runner.start()
    try:
        chance, written = random.Random(3), 0
        for _ in range(60):
            size = chance.randrange(1, 8)
            laptop.send(api, some_events(laptop, chance, size))
            written += size
            for _ in range(3):
                assert database.value("select sum(events) from event_counts") == written
    finally:
        stop.set()
        runner.join()


def test_a_run_killed_half_way_changes_nothing(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Its work is undone, and the next run does it."""
    laptop.send(api, some_events(laptop, random.Random(4), 50))
    connection = psycopg.connect(database.admin_url)
    pid = connection.info.backend_pid
    connection.execute("select count_batches()")
    database.rows("select pg_terminate_backend(%s, 5000)", pid)
    connection.close()
    assert database.value("select count(*) from event_hourly") == 0
    assert_exact(database)
    assert count(database) == 1
    assert_exact(database)


def test_days_become_dirty_in_the_owner_s_zone(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A counted event marks its day, and a neighbour that begins or ended within the hour."""
    database.rows("update profiles set timezone = 'Asia/Kathmandu'")
    for moment in ("2026-11-01T18:00:00Z", "2026-11-05T06:00:00Z"):  # 23:45 and 11:45 there
        laptop.send(api, [laptop.event(timestamp=moment)])
    count(database)
    days = [str(row["day"]) for row in database.rows("select day from dirty_days order by day")]
    assert days == ["2026-11-01", "2026-11-02", "2026-11-05"]


def test_no_payload_is_too_long_to_be_counted(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A project of thousands of letters is cut where it is grouped by, and stops nobody's count."""
    long = "".join(random.Random(5).choices("abcdefghijklmnopqrstuvwxyz\u00e9\U0001f3b9", k=3_000))
    names = {"project": long, "language": long, "branch": long, "provider": long, "model": long}
    laptop.send(api, [laptop.event(payload=names), laptop.event(type="token_usage", payload=names)])
    assert count(database) == 1
    assert_exact(database)
    assert database.value("select distinct payload ->> 'project' from events") == long


def test_two_owners_are_counted_apart(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """A run for one owner leaves the other's batches for later, and their sums alone."""
    desk = register_source(api, owner_token, "desk")
    desk.send(api, [desk.event()])
    laptop.send(api, [laptop.event()])
    database.rows(
        "with p as (insert into profiles default values returning id),"
        " s as (update batches set owner_id = p.id from p, sources"
        " where sources.id = batches.source_id and sources.name = 'desk'"
        " returning batches.id, p.id as owner)"
        " update events set owner_id = s.owner from s where s.id = batch_id"
    )
    owner = database.value("select owner_id from sources where name = 'laptop'")
    assert database.value("select batches from count_batches(10, %s)", owner) == 1
    assert database.value("select count(*) from batches where counted_at is null") == 1
    assert_exact(database)


def test_runs_over_the_same_hours_take_no_more_room(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A table that grew with every run would make every question slower, for as many rows."""
    hours = [datetime.now(UTC) - timedelta(hours=hour) for hour in range(1, 1_001)]
    sizes = []
    for _ in range(12):
        events = [laptop.event(timestamp=hour.isoformat()) for hour in hours]
        assert laptop.send(api, events).status == 200
        database.rows("select count_batches()")
        sizes.append(database.value("select pg_relation_size('event_hourly')"))
    assert database.value("select count(*) from event_hourly") <= 1_010
    assert sizes[-1] <= 1.5 * sizes[0]
