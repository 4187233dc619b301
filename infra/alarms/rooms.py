"""What cloudwatch.yaml says of each room; `python -m infra.generate` writes it there."""

import json
from collections.abc import Sequence

from functions.core.room import Room
from infra.blocks import fill

MOST_METRICS = 10  # that one alarm may be computed from, by CloudWatch's quotas

METRIC = """\
        - Id: @id@
          ReturnData: false
          MetricStat:
            Stat: @stat@
            Period: 300
            Metric: {Namespace: @namespace@, MetricName: @metric@, \
Dimensions: [{Name: @dimension@, Value: @value@}]}
"""
LATENCY = (
    """\
  @Room@Latency:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: !Sub ${Name}-@room@-latency
      AlarmDescription: >-
        The room @room@ itself is slow, without cold starts: its p95. Do: look at which route it is
        (the log's path and duration_ms), then at the database: plans, locks, its disk.
      Metrics:
        - Id: slow
          Label: p95 in milliseconds
          Expression: !Sub IF(requests >= ${MinRequests}, latency, 0)
@metrics@      ComparisonOperator: GreaterThanThreshold
      Threshold: !Ref MaxLatencyMs
"""
    "@periods@"
)
FAILURES = (
    """\
  Function@Metric@@number@:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: !Sub ${Name}-function-@metric@@number@
      AlarmDescription: >-
        @description@
      Metrics:
        - Id: total
          Label: all functions
          Expression: @total@
@metrics@      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: @threshold@
"""
    "@periods@"
)
PERIODS = """\
      EvaluationPeriods: @periods@
      DatapointsToAlarm: @periods@
      TreatMissingData: notBreaching
      AlarmActions: [!Ref Topic]
      OKActions: [!Ref Topic]
"""
CRASHED = """\
Functions crashed, ran out of time or memory, or a job failed; a handled error is no crash. Do:
        see on the dashboard which function, and read its log from "job failed", "unhandled",
        "Task timed out" or "OutOfMemory" on. A job that failed three times is a dead letter."""
THROTTLED = """\
Calls were refused because no environment was free: callers got a 5xx, jobs wait. Do: see which
        function; raise its Concurrency parameter as far as the database's connections allow
        (sam/README.md has the arithmetic), or the account's quota."""


def blocks(rooms: Sequence[Room]) -> dict[str, str]:
    """The generated parts of cloudwatch.yaml."""
    asked = [room.name for room in rooms if any(path.startswith("/v1/") for path in room.paths)]
    every = [room.name for room in rooms]
    chunks = [every[at : at + MOST_METRICS] for at in range(0, len(every), MOST_METRICS)]
    alarms = [_latency(name) for name in asked]
    for number, names in enumerate(chunks):
        alarms.append(_failures("Errors", CRASHED, 3, 1, number, names))
        alarms.append(_failures("Throttles", THROTTLED, 1, 2, number, names))
    graphs = {
        "Latencies": [["Vibeloom/${Name}", "Latency", "service", name] for name in asked],
        "Errors": [["AWS/Lambda", "Errors", "FunctionName", f"${{Name}}-{n}"] for n in every],
        "Throttles": [["AWS/Lambda", "Throttles", "FunctionName", f"${{Name}}-{n}"] for n in every],
    }
    return {
        "alarms": "\n".join(alarms),
        "graphs": f"        - {_graph('Latencies', graphs)}"
        f"          {_graph('Errors', graphs)}          {_graph('Throttles', graphs)}",
    }


def _graph(name: str, graphs: dict[str, list[list[str]]]) -> str:
    return f"{name}: !Sub '{', '.join(map(json.dumps, graphs[name]))}'\n"


def _latency(room: str) -> str:
    own = {"namespace": '!Sub "Vibeloom/${Name}"', "dimension": "service", "value": room}
    metrics = fill(METRIC, id="latency", stat="p95", metric="Latency", **own)
    metrics += fill(METRIC, id="requests", stat="Sum", metric="Requests", **own)
    text = fill(LATENCY, metrics=metrics, periods=fill(PERIODS, periods=3))
    return fill(text, Room=room.capitalize(), room=room)


def _failures(  # noqa: PLR0913, PLR0917 (what differs between the two)
    metric: str, description: str, threshold: int, periods: int, number: int, names: Sequence[str]
) -> str:
    function = {"namespace": "AWS/Lambda", "dimension": "FunctionName", "metric": metric}
    metrics = "".join(
        fill(METRIC, id=name, stat="Sum", value=f'!Sub "${{Name}}-{name}"', **function)
        for name in names
    )
    return fill(
        FAILURES,
        metrics=metrics,
        description=description,
        total=" + ".join(f"FILL({name}, 0)" for name in names),
        threshold=threshold,
        periods=fill(PERIODS, periods=periods),
        number=f"{number + 1}" if number else "",
        Metric=metric,
        metric=metric.lower(),
    )
