"""The schedule: job name → cron → function. The only place where it is written.

A job is idempotent, does a bounded amount of work, and may run twice at once. Three doors lead to
`run`: the local ticker, an event of EventBridge's scheduler (`{"job": name}`), and
`POST /v1/jobs/{name}` with the job token, for pg_cron, Cloud Scheduler, cron and curl.
"""

import functools
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.request import Request
from pydantic import BaseModel, ConfigDict, Field

from functions.core import db, http, metrics, sql
from functions.core.actor import Room
from functions.core.config import config
from functions.core.errors import ApiError, InvalidToken, MissingAuth, Unavailable
from functions.core.observability import logger

__all__ = ["JOBS", "entry", "late_after"]

HOURLY = timedelta(hours=3)  # an hourly job is late when it was missed twice
DAILY = timedelta(hours=50)


@functools.cache
def _queries() -> Any:
    return sql.load(__file__, "jobs.sql")  # not at the start, which is a batch's cold start


@dataclass(frozen=True)
class Job:
    """Something to be done again and again."""

    name: str
    cron: str  # five fields, UTC
    room: str  # whose function does it, with its rights
    run: Callable[[], None]
    late_after: timedelta  # without a success, somebody should look


def _make_partitions() -> None:
    from functions.ingest import service

    made = service.make_partitions()
    logger.info("partitions made", made=made)


def _delete_expired_challenges() -> None:
    from functions.sources import service

    service.delete_expired_challenges(datetime.now(UTC))


def _refresh_days() -> None:
    from functions.rollup import days

    logger.info("days refreshed", owners=days.refresh_dirty_days())


def _purge_expired() -> None:
    from functions.rollup import retention

    logger.info("events purged", purged=retention.purge_expired(datetime.now(UTC)))


def _report_health() -> None:
    from functions.front import health

    health.report(datetime.now(UTC), late_after())


JOBS = {
    job.name: job
    for job in (
        Job("refresh_days", "7 * * * *", "rollup", _refresh_days, HOURLY),
        Job("make_partitions", "17 3 * * *", "ingest", _make_partitions, DAILY),
        Job("purge_expired", "41 * * * *", "rollup", _purge_expired, HOURLY),
        Job(
            "delete_expired_challenges",
            "43 * * * *",
            "sources",
            _delete_expired_challenges,
            HOURLY,
        ),
        Job("report_health", "*/5 * * * *", "front", _report_health, timedelta(minutes=30)),
    )
}


def run(name: str) -> None:
    """Runs the job `name` now. Raises `KeyError` for an unknown name, and what the job raises."""
    logger.append_keys(job=name, error=None)
    started = time.perf_counter()
    try:
        JOBS[name].run()
    except BaseException:
        with suppress(ApiError):  # the database may be the reason
            _note(name, False, started)
        logger.exception("job failed")
        raise
    else:
        _note(name, True, started)
        logger.info("job done")
    finally:
        logger.remove_keys(["job"])


def _note(name: str, succeeded: bool, started: float) -> None:
    seconds = time.perf_counter() - started
    with db.transaction(Room(JOBS[name].room, "a job's run is noted")) as connection:
        _queries().note_job_run(connection, name=name, succeeded=succeeded, seconds=seconds)


def late_after() -> dict[str, timedelta]:
    """Of each job, how long its last success may be ago."""
    return {job.name: job.late_after for job in JOBS.values()}


class Done(BaseModel):
    """A job ran to its end."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    job: str = Field(description="This is the name of the job.", examples=["make_partitions"])
    status: Literal["done"] = Field(
        default="done", description="The job ran to its end.", examples=["done"]
    )


def entry(app: http.App, room: str) -> http.Handler:
    """The `handler(event, context)` of a room that has jobs: HTTP, theirs too, and the schedule."""
    own = frozenset(job.name for job in JOBS.values() if job.room == room)
    for name in sorted(own):
        _add_route(app, name)
    answer = http.entry(app, room)

    def handler(event: http.Event, context: Any) -> dict[str, Any]:
        if "job" not in event:
            return answer(event, context)
        logger.append_keys(request_id=str(context.aws_request_id))
        if event["job"] not in own:
            raise ValueError(f"{room} has no job {event['job']!r}")
        try:
            run(event["job"])
        finally:
            metrics.flush(room)
        return Done(job=event["job"]).model_dump()

    return handler


def _add_route(app: http.App, name: str) -> None:
    @app.post(
        f"/v1/jobs/{name}",
        operation_id="run" + name.title().replace("_", ""),
        summary=f"Run the job {name} now",
        description=f"Runs the job `{name}`, for a scheduler that has the job token. It may be"
        " posted twice, also at once.",
        tags=["jobs"],
        security=[{"bearer": []}],
        responses=http.documented(MissingAuth, InvalidToken, Unavailable, model=Done),
    )
    def run_job(request: Request) -> Response[str]:
        from functions.core import bearer

        bearer.require_token(http.headers(request), config().job_token)
        run(name)
        return http.answered(Done(job=name))
