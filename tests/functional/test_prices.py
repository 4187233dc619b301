"""Prices that come later: events and sums are brought to them, exactly and whatever else runs."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.support import Api, Database, Registered

START = datetime(2026, 9, 1, 0, 7, tzinfo=UTC)
EVER = ("2000-01-01", "2100-01-01")
REPRICE = "select reprice_events(%s, %s)"

KEYS = "owner_id, date_trunc('hour', occurred_at, 'UTC') as hour, source_id"
QUARTER = "(extract(minute from occurred_at)::integer / 15)::smallint as quarter"
RECOUNTS = {
    "event_hourly": (
        "kind, project, cost_usd, tokens_output",
        f"select {KEYS}, {QUARTER}, kind, coalesce(project, '') as project,"
        " coalesce(sum(cost_usd), 0) as cost_usd, coalesce(sum(tokens_output), 0) as tokens_output"
        " from events where {where} group by 1, 2, 3, 4, 5, 6",
    ),
    "token_hourly": (
        "model, project, cost_usd, unpriced, calls",
        f"select {KEYS}, {QUARTER}, coalesce(model, '') as model,"
        " coalesce(project, '') as project, coalesce(sum(cost_usd), 0) as cost_usd,"
        " count(*) filter (where cost_usd is null) as unpriced, count(*) as calls"
        " from events where tokens_input is not null and {where} group by 1, 2, 3, 4, 5, 6",
    ),
}


def call(source: Registered, number: int, model: str) -> dict[str, Any]:
    """An event with tokens, some hours after START."""
    return source.event(
        type="token_usage",
        timestamp=(START + timedelta(minutes=37 * number)).isoformat(),
        payload={
            "model": model,
            "provider": "loomworks",
            "project": f"p{number % 2}",
            "input_tokens": 1_000 + number,
            "output_tokens": 10 + number,
            "cache_read_tokens": 7 * number,
            "cache_creation_tokens": number % 3,
        },
    )


def send(api: Api, source: Registered, numbers: range, model: str = "weaver-1") -> None:
    """One batch with tokens, and an event without."""
    events = [call(source, number, model) for number in numbers]
    other = source.event(timestamp=START.isoformat())
    assert source.send(api, [*events, other]).json["inserted"] == len(events) + 1


def add_price(database: Database, model: str, usd: str, since: str = "2026-01-01") -> None:
    """A price of so much for a million tokens in, ten times as much out."""
    database.rows(
        "insert into model_prices select %s, 'standard', %s, 0, 'loomworks', u, 10 * u, u / 10,"
        " u * 1.25, 2 * u, 0 from (select %s::numeric as u) as p"
        " on conflict on constraint model_prices_identity do update set"
        " input_usd = excluded.input_usd, output_usd = excluded.output_usd",
        model,
        since,
        Decimal(usd),
    )


def assert_exact(database: Database, where: str = "true") -> None:
    """The roll-ups are what a recount of the counted events gives."""
    for table, (columns, recount) in RECOUNTS.items():
        names = f"owner_id, hour, source_id, quarter, {columns}"
        difference = database.rows(
            f"with truth as ({recount.replace('{where}', where)}),"
            f" kept as (select {names} from {table})"
            f" (select {names} from truth except all select * from kept)"
            f" union all (select * from kept except all select {names} from truth)"
        )
        assert difference == [], table


def test_a_price_that_comes_later_reaches_events_and_sums(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Counted and uncounted events get their cost; sums equal a recount to the last digit."""
    send(api, laptop, range(20))
    database.rows("select count_batches()")
    send(api, laptop, range(10))  # in hours that have sums already
    assert database.value("select sum(cost_usd) from events") is None
    assert database.value("select sum(unpriced) from token_counts") == 30
    add_price(database, "weaver-1", "3.7")
    assert database.value(REPRICE, *EVER) == 30
    expected = sum(
        Decimal("3.7") * (1_000 + n)
        + 37 * (10 + n)
        + Decimal("0.37") * 7 * n
        + Decimal("4.625") * (n % 3)
        for n in [*range(20), *range(10)]
    )
    for table in ("events", "event_counts", "token_counts"):
        assert database.value(f"select sum(cost_usd) * 1000000 from {table}") == expected
    assert database.value("select sum(unpriced) from token_counts") == 0
    counted = "exists (select from batches as b where b.id = batch_id and b.counted_at is not null)"
    assert_exact(database, counted)
    database.rows("select count_batches()")
    assert_exact(database)
    assert database.value(REPRICE, *EVER) == 0


