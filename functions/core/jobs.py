"""The doors of scheduled jobs: an event of the scheduler's, HTTP with the job token, a worker.

A job is idempotent, stops beginning new things when its budget is spent, and may run twice at once.
"""

import functools
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.request import Request
from pydantic import BaseModel, Field

from functions.core import db, http, metrics, sql, work
from functions.core.actor import Room
from functions.core.config import config
from functions.core.errors import ApiError, InvalidToken, MissingAuth, Unavailable
from functions.core.observability import logger
from functions.core.work import Budget

HTTP_SECONDS = 12.0  # after which nothing new is begun: API Gateway gives up after 30
RESERVE = 2.0  # s of Lambda's time beyond what the last transaction may take


@functools.cache
def _queries() -> Any:
    return sql.load(__file__, "jobs.sql")  # not at the start, which is a batch's cold start


@dataclass(frozen=True)
class Job:
    """Something to be done again and again. `run(budget)` says whether more of it remains."""

    name: str
    cron: str  # five fields, UTC
    room: str  # whose function does it, with its rights
    run: Callable[[Budget], bool]
    late_after: timedelta  # without a success, somebody should look


class Ran(BaseModel):
    """What became of a job: it ran to its end, or more of it remains for the next run."""

    job: str = Field(description="This is the name of the job.", examples=["make_partitions"])
    status: Literal["done", "more"] = Field(
        description="`done`: the job ran to its end. `more`: more of it remains for the next run.",
        examples=["done"],
    )


def run(job: Job, budget: Budget) -> Ran:
    """Runs `job` now and notes it. Raises what the job raises."""
    logger.append_keys(job=job.name, error=None)
    started = time.perf_counter()
    try:
        more = job.run(budget)
    except BaseException as error:
        with suppress(ApiError):  # the database may be the reason
            _note(job, False, started)
        logger.error("job failed", cause=work.describe(error), where=work.where(error))
        raise
    else:
        _note(job, True, started)
        logger.info("job done", more=more)
    finally:
        logger.remove_keys(["job"])
    return Ran(job=job.name, status="more" if more else "done")


def _note(job: Job, succeeded: bool, started: float) -> None:
    seconds = time.perf_counter() - started
    with db.transaction(Room(job.room, "a job's run is noted")) as connection:
        _queries().note_job_run(connection, name=job.name, succeeded=succeeded, seconds=seconds)


def entry(app: http.App, room: str, jobs: Mapping[str, Job]) -> http.Handler:
    """The `handler(event, context)` of a room that has jobs: HTTP, theirs too, and the schedule."""
    own = {name: job for name, job in jobs.items() if job.room == room}
    for _, job in sorted(own.items()):
        _add_route(app, job)
    answer = http.entry(app, room)

    def handler(event: http.Event, context: Any) -> dict[str, Any]:
        if "job" not in event:
            return answer(event, context)
        logger.append_keys(request_id=str(context.aws_request_id))
        if event["job"] not in own:
            raise ValueError(f"{room} has no job {event['job']!r}")
        try:
            return run(own[event["job"]], _budget(context)).model_dump()
        finally:
            metrics.flush(room)

    return handler


def _budget(context: Any) -> Budget:
    """As long as the platform gives this call, less what has been begun by then may take."""
    remaining = context.get_remaining_time_in_millis() / 1_000
    begun = config().timeouts.transaction + RESERVE
    return Budget.of(max(remaining - begun, remaining / 2))


def _add_route(app: http.App, job: Job) -> None:
    @app.post(
        f"/v1/jobs/{job.name}",
        operation_id="run" + job.name.title().replace("_", ""),
        summary=f"Run the job {job.name} now",
        description=(
            f"Runs the job `{job.name}`, for a scheduler that has the job token. It may be posted"
            " twice, also at once. The answer is 202 if more remains than the time of a request"
            " allows; the next run goes on with it."
        ),
        tags=["jobs"],
        security=[{"bearer": []}],
        responses={
            **http.documented(MissingAuth, InvalidToken, Unavailable, model=Ran),
            **http.unfinished(Ran),
        },
    )
    def run_job(request: Request) -> Response[str]:
        from functions.core import bearer

        bearer.require_token(http.headers(request), config().job_token)
        ran = run(job, Budget.of(HTTP_SECONDS))
        return http.answered(ran, 202 if ran.status == "more" else 200)
