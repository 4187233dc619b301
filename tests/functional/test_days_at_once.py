"""Refreshes beside storing, purging, ingest and each other."""

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

import psycopg
import pytest

from functions.core import bearer
from functions.rollup import lanes, refresh_days
from tests.functional.test_days import DAY, ONE_DAY, at, heartbeats, live, seconds
from tests.functional.test_sums import store
from tests.sums import assert_exact, delete_events
from tests.support import Api, Database, Registered


@pytest.fixture
def owner(database: Database, owner_token: str) -> UUID:
    return bearer.deployment_owner()


@pytest.fixture
def beat(api: Api, laptop: Registered) -> Callable[..., None]:
    """Sends heartbeats at those instants as one batch."""

    def send(*moments: datetime) -> None:
        assert laptop.send(api, heartbeats(laptop, *moments)).status == 200

    return send


def test_an_uncommitted_marking_is_waited_for(
    database: Database, owner: UUID, laptop: Registered, beat: Callable[..., None]
) -> None:
    """A batch that is being stored for a dirty day is in the answer."""
    beat(at("10:00:00"), at("10:10:00"))
    with psycopg.connect(database.admin_url) as other:
        store(other, laptop, heartbeats(laptop, at("10:20:00")), "under way")
        release = threading.Timer(0.3, other.commit)
        release.start()
        refresh_days(owner, DAY, DAY)
        release.join()
    assert seconds(database) == {DAY: 1_200}
    assert database.rows("select * from dirty_days") == []


def test_two_refreshes_at_once_are_one(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """The second waits for the first, finds nothing to claim, and has its answer."""
    beat(at("10:00:00"), at("10:10:00"))
    with psycopg.connect(database.admin_url) as other:
        claimed = other.execute("delete from dirty_days returning day").fetchall()
        assert claimed == [(DAY,)]
        other.execute(
            "select pg_advisory_xact_lock(hashtextextended('vibeloom.daily ' || %s::text, 0))",
            (str(owner),),
        )
        other.execute(
            "insert into time_daily values (%s, %s, 'human', 'loom', 'rust', 'coding', 600)",
            (owner, DAY),
        )
        release = threading.Timer(0.3, other.commit)
        release.start()
        refresh_days(owner, DAY, DAY)
        release.join()
    assert seconds(database) == {DAY: 600}


def test_a_purge_under_way_is_waited_for(
    database: Database, owner: UUID, beat: Callable[..., None]
) -> None:
    """No refresh reads events that a purge has taken with the bounds from before it."""
    beat(at("10:00:00"), at("10:10:00"))
    refresh_days(owner, DAY, DAY)
    beat(at("10:00:00", DAY + ONE_DAY))
    over = threading.Event()
    with psycopg.connect(database.admin_url) as purge:
        purge.execute(
            "update profiles set purged_before = %s where id = %s",
            (at("00:00:00", DAY + ONE_DAY), owner),
        )
        purge.execute("delete from events where occurred_at < %s", (at("12:00:00"),))

        def finish() -> None:
            over.set()
            purge.commit()

        release = threading.Timer(0.5, finish)
        release.start()
        refresh_days(owner, DAY, DAY + ONE_DAY)
        assert over.is_set()
        release.join()
    assert seconds(database) == {DAY: 600}


REFRESHER = """
from functions.core import work
from functions.core.work import Budget
from functions.rollup.tasks import TASKS, enqueue_refreshes
import sys
while not sys.stdin.closed and sys.stdin.readline():
    enqueue_refreshes()
    work.drain(TASKS, Budget())
    print("done", flush=True)
"""


def test_refreshes_beside_ingest_lose_nothing(
    api: Api, database: Database, owner: UUID, laptop: Registered
) -> None:
    """Two other processes refresh while batches come and events go: the sums are the events’."""
    random = Random(4)
    others = [
        subprocess.Popen(
            [sys.executable, "-c", REFRESHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for step in range(12):
            for other in others:
                assert other.stdin is not None
                other.stdin.write("go\n")
                other.stdin.flush()
            events = [
                laptop.event(
                    timestamp=(
                        at("00:00:00") + timedelta(seconds=random.randrange(3 * 86_400))
                    ).isoformat(),
                    type=random.choice(["tool", "activity", "editor"]),
                    payload={
                        "action": "edit",
                        "file": "a.rs",
                        "sessionId": random.choice(["a", "b"]),
                        "project": random.choice(["loom", "vibe"]),
                    },
                )
                for _ in range(60)
            ]
            assert laptop.send(api, events).status == 200
            if step % 4 == 3:
                delete_events(database, "id in (select id from events order by id limit 20)")
            refresh_days(owner, DAY, DAY + ONE_DAY)
            for other in others:
                assert other.stdout is not None
                assert other.stdout.readline() == "done\n"
    finally:
        for other in others:
            assert other.stdin is not None
            other.stdin.close()
            assert other.wait(20) == 0
            assert other.stdout is not None
            other.stdout.close()
    assert_exact(database)
    refresh_days(owner, DAY, DAY + 3 * ONE_DAY)
    for day in (DAY, DAY + ONE_DAY, DAY + 2 * ONE_DAY):
        true = live(owner, day)
        rows = database.rows("select * from time_daily where day = %s", day)
        assert true
        stored = {
            lanes.Key(**{name: row[name] for name in lanes.Key._fields}): row["seconds"]
            for row in rows
        }
        assert stored == true
