"""The work queue: order, fairness, repetition, leases, and what a failure leaves behind."""

import io
import json
import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import psycopg
import pytest

from functions.core import work
from functions.core.actor import Room
from functions.core.errors import Unavailable
from functions.core.work import Budget, Drained, Task
from tests.support import Database

SECRET = "what-nobody-may-read"


@pytest.fixture
def owners(database: Database) -> list[UUID]:
    """Five accounts."""
    rows = database.rows(
        "insert into profiles (id) select gen_random_uuid() from generate_series(1, 5) returning id"
    )
    return [row["id"] for row in rows]


class Log:
    """What a task did, in order; it fails for the owners in `failing`."""

    def __init__(self) -> None:
        self.seen: list[tuple[UUID, Any]] = []
        self.failing: set[UUID] = set()
        self.pieces: dict[UUID, int] = {}

    def __call__(self, owner: UUID, args: Mapping[str, Any], budget: Budget) -> bool:
        self.seen.append((owner, args.get("n")))
        if owner in self.failing:
            raise ValueError(SECRET)
        self.pieces[owner] = self.pieces.get(owner, 1) - 1
        return self.pieces[owner] > 0

    @property
    def who(self) -> list[UUID]:
        return [owner for owner, _ in self.seen]


@pytest.fixture
def log() -> Log:
    return Log()


def task(run: Any, name: str = "note", **policy: Any) -> Task:
    return Task(name, run, **policy)


def enqueue(database: Database, owner: UUID, name: str = "note", **args: Any) -> bool:
    """Adds an item; whether it is a new one."""
    added: bool = database.value("select enqueue(%s, %s, %s::jsonb)", owner, name, json.dumps(args))
    return added


def items(database: Database) -> list[dict[str, Any]]:
    return database.rows("select * from work_items order by id")


def let_pass(database: Database, interval: str) -> None:
    """As if so much time had gone by."""
    database.rows(
        "update work_items set due_at = due_at - %s::interval,"
        " lease_until = lease_until - %s::interval",
        interval,
        interval,
    )


def test_an_item_is_done_once_and_is_gone(database: Database, owners: list[UUID], log: Log) -> None:
    """Owner and arguments reach the task."""
    assert enqueue(database, owners[0], n=1)
    assert work.drain([task(log)], Budget()) == Drained(done=1)
    assert log.seen == [(owners[0], 1)]
    assert items(database) == []
    assert work.drain([task(log)], Budget()) == Drained()


def test_the_same_item_waits_once(database: Database, owners: list[UUID], log: Log) -> None:
    """Task, owner and arguments; another of any of them is another item."""
    first, second, *_ = owners
    assert enqueue(database, first, n=1)
    assert not enqueue(database, first, n=1)
    assert enqueue(database, first, n=2)
    assert enqueue(database, second, n=1)
    assert enqueue(database, first, "other", n=1)
    assert len(items(database)) == 4
    work.drain([task(log), task(log, "other")], Budget())
    assert len(log.seen) == 4


def test_an_item_is_due_at_the_soonest_time_asked(
    database: Database, owners: list[UUID], log: Log
) -> None:
    """Later does not postpone it, and a pause after a failure is not cut short."""
    at = "select enqueue(%s, 'note', '{}', now() + %s)"
    assert database.value(at, owners[0], "1 hour")
    assert work.drain([task(log)], Budget()) == Drained()
    assert not database.value(at, owners[0], "2 hours")
    assert not database.value(at, owners[0], "0 seconds")
    log.failing = {owners[0]}
    assert work.drain([task(log)], Budget()) == Drained(failed=1)
    assert not database.value(at, owners[0], "0 seconds")
    assert work.drain([task(log)], Budget()) == Drained()


def test_what_is_enqueued_belongs_to_the_transaction(
    database: Database, owners: list[UUID], log: Log
) -> None:
    """Rolled back, it never was; before the commit nobody takes it."""
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("select enqueue(%s, 'note')", (owners[0],))
        assert work.drain([task(log)], Budget()) == Drained()
        connection.rollback()
    assert items(database) == []


