"""Is a monitor heard of? What `/v1/sources` says of it, and what the house's alarms stand on."""

import json
import random
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.support import Api, Database, Registered, as_role, register_source, run_job, timestamp

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HEALTH = ("last_seen_at", "last_event_at", "expected_every_hours", "silent", "lag", "gaps")
NO_LAG = {"median_seconds": None, "max_seconds": None, "batches": 0, "late_batches": 0}

ARRIVED = (
    "insert into batches (owner_id, source_id, key_id, received_at, body_sha256, signature,"
    " events, inserted, first_occurred_at, last_occurred_at)"
    " select s.owner_id, s.id, k.id, a.received_at, sha256(gen_random_uuid()::text::bytea),"
    " sha512('x'), 1, 1, a.received_at - a.first_ago, a.received_at - a.last_ago"
    " from sources as s join source_keys as k on k.source_id = s.id"
    " cross join unnest(%s::timestamptz[], %s::interval[], %s::interval[])"
    " as a (received_at, first_ago, last_ago) where s.id = %s"
)


@pytest.fixture
def stranger_token(database: Database) -> str:
    """Another account's token."""
    from functions.accounts import tokens
    from functions.accounts.models import NewToken
    from functions.core.actor import User

    stranger = database.value("insert into profiles default values returning id")
    new = NewToken(name="eve", scopes=["sources:read", "sources:write"])
    return tokens.issue(User(stranger), new, datetime.now(UTC)).token


def sources(api: Api, token: str) -> list[dict[str, Any]]:
    answer = api("GET", "/v1/sources", token=token)
    assert answer.status == 200, answer.text
    return list(answer.json["items"])


def health(api: Api, token: str) -> dict[str, Any]:
    """What is said of the one source."""
    [source] = sources(api, token)
    return {name: source[name] for name in HEALTH}


def arrived(
    database: Database,
    source_id: str,
    received: Sequence[datetime],
    newest: timedelta = timedelta(0),
    oldest: timedelta | None = None,
) -> None:
    """Stores a batch for each moment, its events between `oldest` and `newest` before it."""
    oldest = newest if oldest is None else oldest
    times = [*received]
    database.rows(ARRIVED, times, [oldest] * len(times), [newest] * len(times), source_id)
    database.rows("update sources set last_seen_at = %s where id = %s", max(times), source_id)


def ago(*hours: float) -> list[datetime]:
    now = datetime.now(UTC)
    return [now - hour * HOUR for hour in hours]


def expect(api: Api, token: str, source_id: str, hours: int | None) -> dict[str, Any]:
    body = {"expected_every_hours": hours}
    answer = api("PATCH", f"/v1/sources/{source_id}", body, token=token)
    assert answer.status == 200, answer.text
    return dict(answer.json)


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


# --- what is told ------------------------------------------------------------------------------


def test_what_was_heard(api: Api, owner_token: str, laptop: Registered) -> None:
    """At first nothing; then the last batch, the newest event whatever came last, and the lag."""
    assert health(api, owner_token) == {
        "last_seen_at": None,
        "last_event_at": None,
        "expected_every_hours": None,
        "silent": False,
        "lag": NO_LAG,
        "gaps": [],
    }
    newest = timestamp(timedelta(seconds=30))
    for stamp in (newest, timestamp(timedelta(minutes=20))):
        assert laptop.send(api, [laptop.event(timestamp=stamp)]).status == 200
    found = health(api, owner_token)
    assert datetime.now(UTC) - when(found["last_seen_at"]) < timedelta(minutes=1)
    assert when(found["last_event_at"]) == when(newest)
    assert (found["lag"]["batches"], found["lag"]["late_batches"]) == (2, 0)
    assert 30 <= found["lag"]["median_seconds"] < 90
    assert 1_200 <= found["lag"]["max_seconds"] < 1_260
    assert found["gaps"] == []


