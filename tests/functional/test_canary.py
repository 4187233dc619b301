"""What people sent stands in no log when the database refuses to keep it, whoever sent the work."""

import io
import json
from datetime import timedelta

import pytest

from functions.gateway import Context, room_handler
from functions.schedule import JOBS
from infra.local import postgres
from tests.support import Api, Database, Registered, fresh_process, timestamp

CANARY = "canary-of-a-project"
TOKEN = "job-token-of-thirty-two-characters-"


@pytest.fixture
def refused(database: Database, api: Api, laptop: Registered) -> None:
    """Somebody's events, and a table that refuses the figures made of them."""
    payload = {"entity": "a.rs", "project": CANARY}
    events = [
        laptop.event(type="heartbeat", payload=payload, timestamp=timestamp(timedelta(minutes=ago)))
        for ago in (5, 7)
    ]
    assert laptop.send(api, events).status == 200
    database.rows(f"alter table time_daily add constraint refusal check (project <> '{CANARY}')")


def test_a_scheduled_job_that_fails(
    database: Database, refused: None, lines: io.StringIO, server: postgres.Server
) -> None:
    """Neither our log nor the queue quotes the failing row, nor the Postgres that we start."""
    handler = room_handler(f"functions.{JOBS['refresh_days'].room}.handler")
    assert handler({"job": "refresh_days"}, Context())["status"] == "done"
    [item] = database.rows("select * from work_items")
    assert item["error"] == "InternalError from CheckViolation 23514 refusal"
    written = lines.getvalue()
    assert CANARY not in written
    [failure] = [line for line in map(json.loads, written.splitlines()) if "sqlstate" in line]
    assert (failure["sqlstate"], failure["constraint"]) == ("23514", "refusal")
    assert failure["place"].startswith("rollup/")
    log = postgres._log_path(server.data).read_text()
    assert 'violates check constraint "refusal"' in log
    assert CANARY not in log


def test_a_job_that_fails_over_http(
    refused: None, api: Api, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor the answer: one owner's failure is no failure of the job's."""
    monkeypatch.setenv("VIBELOOM_JOB_TOKEN", TOKEN)
    fresh_process()
    answer = api("POST", "/v1/jobs/refresh_days", token=TOKEN)
    assert (answer.status, answer.json["status"]) == (200, "done")
    assert "task failed" in lines.getvalue()
    assert CANARY not in lines.getvalue() + answer.text


def test_a_request_that_fails(
    refused: None, api: Api, owner_token: str, lines: io.StringIO
) -> None:
    """Whoever asks has their days computed."""
    answer = api("GET", "/v1/query/time?days=2", token=owner_token)
    assert (answer.status, answer.error) == (500, "internal_error")
    assert "23514" in lines.getvalue()
    assert CANARY not in lines.getvalue() + answer.text
