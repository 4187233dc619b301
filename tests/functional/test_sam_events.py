"""The sample events of sam/events, through the handlers that the template sends them to."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from functions.gateway import Context
from functions.rooms import room_of
from functions.schedule import JOBS
from tests.support import Database, fresh_process

EVENTS = Path(__file__).resolve().parents[2] / "sam/events"
# The samples are signed with a key that was thrown away; sam/README.md names its public half.
SAMPLE_KEY = "gKCcl/qVn0FHq7eGgRf8bVgmf9JAT4w0Hz/PlPACEic="
SAMPLE_TOKEN = "sample-token-that-opens-nothing"


@pytest.fixture
def lambda_like(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A deployment that knows the samples' key and token."""
    monkeypatch.setenv("VIBETEA_PUBLIC_KEYS", f"sample:{SAMPLE_KEY}")
    monkeypatch.setenv("VIBETEA_SUBSCRIBER_TOKEN", SAMPLE_TOKEN)
    fresh_process()
    return database


def sample(name: str) -> dict[str, Any]:
    """An event as it stands in its file."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def answer(name: str) -> dict[str, Any]:
    """What the room answers to an HTTP sample."""
    event = sample(name)
    module = room_of(event["rawPath"].removeprefix("/functions")) or "functions.front.handler"
    answered: dict[str, Any] = importlib.import_module(module).handler(event, Context())
    return answered


def test_every_sample_is_tried_here() -> None:
    """And there is one for each job."""
    found = {path.stem for path in EVENTS.glob("*.json")}
    http = {"ingest", "ingest-gzip", "query", "preflight", "healthz", "readyz", "nothing"}
    assert found == {f"http-{name}" for name in http} | {f"schedule-{name}" for name in JOBS}


def test_the_signed_batches_are_stored_and_found(lambda_like: Database) -> None:
    """Text and packed bytes, each twice; then the question that counts them is answered."""
    inserted = []
    for name in ("http-ingest", "http-ingest", "http-ingest-gzip", "http-ingest-gzip"):
        answered = answer(name)
        assert answered["statusCode"] == 200, answered
        inserted.append(json.loads(answered["body"])["inserted"])
    assert inserted == [2, 0, 1, 0]
    assert lambda_like.value("select count(*) from public.events") == 3
    assert answer("http-query")["statusCode"] == 200


def test_the_pages_answer(lambda_like: Database) -> None:
    """Alive, ready, and the 404 of what is nobody's, in the shape that errors have."""
    assert answer("http-healthz")["statusCode"] == 200
    assert answer("http-readyz")["statusCode"] == 200
    nothing = answer("http-nothing")
    assert nothing["statusCode"] == 404
    assert json.loads(nothing["body"])["error"] == "not_found"


def test_a_preflight_is_answered_by_the_room(lambda_like: Database) -> None:
    """API Gateway leaves OPTIONS to it."""
    answered = answer("http-preflight")
    assert answered["statusCode"] in (200, 204)
    headers = {name.lower(): value for name, value in answered["headers"].items()}
    assert headers["access-control-allow-origin"] == "*"
    assert "authorization" in headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize("job", JOBS)
def test_a_schedules_event_runs_its_job(lambda_like: Database, job: str) -> None:
    """What EventBridge hands to the job's room, which leaves a note of it."""
    handler = importlib.import_module(f"functions.{JOBS[job].room}.handler").handler
    assert handler(sample(f"schedule-{job}"), Context()) == {"job": job, "status": "done"}
    rows = lambda_like.rows("select name from public.job_runs where succeeded_at is not null")
    assert rows == [{"name": job}]
