"""The health of the house: what waits, which jobs are late, and which sources are silent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.core import db, metrics, sql
from functions.core.actor import Room
from functions.core.observability import logger

queries = sql.load(__file__)


@dataclass(frozen=True)
class Health:
    """The state of the house at one moment."""

    job_ages: Mapping[str, float]  # s since the last success, or since the installation
    late_jobs: Sequence[str]  # those whose last success is too long ago
    rollup_lag_seconds: float  # how long the day that waits longest has waited for its figures
    dirty_days: int
    database_connections: int
    database_connections_limit: int
    silent_sources: int
    waiting_tasks: int
    task_age_seconds: float  # for how long the task that waits longest has been due
    dead_tasks: int


def check(now: datetime, late_after: Mapping[str, timedelta]) -> Health:
    """The house's health at `now`; `late_after` says of each job how old a success may be.

    Raises `Unavailable`.
    """
    with db.transaction(Room("front", "figures are sums over everybody")) as connection:
        [row] = queries.service_health(connection)
        [queue] = queries.work_health(connection, now=now)
        runs = list(queries.list_job_runs(connection))
    succeeded = {name: at for name, _, at in runs if at is not None}
    installed = min((first for _, first, _ in runs), default=now)
    ages = {name: now - succeeded.get(name, installed) for name in late_after}
    late = [name for name, age in ages.items() if age > late_after[name]]
    return Health({name: age.total_seconds() for name, age in ages.items()}, late, *row, *queue)


def figures(health: Health) -> Iterator[metrics.Reading]:
    """`health` as gauges."""
    yield metrics.ROLLUP_LAG, {}, health.rollup_lag_seconds
    yield metrics.DIRTY_DAYS, {"queue": "dirty_days"}, health.dirty_days
    yield metrics.WAITING_TASKS, {"queue": "tasks"}, health.waiting_tasks
    yield metrics.TASK_AGE, {}, health.task_age_seconds
    yield metrics.DEAD_TASKS, {}, health.dead_tasks
    yield metrics.CONNECTIONS, {}, health.database_connections
    yield metrics.CONNECTIONS_LIMIT, {}, health.database_connections_limit
    yield metrics.SILENT_SOURCES, {}, health.silent_sources
    yield metrics.LATE_JOBS, {}, len(health.late_jobs)
    for name, age in health.job_ages.items():
        yield metrics.JOB_AGE, {"name": name}, age


def report(now: datetime, late_after: Mapping[str, timedelta]) -> None:
    """Writes the health at `now` to the log and, on Lambda, to the metrics."""
    health = check(now, late_after)
    logger.info(
        "health",
        late_jobs=health.late_jobs,
        figures={m.emf: value for m, _, value in figures(health) if m is not metrics.JOB_AGE},
    )
    for metric, _labels, value in figures(health):
        if metric is not metrics.JOB_AGE:  # one a job; CloudWatch asks for money by the metric
            metrics.gauge(metric, value)
