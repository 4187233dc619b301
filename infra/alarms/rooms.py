"""What cloudwatch.yaml says of each room; `python -m infra.generate` writes it there."""

import json
from collections.abc import Sequence

from functions.core.room import Room
from infra.blocks import fill

MOST_METRICS = 10  # that one alarm may be computed from, by CloudWatch's quotas

ALARM = """\
  @Alarm@:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: !Sub ${Name}-@alarm@
      AlarmDescription: >-
        @description@
      Metrics:
        - {Id: result, Label: @label@, Expression: @expression@}
@metrics@      ComparisonOperator: GreaterThanThreshold
      Threshold: @threshold@
      EvaluationPeriods: @periods@
      DatapointsToAlarm: @periods@
      TreatMissingData: notBreaching
      AlarmActions: [!Ref Topic]
      OKActions: [!Ref Topic]
"""
METRIC = """\
        - {Id: @id@, ReturnData: false, MetricStat: {Stat: @stat@, Period: 300, \
Metric: {Namespace: @namespace@, MetricName: @metric@, \
Dimensions: [{Name: @dimension@, Value: @value@}]}}}
"""
SLOW = """\
The room @room@ itself is slow, without cold starts: its p95. Do: look at which route it is (the
        log's path and duration_ms), then at the database: plans, locks, its disk."""
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
    alarms = [_latency(name) for name in asked]
    for at in range(0, len(every), MOST_METRICS):
        some, number = every[at : at + MOST_METRICS], str(at // MOST_METRICS + 1) if at else ""
        crashed = {"description": CRASHED, "threshold": 2, "periods": 1}
        alarms.append(_failures("Errors", number, some, **crashed))
        throttled = {"description": THROTTLED, "threshold": 0, "periods": 2}
        alarms.append(_failures("Throttles", number, some, **throttled))
    figures = {
        "Latencies": [["Vibeloom/${Name}", "Latency", "service", name] for name in asked],
        "Errors": [["AWS/Lambda", "Errors", "FunctionName", f"${{Name}}-{n}"] for n in every],
        "Throttles": [["AWS/Lambda", "Throttles", "FunctionName", f"${{Name}}-{n}"] for n in every],
    }
    graphs = [
        f"{name}: !Sub '{', '.join(map(json.dumps, found))}'\n" for name, found in figures.items()
    ]
    return {
        "alarms": "\n".join(alarms),
        "graphs": "        - " + "          ".join(graphs),
    }


def _latency(room: str) -> str:
    own = {"namespace": '!Sub "Vibeloom/${Name}"', "dimension": "service", "value": room}
    metrics = fill(METRIC, id="latency", stat="p95", metric="Latency", **own)
    metrics += fill(METRIC, id="requests", stat="Sum", metric="Requests", **own)
    return fill(
        ALARM,
        Alarm=f"{room.capitalize()}Latency",
        alarm=f"{room}-latency",
        description=fill(SLOW, room=room),
        label="p95 in milliseconds",
        expression='!Sub "IF(requests >= ${MinRequests}, latency, 0)"',
        metrics=metrics,
        threshold="!Ref MaxLatencyMs",
        periods=3,
    )


def _failures(metric: str, number: str, rooms: Sequence[str], **values: object) -> str:
    function = {"namespace": "AWS/Lambda", "dimension": "FunctionName", "metric": metric}
    metrics = [
        fill(METRIC, id=room, stat="Sum", value=f'!Sub "${{Name}}-{room}"', **function)
        for room in rooms
    ]
    return fill(
        ALARM,
        Alarm=f"Function{metric}{number}",
        alarm=f"function-{metric.lower()}{number}",
        label="all functions",
        expression=f'"{" + ".join(f"FILL({room}, 0)" for room in rooms)}"',
        metrics="".join(metrics),
        **values,
    )
