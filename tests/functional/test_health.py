"""The front: alive, ready, the figures, the contract; and the health report behind them."""

import io
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from functions.core.config import config
from functions.front import health
from functions.gateway import Context, room_handler
from functions.schedule import JOBS, late_after
from tests.support import Api, Database, Registered, fresh_process, run_job

check = partial(health.check, late_after=late_after())
TOKEN = "metrics-token-of-thirty-two-characters"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/docs"])
def test_the_pages(api: Api, method: str, path: str) -> None:
    """Everybody may see them, by either method, with or without the prefix of functions."""
    assert api(method, path).status == 200
    assert api(method, f"/functions{path}").status == 200


def test_the_contract_has_every_room(api: Api) -> None:
    """One document; the pages themselves stand outside it."""
    paths = api("GET", "/openapi.json").json["paths"]
    assert {f"/v1/jobs/{name}" for name in JOBS} <= set(paths)
    assert {"/v1/ingest", "/v1/query", "/v1/sources"} <= set(paths)
    assert not {"/healthz", "/metrics"} & set(paths)
    assert api("GET", "/docs?format=json").json["paths"] == paths


def test_no_figures_without_a_token(api: Api) -> None:
    """Where nobody configured a reader there is nothing to guess."""
    answer = api("GET", "/metrics", headers={"Authorization": "Bearer "})
    assert (answer.status, answer.error) == (404, "not_found")


@pytest.fixture
def scraped(monkeypatch: pytest.MonkeyPatch, database: Database, tmp_path: Any) -> None:
    """A container that Prometheus asks."""
    monkeypatch.setenv("VIBELOOM_METRICS_TOKEN", TOKEN)
    fresh_process()


@pytest.mark.parametrize(
    ("header", "status"), [(None, 401), ("Bearer x", 401), (f"Bearer {TOKEN}", 200)]
)
def test_figures_are_for_their_reader(
    scraped: None, api: Api, header: str | None, status: int
) -> None:
    """They tell strangers how busy somebody is."""
    headers = {"Authorization": header} if header else {}
    assert api("GET", "/metrics", headers=headers).status == status


def test_the_figures(scraped: None, api: Api, laptop: Registered, database: Database) -> None:
    """What came in, what was refused, and the state of the house, as Prometheus reads it."""
    from prometheus_client.parser import text_string_to_metric_families

    assert laptop.send(api, [laptop.event(), laptop.event()]).status == 200
    assert laptop.send(api, [laptop.event()], **{"X-Signature": "A" * 86 + "=="}).status == 401
    answer = api("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["vibeloom_events_total",] >= 2
    assert samples["vibeloom_rejected_total", "ingest", "invalid_signature"] >= 1
    assert samples["vibeloom_request_duration_seconds_count", "ingest"] >= 2
    waiting = database.value("select count(*) from dirty_days")
    assert samples["vibeloom_queue_depth", "dirty_days"] == waiting > 0
    assert samples["vibeloom_rollup_lag_seconds",] > 0
    assert samples["vibeloom_database_connections",] > 0
    assert (
        samples["vibeloom_database_connections",] < samples["vibeloom_database_connections_limit",]
    )


def test_computed_is_not_waiting(database: Database, api: Api, laptop: Registered) -> None:
    """The lag and the queue are 0 when the job has run."""
    laptop.send(api, [laptop.event()])
    before = check(datetime.now(UTC))
    assert (before.dirty_days > 0, before.rollup_lag_seconds > 0) == (True, True)
    run_job("refresh_days")
    after = check(datetime.now(UTC))
    assert (after.dirty_days, after.rollup_lag_seconds) == (0, 0)


def test_tasks_that_wait_and_that_are_dead(database: Database) -> None:
    """How many, and for how long the oldest has been due; a pause and a lease are no waiting."""
    database.rows("insert into profiles (email) values ('a@x'), ('b@x'), ('c@x'), ('d@x')")
    database.rows(
        "select enqueue(id, 'refresh_days', '{}', now() - interval '1 hour') from profiles"
    )
    states = (
        "lease_until = now() + interval '1 minute'",
        "due_at = now() + interval '1 minute'",
        "failed_at = now()",
    )
    for number, state in enumerate(states):
        database.rows(
            f"update work_items set {state}"
            " where id = (select id from work_items order by id offset %s limit 1)",
            number,
        )
    database.rows(
        "select enqueue(owner_id, 'refresh_days', '{\"n\": 1}', now() - interval '2 hours')"
        " from work_items where due_at > now()"
    )
    found = check(datetime.now(UTC))
    assert (found.waiting_tasks, found.dead_tasks) == (4, 1)
    assert 3_600 <= found.task_age_seconds < 3_660
    database.rows("delete from work_items")
    found = check(datetime.now(UTC))
    assert (found.waiting_tasks, found.task_age_seconds, found.dead_tasks) == (0, 0, 0)


def test_a_job_is_late_when_its_success_is_too_long_ago(database: Database) -> None:
    """A failure does not count, and a job that never ran is as old as the schedule."""
    for name in JOBS:
        run_job(name)
    now = datetime.now(UTC)
    assert check(now).late_jobs == []
    soonest = min(job.late_after for job in JOBS.values())
    first = [job.name for job in JOBS.values() if job.late_after == soonest]
    late = soonest + timedelta(seconds=1)
    assert check(now + late).late_jobs == first
    database.rows("update job_runs set failed_at = now() + %s", late)
    assert check(now + late).late_jobs == first
    assert set(check(now + timedelta(days=4)).late_jobs) == set(JOBS)


def test_a_schedule_that_was_never_set_up_is_late(database: Database) -> None:
    """A new house is not late yet; one whose schedule was forgotten is."""
    installed = database.value("select first_run_at from job_runs")
    assert check(installed).late_jobs == []
    assert set(check(installed + timedelta(days=3)).late_jobs) == set(JOBS)


def test_the_report_on_lambda(
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
    capsys: pytest.CaptureFixture[str],
    lines: io.StringIO,
) -> None:
    """A line of metrics with every gauge but the jobs' ages, and one in the log with all."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "vibeloom-front")
    config.cache_clear()
    room_handler("functions.front.handler")({"job": "report_health"}, Context())
    [line] = [json.loads(text) for text in capsys.readouterr().out.splitlines() if "_aws" in text]
    assert line["service"] == "front"
    assert {"RollupLag", "DirtyDays", "LateJobs", "SilentSources"} <= set(line)
    assert "JobAge" not in line
    [logged] = [
        json.loads(text)
        for text in lines.getvalue().splitlines()
        if json.loads(text)["message"] == "health"
    ]
    assert logged["late_jobs"] == []
    assert logged["figures"]["LateJobs"] == 0


def test_a_login_past_row_level_security_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, api: Api, database: Database
) -> None:
    """Whoever gave the functions the administrator's address learns it before anybody uses it."""
    monkeypatch.setenv("VIBELOOM_DATABASE_URL", database.admin_url)
    fresh_process()
    answer = api("GET", "/readyz")
    assert (answer.status, answer.error) == (503, "unavailable")
    assert "vibeloom_functions" in answer.message


def test_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch, scraped: None, api: Api, database: Database
) -> None:
    """Alive, not ready, and no figures rather than wrong ones."""
    monkeypatch.setenv("VIBELOOM_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x")
    fresh_process()
    assert api("GET", "/healthz").status == 200
    for path in ("/readyz", "/metrics"):
        answer = api("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status, answer.error) == (503, "unavailable")