def test_lag_is_of_batches_that_are_not_late(
    api: Api, owner_token: str, laptop: Registered, database: Database
) -> None:
    """A spool of yesterday or an imported year moves nothing; a clock that is ahead shows."""
    arrived(database, laptop.id, ago(0.5, 0.6, 0.7), timedelta(seconds=4))
    arrived(database, laptop.id, ago(0.3), timedelta(seconds=9))
    arrived(database, laptop.id, ago(*[0.2] * 6), 14 * HOUR)
    arrived(database, laptop.id, ago(*[0.1] * 6), 300 * DAY)
    assert health(api, owner_token)["lag"] == {
        "median_seconds": 4,
        "max_seconds": 9,
        "batches": 16,
        "late_batches": 12,
    }
    [moment] = ago(0.01)
    arrived(database, laptop.id, [moment], -2 * HOUR)
    found = health(api, owner_token)
    assert (found["lag"]["median_seconds"], found["lag"]["max_seconds"]) == (4, 9)
    assert when(found["last_event_at"]) == moment + 2 * HOUR
    arrived(database, laptop.id, [moment] * 49, -2 * HOUR)
    assert health(api, owner_token)["lag"]["median_seconds"] == -7_200


def test_lag_is_of_the_newest_fifty_of_a_day(
    api: Api, owner_token: str, laptop: Registered, database: Database
) -> None:
    """What was slow this morning, or the day before, is not what is slow now."""
    arrived(database, laptop.id, ago(25, 26), timedelta(minutes=50))
    assert health(api, owner_token)["lag"] == NO_LAG
    arrived(database, laptop.id, ago(*[20] * 30), timedelta(minutes=40))
    assert health(api, owner_token)["lag"]["median_seconds"] == 2_400
    arrived(database, laptop.id, ago(*[1] * 50), timedelta(seconds=2))
    assert health(api, owner_token)["lag"] == {
        "median_seconds": 2,
        "max_seconds": 2,
        "batches": 50,
        "late_batches": 0,
    }


# --- gaps --------------------------------------------------------------------------------------


def test_gaps_of_a_working_fortnight(
    api: Api, owner_token: str, laptop: Registered, database: Database
) -> None:
    """Nights are none; a weekend and a lost day are; what arrives after one says what was kept."""
    days = [hours for day in (1, 2, 5, 6, 7) for hours in (day * 24 + 1, day * 24 + 8)]
    moments = ago(*days)
    arrived(database, laptop.id, moments)
    after_weekend = moments[3]
    database.rows(
        "update batches set first_occurred_at = received_at - interval '60 hours'"
        " where received_at = %s",
        after_weekend,
    )
    found = health(api, owner_token)["gaps"]
    assert [(when(gap["from"]), gap["to"] and when(gap["to"])) for gap in found] == [
        (moments[0], None),
        (moments[4], after_weekend),
    ]
    assert found[0]["first_event_at"] is None
    assert when(found[1]["first_event_at"]) == after_weekend - 60 * HOUR


def test_what_is_expected_decides_what_is_a_gap(
    api: Api, owner_token: str, laptop: Registered, database: Database
) -> None:
    """The same silence is none for a laptop and one for a server; 24 hours, where nobody says."""
    moments = ago(2, 22, 52)
    arrived(database, laptop.id, moments)
    expected = {None: 1, 72: 0, 25: 1, 10: 2, 1: 3}
    found = {hours: len(expect(api, owner_token, laptop.id, hours)["gaps"]) for hours in expected}
    assert found == expected


def test_gaps_end_within_a_fortnight_and_are_ten_at_most(
    api: Api, owner_token: str, laptop: Registered, database: Database
) -> None:
    """One that began earlier is told whole; the newest come first."""
    moments = ago(20 * 24, 13 * 24, 12.5 * 24)
    arrived(database, laptop.id, [*ago(30 * 24, 17 * 24), *moments])
    found = [(when(gap["from"]), gap["to"]) for gap in health(api, owner_token)["gaps"]]
    assert found[0] == (moments[2], None)
    [(began, ended)] = found[1:]
    assert when(str(ended)) == moments[1]
    assert timedelta(days=3.9) < moments[1] - began < timedelta(days=4.1)
    arrived(database, laptop.id, ago(*range(0, 60, 3)))
    expect(api, owner_token, laptop.id, 2)
    gaps = health(api, owner_token)["gaps"]
    assert len(gaps) == 10
    assert [when(gap["to"]) for gap in gaps] == sorted(
        (when(gap["to"]) for gap in gaps), reverse=True
    )
    assert datetime.now(UTC) - when(gaps[0]["to"]) < HOUR


