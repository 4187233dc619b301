"""Sources and accounts are deleted in bounded steps, and nobody else notices."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest

from functions.accounts.models import NewToken
from functions.accounts.tokens import issue
from functions.core.actor import User
from functions.rollup.days import refresh_dirty_days
from functions.rollup.recompute import recompute_failures
from tests.functional.test_sums import store
from tests.sums import RECOUNTS, assert_exact
from tests.support import (
    Api,
    Database,
    Registered,
    change_profile,
    event_id,
    register_source,
    run_job,
)

AT = datetime(2026, 11, 2, 10, 7, tzinfo=UTC)
SCOPES = ["profile:read", "profile:write", "query:read", "sources:read", "sources:write"]
REFUSED = "VL004"  # the key is not active


@dataclass(frozen=True)
class Person:
    """An account with two monitors."""

    id: str
    token: str
    laptop: Registered
    desktop: Registered


@pytest.fixture
def meet(api: Api, database: Database) -> Callable[[str], Person]:
    """Makes an account with two monitors and no events."""

    def make(handle: str) -> Person:
        account = database.value(
            "insert into profiles (handle, leaderboard_opt_in) values (%s, true) returning id",
            handle,
        )
        database.rows("insert into handles (handle, owner_id) values (%s, %s)", handle, account)
        new = NewToken(name="t", scopes=SCOPES)
        token = issue(User(account), new, datetime.now(UTC)).token
        monitors = [register_source(api, token, f"{handle}-{name}") for name in ("lap", "desk")]
        return Person(str(account), token, *monitors)

    return make


def some_events(monitor: Registered, count: int, hours: int = 5) -> list[dict[str, Any]]:
    """A command, an agent's tool and a call of a model within minutes, and again hours earlier."""
    events = []
    for number in range(count):
        moment = AT - timedelta(hours=hours * (number // 3), minutes=-4 * (number % 3))
        payload: dict[str, Any] = {"project": f"p{number % 2}", "sessionId": f"s{number // 3 % 3}"}
        kind = ("terminal", "tool", "token_usage")[number % 3]
        if kind == "terminal":
            payload |= {"command": "make", "exit_code": number % 2}
        elif kind == "tool":
            payload |= {"tool": "Bash", "status": "completed", "program": "pytest", "success": True}
        else:
            payload |= {"model": "claude-opus-4-5", "inputTokens": 1 + number, "outputTokens": 2}
        events.append(
            monitor.event(
                timestamp=moment.isoformat(),
                type=kind,
                revision=1 if number % 2 else None,
                payload=payload,
            )
        )
    return events


def live(api: Api, person: Person, count: int = 60) -> None:
    """Sends events of both monitors and has the days computed."""
    for monitor in (person.laptop, person.desktop):
        events = some_events(monitor, count)
        assert monitor.send(api, events).json["inserted"] == count
    run_job("refresh_days")


def tables_of_owners(database: Database) -> dict[str, str]:
    """The tables that have rows of persons, each with the column that says whose they are."""
    rows = database.rows(
        "select c.relname as name from pg_class as c join pg_attribute as a on c.oid = a.attrelid"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
        " and a.attname = 'owner_id'"
    )
    return {"profiles": "id"} | {row["name"]: "owner_id" for row in rows}


def rows_of(database: Database, owner: str, but: str | None = None) -> dict[str, list[str]]:
    """All rows of a person by table; of the sums and events without those of the source `but`."""
    found = {}
    for table, column in tables_of_owners(database).items():
        rows = database.rows(
            f"select to_jsonb(t) as row from {table} as t where {column} = %s order by 1", owner
        )
        found[table] = [
            json.dumps(row["row"]) for row in rows if row["row"].get("source_id", "") != but
        ]
    return {table: rows for table, rows in found.items() if rows}


def count_events(database: Database, monitor: Registered) -> int:
    found = database.value("select count(*) from events where source_id = %s", monitor.id)
    return int(found)


def assert_refused(api: Api, monitor: Registered) -> None:
    """What the monitor signs is not taken any more."""
    answer = monitor.send(api, [monitor.event()])
    assert (answer.status, answer.error) in ((401, "invalid_signature"), (401, "unknown_source"))


DIRECTORIES = {"handles", "source_names", "public_keys", "token_hashes"}
SOURCE_STEP = "select delete_source(%s, %s, %s)"
ACCOUNT_STEP = "select delete_account(%s, %s)"


def test_a_source_goes_in_bounded_steps(
    api: Api, database: Database, meet: Callable[[str], Person]
) -> None:
    """After each step the sums are exact; in the end nothing of the source is left."""
    ada, eve = meet("ada"), meet("eve")
    live(api, ada)
    live(api, eve)
    others = rows_of(database, eve.id)
    left = [60, 35, 10, 0]
    for before, after in pairwise(left):
        assert count_events(database, ada.laptop) == before
        assert database.value(SOURCE_STEP, ada.id, ada.laptop.id, 25) is False
        assert count_events(database, ada.laptop) == after
        assert_exact(database)
        assert_refused(api, ada.laptop)
    assert ada.desktop.send(api, [ada.desktop.event()]).json["inserted"] == 1
    assert database.value(SOURCE_STEP, ada.id, ada.laptop.id, 25) is True
    assert_exact(database)
    for table in (*RECOUNTS, "events", "batches", "source_keys", "source_names"):
        assert (
            database.value(f"select count(*) from {table} where source_id = %s", ada.laptop.id) == 0
        ), table
    assert count_events(database, ada.desktop) == 61
    names = [item["name"] for item in api("GET", "/v1/sources", token=ada.token).json["items"]]
    assert names == ["ada-desk"]
    assert_refused(api, ada.laptop)
    assert rows_of(database, eve.id) == others
    assert database.value(SOURCE_STEP, ada.id, ada.laptop.id, 25) is True  # again: nothing to do


def test_the_days_of_a_deleted_source_are_computed_anew(
    api: Api, database: Database, meet: Callable[[str], Person]
) -> None:
    """The daily figures are what they would be if the source had never sent anything."""
    ada = meet("ada")
    daily = ("time_daily", "session_daily", "error_episodes", "agent_runs")
    assert ada.laptop.send(api, some_events(ada.laptop, 40)).status == 200
    run_job("refresh_days")
    before = rows_of(database, ada.id)
    assert ada.desktop.send(api, some_events(ada.desktop, 40, hours=4)).status == 200
    run_job("refresh_days")
    assert rows_of(database, ada.id)["session_daily"] != before["session_daily"]
    while not database.value(SOURCE_STEP, ada.id, ada.desktop.id, 15):
        pass
    run_job("refresh_days")
    after = rows_of(database, ada.id)
    assert {name: after.get(name) for name in daily} == {name: before.get(name) for name in daily}


def test_sums_of_purged_events_go_with_their_source(
    api: Api, database: Database, meet: Callable[[str], Person]
) -> None:
    """What a purge has left of the source goes; what it has left of another source stays."""
    ada = meet("ada")
    live(api, ada)
    assert database.value("select purge_events(%s, 1, '2027-06-01')", ada.id) == 120
    kept = rows_of(database, ada.id, but=ada.laptop.id)
    assert database.value(SOURCE_STEP, ada.id, ada.laptop.id, 25) is True
    after = rows_of(database, ada.id)
    for table in RECOUNTS:
        assert after[table] == kept[table], table


def test_nobody_deletes_another_owner_s_source(
    api: Api, database: Database, meet: Callable[[str], Person]
) -> None:
    """An owner and a source that do not belong together: nothing happens to either."""
    ada, eve = meet("ada"), meet("eve")
    live(api, ada)
    before = rows_of(database, ada.id)
    assert database.value(SOURCE_STEP, eve.id, ada.laptop.id, 25) is True
    assert rows_of(database, ada.id) == before
    assert ada.laptop.send(api, [ada.laptop.event()]).json["inserted"] == 1


def kill_half_way(database: Database, step: str, *parameters: object) -> None:
    """Takes a step and dies before the commit."""
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute(step, parameters).fetchone() == (False,)
        database.rows("select pg_terminate_backend(%s, 5000)", connection.info.backend_pid)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")


def test_a_source_s_deletion_that_is_killed_goes_on(
    api: Api, database: Database, meet: Callable[[str], Person]
) -> None:
    """A step happens as a whole or not at all, and the next one continues."""
    ada = meet("ada")
    live(api, ada)
    before = rows_of(database, ada.id)
    kill_half_way(database, SOURCE_STEP, ada.id, ada.laptop.id, 25)
    assert rows_of(database, ada.id) == before
    assert database.value(SOURCE_STEP, ada.id, ada.laptop.id, 25) is False
    kill_half_way(database, SOURCE_STEP, ada.id, ada.laptop.id, 25)
    assert count_events(database, ada.laptop) == 35
    assert_exact(database)
    steps = [database.value(SOURCE_STEP, ada.id, ada.laptop.id, 25) for _ in range(3)]
    assert steps == [False, False, True]
    assert_exact(database)
    assert count_events(database, ada.desktop) == 60


def test_an_account_goes_in_bounded_steps(
    api: Api, database: Database, meet: Callable[[str], Person]
) -> None:
    """Keys and tokens are refused from the first step on; nothing is left; others keep all."""
    ada, eve = meet("ada"), meet("eve")
    live(api, ada)
    live(api, eve)
    board = api("POST", "/v1/leaderboards", {"name": "band"}, token=ada.token).json
    theirs = api("POST", "/v1/leaderboards", {"name": "duo"}, token=eve.token).json
    api("POST", "/v1/leaderboards/join", {"code": theirs["code"]}, token=ada.token)
    assert database.value("select purge_events(%s, 1, '2026-12-02', 20)", ada.id) == 20
    others = rows_of(database, eve.id)
    everything = rows_of(database, ada.id)
    assert everything.keys() >= {
        *RECOUNTS, "profiles", "events", "event_versions", "batches", "sources", "source_keys",
        "access_tokens", "token_hashes", "source_names", "public_keys", "handles",
        "project_names", "time_daily", "session_daily", "error_episodes",
        "agent_runs", "purge_receipts", "leaderboards", "leaderboard_members",
    }  # fmt: skip
    for left in (60, 20, 0):
        assert database.value(ACCOUNT_STEP, ada.id, 40) is False
        assert count_events(database, ada.laptop) + count_events(database, ada.desktop) == left
        for monitor in (ada.laptop, ada.desktop):
            assert_refused(api, monitor)
        assert api("GET", "/v1/me", token=ada.token).error == "invalid_token"
    while not database.value(ACCOUNT_STEP, ada.id, 40):
        pass
    assert rows_of(database, ada.id) == {}
    assert rows_of(database, eve.id) == others
    assert_exact(database)
    assert database.rows("select * from find_rows_without_owner()") == []
    for monitor in (ada.laptop, ada.desktop):
        assert_refused(api, monitor)
    assert api("GET", f"/v1/leaderboards/{board['id']}", token=eve.token).status == 404
    assert eve.laptop.send(api, [eve.laptop.event()]).json["inserted"] == 1
    assert database.value(ACCOUNT_STEP, ada.id, 40) is True  # again: nothing to do


def test_an_account_s_deletion_that_is_killed_goes_on(
    api: Api, database: Database, meet: Callable[[str], Person]
) -> None:
    """A step happens as a whole or not at all, and the next one continues."""
    ada, eve = meet("ada"), meet("eve")
    live(api, ada)
    live(api, eve)
    others = rows_of(database, eve.id)
    before = rows_of(database, ada.id)
    kill_half_way(database, ACCOUNT_STEP, ada.id, 50)
    assert rows_of(database, ada.id) == before
    assert database.value(ACCOUNT_STEP, ada.id, 50) is False
    for _ in range(3):
        kill_half_way(database, ACCOUNT_STEP, ada.id, 50)
    assert database.value("select count(*) from events where owner_id = %s", ada.id) == 70
    while not database.value(ACCOUNT_STEP, ada.id, 50):
        pass
    assert rows_of(database, ada.id) == {}
    assert rows_of(database, eve.id) == others
    assert_exact(database)


def test_rows_without_an_owner_are_found(
    api: Api, database: Database, meet: Callable[[str], Person]
) -> None:
    """A profile that plain SQL deletes leaves rows behind; `delete_account` takes them."""
    ada, eve, bob = meet("ada"), meet("eve"), meet("bob")
    for person in (ada, eve, bob):
        live(api, person, 20)
    assert database.rows("select * from find_rows_without_owner()") == []
    others = rows_of(database, bob.id)
    database.rows("delete from profiles where id = any(%s::uuid[])", [ada.id, eve.id])
    found = database.rows("select * from find_rows_without_owner()")
    assert found == [
        {"table_name": name, "owners": 2} for name in sorted({"events", *RECOUNTS, *DIRECTORIES})
    ]
    for person, owners in ((ada, 1), (eve, 0)):
        while not database.value(ACCOUNT_STEP, person.id, 15):
            pass
        left = database.rows("select * from find_rows_without_owner()")
        assert {row["owners"] for row in left} == ({owners} if owners else set())
    assert rows_of(database, bob.id) == others
    assert_exact(database)


def test_a_batch_under_way_does_not_outlive_its_source(
    api: Api, database: Database, meet: Callable[[str], Person]
) -> None:
    """The deletion waits for it and takes it, too."""
    ada = meet("ada")
    answers: list[bool] = []

    def delete() -> None:
        while not (answers and answers[-1]):
            answers.append(database.value(SOURCE_STEP, ada.id, ada.laptop.id, 100))

    with psycopg.connect(database.admin_url) as connection:
        store(connection, ada.laptop, some_events(ada.laptop, 10), "under way")
        thread = threading.Thread(target=delete)
        thread.start()
        thread.join(0.5)
        assert answers == []
        connection.commit()
    thread.join(10)
    assert answers == [False, True]
    assert database.value("select count(*) from events") == 0
    assert_exact(database)


def test_a_batch_without_a_key_does_not_outlive_its_source(
    api: Api, database: Database, meet: Callable[[str], Person]
) -> None:
    """A batch that an access token vouches for is waited for when the last step begins."""
    ada = meet("ada")
    answers: list[bool] = []

    def delete() -> None:
        while not (answers and answers[-1]):
            answers.append(database.value(SOURCE_STEP, ada.id, ada.laptop.id, 100))

    with psycopg.connect(database.admin_url) as connection:
        connection.execute("select share_sums(%s)", (ada.id,))  # the first thing that storing does
        thread = threading.Thread(target=delete)
        thread.start()
        thread.join(0.5)
        assert answers == []
        connection.execute(
            "select store_events(%s, %s, %s::jsonb, sha256('x'), null, null, gen_random_uuid())",
            (ada.id, ada.laptop.id, json.dumps(some_events(ada.laptop, 10))),
        )
        connection.commit()
    thread.join(10)
    assert answers == [False, True]
    assert database.value("select count(*) from events") == 0
    assert_exact(database)


def at_once(*tasks: Callable[[], None]) -> None:
    """Runs the tasks side by side from the same moment on; the first failure is raised."""
    barrier = threading.Barrier(len(tasks))

    def run(task: Callable[[], None]) -> None:
        barrier.wait()
        task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        for done in [pool.submit(run, task) for task in tasks]:
            done.result()


@pytest.mark.parametrize("seed", range(4))
def test_deletions_beside_everything_else_do_not_deadlock(
    api: Api, database: Database, meet: Callable[[str], Person], seed: int
) -> None:
    """Batches, refreshes, purges, new zones and prices, and each deletion twice, all at once."""
    ada, eve = meet("ada"), meet("eve")
    live(api, ada)
    live(api, eve)
    others = rows_of(database, eve.id)
    gone = threading.Event()

    def write(monitor: Registered) -> Callable[[], None]:
        def run() -> None:
            number = 0
            with psycopg.connect(database.admin_url, autocommit=True) as connection:
                while not gone.is_set():
                    number += 1
                    events = some_events(monitor, 6, hours=1 + seed)
                    for each in events[::2]:
                        each["id"] = event_id() if number % 2 else f"evt_{number % 5:020d}"
                        each["revision"] = number
                    try:
                        store(connection, monitor, events, f"{monitor.name} {number}")
                    except psycopg.Error as error:
                        assert error.sqlstate == REFUSED, error
                        return

        return run

    def delete_source(monitor: Registered) -> None:
        while not database.value(SOURCE_STEP, ada.id, monitor.id, 20):
            pass

    def delete_account() -> None:
        delete_source(ada.laptop)
        while not database.value(ACCOUNT_STEP, ada.id, 20):
            pass
        gone.set()

    def tend() -> None:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            while not gone.is_set():
                for statement in (
                    "select purge_events(id, 1, '2026-12-02', 3) from profiles where id = %s",
                    "select reprice_events(id, '2000-01-01', '2100-01-01')"
                    " from profiles where id = %s",
                    "select fold_days(id) from profiles where id = %s",
                ):
                    connection.execute(statement, (ada.id,))
                for zone in ("Asia/Tokyo", "UTC"):
                    change_profile(database, ada.id, handle="ada", zone=zone, opt_in=True)

    def refresh() -> None:
        while not gone.is_set():
            refresh_dirty_days(UUID(ada.id))

    at_once(
        write(ada.laptop),
        write(ada.desktop),
        lambda: delete_source(ada.laptop),
        delete_account,
        delete_account,
        tend,
        refresh,
    )
    assert rows_of(database, ada.id) == {}
    assert rows_of(database, eve.id) == others
    assert_exact(database)
    assert database.rows("select * from find_rows_without_owner()") == []


def make_deletions_slow(database: Database, table: str) -> None:
    """Lets each row that is deleted from `table` take a while, as on a busy machine."""
    database.rows(
        "create function wait_a_little() returns trigger language plpgsql as"
        " $$ begin perform pg_sleep(0.3); return old; end $$"
    )
    for when in ("before", "after"):
        database.rows(
            f"create trigger slow_{when} {when} delete on {table}"
            " for each row execute function wait_a_little()"
        )


def test_members_of_each_other_s_boards_go_at_once(
    api: Api, database: Database, meet: Callable[[str], Person]
) -> None:
    """Each deletion takes places in the other's boards, and neither waits for ever."""
    pair = [meet("ada"), meet("eve")]
    boards = [
        api("POST", "/v1/leaderboards", {"name": "band"}, token=person.token).json
        for person in pair
    ]
    for person, board in zip(pair, reversed(boards), strict=True):
        joined = api("POST", "/v1/leaderboards/join", {"code": board["code"]}, token=person.token)
        assert joined.status == 200
    make_deletions_slow(database, "leaderboard_members")

    def delete(person: Person) -> Callable[[], None]:
        def run() -> None:
            assert database.value(ACCOUNT_STEP, person.id, 100) is True

        return run

    at_once(*(delete(person) for person in pair))
    assert database.value("select count(*) from leaderboard_members") == 0
    assert database.value("select count(*) from profiles") == 0


def test_an_account_goes_while_its_errors_are_computed(
    api: Api, database: Database, meet: Callable[[str], Person]
) -> None:
    """The last step waits for the computation, which writes nothing for an account that is gone."""
    ada = meet("ada")
    events = some_events(ada.laptop, 9)
    assert ada.laptop.send(api, events).status == 200
    run_job("refresh_days")
    make_deletions_slow(database, "agent_runs")
    days = (AT.date() - timedelta(days=1), AT.date())

    def recompute() -> None:
        recompute_failures(UUID(ada.id), *days)

    def delete() -> None:
        wait_until_deleting = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
        while not database.value(wait_until_deleting):
            pass
        while not database.value(ACCOUNT_STEP, ada.id, 100):
            pass

    at_once(recompute, delete)
    assert rows_of(database, ada.id) == {}
    recompute()
    assert rows_of(database, ada.id) == {}
