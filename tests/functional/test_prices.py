"""Prices that come later: events and sums are brought to them, exactly and whatever else runs."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.functional.test_sums import store
from tests.sums import assert_exact, delete_events
from tests.support import Api, Database, Registered

START = datetime(2026, 9, 1, 0, 7, tzinfo=UTC)
EVER = ("2000-01-01", "2100-01-01")
REPRICE = "select coalesce(sum(reprice_events(id, %s, %s)), 0)::integer from profiles"
SUMS = ("event_sums", "event_days", "token_sums", "token_days")


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


def test_a_price_that_comes_later_reaches_events_and_sums(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Stored events get their cost; sums equal a recount to the last digit."""
    send(api, laptop, range(20))
    send(api, laptop, range(10))  # in hours that have sums already
    assert database.value("select sum(cost_usd) from events") is None
    assert database.value("select sum(unpriced) from token_sums") == 30
    add_price(database, "weaver-1", "3.7")
    assert database.value(REPRICE, *EVER) == 30
    expected = sum(
        Decimal("3.7") * (1_000 + n)
        + 37 * (10 + n)
        + Decimal("0.37") * 7 * n
        + Decimal("4.625") * (n % 3)
        for n in [*range(20), *range(10)]
    )
    for table in ("events", *SUMS):
        assert database.value(f"select sum(cost_usd) * 1000000 from {table}") == expected
    for table in SUMS:
        assert database.value(f"select sum(unpriced) from {table}") == 0
    assert_exact(database)
    assert database.value(REPRICE, *EVER) == 0


def test_an_unknown_model_stays_without_a_price(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Null and counted as unpriced, never a guess; likewise when a price is taken back."""
    add_price(database, "weaver-1", "1")
    send(api, laptop, range(5))
    send(api, laptop, range(5, 9), model="nobody-knows")
    assert database.value(REPRICE, *EVER) == 0
    assert database.value("select sum(unpriced) from token_sums") == 4
    database.rows("delete from model_prices where model = 'weaver-1'")
    assert database.value(REPRICE, *EVER) == 5
    assert database.value("select count(*) from events where cost_usd is not null") == 0
    assert database.value("select sum(unpriced) from token_sums") == 9
    assert database.value("select sum(cost_usd) from token_sums") == 0
    assert_exact(database)


def test_prices_hold_from_their_day_on(api: Api, laptop: Registered, database: Database) -> None:
    """An event has the price of its own day, and only the range is touched."""
    send(api, laptop, range(200))  # five days
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


def test_a_batch_under_way_is_waited_for(laptop: Registered, database: Database) -> None:
    """Events that are being stored at the old prices get the new ones, too."""
    done = threading.Event()

    def reprice() -> None:
        database.rows(REPRICE, *EVER)
        done.set()

    with psycopg.connect(database.admin_url) as connection:
        store(connection, laptop, [call(laptop, n, "weaver-1") for n in range(10)], "under way")
        add_price(database, "weaver-1", "1")
        thread = threading.Thread(target=reprice)
        thread.start()
        assert not done.wait(0.5)
        connection.commit()
        thread.join(10)
    assert done.is_set()
    assert database.value("select count(*) from events where cost_usd > 0") == 10
    assert database.value("select sum(cost_usd) > 0 from token_sums")
    assert_exact(database)


def test_a_batch_waits_while_events_are_repriced(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Then it is stored and summed at the new prices."""
    send(api, laptop, range(10))
    add_price(database, "weaver-1", "1")
    done = threading.Event()

    def send_late() -> None:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            store(connection, laptop, [call(laptop, n, "weaver-1") for n in range(5)], "late")
        done.set()

    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute(REPRICE, EVER).fetchone() == (10,)
        thread = threading.Thread(target=send_late)
        thread.start()
        assert not done.wait(0.5)
        connection.commit()
        thread.join(10)
    assert done.is_set()
    assert database.value("select count(*) from events where cost_usd > 0") == 15
    assert_exact(database)
    assert database.value(REPRICE, *EVER) == 0


@pytest.mark.parametrize("seed", range(3))
def test_sums_are_exact_whatever_runs_at_once(
    api: Api, laptop: Registered, database: Database, seed: int
) -> None:
    """Prices change, batches are stored, events deleted and repriced, all at once: sums agree."""
    for start in range(0, 120, 6):
        send(api, laptop, range(start, start + 6), model=f"weaver-{start % 4}")
    ids = [row["id"] for row in database.rows("select id from events order by id")]

    def work(worker: int) -> None:
        chance = random.Random(f"{seed} {worker}")
        for step in range(12):
            model = f"weaver-{chance.randrange(4)}"
            match chance.randrange(5):
                case 0 | 1:
                    events = [call(laptop, chance.randrange(120), model) for _ in range(4)]
                    with psycopg.connect(database.admin_url) as connection:
                        store(connection, laptop, events, f"{worker}/{step}")
                case 2:
                    add_price(database, model, str(chance.randrange(1, 1_000) / 100))
                case 3:
                    database.rows(REPRICE, *EVER)
                case _:
                    delete_events(database, "id = %s", chance.choice(ids))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert_exact(database)
    database.rows(REPRICE, *EVER)
    assert_exact(database)
    assert database.value(REPRICE, *EVER) == 0


def test_prices_of_one_moment_hold_for_a_repricing(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A price that changes meanwhile is not waited for: the next repricing brings it."""
    rates = (
        "select distinct (cost_usd / (tokens_input + 10 * tokens_output + tokens_cache_read / 10.0"
        " + tokens_cache_write * 1.25) * 1000000)::float as rate from events"
        " where tokens_input is not null order by 1"
    )
    send(api, laptop, range(10))
    send(api, laptop, range(10, 20), model="weaver-2")
    for model in ("weaver-1", "weaver-2"):
        add_price(database, model, "2")
    impatient = psycopg.connect(
        database.admin_url, options="-c lock_timeout=200ms", autocommit=True
    )
    with impatient, psycopg.connect(database.admin_url) as connection:
        assert connection.execute(REPRICE, EVER).fetchone() == (20,)
        impatient.execute(
            "update model_prices set input_usd = 3, output_usd = 30,"
            " cache_read_usd = 0.3, cache_write_usd = 3.75 where model like 'weaver-%'"
        )
        connection.commit()
    assert [round(row["rate"], 6) for row in database.rows(rates)] == [2.0]
    assert_exact(database)
    assert database.value(REPRICE, *EVER) == 20
    assert {round(row["rate"], 6) for row in database.rows(rates)} == {3.0}
    assert_exact(database)


def test_purged_events_keep_what_they_cost(
    api: Api, laptop: Registered, database: Database
) -> None:
    """What is gone cannot be priced anew, and the sums over it stay as they are."""
    add_price(database, "weaver-1", "1")
    send(api, laptop, range(10))
    database.rows("delete from dirty_days")
    before = database.rows("select * from token_sums order by token_sums")
    database.rows("select purge_events(id, 1, '2027-01-01') from profiles")
    assert database.value("select count(*) from events") == 0
    add_price(database, "weaver-1", "5")
    assert database.value(REPRICE, *EVER) == 0
    assert database.rows("select * from token_sums order by token_sums") == before
