"""Figures: lines of CloudWatch's format on Lambda, nothing elsewhere."""

import json
import subprocess
import sys
from typing import Any

import pytest

from functions.core import metrics
from functions.core.config import config
from functions.ingest.room import BATCHES, EVENTS

ENVIRONMENT = {"VIBELOOM_DATABASE_URL": "postgresql://nobody@/nowhere"}


@pytest.fixture
def on_lambda(monkeypatch: pytest.MonkeyPatch) -> Any:
    """This process believes to be a function."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "vibeloom-ingest")
    config.cache_clear()
    yield
    config.cache_clear()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was printed, without the time."""
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for line in found:
        assert line["_aws"].pop("Timestamp") > 1_700_000_000_000
    return found


def test_a_request_is_one_line(on_lambda: None, capsys: pytest.CaptureFixture[str]) -> None:
    """The room is the dimension; what is measured twice is a list."""
    metrics.count(EVENTS, 3)
    metrics.count(EVENTS, 4)
    metrics.answered("ingest", "POST", 200, 0.25, None)
    metrics.flush("ingest")
    [line] = lines(capsys)
    [described] = line.pop("_aws")["CloudWatchMetrics"]
    assert described["Namespace"] == "Vibeloom"
    assert described["Dimensions"] == [["service"]]
    assert {(m["Name"], m["Unit"]) for m in described["Metrics"]} == {
        ("Events", "Count"),
        ("Requests", "Count"),
        ("Latency", "Milliseconds"),
    }
    assert line == {
        "service": "ingest",
        "Events": [3.0, 4.0],
        "Requests": [1.0],
        "Latency": [250.0],
    }


def test_a_refusal_has_its_reason(on_lambda: None, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of its own, so that an alarm may watch one reason."""
    metrics.answered("ingest", "POST", 401, 0.001, "invalid_signature")
    metrics.flush("ingest")
    _, refused = lines(capsys)
    assert refused["_aws"]["CloudWatchMetrics"][0]["Dimensions"] in (
        [["service", "reason"]],
        [["reason", "service"]],
    )
    assert (refused["reason"], refused["Rejected"]) == ("invalid_signature", [1.0])


def test_our_fault_is_no_refusal(on_lambda: None, capsys: pytest.CaptureFixture[str]) -> None:
    """A 500 is in the requests, by its status, and nowhere else."""
    metrics.answered("ingest", "POST", 500, 0.001, "internal_error")
    metrics.flush("ingest")
    [line] = lines(capsys)
    assert "Rejected" not in line


def test_nothing_is_carried_into_the_next_request(
    on_lambda: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Written is written."""
    metrics.count(BATCHES)
    metrics.flush("ingest")
    metrics.flush("ingest")
    assert len(lines(capsys)) == 1


def test_elsewhere_nothing_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """A laptop that nobody asks writes nothing and remembers nothing."""
    config.cache_clear()
    metrics.count(BATCHES)
    metrics.gauge(metrics.LATE_JOBS, 1)
    metrics.answered("ingest", "POST", 200, 0.1, None)
    metrics.flush("ingest")
    assert (capsys.readouterr().out, metrics._pending) == ("", [])


SCRAPE = """
import os, sys
from functions.core import metrics
from functions.ingest.room import EVENTS
if sys.argv[1] == "count":
    metrics.count(EVENTS, int(sys.argv[2]))
    metrics.answered("ingest", "POST", 200, 0.03, None)
    metrics.answered("ingest", "POST", 401, 0.03, "invalid_signature")
    metrics.answered("gateway", f"BREW{sys.argv[2]}", 404, None, "not_found")
else:
    reading = [
        (metrics.DIRTY_DAYS, {"queue": "dirty_days"}, 3),
        (metrics.LATE_JOBS, {}, 0),
    ]
    print(metrics.exposition(reading)[1])
"""


def test_the_workers_counters_are_summed(tmp_path: Any) -> None:
    """Two processes that counted, also when both are gone, and a third that is asked."""
    environment = {
        **ENVIRONMENT,
        "VIBELOOM_METRICS_TOKEN": "m" * 32,
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
    }
    out = ""
    for arguments in (["count", "3"], ["count", "4"], ["scrape"]):
        done = subprocess.run(
            [sys.executable, "-c", SCRAPE, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        out = done.stdout
    samples = dict(
        line.rsplit(" ", 1) for line in out.splitlines() if line and not line.startswith("#")
    )
    assert samples["vibeloom_events_total"] == "7.0"
    assert samples['vibeloom_requests_total{method="POST",room="ingest",status="200"}'] == "2.0"
    assert samples['vibeloom_rejected_total{reason="invalid_signature",room="ingest"}'] == "2.0"
    assert samples['vibeloom_request_duration_seconds_bucket{le="0.025",room="ingest"}'] == "0.0"
    assert samples['vibeloom_request_duration_seconds_bucket{le="0.05",room="ingest"}'] == "4.0"
    assert samples['vibeloom_queue_depth{queue="dirty_days"}'] == "3.0"
    assert samples["vibeloom_late_jobs"] == "0.0"
    assert samples['vibeloom_requests_total{method="other",room="gateway",status="404"}'] == "2.0"
    assert "BREW" not in out  # what a stranger sends makes no new series
    assert out.count("# TYPE vibeloom_queue_depth gauge") == 1
