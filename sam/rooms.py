"""What template.yaml says of each room and job; `python -m infra.generate` writes it there."""

import re
from collections.abc import Iterator, Sequence

from functions.core.jobs import Job
from functions.core.room import Room
from infra.blocks import fill

# Settings that are kept in Parameter Store or in Secrets Manager: what each is, and what there is
# without it. VIBELOOM_DATABASE_URL is another: each function has its own, with a login of its own.
SECRETS = {
    "VIBETEA_SUBSCRIBER_TOKEN": ("The token that reads the owner's data", "there is none"),
    "VIBELOOM_JWT_SECRET": ("What sign-ins are signed with (HS256)", "there is none"),
    "VIBELOOM_JOB_TOKEN": (
        "Opens POST /v1/jobs/NAME to other schedulers",
        "only EventBridge runs the jobs",
    ),
}
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")  # cron's 0 to 7

PLACE = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${AWS::StackName}"
KEPT = """\
  @Secret@:
    Type: String
    Default: ""
    AllowedPattern: "^(|ssm|arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:[0-9]{12}:\
secret:[^:]+(:[^:]+)?|ssm:[a-z0-9-]+:[0-9]{12}:parameter/.+))$"
    ConstraintDescription: empty, ssm, or the ARN of a secret or a parameter; never the value itself
    Description: @what@. ssm is /STACK-NAME/@kept@; empty, @without@
"""
KEPT_CONDITIONS = """\
  @Secret@IsInSsm: !Equals [!Ref @Secret@, ssm]
  Has@Secret@: !Not [!Equals [!Ref @Secret@, ""]]
"""
# Of Secrets Manager's arn:…:secret:NAME:json-key, IAM knows what comes before the key; for another
# ARN, the last entry names nothing.
MAY_LOOK_UP = """\
  Read@Secret@:
    Type: AWS::IAM::ManagedPolicy
@condition@    Properties:
      Description: Look up @Secret@
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: [ssm:GetParameter, secretsmanager:GetSecretValue]
            Resource: !If
              - @Secret@IsInSsm
              - !Sub "@place@/@kept@"
              - - !Ref @Secret@
                - !Sub ["arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:\
secret:${Name}", {Name: !Select [6, !Split [":", !Sub "${@Secret@}::::::"]]}]
"""

# A room logs in as its own role, which can do what the room needs and nothing else.
DATABASE_URL = """\
          VIBELOOM_DATABASE_URL: !If [DatabaseUrlIsInSsm, !Sub "@place@/@room@/database-url", \
!Ref DatabaseUrl]
"""
MAY_READ_DATABASE_URL = """!If
                  - DatabaseUrlIsInSsm
                  - !Sub "@place@/@room@/database-url"
                  - - !Ref DatabaseUrl
                    - !Sub ["arn:${AWS::Partition}:secretsmanager:${AWS::Region}:\
${AWS::AccountId}:secret:${Name}", {Name: !Select [6, !Split [":", !Sub \
"${DatabaseUrl}::::::"]]}]"""

PARAMETER = """\
  @Room@Concurrency: {Type: Number, Default: 0, MinValue: 0, \
Description: "Most environments of this room at once; 0 reserves and limits nothing"}
"""