def test_no_change_is_missed_by_a_run_that_began_before_it(
    database: Database, owners: list[UUID]
) -> None:
    """An item that a transaction relies on is not taken before that transaction has ended."""
    seen = []

    def look(owner: UUID, args: Mapping[str, Any], budget: Budget) -> bool:
        seen.append(database.value("select handle from profiles where id = %s", owner))
        return False

    enqueue(database, owners[0])
    with psycopg.connect(database.admin_url) as change:
        change.execute("update profiles set handle = 'ada' where id = %s", (owners[0],))
        added = change.execute("select enqueue(%s, 'note')", (owners[0],)).fetchone()
        assert added == (False,)
        assert work.drain([task(look)], Budget()) == Drained()
    assert work.drain([task(look)], Budget()) == Drained(done=1)
    assert seen == ["ada"]


def test_enqueuing_at_the_same_time_waits_for_nobody(
    database: Database, owners: list[UUID], log: Log
) -> None:
    """Two open transactions add the same: neither waits, in any order, and one run is enough."""
    with (
        psycopg.connect(database.admin_url) as one,
        psycopg.connect(database.admin_url) as other,
    ):
        for connection in (one, other):
            connection.execute("set lock_timeout = '1s'")
        for first, second in ((one, other), (other, one)):
            first.execute("select enqueue(%s, 'note')", (owners[0],))
            second.execute("select enqueue(%s, 'note')", (owners[1],))
    assert work.drain([task(log)], Budget()) == Drained(done=2)
    assert sorted(log.who) == sorted(owners[:2])


def test_ten_thousand_items_of_one_owner_delay_another_by_one(
    database: Database, owners: list[UUID], log: Log
) -> None:
    """Whoever has one item waits for at most one of somebody else's."""
    hostile, other, late, *_ = owners
    database.rows(
        "select enqueue(%s, 'note', jsonb_build_object('n', n))"
        " from generate_series(1, 10000) as n",
        hostile,
    )
    enqueue(database, other)

    def run(owner: UUID, args: Mapping[str, Any], budget: Budget) -> bool:
        if len(log.seen) == 20:
            enqueue(database, late)
        return log(owner, args, budget)

    budget = Budget(stopping=lambda: len(log.seen) >= 40)
    assert work.drain([task(run)], budget) == Drained(done=40, more=True)
    assert log.who.index(other) <= 1
    assert 21 <= log.who.index(late) <= 22
    numbers = [n for owner, n in log.seen if owner == hostile]
    assert numbers == list(range(1, 39))


def test_many_tasks_of_an_owner_are_no_greater_share(
    database: Database, owners: list[UUID], log: Log
) -> None:
    """Fairness is between owners, whatever their items are called."""
    names = ["a", "b", "c", "d"]
    for name in names:
        for n in range(5):
            enqueue(database, owners[0], name, n=n)
    enqueue(database, owners[1], "a", n=1)
    work.drain([task(log, name) for name in names], Budget())
    assert log.who.index(owners[1]) <= 1


def test_pieces_alternate_with_other_owners(
    database: Database, owners: list[UUID], log: Log
) -> None:
    """Work that goes on is behind everybody else each time."""
    log.pieces = {owners[0]: 4}
    for owner in owners[:3]:
        enqueue(database, owner)
    assert work.drain([task(log)], Budget()).done == 6
    assert log.who == [*owners[:3], *[owners[0]] * 3]
    assert items(database) == []


def test_an_owner_who_always_fails_stops_nobody(
    database: Database, owners: list[UUID], log: Log, lines: io.StringIO
) -> None:
    """Tried again after pauses that double, then dead; the others notice nothing."""
    log.failing = {owners[0]}
    for owner in owners:
        enqueue(database, owner)
    policy = task(log, attempts=3, pause=60.0)
    assert work.drain([policy], Budget()) == Drained(done=4, failed=1)
    [item] = items(database)
    assert (item["attempts"], item["failed_at"], item["error"]) == (1, None, "ValueError")
    let_pass(database, "61 seconds")
    work.drain([policy], Budget())
    let_pass(database, "61 seconds")
    assert work.drain([policy], Budget()) == Drained()
    let_pass(database, "60 seconds")
    work.drain([policy], Budget())
    [item] = items(database)
    assert (item["attempts"], item["failed_at"] is not None) == (3, True)
    assert log.who.count(owners[0]) == 3
    let_pass(database, "1 year")
    assert work.drain([policy], Budget()) == Drained()
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    failures = [line for line in logged if line["message"] == "task failed"]
    assert [line["dead"] for line in failures] == [False, False, True]
    assert "test_work.py" in failures[0]["where"][-1]
    assert SECRET not in lines.getvalue()