def naive_gaps(
    received: Sequence[datetime], tolerated: timedelta, now: datetime
) -> list[tuple[datetime, datetime | None]]:
    """The definition: neighbours further apart than `tolerated`, of which the later is recent."""
    ends: list[datetime | None] = [*sorted(received), None]
    found = []
    for start, end in pairwise(ends):
        assert start is not None
        until = end or now
        if until - start > tolerated and until > now - 14 * DAY:
            found.append((start, end))
    return found[::-1][:10]


def test_gaps_are_those_of_the_definition(api: Api, owner_token: str, database: Database) -> None:
    """Whatever the rhythm: bursts, single batches, long silences, two at the same instant."""
    chance = random.Random(20261121)
    made = database.rows(
        "with made as ("
        " insert into sources (owner_id, name, expected_every_hours)"
        " select p.id, 's' || n, (array[null, 1, 2, 5, 24, 72, 400])[1 + n %% 7]"
        " from profiles as p cross join generate_series(1, 70) as n returning *"
        "), keys as ("
        " insert into source_keys (source_id, owner_id, public_key)"
        " select id, owner_id, sha256(id::text::bytea) from made"
        ") select id, name, make_interval(hours => coalesce(expected_every_hours, 24)) as tolerated"
        " from made"
    )
    now = datetime.now(UTC)
    expected = {}
    for source in made:
        moment = now - timedelta(minutes=chance.choice([1, 90, 3_000]))
        received: list[datetime] = []
        for _ in range(chance.choice([0, 1, 7, 60])):
            received += [moment] * chance.choice([1, 1, 2])
            moment -= timedelta(minutes=chance.choice([0.01, 3, 59, 121, 1_000, 4_500]))
        if received:
            arrived(database, source["id"], received)
        expected[source["name"]] = naive_gaps(received, source["tolerated"], now)
    found = {
        source["name"]: [
            (when(gap["from"]), gap["to"] and when(gap["to"])) for gap in source["gaps"]
        ]
        for source in sources(api, owner_token)
    }
    assert found == expected
    lengths = [len(gaps) for gaps in expected.values()]
    assert (min(lengths), max(lengths)) == (0, 10)
    assert sum(lengths) > 100


# --- what is expected --------------------------------------------------------------------------


def test_the_owner_says_what_is_expected(api: Api, owner_token: str, laptop: Registered) -> None:
    """Set, left as it is by an empty change, and taken away; the answer is the source."""
    changed = expect(api, owner_token, laptop.id, 72)
    assert changed["expected_every_hours"] == 72
    assert sources(api, owner_token) == [changed]
    answer = api("PATCH", f"/v1/sources/{laptop.id}", {}, token=owner_token)
    assert (answer.status, answer.json) == (200, changed)
    assert expect(api, owner_token, laptop.id, None)["expected_every_hours"] is None


NO_HOURS: tuple[object, ...] = (0, -1, 8_785, "24", 1.5, True, [])


def test_changes_that_are_refused(
    api: Api, owner_token: str, laptop: Registered, database: Database
) -> None:
    """Whole hours from one to a leap year's, nothing else of a source, and not by a reader."""
    for body in (
        *({"expected_every_hours": hours} for hours in NO_HOURS),
        {"name": "desktop"},
        {"expected_every_hours": 24, "silent": False},
    ):
        answer = api("PATCH", f"/v1/sources/{laptop.id}", body, token=owner_token)
        assert (answer.status, answer.error) == (422, "invalid_field"), body
    good = {"expected_every_hours": 24}
    target = f"/v1/sources/{laptop.id}"
    plain = {"Content-Type": "text/plain"}
    new = {"name": "look", "scopes": ["sources:read"]}
    look = api("POST", "/v1/tokens", new, token=owner_token).json["token"]
    for answer, expected in (
        (api("PATCH", target, good), (401, "missing_auth")),
        (api("PATCH", target, good, token=look), (403, "insufficient_scope")),
        (api("PATCH", "/v1/sources/laptop", good, token=owner_token), (422, "invalid_field")),
        (api("PATCH", target, b"{", token=owner_token), (400, "invalid_request")),
        (
            api("PATCH", target, good, token=owner_token, headers=plain),
            (415, "unsupported_media_type"),
        ),
    ):
        assert (answer.status, answer.error) == expected
    [source] = sources(api, owner_token)
    assert (source["name"], source["expected_every_hours"]) == ("laptop", None)
    for hours in (0, 8_785):
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            database.rows("update sources set expected_every_hours = %s", hours)
        assert refused.value.diag.constraint_name == "sources_expected_every_hours_range"


