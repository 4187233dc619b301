"""Each alarm and each graph shows a figure that somebody writes."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from functions.core import metrics
from functions.core.room import rooms
from functions.ingest import signing
from functions.ingest.room import ROOM as INGEST
from tests.unit.sam.templates import ALARMS, STACK, Stack, load

TEMPLATE = load(ALARMS)
STACK_AS_IS = Stack(
    TEMPLATE,
    {"Name": "vibeloom-test", "ApiId": "api1", "DeadLettersName": "dead", "AlarmEmail": "a@b.c"},
)
ALARM = STACK_AS_IS.of_type("AWS::CloudWatch::Alarm")
ROOMS = {room.name for room in rooms()}
FUNCTIONS = {f"vibeloom-test-{room}" for room in ROOMS}

API = {"ApiId": {"api1"}, "Stage": {"$default"}}
# AWS' own figures that are used here: namespace and name → dimensions and their values.
# API Gateway: "Working with metrics for HTTP APIs"; Lambda, SQS: their lists of metrics.
OF_AWS = {
    ("AWS/ApiGateway", "Count"): API,
    ("AWS/ApiGateway", "4xx"): API,
    ("AWS/ApiGateway", "5xx"): API,
    ("AWS/ApiGateway", "Latency"): API,
    ("AWS/Lambda", "Errors"): {"FunctionName": FUNCTIONS},
    ("AWS/Lambda", "Throttles"): {"FunctionName": FUNCTIONS},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName": {"dead"}},
}
NAMESPACE = "Vibeloom/vibeloom-test"
GAUGES = {metric.emf for metric in metrics.GAUGES}
OF_INGEST = {metric.emf for metric in INGEST.metrics}
OF_EVERY_ROOM = {metrics.REQUESTS.emf, metrics.LATENCY.emf, metrics.REJECTED.emf}


@dataclass(frozen=True)
class Shown:
    """A figure that an alarm or a graph asks for."""

    where: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


def _of(where: str, metric: dict[str, Any]) -> Shown:
    dimensions = tuple((pair["Name"], pair["Value"]) for pair in metric["Dimensions"])
    return Shown(where, metric["Namespace"], metric["MetricName"], dimensions)


def shown() -> Iterator[Shown]:
    """All of them."""
    for name, alarm in ALARM.items():
        if "MetricName" in alarm:
            yield _of(name, alarm)
        for entry in alarm.get("Metrics", []):
            if "MetricStat" in entry:
                yield _of(name, entry["MetricStat"]["Metric"])
    [dashboard] = STACK_AS_IS.of_type("AWS::CloudWatch::Dashboard").values()
    for widget in json.loads(dashboard["DashboardBody"])["widgets"]:
        properties = widget["properties"]
        assert properties["region"] == "eu-central-1"
        for namespace, name, *rest in properties["metrics"]:
            words = [word for word in rest if isinstance(word, str)]
            pairs = tuple(zip(words[::2], words[1::2], strict=True))
            yield Shown(properties["title"], namespace, name, pairs)


def test_every_figure_is_one_that_is_written() -> None:
    """By our rooms, in the namespace and with the dimensions that core/metrics.py gives it."""
    for figure in shown():
        if figure.namespace != NAMESPACE:
            continue
        dimensions = dict(figure.dimensions)
        room = dimensions.pop("service")
        if figure.name in GAUGES:
            assert room == "front", figure
        elif figure.name in OF_INGEST:
            assert room == "ingest", figure
        else:
            assert figure.name in OF_EVERY_ROOM, figure
            assert room in ROOMS, figure
        expected = {"reason"} if figure.name == metrics.REJECTED.emf else set()
        assert set(dimensions) == expected, figure


def test_every_figure_of_aws_has_the_dimensions_that_aws_gives_it() -> None:
    """Others would be another, empty figure."""
    for figure in shown():
        if figure.namespace == NAMESPACE:
            continue
        expected = OF_AWS[figure.namespace, figure.name]
        dimensions = dict(figure.dimensions)
        assert set(dimensions) == set(expected), figure
        for name, value in dimensions.items():
            assert value in expected[name], figure


def test_every_reason_is_an_error_that_ingest_gives() -> None:
    """The surge alarm watches the two that mean a signature nobody vouches for."""
    contract = (ALARMS.parents[2] / "functions/ingest/README.md").read_text()
    reasons = {dict(f.dimensions)["reason"] for f in shown() if f.name == metrics.REJECTED.emf}
    for reason in reasons:
        assert f"`{reason}`" in contract
    watched = {dict(f.dimensions)["reason"] for f in shown() if f.where == "RejectedSignatures"}
    assert watched == {signing.InvalidSignature.error, signing.UnknownSource.error}


def test_what_has_to_be_watched_is_watched() -> None:
    """Error rate, p95, crashes, throttles, dead letters, lateness, lag, connections, silence."""
    watched = {(f.namespace, f.name) for f in shown() if f.where in ALARM}
    assert watched >= {
        ("AWS/ApiGateway", "5xx"),
        ("AWS/ApiGateway", "Latency"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        *(
            (NAMESPACE, metric.emf)
            for metric in (
                metrics.LATENCY,
                metrics.LATE_JOBS,
                metrics.ROLLUP_LAG,
                metrics.CONNECTIONS,
                metrics.CONNECTIONS_LIMIT,
                metrics.SILENT_SOURCES,
                metrics.TASK_AGE,
                metrics.DEAD_TASKS,
                metrics.REJECTED,
            )
        ),
    }


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_crashes_and_throttles_are_those_of_every_function(metric: str) -> None:
    """A sixth room has to be added here."""
    found = {
        dict(f.dimensions)["FunctionName"] for f in shown() if f.where in ALARM and f.name == metric
    }
    assert found == FUNCTIONS


@pytest.mark.parametrize("name", ALARM)
def test_an_alarm_tells_somebody_what_to_do(name: str) -> None:
    """And tells them too when it is over."""
    alarm = ALARM[name]
    assert alarm["AlarmName"].startswith("vibeloom-test-")
    assert " Do: " in alarm["AlarmDescription"]
    assert len(alarm["AlarmDescription"]) <= 1_024  # CloudWatch's limit
    assert alarm["AlarmActions"] == alarm["OKActions"] == ["<Topic>"]
    assert 1 <= alarm["DatapointsToAlarm"] <= alarm["EvaluationPeriods"]


@pytest.mark.parametrize("name", [name for name in ALARM if "Metrics" in ALARM[name]])
def test_an_expression_uses_the_figures_that_stand_beside_it(name: str) -> None:
    """All of them, and exactly one result."""
    entries = ALARM[name]["Metrics"]
    [result] = [entry for entry in entries if "Expression" in entry]
    inputs = {entry["Id"] for entry in entries if entry is not result}
    assert set(re.findall(r"\b[a-z]\w*", result["Expression"])) == inputs
    assert all(entry["ReturnData"] is False for entry in entries if entry is not result)
    assert result.get("ReturnData", True)


@pytest.mark.parametrize("name", ["ApiErrors", "ApiLatency", "IngestLatency", "QueryLatency"])
def test_one_request_is_no_rate(name: str) -> None:
    """Below the floor the expression is 0."""
    [expression] = [
        entry["Expression"] for entry in ALARM[name]["Metrics"] if "Expression" in entry
    ]
    assert expression.startswith("IF(requests >= 20, ")
    assert expression.endswith(", 0)")


def test_silence_of_the_health_report_is_an_alarm() -> None:
    """Whoever would report it may be what is dead; elsewhere silence says nothing."""
    breaching = {n for n, alarm in ALARM.items() if alarm["TreatMissingData"] == "breaching"}
    assert breaching == {"LateJobs"}


def test_the_stack_hands_over_what_the_alarms_ask_for() -> None:
    """Every parameter without a default, and none that is unknown."""
    stack = Stack(load(STACK), {"AlarmEmail": "a@b.c"})
    [nested] = stack.of_type("AWS::CloudFormation::Stack").values()
    assert (STACK.parent / nested["TemplateURL"]).resolve() == ALARMS
    required = {n for n, p in TEMPLATE["Parameters"].items() if "Default" not in p}
    assert required <= set(nested["Parameters"]) <= set(TEMPLATE["Parameters"])
    assert nested["Parameters"]["Name"] == "vibeloom-test"
    assert nested["Parameters"]["AlarmEmail"] == "a@b.c"
    assert not Stack(load(STACK), {"Alarms": "no"}).exists("Watch")


def test_an_address_is_asked_for_before_mail_is_sent() -> None:
    """Without one, the topic is there and has no subscriber."""
    [subscription] = STACK_AS_IS.of_type("AWS::SNS::Subscription").values()
    assert subscription == {"TopicArn": "<Topic>", "Protocol": "email", "Endpoint": "a@b.c"}
    assert not Stack(TEMPLATE, {"AlarmEmail": ""}).exists("Email")