FUNCTION = """\
  @Room@:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub ${AWS::StackName}-@room@
      Description: @purpose@
      CodeUri: ../build/@room@.zip
      Handler: @module@.handler
      MemorySize: @memory@
      Timeout: @timeout@
      ReservedConcurrentExecutions: !If [Reserves@Room@, !Ref @Room@Concurrency, !Ref AWS::NoValue]
      Role: !GetAtt @Room@Role.Arn
      LoggingConfig: {LogGroup: !Ref @Room@Log}
"""
RETRIES = """\
      EventInvokeConfig:
        MaximumEventAgeInSeconds: 3600 # a job that could not run for an hour is a dead letter
        MaximumRetryAttempts: 2
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt DeadLetters.Arn}}
"""
LOG_AND_ROLE = """\

  @Room@Log:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub "/aws/lambda/${AWS::StackName}-@room@", \
RetentionInDays: !Ref LogRetentionDays}

  @Room@Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [\
{Effect: Allow, Action: sts:AssumeRole, Principal: {Service: lambda.amazonaws.com}}]}
      ManagedPolicyArns:
        - !Ref BeTraced
        - !If [HasSecretsKey, !Ref UseSecretsKey, !Ref AWS::NoValue]
@secrets@      Policies:
        - PolicyName: own
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - {Effect: Allow, Action: [logs:CreateLogStream, logs:PutLogEvents], \
Resource: !GetAtt @Room@Log.Arn}
              - Effect: Allow
                Action: [ssm:GetParameter, secretsmanager:GetSecretValue]
                Resource: @database_url@
"""
MAY_LEAVE_DEAD_LETTERS = """\
              - {Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt DeadLetters.Arn}
"""

SCHEDULE = """\
  @Job@Schedule:
    Type: AWS::Scheduler::Schedule
    Properties:
      Name: @job@
      GroupName: !Ref Schedules
      ScheduleExpression: @when@
      ScheduleExpressionTimezone: UTC
      FlexibleTimeWindow: {Mode: "OFF"}
      Target:
        Arn: !GetAtt @Room@.Arn
        RoleArn: !GetAtt SchedulerRole.Arn
        Input: '{"job": "@job@"}'
        RetryPolicy: {MaximumRetryAttempts: 5, MaximumEventAgeInSeconds: @age@}
        DeadLetterConfig: {Arn: !GetAtt DeadLetters.Arn}
"""


def blocks(rooms: Sequence[Room], jobs: Sequence[Job]) -> dict[str, str]:
    """The generated parts of template.yaml."""
    names = [camel(room.name) for room in rooms]
    busy = [camel(room.name) for room in rooms if _jobs_of(room, jobs)]
    logs = ", ".join(f"!Ref {name}Log" for name in names)
    arns = ", ".join(f"!GetAtt {name}.Arn" for name in busy)
    return {
        "secrets": "".join(_secret(KEPT, name) for name in SECRETS),
        "parameters": "".join(fill(PARAMETER, Room=name) for name in names),
        "conditions": "".join(_secret(KEPT_CONDITIONS, name) for name in SECRETS)
        + "".join(
            f"  Reserves{name}: !Not [!Equals [!Ref {name}Concurrency, 0]]\n" for name in names
        ),
        "functions": "\n".join(_function(room, _jobs_of(room, jobs)) for room in rooms),
        "who may look up secrets": "\n".join(_secret(MAY_LOOK_UP, name) for name in SECRETS),
        "rooms with jobs": f"                Resource: [{arns}]\n",
        "schedules": "\n".join(map(_schedule, jobs)),
        "outputs": "".join(f"  {name}Function: {{Value: !Ref {name}}}\n" for name in names)
        + "  LogGroups:\n    Description: One a room, and the API's\n"
        + f'    Value: !Join [",", [{logs}, !Ref ApiLog]]\n',
    }


def camel(name: str) -> str:
    """`delete_expired` and `/v1/events.ndjson` as `DeleteExpired` and `V1EventsNdjson`."""
    return "".join(part.capitalize() for part in re.split(r"[^a-z0-9]+", name.lower()))


def eventbridge(cron: str) -> str:
    """Five fields of cron as EventBridge Scheduler's six. Raises `ValueError` if it has no such.

    There a year follows; one of the two day fields has to be `?`; and days of the week count from
    1 = Sunday, so they are written by name.
    """
    minute, hour, day, month, weekday = cron.split()
    if weekday == "*":
        weekday = "?"
    elif day == "*":
        day = "?"
        weekday = ",".join(_weekdays(part) for part in weekday.split(","))
    else:
        raise ValueError(f"{cron!r}: cron means either day, EventBridge cannot say that")
    return f"cron({minute} {hour} {day} {month} {weekday} *)"