SILENCE = (  # hours: what is expected, since it was heard of, since it was made
    (None, 900, 999, False),
    (None, None, 999, False),
    (24, 23, 999, False),
    (24, 25, 999, True),
    (72, 71, 999, False),
    (72, 73, 999, True),
    (24, None, 23, False),
    (24, None, 25, True),
)


def test_when_a_source_is_silent(
    api: Api, owner_token: str, laptop: Registered, database: Database
) -> None:
    """Not heard of for longer than expected, or never since it was made; the alarm counts it."""
    for expected, seen_ago, made_ago, silent in SILENCE:
        database.rows(
            "update sources set expected_every_hours = %s,"
            " last_seen_at = now() - make_interval(hours => %s::integer),"
            " created_at = now() - make_interval(hours => %s)",
            expected,
            seen_ago,
            made_ago,
        )
        case = (expected, seen_ago, made_ago)
        assert (*case, health(api, owner_token)["silent"]) == (*case, silent)
        assert (*case, house(database)["silent_sources"]) == (*case, int(silent))


# --- who may make a source look alive ------------------------------------------------------------


def test_only_a_stored_batch_counts_as_heard(
    api: Api, owner_token: str, laptop: Registered, database: Database
) -> None:
    """Neither a forger, nor a replay, nor a refused batch makes a dead monitor look alive."""
    body = json.dumps([laptop.event()]).encode()
    assert laptop.send(api, body).status == 200
    database.rows(
        "update sources set last_seen_at = now() - interval '2 days', expected_every_hours = 24"
    )
    database.rows("update batches set received_at = now() - interval '2 days'")
    dead = health(api, owner_token)
    assert (dead["silent"], len(dead["gaps"])) == (True, 1)
    forged = laptop.sign(b"[]")
    assert api("POST", "/v1/ingest", body, headers=forged).error == "invalid_signature"
    unknown = laptop.sign(body) | {"X-Source-ID": "nobody"}
    assert api("POST", "/v1/ingest", body, headers=unknown).error == "unknown_source"
    assert laptop.send(api, [laptop.event(type="nonsense")]).error == "invalid_event_type"
    assert laptop.send(api, body).json["inserted"] == 0
    assert health(api, owner_token) == dead
    # The same event in a new body: the monitor lives and signs, though it has nothing new to say.
    assert laptop.send(api, json.loads(body) * 2).json["inserted"] == 0
    alive = health(api, owner_token)
    assert (alive["silent"], [gap["to"] is None for gap in alive["gaps"]]) == (False, [False])


def test_another_account_sees_and_changes_nothing(
    api: Api, owner_token: str, laptop: Registered, database: Database, stranger_token: str
) -> None:
    """Their list, their gaps and their expectations are their own."""
    arrived(database, laptop.id, ago(1, 2, 300))
    mine = sources(api, owner_token)
    assert sources(api, stranger_token) == []
    register_source(api, stranger_token, "theirs")
    [theirs] = sources(api, stranger_token)
    assert (theirs["name"], theirs["lag"], theirs["gaps"]) == ("theirs", NO_LAG, [])
    for source_id in (laptop.id, str(UUID(int=0))):
        body = {"expected_every_hours": 1}
        answer = api("PATCH", f"/v1/sources/{source_id}", body, token=stranger_token)
        assert (answer.status, answer.error) == (404, "not_found")
    assert sources(api, owner_token) == mine


# --- what it costs -------------------------------------------------------------------------------