def test_pauses_are_bounded() -> None:
    """They double from the first to the longest, and end with the last attempt."""
    policy = task(print, attempts=5, pause=60.0, longest_pause=200.0)
    assert [policy.pause_after(n) for n in range(1, 6)] == [60.0, 120.0, 200.0, 200.0, None]


def test_what_a_failure_leaves_quotes_no_row(
    database: Database, owners: list[UUID], lines: io.StringIO
) -> None:
    """Postgres puts the whole row into its message; neither queue nor log has it."""
    from functions.core import db

    def violate(owner: UUID, args: Mapping[str, Any], budget: Budget) -> bool:
        with db.transaction(Room("rollup", "a test")) as connection:
            connection.execute(
                "insert into time_daily values (%s, now(), 'human', %s, '', '', -1)",
                (owner, SECRET),
            )
        return False

    enqueue(database, owners[0])
    assert work.drain([task(violate)], Budget()) == Drained(failed=1)
    [item] = items(database)
    assert item["error"] == "InternalError from CheckViolation 23514 time_daily_seconds"
    assert "time_daily_seconds" in lines.getvalue()
    assert SECRET not in lines.getvalue()


def test_the_last_dead_letter_stays_until_it_succeeds(
    database: Database, owners: list[UUID], log: Log
) -> None:
    """One for each item, whoever often it is enqueued; a later success removes it."""
    log.failing = {owners[0]}
    once = task(log, attempts=1)
    for _ in range(3):
        assert enqueue(database, owners[0])
        assert work.drain([once], Budget()) == Drained(failed=1)
    [item] = items(database)
    assert item["failed_at"] is not None
    log.failing.clear()
    enqueue(database, owners[0])
    assert work.drain([once], Budget()) == Drained(done=1)
    assert items(database) == []


def test_order_is_kept_while_the_first_is_tried_again(
    database: Database, owners: list[UUID], log: Log
) -> None:
    """One task of one owner: in the order of enqueuing. Their other tasks go on."""
    log.failing = {owners[0]}
    policy = task(log, attempts=2)
    enqueue(database, owners[0], n=1)
    enqueue(database, owners[0], n=2)
    enqueue(database, owners[0], "other", n=3)
    assert work.drain([policy, task(log, "other", attempts=1)], Budget()).failed == 2
    assert log.seen == [(owners[0], 1), (owners[0], 3)]
    log.failing.clear()
    let_pass(database, "1 hour")
    work.drain([policy], Budget())
    assert [n for _, n in log.seen] == [1, 3, 1, 2]


def test_an_item_that_is_committed_late_runs_beside_no_other(
    database: Database, owners: list[UUID]
) -> None:
    """Its number is lower than that of the one that runs already; it waits for its end."""
    take = "select id, args, lease_until from take_work('{note}', '1 minute')"
    with psycopg.connect(database.admin_url) as late:
        late.execute("select enqueue(%s, 'note', '{\"n\": 1}')", (owners[0],))
        enqueue(database, owners[0], n=2)
        [running] = database.rows(take)
    assert running["args"] == {"n": 2}
    assert database.rows(take) == []
    assert database.value(
        "select finish_work(%s, %s, false)", running["id"], running["lease_until"]
    )
    assert [row["args"] for row in database.rows(take)] == [{"n": 1}]


def test_a_worker_that_died_is_replaced_after_its_lease(
    database: Database, owners: list[UUID], log: Log
) -> None:
    """Nobody takes what somebody works on; after the lease it is taken again, and then is dead."""

    class Killed(BaseException):
        """As kill -9 would."""

    def die(owner: UUID, args: Mapping[str, Any], budget: Budget) -> bool:
        raise Killed

    dying = task(die, attempts=2)
    enqueue(database, owners[0], n=1)
    enqueue(database, owners[0], n=2)
    for _ in range(2):
        with pytest.raises(Killed):
            work.drain([dying], Budget())
        assert work.drain([dying], Budget()) == Drained()
        let_pass(database, "16 minutes")
    assert work.drain([dying], Budget(stopping=iter([False, True]).__next__)).failed == 1
    dead, waiting = items(database)
    assert (dead["error"], dead["failed_at"] is not None) == ("LeaseExpired", True)
    assert (waiting["args"], waiting["attempts"]) == ({"n": 2}, 0)