def _weekdays(part: str) -> str:
    if not re.fullmatch("[0-7](-[0-7])?", part):
        raise ValueError(f"{part!r} is no day of the week and no range of them")
    numbers = [int(number) for number in part.split("-")]
    if numbers != sorted(numbers) or (len(numbers) == 2 and numbers[1] == 7):
        raise ValueError(
            f"{part!r} goes over the end of EventBridge's week, which begins on Sunday"
        )
    return "-".join(DAYS[number] for number in numbers)


def _jobs_of(room: Room, jobs: Sequence[Job]) -> list[Job]:
    return [job for job in jobs if job.room == room.name]


def _function(room: Room, jobs: Sequence[Job]) -> str:
    settings = sorted(room.settings | ({"VIBELOOM_JOB_TOKEN"} if jobs else set()))
    variables = "".join(f"          {_setting(name)}\n" for name in settings)
    secrets = (_parameter(name) for name in settings if name in SECRETS)
    readers = "".join(
        f"        - !If [Has{each}, !Ref Read{each}, !Ref AWS::NoValue]\n" for each in secrets
    )
    text = FUNCTION + (RETRIES if jobs else "")
    variables += "".join(f'          {name}: "{value}"\n' for name, value in room.values.items())
    text += f"      Environment:\n        Variables:\n{DATABASE_URL}{variables}"
    text += f"      Events:\n{''.join(_events(room, jobs))}"
    text += LOG_AND_ROLE + (MAY_LEAVE_DEAD_LETTERS if jobs else "")
    return fill(
        text,
        Room=camel(room.name),
        room=room.name,
        purpose=room.purpose,
        module=room.module,
        memory=room.memory,
        timeout=room.timeout,
        secrets=readers,
        database_url=fill(MAY_READ_DATABASE_URL, room=room.name, place=PLACE),
        place=PLACE,
    )


def _parameter(setting: str) -> str:
    return camel(setting.partition("_")[2])


def _secret(text: str, setting: str) -> str:
    secret = _parameter(setting)
    what, without = SECRETS.get(setting, ("", ""))
    return fill(
        text,
        Secret=secret,
        condition=f"    Condition: Has{secret}\n" if setting in SECRETS else "",
        place=PLACE,
        kept=setting.partition("_")[2].lower().replace("_", "-"),
        what=what,
        without=without,
    )


def _setting(name: str) -> str:
    """The parameter's value; of a secret the address where it is kept."""
    parameter = _parameter(name)
    if name not in SECRETS:
        return f"{name}: !Ref {parameter}"
    address = f'!Sub "{_secret("@place@/@kept@", name)}"'
    return f"{name}: !If [{parameter}IsInSsm, {address}, !Ref {parameter}]"


def _events(room: Room, jobs: Sequence[Job]) -> Iterator[str]:
    """A room's routes in API Gateway, each also as Supabase-style monitors address it."""
    if room.answers_the_rest:
        yield "        Anything: {Type: HttpApi, Properties: {ApiId: !Ref Api}} # $default\n"
        return
    below = [f"{path}/{{proxy+}}" for path in room.paths]
    for path in sorted([*room.paths, *below, *(f"/v1/jobs/{job.name}" for job in jobs)]):
        for prefix in ("", "/functions"):
            yield (
                f"        {camel(prefix + path)}: {{Type: HttpApi, Properties:"
                f' {{ApiId: !Ref Api, Method: ANY, Path: "{prefix}{path}"}}}}\n'
            )


def _schedule(job: Job) -> str:
    # A run that is this late is worth less than the next one.
    age = max(60, int(job.late_after.total_seconds()) // 10)
    return fill(
        SCHEDULE,
        Job=camel(job.name),
        job=job.name,
        when=eventbridge(job.cron),
        Room=camel(job.room),
        age=age,
    )
