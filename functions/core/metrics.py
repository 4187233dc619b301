"""Metrics for operators: requests, their durations and errors, and the state of the house.

On Lambda they are lines of the log in CloudWatch's Embedded Metric Format, one for a request and
room; in a container, counters that `GET /metrics` shows in Prometheus' text format, summed over the
worker processes. Anywhere else, metrics are off.
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from functions.core.config import config

# s; a warm answer takes milliseconds, API Gateway gives up after 30
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Metric:
    """One figure and its two names."""

    emf: str
    unit: str  # CloudWatch's
    prometheus: str
    help: str
    labels: tuple[str, ...] = ()


Reading = tuple[Metric, Mapping[str, str], float]  # what, its labels, how much

REQUESTS = Metric(
    "Requests", "Count", "vibeloom_requests", "Requests answered", ("room", "method", "status")
)
LATENCY = Metric(
    "Latency",
    "Milliseconds",
    "vibeloom_request_duration_seconds",
    "From the request's arrival in the room to its answer",
    ("room",),
)
REJECTED = Metric(
    "Rejected", "Count", "vibeloom_rejected", "Requests refused, by error", ("room", "reason")
)
COUNTERS = (REQUESTS, REJECTED)  # a room counts more of its own: see its room.py

ROLLUP_LAG = Metric(
    "RollupLag",
    "Seconds",
    "vibeloom_rollup_lag_seconds",
    "How long the day that waits longest has waited for its figures",
)
DIRTY_DAYS = Metric("DirtyDays", "Count", "vibeloom_queue_depth", "Work that waits", ("queue",))
WAITING_TASKS = Metric(
    "WaitingTasks", "Count", "vibeloom_queue_depth", "Work that waits", ("queue",)
)
TASK_AGE = Metric(
    "TaskAge",
    "Seconds",
    "vibeloom_task_age_seconds",
    "For how long the task that waits longest has been due",
)
DEAD_TASKS = Metric(
    "DeadTasks", "Count", "vibeloom_dead_tasks", "Tasks that failed for the last time"
)
CONNECTIONS = Metric(
    "DatabaseConnections",
    "Count",
    "vibeloom_database_connections",
    "Connections to the database",
)
CONNECTIONS_LIMIT = Metric(
    "DatabaseConnectionsLimit",
    "Count",
    "vibeloom_database_connections_limit",
    "How many connections the database takes",
)
SILENT_SOURCES = Metric(
    "SilentSources",
    "Count",
    "vibeloom_silent_sources",
    "Sources that sent nothing for longer than their owner expects",
)
LATE_JOBS = Metric(
    "LateJobs", "Count", "vibeloom_late_jobs", "Jobs whose last success is too long ago"
)
JOB_AGE = Metric(
    "JobAge",
    "Seconds",
    "vibeloom_job_age_seconds",
    "Time since the job's last success",
    ("name",),  # `job` is Prometheus' own label: what it scraped
)
GAUGES = (
    ROLLUP_LAG,
    DIRTY_DAYS,
    WAITING_TASKS,
    TASK_AGE,
    DEAD_TASKS,
    CONNECTIONS,
    CONNECTIONS_LIMIT,
    SILENT_SOURCES,
    LATE_JOBS,
    JOB_AGE,
)


# What this request measured, until it is written out: one process, one request.
_pending: list[Reading] = []


def count(metric: Metric, value: int = 1, **labels: str) -> None:
    """Adds `value` to a counter."""
    if config().metrics == "emf":
        _pending.append((metric, labels, float(value)))
    elif config().metrics == "prometheus":
        counter = _collectors()[metric]
        (counter.labels(**labels) if labels else counter).inc(value)


def gauge(metric: Metric, value: float) -> None:
    """Says how much of something there is. `GET /metrics` asks for these itself."""
    if config().metrics == "emf":
        _pending.append((metric, {}, value))


def answered(room: str, method: str, status: int, seconds: float | None, error: str | None) -> None:
    """One answered request; `error` is the code that it was refused with.

    `seconds` is None where the duration was not measured.
    """
    if config().metrics is None:
        return
    known = method if method in METHODS else "other"  # a label has few values, whoever asks
    count(REQUESTS, room=room, method=known, status=str(status))
    if error is not None and 400 <= status < 500:
        count(REJECTED, room=room, reason=error)
    if seconds is None:
        return
    if config().metrics == "emf":
        _pending.append((LATENCY, {"room": room}, seconds * 1_000))
    else:
        _collectors()[LATENCY].labels(room=room).observe(seconds)


def flush(room: str) -> None:
    """Writes what was measured on Lambda: a line of `service` = room, one more for each reason."""
    from aws_lambda_powertools.metrics import EphemeralMetrics

    lines: dict[str | None, EphemeralMetrics] = {}
    for metric, labels, value in _pending:
        reason = labels.get("reason")
        if reason not in lines:
            lines[reason] = EphemeralMetrics(namespace=config().metrics_namespace, service=room)
            if reason is not None:
                lines[reason].add_dimension("reason", reason)
        lines[reason].add_metric(metric.emf, metric.unit, value)
    _pending.clear()
    for line in lines.values():
        line.flush_metrics()


def exposition(gauges: Iterable[Reading]) -> tuple[str, str]:
    """The content type and the text of a scrape: what all workers counted, and `gauges`."""
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
    from prometheus_client.multiprocess import MultiProcessCollector

    _collectors()
    counted = REGISTRY
    if config().metrics_directory is not None:
        counted = CollectorRegistry()
        MultiProcessCollector(counted, config().metrics_directory)  # type: ignore[no-untyped-call]
    families: dict[str, GaugeMetricFamily] = {}
    for metric, labels, value in gauges:
        family = families.setdefault(
            metric.prometheus,
            GaugeMetricFamily(metric.prometheus, metric.help, labels=metric.labels),
        )
        family.add_metric([labels[label] for label in metric.labels], value)
    measured = CollectorRegistry()
    measured.register(_Collected(list(families.values())))
    text = generate_latest(counted) + generate_latest(measured)
    return CONTENT_TYPE_PLAIN_0_0_4, text.decode()


class _Collected:
    """Families that are there already, as the library's registries ask for them."""

    def __init__(self, families: list[Any]) -> None:
        self.families = families

    def collect(self) -> list[Any]:
        """The families."""
        return self.families


@functools.cache
def _collectors() -> dict[Metric, Any]:
    import prometheus_client as prometheus

    from functions.core.room import counters

    collectors: dict[Metric, Any] = {
        metric: prometheus.Counter(metric.prometheus, metric.help, metric.labels)
        for metric in (*COUNTERS, *counters())
    }
    collectors[LATENCY] = prometheus.Histogram(
        LATENCY.prometheus, LATENCY.help, LATENCY.labels, buckets=BUCKETS
    )
    return collectors
