"""EventBridge's schedules are those of functions/schedule.py."""

import json

import pytest

from functions.schedule import JOBS
from sam.rooms import eventbridge
from tests.unit.sam.templates import STACK, Stack, load

STACK_AS_IS = Stack(load(STACK))
SCHEDULES = STACK_AS_IS.of_type("AWS::Scheduler::Schedule")
FUNCTIONS = STACK_AS_IS.of_type("AWS::Serverless::Function")


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("* * * * *", "cron(* * * * ? *)"),
        ("*/5 * * * *", "cron(*/5 * * * ? *)"),
        ("41 3 * * *", "cron(41 3 * * ? *)"),
        ("0 9 1,15 * *", "cron(0 9 1,15 * ? *)"),
        ("0 9 * * 0", "cron(0 9 ? * SUN *)"),
        ("0 9 * * 7", "cron(0 9 ? * SUN *)"),
        ("0 9 * * 1-5", "cron(0 9 ? * MON-FRI *)"),
        ("0 9 * 6 2,4", "cron(0 9 ? 6 TUE,THU *)"),
    ],
)
def test_five_fields_become_six(cron: str, expected: str) -> None:
    """The two day fields are where the dialects differ."""
    assert eventbridge(cron) == expected


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("0 9 1 * 1", "means either day"),
        ("0 9 * * 5-7", "over the end"),
        ("0 9 * * */2", "no day of the week"),
        ("* * * *", "not enough values"),
    ],
)
def test_what_eventbridge_cannot_say_is_an_error(cron: str, why: str) -> None:
    """Rather than a schedule that means something else."""
    with pytest.raises(ValueError, match=why):
        eventbridge(cron)


def test_the_schedules_are_those_of_the_jobs() -> None:
    """Name, time, whose function, and what it is handed."""
    found = {
        schedule["Name"]: (
            schedule["ScheduleExpression"],
            FUNCTIONS[schedule["Target"]["Arn"].strip("<>").removesuffix(".Arn")]["Handler"],
            json.loads(schedule["Target"]["Input"]),
        )
        for schedule in SCHEDULES.values()
    }
    assert found == {
        job.name: (
            eventbridge(job.cron),
            f"functions.{job.room}.handler.handler",
            {"job": job.name},
        )
        for job in JOBS.values()
    }


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_in_utc_and_loses_nothing(name: str) -> None:
    """It tries again for a while, and leaves a dead letter when it reached nobody."""
    schedule = SCHEDULES[name]
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["GroupName"] == "<Schedules>"
    target = schedule["Target"]
    assert target["RoleArn"] == "<SchedulerRole.Arn>"
    assert target["DeadLetterConfig"] == {"Arn": "<DeadLetters.Arn>"}
    late_after = JOBS[schedule["Name"]].late_after.total_seconds()
    assert 60 <= target["RetryPolicy"]["MaximumEventAgeInSeconds"] < late_after


def test_the_scheduler_may_call_the_rooms_that_have_jobs_and_nothing_else() -> None:
    """Its role is taken on by this stack's schedules only."""
    role = STACK_AS_IS.of_type("AWS::IAM::Role")["SchedulerRole"]
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012", "aws:SourceArn": "<Schedules.Arn>"}
    }
    assert "ManagedPolicyArns" not in role
    [policy] = role["Policies"]
    granted = [
        (statement["Action"], statement["Resource"])
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    targets = {schedule["Target"]["Arn"] for schedule in SCHEDULES.values()}
    [(invoke, functions), rest] = granted
    assert invoke == "lambda:InvokeFunction"
    assert set(functions) == targets
    assert rest == ("sqs:SendMessage", "<DeadLetters.Arn>")


def test_a_job_that_fails_for_good_is_a_dead_letter() -> None:
    """In every room with jobs; a room without any is called by people only, who see the error."""
    for function in FUNCTIONS.values():
        room = function["Handler"].split(".")[1]
        if room in {job.room for job in JOBS.values()}:
            config = function["EventInvokeConfig"]
            assert config["MaximumRetryAttempts"] == 2
            assert config["DestinationConfig"]["OnFailure"] == {
                "Type": "SQS",
                "Destination": "<DeadLetters.Arn>",
            }
        else:
            assert "EventInvokeConfig" not in function


def test_dead_letters_are_kept_encrypted_for_two_weeks() -> None:
    """And nobody reads or writes them without TLS."""
    [queue] = STACK_AS_IS.of_type("AWS::SQS::Queue").values()
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3_600
    [policy] = STACK_AS_IS.of_type("AWS::SQS::QueuePolicy").values()
    [statement] = policy["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
