"""Sums are kept by whoever stores, deletes or reprices: exact at every moment, whatever happens."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sums import assert_exact, delete_events
from tests.support import Api, Database, Registered, change_profile, event_id


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


def store(connection: Any, monitor: Registered, events: list[dict[str, Any]], name: str) -> None:
    """Stores a batch as ingest does once its signature is checked."""
    connection.execute(
        "select bulk_insert_events(owner_id, id, %s::jsonb, sha256(%s::bytea), %s)"
        " from source_keys where id = %s",
        (json.dumps(events), name.encode(), bytes(64), monitor.key_id),
    )


def test_what_is_stored_is_summed(api: Api, laptop: Registered, database: Database) -> None:
    """A batch is in the sums when it is answered, and changes nothing when it comes again."""
    chance = random.Random(1)
    for _ in range(5):
        events = some_events(laptop, chance, 20)
        assert laptop.send(api, events).json["inserted"] == 20
        assert_exact(database)
        assert laptop.send(api, events).json["inserted"] == 0
        assert laptop.send(api, events[5:]).json["inserted"] == 0
    assert_exact(database)
    assert database.value("select sum(events)::integer from event_sums") == 100


def test_what_is_priced_and_what_is_not(api: Api, laptop: Registered, database: Database) -> None:
    """A listed model costs its list price, dated or not; any other is null and counted as such."""
    usage = {"inputTokens": 1_000_000, "outputTokens": 100_000, "cacheReadTokens": 10_000}
    for model in ("claude-sonnet-4-20250514", "claude-sonnet-4", "claude-sonnet-4-9", "gpt-x"):
        event = laptop.event(type="token_usage", payload={"model": model, **usage})
        assert laptop.send(api, [event]).status == 200
    rows = database.rows("select model, cost_usd, unpriced from token_sums order by model")
    price = 6 + 2.25 + 0.006  # of a prompt of more than 200,000 tokens
    assert [(r["model"], float(r["cost_usd"]), r["unpriced"]) for r in rows] == [
        ("claude-sonnet-4", price, 0),
        ("claude-sonnet-4-20250514", price, 0),
        ("claude-sonnet-4-9", 0, 1),
        ("gpt-x", 0, 1),
    ]


def test_deleted_events_leave_the_sums(api: Api, laptop: Registered, database: Database) -> None:
    """In the same transaction; nothing is left behind, not even an empty row."""
    chance = random.Random(2)
    for _ in range(4):
        laptop.send(api, some_events(laptop, chance, 25))
    assert delete_events(database, "kind = 'token_usage' and id < 'evt_m'") > 0
    assert_exact(database)
    delete_events(database)
    assert_exact(database)
    assert database.value("select count(*) from event_sums") == 0
    assert database.value("select count(*) from activity_sums") == 0


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), writers=st.integers(2, 4))
def test_exact_under_random_interleavings(
    api: Api, laptop: Registered, database: Database, seed: int, writers: int
) -> None:
    """Sums equal a recount, whatever happens at once.

    Writers of new events and of revisions, some of them killed; deletions, new prices, new zones.
    """

    def write(number: int) -> None:
        chance = random.Random(seed + number)
        with psycopg.connect(database.admin_url) as connection:
            for step in range(6):
                events = some_events(laptop, chance, chance.randrange(1, 15))
                for event in events:
                    if chance.random() < 0.4:  # of a few ids, so that they replace each other
                        event["id"] = f"evt_{chance.randrange(12):020d}"
                        event["revision"] = chance.randrange(1_000)
                store(connection, laptop, events, f"{seed}/{number}/{step}")
                if chance.random() < 0.2:
                    connection.rollback()  # as if it had died
                else:
                    connection.commit()

    def delete() -> None:
        chance = random.Random(seed)
        for _ in range(4):
            letter = chance.choice("abcdefghijklmnopqrstuvwxyz0123456789")
            delete_events(database, "id like %s", f"evt_{letter}%")

    def reprice() -> None:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            for price in (3, 5):
                connection.execute(
                    "insert into model_prices values ('a-model-of-tomorrow', 'standard',"
                    " '2000-01-01', 0, 'me', %s, 1, 1, 1, 1, 1) on conflict on constraint"
                    " model_prices_identity do update set input_usd = excluded.input_usd",
                    (price,),
                )
                connection.execute(
                    "select reprice_events(id, '2000-01-01', '2100-01-01') from profiles"
                )

    def move() -> None:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            for zone in ("Asia/Kathmandu", "America/Sao_Paulo"):
                assert change_profile(database, None, zone=zone) is None
                connection.execute("select fold_days(id) from profiles")

    with ThreadPoolExecutor(writers + 3) as pool:
        tasks = [pool.submit(write, number) for number in range(writers)]
        tasks += [pool.submit(task) for task in (delete, reprice, move)]
    for task in tasks:
        try:
            task.result()
        except psycopg.errors.DeadlockDetected:
            pytest.fail("a deadlock: somebody takes locks in another order")
    assert_exact(database)


def test_writers_of_the_same_sums_lose_nothing(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Eight connections at once add to the same few rows, in whatever order their events come."""
    moment = datetime.now(UTC) - timedelta(days=1)

    def write(number: int) -> None:
        chance = random.Random(number)
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            for step in range(20):
                events = [
                    laptop.event(
                        timestamp=(moment + timedelta(minutes=15 * quarter)).isoformat(),
                        payload={"project": chance.choice(["loom", "vibe"])},
                    )
                    for quarter in chance.sample(range(8), 8)
                ]
                store(connection, laptop, events, f"{number}/{step}")

    with ThreadPoolExecutor(8) as pool:
        for task in [pool.submit(write, number) for number in range(8)]:
            task.result()
    assert_exact(database)
    assert database.value("select sum(events)::integer from activity_sums") == 8 * 20 * 8


