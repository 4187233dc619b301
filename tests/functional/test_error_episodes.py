"""Errors of commands are kept right, whatever comes late, comes twice at once, or goes."""

import itertools
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from functions.core import bearer
from functions.rollup import failures
from functions.rollup.failures import Failure, Run
from functions.rollup.recompute import recompute_failures
from tests.sums import delete_events
from tests.support import Api, Database, Registered, examples

ZONE = ZoneInfo("Asia/Kathmandu")  # days that begin at 18:15 UTC
FIRST = datetime(2026, 8, 1, tzinfo=UTC)
SOURCES = (UUID(int=1), UUID(int=2))
NUMBERS = itertools.count()
COMMANDS = ("make", "A=1 make", "pytest -q")
STORED = (
    "select project, command_sha256, source_id, event_id, opened_at, class, fixed_at"
    " from error_episodes order by opened_at, source_id, event_id"
)
RAW = (
    "select occurred_at, source_id, id, coalesce(project, ''), payload ->> 'command', is_error,"
    " (payload -> 'exit_code')::integer from events order by occurred_at, source_id, id"
)


@pytest.fixture
def admin(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection, and one profile in Kathmandu."""
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("insert into profiles (timezone) values ('Asia/Kathmandu')")
        yield connection


def owner_of(connection: psycopg.Connection[Any]) -> UUID:
    [(owner,)] = connection.execute("select id from profiles").fetchall()
    assert isinstance(owner, UUID)
    return owner


def day_of(moment: datetime) -> date:
    return moment.astimezone(ZONE).date()


def ran(
    connection: psycopg.Connection[Any],
    at: datetime,
    exit_code: int,
    command: str = "make",
    project: str | None = "loom",
    source: UUID = SOURCES[0],
) -> str:
    """A command that ended, as a row of `events`; returns its id."""
    number = f"evt_{next(NUMBERS):020}"
    payload = Jsonb({"command": command, "exit_code": exit_code})
    connection.execute(
        "insert into events (owner_id, source_id, id, occurred_at, kind, project, payload,"
        " batch_id, is_error) values (%s, %s, %s, %s, 'terminal', %s, %s, 0, %s)",
        (owner_of(connection), source, number, at, project, payload, exit_code != 0),
    )
    return number


def from_nothing(connection: psycopg.Connection[Any]) -> list[Failure]:
    """The errors that all raw events of this moment make."""
    runs = [Run(*row) for row in connection.execute(RAW)]
    fixed, still_open = failures.fold({}, runs)
    return sorted(
        [*fixed, *still_open.values()],
        key=lambda each: (each.opened_at, each.source_id, each.event_id),
    )


def stored(connection: psycopg.Connection[Any]) -> list[Failure]:
    """The errors that are kept."""
    return [Failure(failures.Key(row[0], row[1]), *row[2:]) for row in connection.execute(STORED)]


runs = st.tuples(
    st.integers(0, 70 * 24 * 4).map(lambda quarter: FIRST + quarter * timedelta(minutes=15)),
    st.sampled_from((0, 1, 1)),
    st.sampled_from(COMMANDS),
    st.sampled_from(("loom", None)),
    st.sampled_from(SOURCES),
)
MIDNIGHT = FIRST + timedelta(hours=18, minutes=15)  # in Kathmandu
near = st.tuples(  # one command, again and again, every other time at the stroke of midnight
    st.integers(0, 9).map(lambda half_days: MIDNIGHT + half_days * timedelta(hours=12)),
    st.sampled_from((0, 1)),
    st.just("make"),
    st.just("loom"),
    st.sampled_from(SOURCES),
)
steps = st.lists(
    (st.lists(near, min_size=1, max_size=6) | st.lists(runs | near, min_size=1, max_size=6)).map(
        lambda rows: ("arrive", rows)
    )
    | st.integers(1, 4).map(lambda count: ("delete", count))
    | st.sampled_from((1, 2, 100)).map(lambda count: ("recompute", count)),
    min_size=1,
    max_size=12,
)


@given(steps, st.randoms(use_true_random=False))
@settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_dirty_days_in_any_order_are_a_computation_from_nothing(
    admin: psycopg.Connection[Any], plan: list[tuple[str, Any]], chance: random.Random
) -> None:
    """Late, early, simultaneous and deleted events: once no day is dirty, nothing differs."""
    admin.execute("truncate events, error_episodes, dirty_days")
    owner = owner_of(admin)
    dirty: set[date] = set()

    def recompute(count: int) -> None:
        for first in chance.sample(sorted(dirty), min(count, len(dirty))):
            last = first
            while last + timedelta(days=1) in dirty and chance.random() < 0.5:
                last += timedelta(days=1)
            recompute_failures(owner, first, last)
            dirty.difference_update(
                first + timedelta(days=n) for n in range((last - first).days + 1)
            )

    for step, what in plan:
        if step == "arrive":
            for at, exit_code, command, project, source in what:
                ran(admin, at, exit_code, command, project, source)
                dirty.add(day_of(at))
        elif step == "delete":
            ids = [id_ for (id_,) in admin.execute("select id from events order by id")]
            gone = admin.execute(
                "delete from events where id = any(%s) returning occurred_at",
                (chance.sample(ids, min(what, len(ids))),),
            )
            dirty.update(day_of(at) for (at,) in gone)
        else:
            recompute(what)
    while dirty:
        recompute(len(dirty))
    assert stored(admin) == from_nothing(admin)


def test_a_fix_at_the_stroke_of_midnight(admin: psycopg.Connection[Any]) -> None:
    """It belongs to the day that begins; deleted, the error of the day before is open again."""
    owner = owner_of(admin)
    ran(admin, MIDNIGHT - timedelta(hours=1), 1)
    success = ran(admin, MIDNIGHT, 0)
    yesterday, today = day_of(MIDNIGHT) - timedelta(days=1), day_of(MIDNIGHT)
    recompute_failures(owner, today, today)
    recompute_failures(owner, yesterday, yesterday)
    assert [each.fixed_at for each in stored(admin)] == [MIDNIGHT]
    admin.execute("delete from events where id = %s", (success,))
    recompute_failures(owner, today, today)
    assert [each.fixed_at for each in stored(admin)] == [None]


def test_deletions_mark_the_days_that_are_computed_anew(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A deleted success opens the error of an earlier month again, joined with a later one."""
    database.rows("update profiles set timezone = 'Asia/Kathmandu'")
    owner = bearer.deployment_owner()
    moments = [FIRST + timedelta(days=days) for days in (0, 40, 45, 80)]
    events = [
        laptop.event(
            timestamp=at.isoformat(),
            type="terminal",
            payload={"command": "make", "exit_code": code, "project": "loom"},
        )
        for at, code in zip(moments, (1, 0, 1, 0), strict=True)
    ]
    assert laptop.send(api, events).status == 200
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        recompute_failures(owner, day_of(moments[0]), day_of(moments[-1]))
        assert [(e.opened_at, e.fixed_at) for e in stored(admin)] == [
            (moments[0], moments[1]),
            (moments[2], moments[3]),
        ]
        admin.execute("delete from dirty_days")
        assert delete_events(database, "id = %s", events[1]["id"]) == 1
        marked = [day for (day,) in admin.execute("select day from dirty_days")]
        assert day_of(moments[1]) in marked
        for day in marked:
            recompute_failures(owner, day, day)
        assert [(e.event_id, e.opened_at, e.fixed_at) for e in stored(admin)] == [
            (events[0]["id"], moments[0], moments[3])
        ]


def test_what_is_purged_keeps_its_errors(admin: psycopg.Connection[Any]) -> None:
    """Raw events are gone, their errors stay, and one that was open is fixed later."""
    owner = owner_of(admin)
    long_ago, then, now = (FIRST + timedelta(days=days) for days in (0, 10, 60))
    ran(admin, long_ago, 1, "cargo doc")
    ran(admin, then, 1)
    recompute_failures(owner, day_of(long_ago), day_of(then))
    admin.execute("delete from events")
    admin.execute("update profiles set purged_before = %s", (FIRST + timedelta(days=20),))
    ran(admin, now, 0)
    recompute_failures(owner, day_of(long_ago), day_of(now))
    assert [(e.opened_at, e.fixed_at) for e in stored(admin)] == [(long_ago, None), (then, now)]


def test_nobody_and_nothing(admin: psycopg.Connection[Any]) -> None:
    """An account that is gone, days without events: no error of ours."""
    recompute_failures(UUID(int=7), FIRST.date(), FIRST.date())
    recompute_failures(owner_of(admin), FIRST.date(), FIRST.date())
    assert stored(admin) == []


def test_a_replay_ends_where_nothing_differs(admin: psycopg.Connection[Any]) -> None:
    """A late command reads on only until what is open is what was known to be open."""
    owner = owner_of(admin)
    for day in range(0, 700, 7):
        ran(admin, FIRST - timedelta(days=day), day % 2)
    recompute_failures(owner, date(2024, 1, 1), date(2026, 12, 31))
    late = FIRST - timedelta(days=693, hours=5)
    ran(admin, late, 1)
    # Were the end of history read, this row, which contradicts the raw events, would go.
    admin.execute(
        "update error_episodes set class = 'network' where opened_at = (select max(opened_at)"
        " from error_episodes)"
    )
    recompute_failures(owner, day_of(late), day_of(late))
    kept = stored(admin)
    assert kept[-1].failure_class == "network"
    assert [e.opened_at for e in kept] == [e.opened_at for e in from_nothing(admin)]


RECOMPUTING = """
import sys
from datetime import date
from uuid import UUID
from functions.rollup.recompute import recompute_failures
for _ in range(30):
    recompute_failures(UUID(sys.argv[1]), date(2026, 8, 1), date(2026, 8, 31))
"""


def test_two_at_once(admin: psycopg.Connection[Any], database: Database) -> None:
    """While commands come and go, two processes compute the same days; none fails."""
    owner = owner_of(admin)
    chance = random.Random(11)
    environment = os.environ | {"VIBELOOM_LOG_LEVEL": "ERROR"}
    running = [
        subprocess.Popen([sys.executable, "-c", RECOMPUTING, str(owner)], env=environment)
        for _ in range(2)
    ]
    ids: list[str] = []
    while any(process.poll() is None for process in running):
        at = FIRST + timedelta(minutes=chance.randrange(30 * 24 * 60))
        ids.append(ran(admin, at, chance.choice((0, 1)), chance.choice(COMMANDS)))
        if chance.random() < 0.3:
            gone = ids.pop(chance.randrange(len(ids)))
            admin.execute("delete from events where id = %s", (gone,))
    assert [process.returncode for process in running] == [0, 0]
    assert len(stored(admin)) > 0
    recompute_failures(owner, date(2026, 8, 1), date(2026, 8, 31))
    assert stored(admin) == from_nothing(admin)


def test_the_classes_are_the_tables(database: Database) -> None:
    """What the code may find is what the table takes, neither more nor less."""
    definition = database.value(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'error_episodes_class'"
    )
    assert set(re.findall(r"'([a-z_]+)'", definition)) == set(failures.CLASSES)


def test_only_terminal_events_are_read(database: Database, admin: psycopg.Connection[Any]) -> None:
    """The raw events of a stretch come from the index of the few kinds, month by month."""
    from functions.rollup.recompute import queries

    admin.execute("select make_event_partitions()")
    ran(admin, FIRST, 1)
    admin.execute("set enable_seqscan = off")
    plan = "\n".join(
        line
        for (line,) in admin.execute(
            "explain (costs off) " + queries.find_runs.sql.rstrip(";"),
            {"owner": owner_of(admin), "since": FIRST, "until": FIRST + timedelta(days=3)},
        )
    )
    assert "events_2026_08" in plan
    assert "_owner_id_kind_occurred_at_idx" in plan, plan
    assert "events_2026_09" not in plan
