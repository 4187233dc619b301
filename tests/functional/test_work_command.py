"""`python -m functions.work`: what an operator does to the queue, and the worker process."""

import json
import os
import signal
import subprocess
import sys
import time
from uuid import UUID

import pytest

from functions.schedule import JOBS
from tests.support import Database


def command(*arguments: str, expected: int = 0) -> str:
    """What it prints; its errors, if it should fail."""
    done = subprocess.run(
        [sys.executable, "-m", "functions.work", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expected, done.stderr
    return done.stderr if expected else done.stdout


@pytest.fixture
def owner(database: Database) -> UUID:
    """An account with one dead letter and one item that waits."""
    account: UUID = database.value("insert into profiles default values returning id")
    database.rows("select enqueue(%s, 'refresh_days')", account)
    database.rows("update work_items set failed_at = now(), error = 'InternalError', attempts = 8")
    database.rows("select enqueue(%s, 'purge_expired', '{}', now() + interval '1 day')", account)
    return account


def test_an_operator_sees_what_is_there(database: Database, owner: UUID) -> None:
    """Dead letters first; for a person and for a program."""
    dead, waiting = command("list").splitlines()
    assert f" refresh_days {owner} " in dead
    assert "dead since" in dead
    assert "8 attempts, InternalError" in dead
    assert " purge_expired " in waiting
    [line] = command("list", "--dead", "--json").splitlines()
    assert json.loads(line)["error"] == "InternalError"


def test_an_operator_retries_and_drops(database: Database, owner: UUID) -> None:
    """By the item's number; one that is not there is an error that says what to do."""
    dead, waiting = (line.split()[0] for line in command("list").splitlines())
    command("retry", dead)
    [item] = database.rows("select * from work_items where id = %s", int(dead))
    assert (item["failed_at"], item["attempts"]) == (None, 0)
    assert command("drain") == "1 done, 0 failed\n"
    command("drop", waiting)
    assert command("list") == ""
    for verb in ("retry", "drop"):
        assert "see `list`" in command(verb, waiting, expected=1)


def test_what_somebody_works_on_is_left_alone(database: Database, owner: UUID) -> None:
    """Neither retried nor dropped while it is leased."""
    database.rows("update work_items set failed_at = null")
    number = str(database.value("select id from take_work('{refresh_days}', '1 minute')"))
    assert "running" in command("list")
    for verb in ("retry", "drop"):
        command(verb, number, expected=1)
    assert database.value("select count(*) from work_items") == 2


def test_a_database_that_is_away_is_said_in_one_line(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback for an operator."""
    monkeypatch.setenv("VIBELOOM_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x")
    assert "error: The database cannot be reached" in command("list", expected=1)


def test_the_worker_does_what_is_enqueued(database: Database, owner: UUID) -> None:
    """Within seconds, without a schedule's help; SIGTERM ends it with exit code 0."""
    database.rows("delete from work_items")
    worker = subprocess.Popen(
        [sys.executable, "-m", "functions.work", "run"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ,
    )
    try:
        wait_for(
            database, f"select count(*) = {len(JOBS)} from job_runs where succeeded_at is not null"
        )
        database.rows("select enqueue(%s, 'refresh_days')", owner)
        wait_for(database, "select count(*) = 0 from work_items")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    finally:
        worker.kill()
        worker.wait()


def wait_for(database: Database, condition: str) -> None:
    deadline = time.monotonic() + 30
    while not database.value(condition):
        assert time.monotonic() < deadline, condition
        time.sleep(0.1)
