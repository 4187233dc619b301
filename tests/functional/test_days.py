"""Dirty days: computed once something changed, whatever else happens meanwhile."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from functions.core import bearer, db
from functions.core.actor import User
from functions.rollup import days, lane_totals, lanes, refresh_days
from tests.sums import delete_events
from tests.support import Api, Database, Registered, change_profile, register_source, run_job

DAY = date(2026, 11, 4)  # a Wednesday; in UTC, unless a test says otherwise
ONE_DAY = timedelta(days=1)
TABLE = (
    "select day, lane, project, language, category, same_project, same_language, same_category,"
    " seconds from time_daily order by 1, 2, 3, 4, 5, 6, 7, 8"
)


def at(clock: str, day: date = DAY) -> datetime:
    return datetime.fromisoformat(f"{day.isoformat()}T{clock}+00:00")


@pytest.fixture
def owner(database: Database, owner_token: str) -> UUID:
    return bearer.deployment_owner()


def heartbeats(
    monitor: Registered, *moments: datetime, project: str = "loom"
) -> list[dict[str, Any]]:
    """One of `project` at each of those instants."""
    payload = {"entity": "a.rs", "project": project, "language": "rust"}
    return [
        monitor.event(timestamp=moment.isoformat(), type="heartbeat", payload=payload)
        for moment in moments
    ]


@pytest.fixture
def beat(api: Api, laptop: Registered) -> Callable[..., None]:
    """Sends heartbeats of `project` at those instants as one batch."""

    def send(*moments: datetime, project: str = "loom") -> None:
        assert laptop.send(api, heartbeats(laptop, *moments, project=project)).status == 200

    return send


def change_settings(
    database: Database,
    owner: UUID,
    zone: str = "UTC",
    timeout: int = 15,
    months: int | None = None,
) -> None:
    """Sets the owner's zone, timeout (minutes) and retention as `PATCH /v1/me` does."""
    refused = change_profile(database, owner, zone=zone, timeout=timeout, months=months)
    assert refused is None


def seconds(database: Database, lane: str = "human") -> dict[date, int]:
    """Of each day."""
    rows = database.rows(
        "select day, sum(seconds)::integer as s from time_daily where lane = %s group by 1", lane
    )
    return {row["day"]: row["s"] for row in rows}


def stored(database: Database, day: date) -> dict[lanes.Key, int]:
    """The day's totals, as the table has them."""
    rows = [tuple(row.values()) for row in database.rows(TABLE)]
    return {lanes.Key._make(row[1:8]): row[8] for row in rows if row[0] == day}


def live(owner: UUID, day: date) -> dict[lanes.Key, int]:
    """The day's totals, computed from its events."""
    start, end = at("00:00:00", day), at("00:00:00", day + ONE_DAY)
    span = (int(start.timestamp()), int(end.timestamp()))
    with db.transaction(User(owner)) as connection:
        [found] = lane_totals(connection, owner, start, end, [span])
    return dict(found)


