"""Retention: raw events go, the sums stay, receipts say what went."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.functional.test_sums import store
from tests.sums import RECOUNTS, assert_exact
from tests.support import Api, Database, Registered, fresh_process, register_source, run_job

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PURGE = "select purge_events(id, %s, %s, %s) from profiles where email = 'owner@localhost'"


@pytest.fixture
def stored(api: Api, laptop: Registered, database: Database) -> Registered:
    """Two events a day in the last 100 days before NOW; no day waits for its figures."""
    send_days(api, laptop, range(100))
    settle(database)
    return laptop


def send_days(api: Api, source: Registered, days: range) -> None:
    """Stores two events, one of them with tokens, on each of these days before NOW."""
    events = events_of(source, days)
    assert source.send(api, events).json["inserted"] == len(events)


def events_of(source: Registered, days: range) -> list[dict[str, Any]]:
    """Two events, one of them with tokens, on each of these days before NOW."""
    events = []
    for day in days:
        moment = NOW - timedelta(days=day, minutes=day)
        payload = {"model": "claude-opus-4", "input_tokens": day, "output_tokens": 1}
        events += [
            source.event(timestamp=moment.isoformat()),
            source.event(timestamp=moment.isoformat(), type="token_usage", payload=payload),
        ]
    return events


def settle(database: Database) -> None:
    """No day waits for its figures."""
    database.rows("delete from dirty_days")


def purge(database: Database, now: datetime = NOW) -> int:
    """Purges the owner to the end; returns how many events went."""
    from functions.rollup import retention

    before = database.value("select count(*) from events")
    for row in database.rows("select id from profiles"):
        assert not retention.purge_expired(row["id"], now)
    return int(before - database.value("select count(*) from events"))


def sums(database: Database) -> list[Any]:
    """All that the roll-ups and the views over them say."""
    return [
        database.rows(query)
        for query in (
            *(f"select * from {table} as s order by s" for table in RECOUNTS),
            "select * from token_daily as t order by t",
            "select * from mv_token_usage as t order by t",
        )
    ]


def digest(events: list[dict[str, Any]]) -> bytes:
    """As the comment on purge_receipts.digest says it."""
    ordered = sorted(events, key=lambda e: (e["occurred_at"], e["source_id"].bytes, e["id"]))
    lines = "".join(
        f"{e['source_id']}|{e['occurred_at'].astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}|{e['id']}\n"
        for e in ordered
    )
    return hashlib.sha256(lines.encode()).digest()


def test_events_are_kept_for_ever_by_default(stored: Registered, database: Database) -> None:
    """Without a setting nothing goes, however old."""
    assert purge(database, NOW + timedelta(days=36_500)) == 0
    assert database.value("select count(*) from events") == 200
    assert database.rows("select * from purge_receipts") == []


def test_a_purge_keeps_the_sums_and_leaves_a_receipt(
    stored: Registered, database: Database
) -> None:
    """Roll-ups are the same to the row; the receipt's digest is that of what went."""
    before = sums(database)
    everything = database.rows("select source_id, occurred_at, id from events")
    database.rows("update profiles set retention_months = 1")
    gone = [e for e in everything if e["occurred_at"] < datetime(2026, 10, 20, tzinfo=UTC)]
    assert purge(database) == len(gone) == 136
    assert purge(database) == 0
    left = database.rows("select source_id, occurred_at, id from events")
    assert {e["id"] for e in left} == {e["id"] for e in everything} - {e["id"] for e in gone}
    assert sums(database) == before
    [receipt] = database.rows("select * from purge_receipts")
    assert receipt["owner_id"] == database.value("select id from profiles")
    assert receipt["events"] == len(gone)
    assert bytes(receipt["digest"]) == digest(gone)
    assert receipt["first_occurred_at"] == min(e["occurred_at"] for e in gone)
    assert receipt["last_occurred_at"] == max(e["occurred_at"] for e in gone)
    assert database.value("select purged_before from profiles") == datetime(
        2026, 10, 20, tzinfo=UTC
    )
    assert database.rows("select * from dirty_days") == []


@pytest.mark.parametrize(
    ("own", "deployment", "months"),
    [(None, None, None), (2, None, 2), (None, 2, 2), (1, 2, 1), (3, 2, 2)],
)
def test_the_shorter_limit_holds(
    stored: Registered,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    own: int | None,
    deployment: int | None,
    months: int | None,
) -> None:
    """The deployment's or one's own, whichever is shorter; one's settings say so."""
    from functions.accounts import issue_owner_token

    database.rows("update profiles set retention_months = %s", own)
    if deployment is not None:
        monkeypatch.setenv("VIBELOOM_RETENTION_MONTHS", str(deployment))
        fresh_process()
    purge(database)
    oldest = database.value("select min(occurred_at) from events")
    limits = {None: NOW - timedelta(days=100), 1: datetime(2026, 10, 20, tzinfo=UTC)}
    limits[2] = datetime(2026, 9, 20, tzinfo=UTC)
    assert limits[months] <= oldest < limits[months] + timedelta(days=2)
    me = Api()("GET", "/v1/me", token=issue_owner_token("again")).json
    assert me["effective_retention_months"] == months


