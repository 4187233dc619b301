"""One owner's trouble is one owner's: each with a second owner who notices nothing."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from functions.core import work
from functions.core.work import Budget
from functions.rollup import tasks
from tests.support import Api, Database, Registered, fresh_process, register_source, run_job

DAY = date(2025, 10, 26)  # Troll's clocks go back by two hours


@dataclass(frozen=True)
class Person:
    """An account with a monitor."""

    id: UUID
    source: Registered


Meet = Callable[..., Person]


@pytest.fixture
def meet(api: Api, database: Database) -> Meet:
    """Makes an account in a time zone, with a monitor of its own."""
    from functions.accounts import tokens
    from functions.accounts.models import NewToken
    from functions.core.actor import User

    def make(name: str, zone: str = "UTC") -> Person:
        account = database.value(
            "insert into profiles (email, timezone) values (%s, %s) returning id",
            f"{name}@localhost",
            zone,
        )
        new = NewToken(name="t", scopes=["sources:write"])
        token = tokens.issue(User(account), new, datetime.now(UTC)).token
        return Person(account, register_source(api, token, name))

    return make


def type_through(api: Api, person: Person, start: datetime, end: datetime) -> None:
    """Somebody at a keyboard from `start` to `end`, a sign every ten minutes."""
    events = []
    at = start
    while at <= end:
        events.append(
            person.source.event(
                timestamp=at.isoformat(),
                type="editor",
                payload={"action": "edit", "file": "a.rs", "project": "spindle"},
            )
        )
        at += timedelta(minutes=10)
    assert person.source.send(api, events).json["inserted"] == len(events)


def seconds(database: Database, person: Person) -> dict[date, int]:
    """Of the human lane, by day."""
    rows = database.rows(
        "select day, sum(seconds)::integer as spent from time_daily"
        " where owner_id = %s and lane = 'human' group by day order by day",
        person.id,
    )
    return {row["day"]: row["spent"] for row in rows}


def day_of(database: Database, day: date, zone: str) -> tuple[datetime, datetime]:
    [row] = database.rows(
        "select day_start(%s, %s) as first, day_start(%s + 1, %s) as last", day, zone, day, zone
    )
    return row["first"], row["last"]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Antarctica/Troll", DAY, 26),
        ("Antarctica/Casey", date(2023, 3, 9), 27),
        ("Europe/Berlin", date(2025, 10, 26), 25),
        ("Europe/Berlin", date(2026, 3, 29), 23),
    ],
)
def test_a_day_has_the_hours_that_it_has(
    api: Api, database: Database, meet: Meet, zone: str, day: date, hours: int
) -> None:
    """Also more than 25, filled to the last second; the next owner's days are computed as well."""
    explorer, other = meet("explorer", zone), meet("other")
    start, end = day_of(database, day, zone)
    assert end - start == timedelta(hours=hours)
    type_through(api, explorer, start - timedelta(hours=1), end + timedelta(hours=1))
    type_through(api, other, start, start + timedelta(minutes=50))
    run_job("refresh_days")
    one_day = timedelta(days=1)
    assert seconds(database, explorer) == {
        day - one_day: 3_600,
        day: hours * 3_600,
        day + one_day: 3_600,
    }
    assert sum(seconds(database, other).values()) == 3_000
    assert database.rows("select * from work_items") == []
    assert database.rows("select * from dirty_days") == []


def test_an_owner_whose_days_cannot_be_computed(
    api: Api, database: Database, meet: Meet, lines: io.StringIO
) -> None:
    """The failing one is first each time; the other's days are done each time."""
    failing, other = meet("failing"), meet("other")
    database.rows(
        "alter table time_daily add constraint time_daily_refused"
        f" check (owner_id <> '{failing.id}')"
    )
    start = datetime(2026, 11, 4, 10, tzinfo=UTC)
    for hour in range(2):
        for person in (failing, other):
            at = start + timedelta(hours=hour)
            type_through(api, person, at, at + timedelta(minutes=10))
        run_job("refresh_days")
        assert seconds(database, other) == {start.date(): 600 * (hour + 1)}
    assert seconds(database, failing) == {}
    [item] = database.rows("select * from work_items")
    assert (item["owner_id"], item["task"], item["attempts"]) == (failing.id, "refresh_days", 1)
    assert item["error"] == "InternalError from CheckViolation 23514 time_daily_refused"
    assert "spindle" not in lines.getvalue()  # the project, which Postgres' detail quotes
    database.rows("alter table time_daily drop constraint time_daily_refused")
    database.rows("update work_items set due_at = now()")
    run_job("run_tasks")
    assert seconds(database, failing) == {start.date(): 1_200}
    assert database.rows("select * from work_items") == []