def test_a_reader_never_sees_a_wrong_number(
    api: Api, laptop: Registered, database: Database
) -> None:
    """While batches arrive one after another, every read has as many as there are events."""
    stop = threading.Event()
    wrong: list[tuple[int, int]] = []

    def read() -> None:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            while not stop.is_set():
                row = connection.execute(
                    "select (select coalesce(sum(events), 0)::integer from event_sums),"
                    " (select count(*)::integer from events)"
                ).fetchone()
                assert row is not None
                if row[0] != row[1]:
                    wrong.append(row)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        chance = random.Random(3)
        for _ in range(60):
            laptop.send(api, some_events(laptop, chance, chance.randrange(1, 8)))
    finally:
        stop.set()
        reader.join()
    assert wrong == []


def test_a_writer_killed_half_way_changes_nothing(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Its work is undone, in the events as in the sums, and the batch can come again."""
    events = some_events(laptop, random.Random(4), 50)
    connection = psycopg.connect(database.admin_url)
    pid = connection.info.backend_pid
    store(connection, laptop, events, "killed")
    database.rows("select pg_terminate_backend(%s, 5000)", pid)
    connection.close()
    assert database.value("select count(*) from event_sums") == 0
    with psycopg.connect(database.admin_url, autocommit=True) as again:
        store(again, laptop, events, "killed")
    assert database.value("select sum(events)::integer from event_sums") == 50
    assert_exact(database)


def test_days_become_dirty_in_the_owner_s_zone(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A stored event marks its day, and a neighbour that begins or ended within the hour."""
    database.rows("update profiles set timezone = 'Asia/Kathmandu'")
    for moment in ("2026-11-01T18:00:00Z", "2026-11-05T06:00:00Z"):  # 23:45 and 11:45 there
        laptop.send(api, [laptop.event(timestamp=moment)])
    days = [str(row["day"]) for row in database.rows("select day from dirty_days order by day")]
    assert days == ["2026-11-01", "2026-11-02", "2026-11-05"]


def test_days_are_folded_anew_for_a_new_zone(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Until then they are those of the old zone, also for events that arrive meanwhile."""
    chance = random.Random(6)
    laptop.send(api, some_events(laptop, chance, 60))
    assert change_profile(database, None, zone="Asia/Tokyo") is None
    laptop.send(api, some_events(laptop, chance, 60))
    assert database.value("select folded_timezone from profiles") == "UTC"
    assert_exact(database)
    database.rows("select fold_days(id) from profiles")
    assert database.value("select folded_timezone from profiles") == "Asia/Tokyo"
    assert_exact(database)
    laptop.send(api, some_events(laptop, chance, 60))
    assert_exact(database)


def test_no_payload_is_too_long_to_be_summed(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A project of thousands of letters is cut where it is grouped by; the payload stays whole."""
    long = "".join(random.Random(5).choices("abcdefghijklmnopqrstuvwxyz\u00e9\U0001f3b9", k=3_000))
    names = {"project": long, "language": long, "branch": long, "provider": long, "model": long}
    events = [laptop.event(payload=names), laptop.event(type="token_usage", payload=names)]
    assert laptop.send(api, events).status == 200
    assert_exact(database)
    assert database.value("select distinct payload ->> 'project' from events") == long


def test_no_sum_can_overflow(api: Api, laptop: Registered, database: Database) -> None:
    """More than 10^9 tokens of one event are no count: refused of a call, 0 of VibeTea's events."""
    usage = {"model": "gpt-x", "inputTokens": 10**9 + 1, "outputTokens": 10**9}
    assert laptop.send(api, [laptop.event(type="token_usage", payload=usage)]).status == 200
    call = {"model": "gpt-x", "input_tokens": 10**9 + 1}
    assert laptop.send(api, [laptop.event(type="llm", payload=call)]).status == 400
    [row] = database.rows("select tokens_input, tokens_output from token_sums")
    assert row == {"tokens_input": 0, "tokens_output": 10**9}


def test_writing_the_same_quarters_again_takes_no_more_room(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A table that grew with every batch would make every question slower, for as many rows."""
    hours = [datetime.now(UTC) - timedelta(hours=hour) for hour in range(1, 1_001)]
    sizes = []
    for _ in range(12):
        events = [laptop.event(timestamp=hour.isoformat()) for hour in hours]
        assert laptop.send(api, events).status == 200
        sizes.append(database.value("select pg_relation_size('event_sums')"))
    assert database.value("select count(*) from event_sums") <= 1_010
    assert sizes[-1] <= 1.5 * sizes[1]


def test_a_token_can_vouch_for_a_batch(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """A sender that cannot sign stores through the same function: a key vouches, or a token."""
    [token] = database.rows("select owner_id, id from access_tokens")
    events = json.dumps([laptop.event(), laptop.event(type="token_usage", payload={"model": "x"})])
    statement = (
        "select store_events(%s, %s, %s::jsonb, sha256(%s::bytea), null, null, %s) as stored"
    )
    sent = (token["owner_id"], laptop.id, events, b"a", token["id"])
    assert [database.value(statement, *sent) for _ in range(2)] == [2, 0]
    [batch] = database.rows("select key_id, token_id, signature, inserted from batches")
    assert batch == {"key_id": None, "token_id": token["id"], "signature": None, "inserted": 2}
    assert_exact(database)
    for key, signature, vouching in (
        (None, None, None),
        (laptop.key_id, None, None),
        (laptop.key_id, bytes(64), token["id"]),
    ):
        with pytest.raises(psycopg.errors.CheckViolation, match="batches_provenance"):
            database.rows(
                "select store_events(%s, %s, %s::jsonb, sha256('b'), %s, %s, %s)",
                *(token["owner_id"], laptop.id, events, key, signature, vouching),
            )
    assert_exact(database)
