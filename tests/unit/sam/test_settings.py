"""What the functions are told, and what they may read, on Lambda."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.core import config, work
from functions.core.room import EVERYWHERE, rooms
from functions.core.secret import ADDRESS
from functions.schedule import JOBS
from infra.local.stack import WORKER_LIMITS
from sam.rooms import camel
from tests.unit.sam.templates import PSEUDO, STACK, Stack, load

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = load(STACK)

# Settings that mean nothing on Lambda, which runs one request a process and has no page to scrape.
# A lock is waited for as long as everywhere.
NOT_ON_LAMBDA = {
    "THREADS",
    "VIBELOOM_METRICS_TOKEN",
    "VIBELOOM_LOCK_TIMEOUT_SECONDS",
}
# What is not ours: the extension's own setting, and what nobody reads but makes new processes.
NOT_SETTINGS = {"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL", "SECRETS_REVISION"}

# A room is told what it says that it reads, so that a leak in one is not a leak of all.
WITH_JOBS = {job.room for job in JOBS.values()}
TOLD = {
    camel(room.name): EVERYWHERE
    | room.settings
    | set(room.values)
    | ({"VIBELOOM_JOB_TOKEN"} if room.name in WITH_JOBS else set())
    for room in rooms()
}
SECRETS = {
    "VIBELOOM_DATABASE_URL": "DatabaseUrl",
    "VIBETEA_SUBSCRIBER_TOKEN": "SubscriberToken",
    "VIBELOOM_JWT_SECRET": "JwtSecret",
    "VIBELOOM_JOB_TOKEN": "JobToken",
}
PARAMETER = "arn:aws:ssm:eu-central-1:123456789012:parameter/vibeloom-test/"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:"
ALL_IN_SSM = dict.fromkeys(SECRETS.values(), "ssm")


def documented() -> set[str]:
    """The variables in the table of functions/core/README.md."""
    readme = (ROOT / "functions/core/README.md").read_text()
    table = readme.partition("## Settings")[2].partition("\n\n##")[0]
    return set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.M))


def environment(stack: Stack, room: str) -> dict[str, str]:
    """What a room's function finds in its environment."""
    common = stack.template["Globals"]["Function"]["Environment"]["Variables"]
    own = stack.template["Resources"][room]["Properties"]["Environment"]["Variables"]
    return {name: str(value) for name, value in stack.resolve({**common, **own}).items()}


def grants(stack: Stack, room: str) -> set[tuple[str, str]]:
    """What a room's role allows, one action and one resource each."""
    roles = stack.of_type("AWS::IAM::Role")
    policies = stack.of_type("AWS::IAM::ManagedPolicy")
    function = stack.of_type("AWS::Serverless::Function")[room]
    role = roles[function["Role"].strip("<>").removesuffix(".Arn")]
    documents = [policy["PolicyDocument"] for policy in role["Policies"]]
    documents += [
        policies[name.strip("<>")]["PolicyDocument"] for name in role["ManagedPolicyArns"]
    ]
    found = set()
    for document in documents:
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow"
            for action in _many(statement["Action"]):
                for resource in _many(statement["Resource"]):
                    found.add((action, resource))
    return found