def test_late_events_change_their_day(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """A day is computed, and again when something more comes; what is done is not dirty."""
    beat(at("10:00:00"), at("10:10:00"))
    refresh_days(owner, DAY, DAY)
    assert seconds(database) == {DAY: 600}
    beat(at("10:20:00"))
    refresh_days(owner, DAY, DAY)
    assert seconds(database) == {DAY: 1_200}
    assert database.rows("select * from dirty_days") == []


def test_days_are_cut_at_midnight(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """What joins across midnight belongs to both days, each with its part."""
    beat(at("23:55:00"), at("00:03:00", DAY + ONE_DAY))
    refresh_days(owner, DAY, DAY + ONE_DAY)
    assert seconds(database) == {DAY: 300, DAY + ONE_DAY: 180}


def test_a_span_reaches_into_the_day_before(
    api: Api, database: Database, owner: UUID, laptop: Registered
) -> None:
    """An event at two in the morning that lasted four hours is time of both days."""
    event = laptop.event(
        timestamp=at("02:00:00").isoformat(),
        type="window",
        payload={"app": "DAW", "duration_ms": 4 * 3_600_000},
    )
    assert laptop.send(api, [event]).status == 200
    refresh_days(owner, DAY, DAY)
    assert seconds(database) == {DAY - ONE_DAY: 7_200, DAY: 7_200}
    delete_events(database, "kind = 'window'")
    refresh_days(owner, DAY - ONE_DAY, DAY - ONE_DAY)
    assert seconds(database) == {}


def test_deleted_events_are_taken_out(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """Deleting makes the day dirty, as storing does."""
    beat(at("10:00:00"), at("10:10:00"), at("10:15:00"))
    refresh_days(owner, DAY, DAY)
    delete_events(database, "occurred_at = %s", at("10:15:00"))
    refresh_days(owner, DAY, DAY)
    assert seconds(database) == {DAY: 600}


def test_a_refresh_that_dies_leaves_the_day_dirty(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """Half-way means not at all: the old rows stand, the mark stands, the next run does it."""
    beat(at("10:00:00"), at("10:10:00"))
    refresh_days(owner, DAY, DAY)
    beat(at("10:20:00"))
    database.rows(
        "create function fail() returns trigger language plpgsql as"
        " $$ begin raise exception 'power cut'; end $$"
    )
    database.rows("create trigger fail before insert on session_daily execute function fail()")
    with pytest.raises(Exception, match="broke on our side"):
        refresh_days(owner, DAY, DAY)
    assert seconds(database) == {DAY: 600}
    assert database.value("select count(*) from dirty_days where day = %s", DAY) == 1
    database.rows("drop trigger fail on session_daily")
    refresh_days(owner, DAY, DAY)
    assert seconds(database) == {DAY: 1_200}


def test_a_day_marked_while_it_is_computed_stays_dirty(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """Whoever marks between reading the list and claiming is not lost."""
    beat(at("10:00:00"), at("10:10:00"))
    marked = db.call(
        User(owner),
        days.queries.dirty_days.sql,
        {"owner": owner, "first": DAY, "last": DAY, "most": 1},
    )
    database.rows("select mark_days(%s, %s::date[])", owner, [DAY])
    assert days._refresh(owner, [marked[0][0]], [marked[0][1]]) == 0
    assert database.value("select count(*) from dirty_days where day = %s", DAY) == 1
    assert seconds(database) == {}
    refresh_days(owner, DAY, DAY)
    assert seconds(database) == {DAY: 600}


def test_a_changed_zone_moves_everything(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """Every day that has events is dirty, and no row of the old zone is left."""
    beat(at("22:00:00"), at("22:10:00"))
    refresh_days(owner, DAY, DAY)
    change_settings(database, owner, zone="Asia/Kathmandu")
    refresh_days(owner, DAY + ONE_DAY, DAY + ONE_DAY)
    assert seconds(database) == {DAY + ONE_DAY: 600}
    assert database.value("select count(*) from dirty_days") == 0


def test_a_changed_timeout_joins_anew(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """Twenty minutes' pause is one, until the owner says that it is not."""
    beat(at("10:00:00"), at("10:20:00"))
    refresh_days(owner, DAY, DAY)
    assert seconds(database) == {}
    change_settings(database, owner, timeout=20)
    refresh_days(owner, DAY, DAY)
    assert seconds(database) == {DAY: 1_200}
    change_settings(database, owner, timeout=20, months=1_200)
    assert database.value("select count(*) from dirty_days") == 0


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Europe/Berlin", date(2026, 11, 4), 24),
        ("America/Havana", date(2026, 11, 1), 25),  # from one in the morning back to midnight
        ("America/Havana", date(2026, 10, 31), 24),
        ("Africa/Cairo", date(2026, 4, 24), 23),  # has no midnight
        ("Asia/Kathmandu", date(2026, 11, 4), 24),
    ],
)
def test_days_have_the_hours_that_they_have(
    database: Database, owner: UUID, beat: Callable[..., None], zone: str, day: date, hours: int
) -> None:
    """A heartbeat every ten minutes around the clock fills a day: 23, 24 or 25 hours of it."""
    database.rows("update profiles set timezone = %s where id = %s", zone, owner)
    start = at("00:00:00", day - ONE_DAY)
    beat(*(start + timedelta(minutes=10 * count) for count in range(6 * 24 * 3)))
    refresh_days(owner, day, day)
    assert seconds(database)[day] == hours * 3_600
    starts, ends = database.rows(
        "select min(started_at) as a, max(ended_at) as b from session_daily where day = %s", day
    )[0].values()
    local = ZoneInfo(zone)
    assert (starts.astimezone(local).date(), ends.astimezone(local).date()) == (day, day + ONE_DAY)


def test_eight_sessions_on_three_machines_are_at_most_a_day(
    api: Api, database: Database, owner: UUID, owner_token: str, laptop: Registered
) -> None:
    """Parallel agents fill a lane once; and it is the same time as in one batch, in any order."""
    machines = [laptop, *(register_source(api, owner_token, name) for name in ("desk", "studio"))]
    for session in range(8):
        machine = machines[session % 3]
        events = [
            machine.event(
                timestamp=(at("00:00:00") + timedelta(minutes=minute)).isoformat(),
                type="activity" if minute % 97 == session else "tool",
                payload={"sessionId": f"s{session}", "tool": "Bash", "project": f"p{session % 4}"},
            )
            for minute in range(-30 + session, 25 * 60, 3)
        ]
        assert machine.send(api, events).status == 200
        refresh_days(owner, DAY, DAY)
    per_lane = {lane: seconds(database, lane).get(DAY, 0) for lane in lanes.LANES}
    assert per_lane["agent"] == 86_400
    assert all(0 <= spent <= 86_400 for spent in per_lane.values())
    stored = database.rows(TABLE)
    database.rows("select mark_days(%s, %s::date[])", owner, [DAY])
    refresh_days(owner, DAY, DAY)
    assert database.rows(TABLE) == stored


def test_the_job_does_everybodys_days(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """Bounded, and done when nothing is dirty any more."""
    beat(at("10:00:00"), at("10:10:00"))
    beat(at("10:00:00", DAY - 40 * ONE_DAY), at("10:05:00", DAY - 40 * ONE_DAY))
    run_job("refresh_days")
    assert seconds(database) == {DAY: 600, DAY - 40 * ONE_DAY: 300}
    assert not days.refresh_dirty_days(owner)
    assert database.rows("select * from work_items") == []


def test_what_a_purge_has_emptied_keeps_its_time(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """A neighbour of a purged day is computed; the purged day is left as it was."""
    beat(at("10:00:00"), at("10:10:00"), at("10:00:00", DAY + 2 * ONE_DAY))
    refresh_days(owner, DAY, DAY + 2 * ONE_DAY)
    database.rows("update profiles set purged_before = %s", at("00:00:00", DAY + ONE_DAY))
    database.rows("delete from events where occurred_at < %s", at("12:00:00"))
    beat(at("10:10:00", DAY + 2 * ONE_DAY))
    refresh_days(owner, DAY, DAY + 2 * ONE_DAY)
    assert seconds(database) == {DAY: 600, DAY + 2 * ONE_DAY: 600}


def test_live_lanes_are_the_stored_ones(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """Computed from events for a day of the owner's zone, the sums are those of the table."""
    beat(at("00:01:00"), at("00:10:00"), at("23:50:00", DAY - ONE_DAY), project="vibe")
    beat(at("00:03:00"), at("08:00:00"), at("08:14:00"))
    refresh_days(owner, DAY, DAY)
    assert live(owner, DAY) == stored(database, DAY)


def test_what_both_share_is_stored_as_it_is_computed(
    api: Api, database: Database, owner: UUID, laptop: Registered
) -> None:
    """Human and agent at once, on the same project or not: the table has it as the events do."""
    events = []
    for minute in range(0, 120, 4):
        payload = {
            "sessionId": "s1",
            "project": "loom" if minute < 60 else "vibe",
            "tool": "Read",
            "language": "rust",
            "entity": "a.rs",
            "file": "a.rs",
            "action": "edit",
        }
        other = {**payload, "project": "loom", "language": "sql" if minute < 30 else "rust"}
        moment = at("10:00:00") + timedelta(minutes=minute)
        events += [
            laptop.event(timestamp=moment.isoformat(), type="tool", payload=payload),
            laptop.event(timestamp=moment.isoformat(), type="editor", payload=other),
        ]
    assert laptop.send(api, events).status == 200
    refresh_days(owner, DAY, DAY)
    found = stored(database, DAY)
    assert found == live(owner, DAY)
    both = {key[4:]: spent for key, spent in found.items() if key.lane == "both"}
    assert both == {
        (True, False, False): 32 * 60,
        (True, True, False): 28 * 60,
        (False, True, False): 56 * 60,
    }


def test_a_sign_at_midnight_that_ends_a_stretch_counts(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """It belongs to the day before, because the next day has no part of the stretch."""
    beat(at("23:50:00"), at("00:00:00", DAY + ONE_DAY))
    refresh_days(owner, DAY, DAY + ONE_DAY)
    rows = database.rows("select day, events from session_daily")
    assert [tuple(row.values()) for row in rows] == [(DAY, 2)]
    beat(at("00:05:00", DAY + ONE_DAY))
    refresh_days(owner, DAY, DAY + ONE_DAY)
    rows = database.rows("select day, events from session_daily order by day")
    assert [tuple(row.values()) for row in rows] == [(DAY, 1), (DAY + ONE_DAY, 2)]


def test_tokens_by_day_and_model(
    api: Api, database: Database, owner: UUID, laptop: Registered
) -> None:
    """`token_daily` and `mv_token_usage` have every event that was stored."""
    payload = {"model": "claude-opus-4-5", "provider": "anthropic", "inputTokens": 1_000_000}
    for project, model in (("loom", "claude-opus-4-5"), ("vibe", "claude-opus-4-5"), ("", "own")):
        event = laptop.event(
            timestamp=at("23:30:00").isoformat(),
            type="token_usage",
            payload={**payload, "project": project, "model": model},
        )
        assert laptop.send(api, [event]).status == 200
    database.rows("update profiles set timezone = 'Europe/Berlin' where id = %s", owner)
    usage = (
        "select day, model, calls, tokens_input, cost_usd, unpriced from mv_token_usage order by 2"
    )
    expected = [
        (DAY + ONE_DAY, "claude-opus-4-5", 2, 2_000_000, 10, 0),
        (DAY + ONE_DAY, "own", 1, 1_000_000, None, 1),
    ]
    assert [tuple(row.values()) for row in database.rows(usage)] == expected
    assert database.value("select count(*) from token_daily") == 3


def test_time_by_language_is_a_view(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """Under the name that dashboards query."""
    beat(at("10:00:00"), at("10:10:00"))
    refresh_days(owner, DAY, DAY)
    [row] = database.rows("select * from mv_time_by_language")
    assert row == {
        "owner_id": owner,
        "day": DAY,
        "language": "rust",
        "human_seconds": 600,
        "agent_seconds": 0,
        "both_seconds": 0,
        "both_elsewhere_seconds": 0,
    }


@pytest.mark.parametrize("view", ["mv_time_by_language", "dashboards.time_by_language"])
def test_a_languages_part_of_both_exceeds_neither_lane(
    api: Api, database: Database, owner: UUID, laptop: Registered, view: str
) -> None:
    """A prompt names no language, the agent's tool does: that time is of both, on two languages."""
    database.rows("insert into dashboards.readers (role_name) values (session_user)")
    own = {"sessionId": "s1", "project": "loom"}
    events = [
        laptop.event(timestamp=at(clock).isoformat(), type=kind, payload=payload)
        for clock, kind, payload in (
            ("10:00:00", "activity", own),
            ("10:01:00", "tool", {**own, "tool": "Read", "language": "rust"}),
            ("10:10:00", "activity", own),
            ("10:09:00", "tool", {**own, "tool": "Read", "language": "rust"}),
        )
    ]
    assert laptop.send(api, events).status == 200
    refresh_days(owner, DAY, DAY)
    found = {
        row["language"]: (
            row["human_seconds"],
            row["agent_seconds"],
            row["both_seconds"],
            row["both_elsewhere_seconds"],
        )
        for row in database.rows(f"select * from {view}")
    }
    unnamed = "" if view.startswith("mv_") else "not named"
    assert found == {unnamed: (600, 60, 60, 480), "rust": (0, 480, 0, 0)}


def test_a_refresh_is_bounded_and_says_so(
    api: Api,
    database: Database,
    owner_token: str,
    owner: UUID,
    beat: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What one call leaves is counted in the answer, and the next call does it."""
    beat(*(at("10:00:00", DAY + count * ONE_DAY) for count in range(4)))
    monkeypatch.setattr(days, "AT_ONCE", 1)
    monkeypatch.setattr(days, "MAX_DAYS", 3)
    target = f"/v1/query/time?from={DAY}&to={DAY + 3 * ONE_DAY}"
    pending = [api("GET", target, token=owner_token).json["pending_days"] for _ in range(2)]
    assert pending == [1, 0]


def test_a_neighbour_that_is_not_computed_is_said(
    api: Api,
    owner_token: str,
    beat: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What happened on the next day may reach into the day that is asked about."""
    beat(at("10:00:00", DAY - ONE_DAY), at("10:00:00", DAY + ONE_DAY))
    monkeypatch.setattr(days, "AT_ONCE", 1)
    monkeypatch.setattr(days, "MAX_DAYS", 1)
    target = f"/v1/query/time?from={DAY}&to={DAY}"
    pending = [api("GET", target, token=owner_token).json["pending_days"] for _ in range(2)]
    assert pending == [1, 0]