def send_old(api: Api, database: Database, person: Person, events: int) -> None:
    """Events of years ago, whose days are computed."""
    batches = [
        [person.source.event(timestamp="2025-03-01T12:00:00Z") for _ in range(1_000)]
        for _ in range(events // 1_000)
    ]
    batches.append([person.source.event(timestamp="2025-03-01T12:00:00Z")])
    for batch in batches:
        assert person.source.send(api, batch).status == 200
    run_job("refresh_days")


def old_events(database: Database, person: Person) -> int:
    number: int = database.value("select count(*) from events where owner_id = %s", person.id)
    return number


def test_a_purge_that_takes_long_lets_others_go_on(
    api: Api, database: Database, meet: Meet
) -> None:
    """Who is first and has more than a turn's worth goes on behind the others."""
    first, second = meet("first"), meet("second")
    database.rows("update profiles set retention_months = 1")
    send_old(api, database, first, 12_000)
    send_old(api, database, second, 0)
    assert tasks.enqueue_purges(datetime.now(UTC)) == 2
    # Spent after the first step of the first item; the next item has time again.
    spent = iter([False, True, False, True]).__next__
    drained = work.drain(tasks.TASKS, Budget(stopping=spent))
    assert (drained.done, drained.more) == (2, True)
    assert (old_events(database, first), old_events(database, second)) == (2_001, 0)
    assert work.drain(tasks.TASKS, Budget()).done == 1
    assert old_events(database, first) == 0


def test_a_locked_profile_stops_nobody(
    api: Api, database: Database, meet: Meet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose profile somebody holds at length is tried again; the other's days are done."""
    held, other = meet("held"), meet("other")
    at = datetime(2026, 11, 4, 10, tzinfo=UTC)
    for person in (held, other):
        type_through(api, person, at, at + timedelta(minutes=10))
    monkeypatch.setenv("VIBELOOM_LOCK_TIMEOUT_SECONDS", "1")
    fresh_process()
    with psycopg.connect(database.admin_url) as holder:
        holder.execute("select from profiles where id = %s for update", (held.id,))
        run_job("refresh_days")
        assert seconds(database, other) == {at.date(): 600}
    [item] = database.rows("select * from work_items")
    assert (item["owner_id"], item["error"]) == (held.id, "LockTimeout from LockNotAvailable 55P03")
    database.rows("update work_items set due_at = now()")
    run_job("run_tasks")
    assert seconds(database, held) == {at.date(): 600}


def test_who_waits_longest_comes_first(api: Api, database: Database, meet: Meet) -> None:
    """Since the first change that is not computed, however often the day changed afterwards."""
    people = [meet(name) for name in ("ada", "eve", "joe")]
    at = datetime(2026, 11, 4, 10, tzinfo=UTC)
    for hours, person in zip((1, 3, 2), people, strict=True):
        type_through(api, person, at, at + timedelta(minutes=10))
        database.rows(
            "update dirty_days set waits_since = now() - make_interval(hours => %s)"
            " where owner_id = %s",
            hours,
            person.id,
        )
    assert tasks.enqueue_refreshes() == 3
    rows = database.rows("select owner_id from work_items order by turn, id")
    assert [row["owner_id"] for row in rows] == [people[n].id for n in (1, 2, 0)]


def test_an_owner_in_a_new_zone_is_folded_first(api: Api, database: Database, meet: Meet) -> None:
    """The sums by day are cut at the new zone's midnights before the days are computed."""
    person = meet("mover")
    at = datetime(2026, 11, 4, 22, tzinfo=UTC)
    type_through(api, person, at, at + timedelta(minutes=10))
    run_job("refresh_days")
    database.rows("update profiles set timezone = 'Asia/Tokyo' where id = %s", person.id)
    database.rows("select mark_days(%s, '{2026-11-04, 2026-11-05}')", person.id)
    run_job("refresh_days")
    assert database.rows("select day, sum(events)::integer as n from event_days group by day") == [
        {"day": date(2026, 11, 5), "n": 2}
    ]
    assert seconds(database, person) == {date(2026, 11, 5): 600}


def test_only_those_who_need_it_are_enqueued(api: Api, database: Database, meet: Meet) -> None:
    """No item for whoever has nothing dirty and nothing expired; none twice."""
    busy, _ = meet("busy"), meet("idle")
    at = datetime(2026, 11, 4, 10, tzinfo=UTC)
    type_through(api, busy, at, at + timedelta(minutes=10))
    added: list[Any] = [tasks.enqueue_refreshes(), tasks.enqueue_refreshes()]
    database.rows("update profiles set retention_months = 1")
    added += [tasks.enqueue_purges(at + timedelta(days=days)) for days in (0, 20, 40, 40)]
    assert added == [1, 0, 0, 0, 1, 0]