def test_the_cost_is_not_that_of_the_batches(
    api: Api, owner_token: str, laptop: Registered, database: Database
) -> None:
    """A batch a minute reads hardly more than three an hour, of whoever sends and who does not."""
    from functions.sources import service as domain

    owner = str(database.value("select id from profiles"))
    parameters = {"after": None, "source_id": None, "limit": 101, **domain.HEALTH}

    def blocks() -> int:
        database.rows("vacuum analyze batches")
        with as_role(database, "authenticated", owner) as connection:
            [(plan,)] = connection.execute(
                "explain (analyze, buffers, format json) " + domain.queries.list_sources.sql,
                parameters,
            ).fetchall()
        return int(plan[0]["Plan"]["Shared Hit Blocks"])

    server = register_source(api, owner_token, "server")
    now = datetime.now(UTC)
    arrived(database, laptop.id, [now - 13 * DAY - n * HOUR for n in range(30)])
    arrived(database, server.id, [now - n * timedelta(minutes=20) for n in range(1_000)])
    few = blocks()
    arrived(database, server.id, [now - n * timedelta(minutes=1) for n in range(20_000)])
    many = blocks()
    assert many < 2 * few


# --- the house ---------------------------------------------------------------------------------


def house(database: Database) -> dict[str, Any]:
    """`service_health()` as the functions ask for it."""
    with as_role(database, "vibeloom_front") as connection:
        cursor = connection.execute("select * from service_health()")
        names = [column.name for column in cursor.description]
        [row] = cursor.fetchall()
    return dict(zip(names, row, strict=True))


def test_the_health_of_an_idle_house(database: Database) -> None:
    """Nothing waits, nobody is silent; since it sums over everybody, only the house may ask."""
    found = house(database)
    connections, limit = found.pop("database_connections"), found.pop("database_connections_limit")
    assert 1 <= connections < limit
    assert found == {
        "rollup_lag_seconds": 0,
        "dirty_days": 0,
        "silent_sources": 0,
    }
    for role in ("anon", "authenticated", "vibeloom_ingest"):
        with (
            as_role(database, role, str(UUID(int=1))) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("select * from service_health()")


def test_what_waits_is_told_until_it_is_done(
    api: Api, laptop: Registered, database: Database
) -> None:
    """The day that waits longest, since its first change, and how many wait: at most 10,000."""
    for days in (0, 3):
        for _ in range(2):
            laptop.send(api, [laptop.event(timestamp=timestamp(days * DAY))])
    database.rows(
        "update dirty_days set waits_since = now() - interval '1 hour'"
        " where day = (select min(day) from dirty_days)"
    )
    for _ in ("changed once", "changed again"):
        waiting = house(database)
        assert waiting["dirty_days"] == database.value("select count(*) from dirty_days") > 1
        assert 3_600 <= waiting["rollup_lag_seconds"] < 3_660
        laptop.send(api, [laptop.event(timestamp=timestamp(3 * DAY))])
    run_job("refresh_days")
    refreshed = house(database)
    assert (refreshed["dirty_days"], refreshed["rollup_lag_seconds"]) == (0, 0)
    database.rows(
        "insert into dirty_days (owner_id, day) select p.id, current_date - n"
        " from profiles as p cross join generate_series(1, 10050) as n"
    )
    assert house(database)["dirty_days"] == 10_000


def test_connections_are_those_of_the_server(database: Database) -> None:
    """Everybody's, also to other databases; the limit is what is left without reserved places."""
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(psycopg.connect(database.functions_url))
        stack.enter_context(psycopg.connect(database.admin_url, dbname="postgres"))
        found = house(database)
        assert found["database_connections"] >= 5 + 1
        # In one statement, since connections of earlier tests may be ending at this moment.
        assert database.value(
            "select h.database_connections = (select count(*) from pg_stat_activity"
            " where backend_type = 'client backend') from service_health() as h"
        )
    names = ("max_connections", "superuser_reserved_connections", "reserved_connections")
    most, *reserved = [database.value("select current_setting(%s)::integer", n) for n in names]
    assert found["database_connections_limit"] == most - sum(reserved)


def test_silent_sources_are_counted_over_everybody(
    api: Api, laptop: Registered, database: Database, stranger_token: str
) -> None:
    """Also those that were never heard of; not those of whom nothing is expected."""
    for name in ("theirs", "other", "quiet"):
        register_source(api, stranger_token, name)
    database.rows(
        "update sources set created_at = now() - interval '9 days',"
        " expected_every_hours = case when name <> 'quiet' then 24 end,"
        " last_seen_at = case when name = 'other' then now() end"
    )
    assert house(database)["silent_sources"] == 2