def test_a_day_is_computed_before_its_events_go(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Days that are marked wait, and their events go once the days are computed."""
    database.rows("update profiles set retention_months = 1")
    send_days(api, laptop, range(60, 70))
    assert purge(database) == 0
    assert_exact(database)
    assert database.value("select sum(events) from event_sums") == 20
    assert database.value("select count(*) from dirty_days") > 0
    database.rows("delete from dirty_days where day < '2026-09-18'")
    assert purge(database) == 8
    database.rows("delete from dirty_days")
    assert purge(database) == 12
    assert database.value("select sum(events) from event_sums") == 20


def test_a_late_batch_holds_up_the_purge(api: Api, stored: Registered, database: Database) -> None:
    """From two days before a marked day on everything stays, even if the function is called."""
    send_days(api, stored, range(60, 70))  # the earliest is of 12 September
    assert database.rows(PURGE, 1, NOW, 1_000) == [{"purge_events": 2 * len(range(72, 100))}]
    assert database.value("select min(occurred_at) from events") >= datetime(
        2026, 9, 10, tzinfo=UTC
    )
    assert database.value("select count(*) from events where occurred_at < '2026-10-20'") == 100
    assert database.value("select sum(events) from event_sums") == 220
    settle(database)
    assert database.rows(PURGE, 1, NOW, 1_000) == [{"purge_events": 100}]
    assert database.value("select sum(events) from event_sums") == 220


def test_days_are_the_owner_s(api: Api, laptop: Registered, database: Database) -> None:
    """In Kathmandu a day begins at 18:15 UTC, and so does what is kept."""
    database.rows("update profiles set retention_months = 1, timezone = 'Asia/Kathmandu'")
    moments = ("2026-10-19T18:14:59.999999Z", "2026-10-19T18:15:00Z")
    laptop.send(api, [laptop.event(timestamp=moment) for moment in moments])
    settle(database)
    assert purge(database) == 1
    assert database.value("select occurred_at from events") == datetime.fromisoformat(moments[1])


def test_late_events_do_not_wipe_a_purged_day(
    api: Api, stored: Registered, database: Database
) -> None:
    """They are in the sums, mark no day that was purged, and go with the next run."""
    database.rows("update profiles set retention_months = 1")
    purge(database)
    send_days(api, stored, range(40, 45))
    send_days(api, stored, range(10, 11))
    assert database.value("select sum(events) from event_sums") == 212
    assert {str(row["day"]) for row in database.rows("select day from dirty_days")} == {
        "2026-11-10"
    }
    database.rows("delete from dirty_days")
    assert purge(database) == 10
    assert database.value("select sum(events) from event_sums") == 212


def test_daily_figures_survive(api: Api, laptop: Registered, database: Database) -> None:
    """Time and errors of purged days are the same after the purge, late events and a refresh."""

    def daily() -> list[Any]:
        return [
            database.rows(f"select * from {table} where day < '2026-10-20' order by {table}")
            for table in ("time_daily", "errors_daily")
        ]

    database.rows("update profiles set retention_months = 1")
    events = []
    for day in range(28, 40):
        start = NOW - timedelta(days=day)
        for minute, code in ((0, 1), (5, 0), (9, 1)):
            payload = {"command": "make", "exit_code": code, "project": "loom"}
            stamp = (start + timedelta(minutes=minute)).isoformat()
            events.append(laptop.event(type="terminal", timestamp=stamp, payload=payload))
    assert laptop.send(api, events).status == 200
    run_job("refresh_days")
    before = daily()
    assert all(before)
    assert purge(database) == 3 * 8
    send_days(api, laptop, range(28, 40))
    run_job("refresh_days")
    assert daily() == before


def test_a_marking_waits_for_a_purge(stored: Registered, database: Database) -> None:
    """A late batch that is stored while a purge commits marks nothing that the purge reached."""
    done = threading.Event()

    def send() -> None:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            store(connection, stored, events_of(stored, range(40, 45)), "late")
        done.set()

    with psycopg.connect(database.admin_url) as connection:
        connection.execute(PURGE, (1, NOW, 1_000))
        thread = threading.Thread(target=send)
        thread.start()
        assert not done.wait(0.5)
        connection.commit()
        thread.join(10)
    assert done.is_set()
    assert database.rows("select * from dirty_days") == []
    assert database.value("select sum(events) from event_sums") == 210


def test_a_purge_that_is_killed_leaves_nothing_half_done(
    stored: Registered, database: Database
) -> None:
    """Its connection dies before the commit: events, sums, receipts are as before; again works."""
    before = sums(database)
    with psycopg.connect(database.admin_url) as connection:
        purged = connection.execute(PURGE, (1, NOW, 50)).fetchone()
        assert purged == (50,)
        database.rows("select pg_terminate_backend(%s)", connection.info.backend_pid)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    assert database.value("select count(*) from events") == 200
    assert database.rows("select * from purge_receipts") == []
    assert database.value("select purged_before from profiles") is None
    assert database.rows(PURGE, 1, NOW, 50) == [{"purge_events": 50}]
    assert sums(database) == before


def test_two_at_once_share_the_work(stored: Registered, database: Database) -> None:
    """Four runs in small steps: each event goes once, and each stands on one receipt."""
    before = sums(database)
    everything = database.rows("select source_id, occurred_at, id from events")

    def run(_: int) -> int:
        total = 0
        while step := database.rows(PURGE, 1, NOW, 7)[0]["purge_events"]:
            total += step
        return total

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) == 136
    receipts = database.rows("select * from purge_receipts")
    assert sum(receipt["events"] for receipt in receipts) == 136
    assert sums(database) == before
    for receipt in receipts:
        span = (receipt["first_occurred_at"], receipt["last_occurred_at"])
        inside = [e for e in everything if span[0] <= e["occurred_at"] <= span[1]]
        assert len(inside) >= receipt["events"]


def test_what_somebody_holds_is_left_for_the_next_call(
    stored: Registered, database: Database
) -> None:
    """A purge waits for no row, so it is in nobody's way."""
    impatient = psycopg.connect(database.admin_url, options="-c lock_timeout=2s", autocommit=True)
    with impatient, psycopg.connect(database.admin_url) as connection:
        connection.execute("select from events where occurred_at < '2026-09-01' for update")
        assert impatient.execute(PURGE, (1, NOW, 1_000)).fetchone() == (98,)
        connection.commit()
        assert impatient.execute(PURGE, (1, NOW, 1_000)).fetchone() == (38,)


def test_a_deletion_in_the_same_transaction_leaves_the_sums(
    stored: Registered, database: Database
) -> None:
    """Only the purge itself spares the sums."""
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(PURGE, (1, NOW, 1_000))
        connection.execute(
            "select delete_events(owner_id, array_agg(occurred_at), array_agg(source_id),"
            " array_agg(id)) from events group by owner_id"
        )
    assert database.value("select sum(events) from event_sums") == 136


def test_another_account_s_events_stay(api: Api, stored: Registered, database: Database) -> None:
    """One person's limit is one person's."""
    from functions.accounts import tokens
    from functions.accounts.models import NewToken
    from functions.core.actor import User

    stranger = database.value("insert into profiles (retention_months) values (1) returning id")
    new = NewToken(name="t", scopes=["sources:write", "profile:read"])
    token = tokens.issue(User(stranger), new, datetime.now(UTC)).token
    send_days(api, register_source(api, token, "theirs"), range(60, 65))
    settle(database)
    theirs = database.rows("select * from events where owner_id = %s", stranger)
    assert purge(database) == 10
    assert database.value("select count(*) from events") == 200
    [receipt] = database.rows("select owner_id, events, digest from purge_receipts")
    assert receipt == {"owner_id": stranger, "events": 10, "digest": digest(theirs)}


def test_receipts_are_shown_to_their_owner(
    api: Api, stored: Registered, database: Database, owner_token: str
) -> None:
    """`GET /v1/me/purges` pages through one's own receipts, oldest first."""
    from functions.accounts import tokens
    from functions.accounts.models import NewToken
    from functions.core.actor import User

    for _ in range(3):
        database.rows(PURGE, 1, NOW, 10)
    stranger = database.value("insert into profiles default values returning id")
    new = NewToken(name="t", scopes=["profile:read"])
    token = tokens.issue(User(stranger), new, datetime.now(UTC)).token
    assert api("GET", "/v1/me/purges", token=token).json == {"items": [], "next": None}
    first = api("GET", "/v1/me/purges?limit=2", token=owner_token).json
    second = api("GET", f"/v1/me/purges?limit=2&cursor={first['next']}", token=owner_token).json
    assert second["next"] is None
    shown = [*first["items"], *second["items"]]
    kept = database.rows("select * from purge_receipts order by purged_at")
    assert [item["digest"] for item in shown] == [bytes(row["digest"]).hex() for row in kept]
    assert [item["events"] for item in shown] == [10, 10, 10]
    answer = api("GET", "/v1/me/purges?limit=0", token=owner_token)
    assert (answer.status, answer.error) == (422, "invalid_field")
