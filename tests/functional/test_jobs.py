"""The doors of jobs: the schedule's event, HTTP with the job token, and the note of each run."""

import io
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.core.config import config
from functions.gateway import Context, room_handler
from functions.rooms import room_of, routes
from functions.schedule import JOBS
from tests.support import Api, Database, Registered, fresh_process, run_job

TOKEN = "job-token-of-thirty-two-characters-"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def with_token(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    """A deployment whose scheduler has a token."""
    monkeypatch.setenv("VIBELOOM_JOB_TOKEN", TOKEN)
    fresh_process()


def noted(database: Database, name: str) -> dict[str, Any]:
    """The note of a job's runs."""
    [row] = database.rows("select * from job_runs where name = %s", name)
    return row


@pytest.mark.parametrize("name", JOBS)
def test_the_schedule_runs_a_job(database: Database, name: str) -> None:
    """EventBridge's event goes to the room that the job belongs to, and the run is noted."""
    handler = room_handler(f"functions.{JOBS[name].room}.handler")
    assert handler({"job": name}, Context()) == {"job": name, "status": "done"}
    note = noted(database, name)
    assert (note["runs"], note["failures"], note["failed_at"]) == (1, 0, None)
    assert note["succeeded_at"] is not None
    assert note["seconds"] > 0


@pytest.mark.parametrize("name", JOBS)
def test_a_scheduler_with_the_token_runs_a_job(with_token: None, api: Api, name: str) -> None:
    """Any that can post; twice in a row does no harm."""
    for _ in range(2):
        answer = api("POST", f"/v1/jobs/{name}", headers=BEARER)
        assert (answer.status, answer.json) == (200, {"job": name, "status": "done"})


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "missing_auth"),
        ({"Authorization": "Bearer "}, "invalid_token"),
        ({"Authorization": f"Basic {TOKEN}"}, "invalid_token"),
        ({"Authorization": f"Bearer {TOKEN}x"}, "invalid_token"),
        ({"Authorization": f"Bearer {TOKEN[:-1]}"}, "invalid_token"),
        ({"Authorization": "Bearer größer"}, "invalid_token"),
    ],
)
def test_nobody_else_does(
    with_token: None, api: Api, database: Database, headers: dict[str, str], error: str
) -> None:
    """Nothing runs for a caller without the token."""
    answer = api("POST", "/v1/jobs/refresh_days", headers=headers)
    assert (answer.status, answer.error) == (401, error)
    assert database.rows("select * from job_runs where runs > 0") == []


def test_an_owner_is_no_scheduler(with_token: None, api: Api, owner_token: str) -> None:
    """An access token, whatever its scopes, runs no job."""
    answer = api(
        "POST", "/v1/jobs/refresh_days", headers={"Authorization": f"Bearer {owner_token}"}
    )
    assert answer.error == "invalid_token"


def test_without_a_configured_token_no_job_runs_over_http(api: Api) -> None:
    """An unset token is no empty token."""
    for token in ("", "None", TOKEN):
        answer = api("POST", "/v1/jobs/refresh_days", headers={"Authorization": f"Bearer {token}"})
        assert answer.error == "invalid_token"


def test_unknown_jobs(with_token: None, api: Api, database: Database) -> None:
    """Nobody's over HTTP; an error for a schedule that asks the wrong room."""
    assert room_of("/v1/jobs/nothing") is None
    assert api("GET", "/v1/jobs/refresh_days", headers=BEARER).status == 405
    for name in ("nothing", "refresh_days"):
        with pytest.raises(ValueError, match=name):
            room_handler("functions.sources.handler")({"job": name}, Context())


def test_a_failed_job_is_noted_and_fails(
    database: Database, laptop: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler has to learn of it; the last success stays known."""
    run_job("make_partitions")
    succeeded = noted(database, "make_partitions")["succeeded_at"]
    database.rows("alter function make_event_partitions rename to make_no_partitions")
    with pytest.raises(Exception, match="our side"):
        room_handler("functions.ingest.handler")({"job": "make_partitions"}, Context())
    note = noted(database, "make_partitions")
    assert (note["runs"], note["failures"], note["succeeded_at"]) == (2, 1, succeeded)
    assert note["failed_at"] > succeeded


def test_a_request_s_time_is_not_exceeded(
    with_token: None, api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """202 says that more remains; the next request goes on with it."""
    database.rows("insert into profiles (email) values ('a@localhost'), ('b@localhost')")
    database.rows("select enqueue(id, 'refresh_days') from profiles")
    monkeypatch.setattr("functions.core.jobs.HTTP_SECONDS", 0.0)
    answer = api("POST", "/v1/jobs/run_tasks", headers=BEARER)
    assert (answer.status, answer.json) == (202, {"job": "run_tasks", "status": "more"})
    assert noted(database, "run_tasks")["failures"] == 0
    monkeypatch.undo()
    monkeypatch.setenv("VIBELOOM_JOB_TOKEN", TOKEN)
    monkeypatch.setenv("VIBELOOM_DATABASE_URL", database.functions_url)
    fresh_process()
    answer = api("POST", "/v1/jobs/run_tasks", headers=BEARER)
    assert (answer.status, answer.json) == (200, {"job": "run_tasks", "status": "done"})
    assert database.rows("select * from work_items") == []


@pytest.mark.parametrize(("remaining", "status"), [(900_000, "done"), (0, "more")])
def test_lambda_says_how_long_a_job_may_take(
    database: Database, remaining: int, status: str
) -> None:
    """What is left of the invocation's time, less a reserve for what has been begun."""

    class Invocation(Context):
        def get_remaining_time_in_millis(self) -> int:
            return remaining

    handler = room_handler("functions.rollup.handler")
    assert handler({"job": "run_tasks"}, Invocation()) == {"job": "run_tasks", "status": status}


def test_a_failed_job_s_log_quotes_no_row(database: Database, lines: io.StringIO) -> None:
    """Postgres' details do."""
    database.rows(
        "create function refuse() returns trigger language plpgsql as"
        " $$ begin raise exception 'refused' using detail = 'private'; end $$;"
        " create trigger refuse before delete on key_challenges"
        " for each statement execute function refuse()"
    )
    with pytest.raises(Exception, match="our side"):
        run_job("delete_expired_challenges")
    assert "InternalError from RaiseException P0001" in lines.getvalue()
    assert "private" not in lines.getvalue()


def test_jobs_at_once_are_all_noted(database: Database) -> None:
    """Runs that end together lose no count."""
    note = "select note_job_run('refresh_days', true, 0.1)"
    threads = [
        threading.Thread(target=lambda: [database.rows(note) for _ in range(20)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert noted(database, "refresh_days")["runs"] == 80


def test_every_job_has_a_door_and_a_limit() -> None:
    """Each is routed to its room, and late only after it was due at least twice."""
    from cronsim import CronSim

    for job in JOBS.values():
        assert routes()[f"/v1/jobs/{job.name}"] == f"functions.{job.room}.handler"
        times = CronSim(job.cron, datetime(2026, 11, 20, tzinfo=UTC))
        first, second, third = (next(times) for _ in range(3))
        assert third - first <= job.late_after <= timedelta(days=3), second


def test_the_token_is_never_shown(with_token: None) -> None:
    """Not by the configuration's repr."""
    assert TOKEN not in repr(config())