def test_whoever_lost_the_lease_changes_nothing(
    database: Database, owners: list[UUID], log: Log
) -> None:
    """The late one's success does not end what another works on."""

    def late(owner: UUID, args: Mapping[str, Any], budget: Budget) -> bool:
        let_pass(database, "16 minutes")
        database.rows("select * from take_work('{note}', '15 minutes')")
        return False

    enqueue(database, owners[0])
    work.drain([task(late)], Budget())
    [item] = items(database)
    assert item["attempts"] == 2


def test_workers_share_without_repeating(database: Database, owners: list[UUID]) -> None:
    """Four at once: each item once, and never two of one owner's at the same time."""
    for owner in owners:
        for n in range(20):
            enqueue(database, owner, n=n)
    done: list[tuple[UUID, int]] = []
    running: set[UUID] = set()

    def worker() -> None:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            idle = 0
            while idle < 20:
                row = connection.execute(
                    "select owner_id, args ->> 'n', id, lease_until"
                    " from take_work('{note}', '1 minute')"
                ).fetchone()
                if row is None:
                    idle += 1
                    continue
                idle = 0
                assert row[0] not in running
                running.add(row[0])
                done.append((row[0], int(row[1])))
                running.discard(row[0])
                connection.execute("select finish_work(%s, %s, false)", row[2:])

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == len(set(done)) == 100
    for owner in owners:
        assert [n for who, n in done if who == owner] == list(range(20))


def test_no_transaction_is_open_while_a_task_runs(database: Database, owners: list[UUID]) -> None:
    """A task may wait for a network; nothing in Postgres waits with it."""
    states = []

    def look(owner: UUID, args: Mapping[str, Any], budget: Budget) -> bool:
        states.append(
            database.rows(
                "select state from pg_stat_activity"
                " where usename = 'vibeloom_functions' and datname = current_database()"
            )
        )
        return False

    enqueue(database, owners[0])
    work.drain([task(look)], Budget())
    assert states == [[{"state": "idle"}]]


def test_a_spent_budget_begins_nothing(database: Database, owners: list[UUID], log: Log) -> None:
    """What remains is said, and is taken by the next."""
    enqueue(database, owners[0])
    assert work.drain([task(log)], Budget.of(0)) == Drained(more=True)
    assert log.seen == []


def test_a_task_of_another_room_stays(database: Database, owners: list[UUID], log: Log) -> None:
    """A function takes what it can do."""
    enqueue(database, owners[0], "other")
    assert work.drain([task(log)], Budget()) == Drained()
    assert len(items(database)) == 1


def test_an_account_takes_its_work_with_it(database: Database, owners: list[UUID]) -> None:
    """Nothing waits for somebody who is gone."""
    enqueue(database, owners[0])
    assert database.value("select delete_account(%s)", owners[0])
    assert items(database) == []


def test_a_database_that_is_away_is_no_task_s_failure(
    database: Database, owners: list[UUID], monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    """Whoever drains learns of it; the item waits."""
    from tests.support import fresh_process

    enqueue(database, owners[0])
    monkeypatch.setenv("VIBELOOM_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x")
    fresh_process()
    with pytest.raises(Unavailable):
        work.drain([task(log)], Budget())
    assert items(database)[0]["attempts"] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "select enqueue(gen_random_uuid(), 'note')",
        "select * from take_work('{note}', '1 minute')",
        "select finish_work(1, now(), false)",
        "select fail_work(1, now(), 'x', null)",
        "select * from work_health()",
        "select * from work_items",
    ],
)
@pytest.mark.parametrize("role", ["anon", "authenticated", "vibeloom_ingest"])
def test_the_queue_is_closed(database: Database, role: str, statement: str) -> None:
    """To everybody whom PostgREST or a signature lets in."""
    from tests.support import as_role

    with as_role(database, role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)