def _many(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def readable(stack: Stack, room: str) -> set[str]:
    """The secrets and parameters that a room's role may read."""
    reading = {"ssm:GetParameter": ":ssm:", "secretsmanager:GetSecretValue": ":secretsmanager:"}
    return {
        resource
        for action, resource in grants(stack, room)
        if reading.get(action, "no such service") in resource
    }


def test_every_setting_can_be_set() -> None:
    """The table of functions/core/README.md, but for what means nothing on Lambda."""
    told = set().union(*(environment(Stack(TEMPLATE), room) for room in TOLD))
    assert told - NOT_SETTINGS == documented() - NOT_ON_LAMBDA


@pytest.mark.parametrize("room", TOLD)
def test_a_room_is_told_what_it_needs(room: str) -> None:
    """And nothing else."""
    assert set(environment(Stack(TEMPLATE), room)) - NOT_SETTINGS == TOLD[room]


@pytest.mark.parametrize("room", TOLD)
def test_the_defaults_are_a_configuration(room: str) -> None:
    """`config.load` takes what the template hands over when nobody chose anything."""
    env = environment(Stack(TEMPLATE), room) | {"AWS_LAMBDA_FUNCTION_NAME": room}
    loaded = config.load(env)
    assert loaded.metrics == "emf"
    assert (loaded.jwt, loaded.job_token, loaded.subscriber_token) == (None, None, None)
    assert loaded.owner_email == "owner@localhost"
    assert loaded.cors_origins == ("*",)
    assert env["VIBELOOM_DATABASE_URL"] == f"{PARAMETER}{room.lower()}/database-url"


@pytest.mark.parametrize("room", ["Accounts", "Query"])
def test_what_is_set_arrives(room: str) -> None:
    """From the parameter to `config`."""
    given = ALL_IN_SSM | {
        "OwnerEmail": "ada@example.com",
        "OwnerId": "11111111-2222-4333-8444-555555555555",
        "JwksUrl": "https://id.example.com/keys",
        "JwtAlgorithm": "RS256",
        "JwtAudience": "vibeloom",
        "JwtIssuer": "https://id.example.com",
        "CorsOrigins": "https://a.example.com,https://b.example.com",
        "LogLevel": "DEBUG",
    }
    loaded = config.load(environment(Stack(TEMPLATE, given), room))
    assert loaded.owner_email == "ada@example.com"
    assert str(loaded.owner_id) == given["OwnerId"]
    assert loaded.jwt is not None
    assert (loaded.jwt.algorithms, loaded.jwt.jwks_url) == (("RS256",), given["JwksUrl"])
    assert (loaded.jwt.audience, loaded.jwt.issuer) == ("vibeloom", "https://id.example.com")
    assert loaded.jwt.secret is not None
    assert loaded.cors_origins == ("https://a.example.com", "https://b.example.com")
    assert loaded.log_level == "DEBUG"


def test_tasks_may_take_longer_than_requests() -> None:
    """In the room that has them, and as long as on a laptop and in a container."""
    limits = config.load(environment(Stack(TEMPLATE), "Rollup")).timeouts
    assert limits == config.Timeouts(statement=400, transaction=420, idle=300, lock=10)
    [rollup] = [room for room in rooms() if room.name == "rollup"]
    assert rollup.values == WORKER_LIMITS
    services = yaml.safe_load((ROOT / "infra/container/compose.yaml").read_text())["services"]
    told = services["jobs"]["environment"]
    assert {name: told[name] for name in WORKER_LIMITS} == WORKER_LIMITS
    # What a task begins at the end of its turn is over before the invocation and the lease are.
    assert rollup.timeout <= work.LEASE
    assert work.TURN + limits.transaction < work.LEASE


def test_retention_and_configured_keys_arrive() -> None:
    """Each in the room that acts on it."""
    key = "source:3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs="
    given = {"RetentionMonths": "18", "PublicKeys": key}
    stack = Stack(TEMPLATE, given)
    assert config.load(environment(stack, "Rollup")).retention_months == 18
    assert environment(stack, "Ingest")["VIBETEA_PUBLIC_KEYS"] == key


@pytest.mark.parametrize("room", TOLD)
@pytest.mark.parametrize(
    "place",
    [
        {},
        ALL_IN_SSM,
        dict.fromkeys(SECRETS.values(), f"{PARAMETER}deeper/than-usual"),
        {name: f"{SECRET}{name}-AbCdEf" for name in SECRETS.values()},
        {name: f"{SECRET}all-AbCdEf:{name}" for name in SECRETS.values()},
    ],
    ids=["defaults", "ssm", "parameters", "secrets", "one secret's fields"],
)
def test_a_room_may_read_its_own_secrets_only(room: str, place: dict[str, str]) -> None:
    """Those that its environment names, wherever they are kept."""
    stack = Stack(TEMPLATE, place)
    named = {value for value in environment(stack, room).values() if value.startswith("arn:")}
    assert all(ADDRESS.fullmatch(address) for address in named)
    needed = {re.sub(r"(:secret:[^:]+):.*", r"\1", address) for address in named}
    assert needed <= readable(stack, room)
    # A parameter's second form, of another service and without a name, names nothing.
    assert readable(stack, room) - needed <= named | {SECRET}


@pytest.mark.parametrize("room", TOLD)
def test_a_role_allows_what_the_room_does_and_nothing_else(room: str) -> None:
    """Its own log, traces, dead letters where it has jobs, and its secrets."""
    stack = Stack(TEMPLATE, ALL_IN_SSM)
    reads = {SECRETS[name] for name in TOLD[room] if name in SECRETS}
    expected = {
        ("logs:CreateLogStream", f"<{room}Log.Arn>"),
        ("logs:PutLogEvents", f"<{room}Log.Arn>"),
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
    }
    if room.lower() in WITH_JOBS:
        expected.add(("sqs:SendMessage", "<DeadLetters.Arn>"))
    names = {"DatabaseUrl": f"{room.lower()}/database-url", "SubscriberToken": "subscriber-token"}
    names |= {"JwtSecret": "jwt-secret", "JobToken": "job-token"}
    for secret in reads:
        for action in ("ssm:GetParameter", "secretsmanager:GetSecretValue"):
            expected.add((action, f"{PARAMETER}{names[secret]}"))
    assert grants(stack, room) == expected


def test_a_key_of_ones_own_may_be_used_for_secrets_only() -> None:
    """Through the two services that keep them."""
    key = "arn:aws:kms:eu-central-1:123456789012:key/1"
    stack = Stack(TEMPLATE, ALL_IN_SSM | {"SecretsKeyArn": key})
    for room in TOLD:
        assert ("kms:Decrypt", key) in grants(stack, room)
    for policy in stack.of_type("AWS::IAM::ManagedPolicy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Action"] == "kms:Decrypt":
                assert statement["Condition"]["StringEquals"]["kms:ViaService"] == [
                    f"ssm.{PSEUDO['AWS::Region']}.amazonaws.com",
                    f"secretsmanager.{PSEUDO['AWS::Region']}.amazonaws.com",
                ]


@pytest.mark.parametrize("parameter", SECRETS.values())
def test_a_secrets_value_is_not_taken_for_a_parameter(parameter: str) -> None:
    """Whoever may describe the stack would read it."""
    pattern = TEMPLATE["Parameters"][parameter]["AllowedPattern"]
    refused = (
        "postgresql://postgres:secret@db.example.com:6543/postgres",
        "0123456789abcdef0123456789abcdef",
        f"{SECRET}name-AbCdEf:field:more",
        "arn:aws:iam::123456789012:role/x",
        "ssm ",
    )
    for value in refused:
        assert not re.fullmatch(pattern, value), value
    for value in ("ssm", f"{PARAMETER}x", f"{SECRET}name-AbCdEf", f"{SECRET}name-AbCdEf:field"):
        assert re.fullmatch(pattern, value), value
        assert value == "ssm" or ADDRESS.fullmatch(value), value
    assert bool(re.fullmatch(pattern, "")) == (parameter != "DatabaseUrl")