def test_an_unknown_model_stays_without_a_price(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Null and counted as unpriced, never a guess; likewise when a price is taken back."""
    add_price(database, "weaver-1", "1")
    send(api, laptop, range(5))
    send(api, laptop, range(5, 9), model="nobody-knows")
    database.rows("select count_batches()")
    assert database.value(REPRICE, *EVER) == 0
    assert database.value("select sum(unpriced) from token_hourly") == 4
    database.rows("delete from model_prices where model = 'weaver-1'")
    assert database.value(REPRICE, *EVER) == 5
    assert database.value("select count(*) from events where cost_usd is not null") == 0
    assert database.value("select sum(unpriced) from token_hourly") == 9
    assert database.value("select sum(cost_usd) from token_hourly") == 0
    assert_exact(database)


def test_prices_hold_from_their_day_on(api: Api, laptop: Registered, database: Database) -> None:
    """An event has the price of its own day, and only the range is touched."""
    send(api, laptop, range(200))  # five days
    database.rows("select count_batches()")
    add_price(database, "weaver-1", "2")
    add_price(database, "weaver-1", "1", since="2026-09-03")
    changed = database.value(REPRICE, "2026-09-02", "2026-09-04")
    rows = database.rows(
        "select (occurred_at at time zone 'UTC')::date::text as day, count(*) as n,"
        " count(cost_usd) as priced, min(cost_usd / (tokens_input + 10 * tokens_output"
        " + tokens_cache_read / 10.0 + tokens_cache_write * 1.25) * 1000000)::float as rate"
        " from events where tokens_input is not null group by 1 order by 1"
    )
    in_range = [row for row in rows if row["day"] in ("2026-09-02", "2026-09-03")]
    assert [round(row["rate"], 6) for row in in_range] == [2.0, 1.0]
    assert sum(row["n"] for row in in_range) == changed
    assert sum(row["priced"] for row in rows) == changed
    assert_exact(database)


def test_a_count_under_way_is_waited_for(api: Api, laptop: Registered, database: Database) -> None:
    """What a run adds that has not committed yet is corrected too."""
    send(api, laptop, range(10))
    add_price(database, "weaver-1", "1")
    done = threading.Event()

    def reprice() -> None:
        database.rows(REPRICE, *EVER)
        done.set()

    with psycopg.connect(database.admin_url) as connection:
        connection.execute("select count_batches()")
        thread = threading.Thread(target=reprice)
        thread.start()
        assert not done.wait(0.5)
        connection.commit()
        thread.join(10)
    assert done.is_set()
    assert database.value("select sum(cost_usd) > 0 from token_hourly")
    assert_exact(database)


def test_counting_leaves_what_is_being_repriced(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A run during a repricing counts nothing of it, and everything after it."""
    send(api, laptop, range(10))
    add_price(database, "weaver-1", "1")
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(REPRICE, EVER)
        impatient = psycopg.connect(
            database.admin_url, options="-c lock_timeout=2s", autocommit=True
        )
        with impatient:
            assert impatient.execute("select batches from count_batches()").fetchone() == (0,)
    database.rows("select count_batches()")
    assert_exact(database)


@pytest.mark.parametrize("seed", range(3))
def test_sums_are_exact_whatever_runs_at_once(
    api: Api, laptop: Registered, database: Database, seed: int
) -> None:
    """Prices change, batches are counted, events deleted and repriced, all at once: sums agree."""
    for start in range(0, 120, 6):
        send(api, laptop, range(start, start + 6), model=f"weaver-{start % 4}")
    ids = [row["id"] for row in database.rows("select id from events order by id")]

    def work(worker: int) -> None:
        chance = random.Random(f"{seed} {worker}")
        for _ in range(12):
            try:
                match chance.randrange(5):
                    case 0 | 1:
                        database.rows("select count_batches(%s)", chance.randrange(1, 5))
                    case 2:
                        usd = str(chance.randrange(1, 1_000) / 100)
                        add_price(database, f"weaver-{chance.randrange(4)}", usd)
                    case 3:
                        database.rows(REPRICE, *EVER)
                    case _:
                        database.rows("delete from events where id = %s", chance.choice(ids))
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                pass  # refused as a whole; nothing of it may show

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    database.rows("select count_batches(1000)")
    assert_exact(database)
    database.rows(REPRICE, *EVER)
    assert_exact(database)
    assert database.value(REPRICE, *EVER) == 0


def test_prices_stand_still_meanwhile(database: Database, api: Api) -> None:
    """A price that changes while events are repriced waits until they are."""
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(REPRICE, EVER)
        impatient = psycopg.connect(
            database.admin_url, options="-c lock_timeout=200ms", autocommit=True
        )
        with impatient, pytest.raises(psycopg.errors.LockNotAvailable):
            impatient.execute("update model_prices set input_usd = 1")


def test_purged_events_keep_what_they_cost(
    api: Api, laptop: Registered, database: Database
) -> None:
    """What is gone cannot be priced anew, and the sums over it stay as they are."""
    add_price(database, "weaver-1", "1")
    send(api, laptop, range(10))
    database.rows("select count_batches()")
    database.rows("delete from dirty_days")
    before = database.rows("select * from token_hourly order by token_hourly")
    database.rows("select purge_events(id, 1, '2027-01-01') from profiles")
    assert database.value("select count(*) from events") == 0
    add_price(database, "weaver-1", "5")
    assert database.value(REPRICE, *EVER) == 0
    assert database.rows("select * from token_hourly order by token_hourly") == before
