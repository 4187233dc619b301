"""The rest of sam/template.yaml, and the two stages of sam/samconfig.toml."""

import re
import tomllib
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

import pytest
from cronsim import CronSim

from functions.core import metrics
from functions.core.room import rooms
from functions.schedule import JOBS
from sam.rooms import camel
from tests.unit.sam.templates import ALARMS, STACK, Stack, load, references

TEMPLATE = load(STACK)
STACK_AS_IS = Stack(TEMPLATE)
ROOMS = [camel(room.name) for room in rooms()]
CONFIG = tomllib.loads((STACK.parent / "samconfig.toml").read_text())
README = (STACK.parent / "README.md").read_text()
POOLER_CLIENTS = 200  # of Supabase's smallest compute


def overrides(stage: str) -> dict[str, str]:
    """The parameters of a stage."""
    given = CONFIG[stage]["deploy"]["parameters"]["parameter_overrides"]
    return dict(assignment.split("=", 1) for assignment in given)


@pytest.mark.parametrize("path", [STACK, ALARMS], ids=lambda path: path.name)
def test_every_parameter_is_used(path: Any) -> None:
    """One that nothing reads would promise what is not kept."""
    template = load(path)
    used = references({key: template[key] for key in ("Resources", "Outputs")})
    used |= references(template.get("Conditions", {})) | references(template.get("Globals", {}))
    assert set(template["Parameters"]) <= used


def test_what_is_referred_to_is_there() -> None:
    """Parameters, resources and conditions."""
    names = {*TEMPLATE["Parameters"], *TEMPLATE["Resources"]}
    found = {name for name in references(TEMPLATE) if not name.startswith("AWS::")}
    assert found - {"Name"} <= names  # Name is a Sub's own variable


@pytest.mark.parametrize("room", ROOMS)
def test_a_function_is_traced_and_keeps_its_log_for_a_while(room: str) -> None:
    """In a group of its own, made before it, so that it needs no right to make any."""
    function = STACK_AS_IS.of_type("AWS::Serverless::Function")[room]
    name = function["FunctionName"]
    assert name == f"vibeloom-test-{room.lower()}"
    group = STACK_AS_IS.of_type("AWS::Logs::LogGroup")[f"{room}Log"]
    assert function["LoggingConfig"] == {"LogGroup": f"<{room}Log>"}
    assert group == {"LogGroupName": f"/aws/lambda/{name}", "RetentionInDays": 30}
    shared = STACK_AS_IS.resolve(TEMPLATE["Globals"]["Function"])
    assert shared["Tracing"] == "Active"
    assert (shared["Runtime"], shared["Architectures"]) == ("python3.13", ["arm64"])


def test_nobody_waits_for_what_api_gateway_gave_up() -> None:
    """Its limit is 30 s; only the roll-ups, which have no routes but their jobs', take longer."""
    shared = TEMPLATE["Globals"]["Function"]["Timeout"]
    functions = STACK_AS_IS.of_type("AWS::Serverless::Function")
    timeouts = {room: functions[room].get("Timeout", shared) for room in ROOMS}
    assert timeouts.pop("Rollup") == 900
    assert set(timeouts.values()) == {29}


@pytest.mark.parametrize("room", ROOMS)
def test_concurrency_is_reserved_when_asked_for(room: str) -> None:
    """0 reserves nothing; CloudFormation's own 0 would switch the function off."""
    unreserved = STACK_AS_IS.of_type("AWS::Serverless::Function")[room]
    assert "ReservedConcurrentExecutions" not in unreserved
    asked = Stack(TEMPLATE, {f"{room}Concurrency": 7}).of_type("AWS::Serverless::Function")
    assert asked[room]["ReservedConcurrentExecutions"] == 7
    for other in set(ROOMS) - {room}:
        assert "ReservedConcurrentExecutions" not in asked[other]


def test_secrets_come_through_the_extension() -> None:
    """AWS' latest for this architecture, or the version that was named."""
    layers = TEMPLATE["Globals"]["Function"]["Layers"]
    latest = "/aws/service/aws-parameters-and-secrets-lambda-extension/arm64/latest"
    assert STACK_AS_IS.resolve(layers) == [f"{{{{resolve:ssm:{latest}}}}}"]
    pinned = "arn:aws:lambda:eu-central-1:187925254637:layer:x-Arm64:101"
    assert Stack(TEMPLATE, {"ExtensionLayerArn": pinned}).resolve(layers) == [pinned]


def test_a_domain_needs_its_certificate_and_the_other_way_round() -> None:
    """Without either there is none; with both, the API is behind it."""
    for rule, missing in (
        ("DomainHasCertificate", "CertificateArn"),
        ("CertificateHasDomain", "DomainName"),
    ):
        [assertion] = TEMPLATE["Rules"][rule]["Assertions"]
        assert references(assertion["Assert"]) == {missing}
    assert not STACK_AS_IS.exists("Domain")
    certificate = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    stack = Stack(TEMPLATE, {"DomainName": "v.example.com", "CertificateArn": certificate})
    [domain] = stack.of_type("AWS::ApiGatewayV2::DomainName").values()
    assert domain["DomainName"] == "v.example.com"
    assert domain["DomainNameConfigurations"] == [
        {"CertificateArn": certificate, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
    ]
    [mapping] = stack.of_type("AWS::ApiGatewayV2::ApiMapping").values()
    assert mapping == {"ApiId": "<Api>", "DomainName": "<Domain>", "Stage": "$default"}
    assert stack.resolve(TEMPLATE["Outputs"]["ApiUrl"]["Value"]) == "https://v.example.com"
    assert STACK_AS_IS.resolve(TEMPLATE["Outputs"]["ApiUrl"]["Value"]) == "<Api.ApiEndpoint>"


def test_the_bucket_is_closed_and_outlives_the_stack() -> None:
    """Made when asked for: encrypted, private, TLS only, cleaned of what was begun and left."""
    assert not STACK_AS_IS.exists("Blobs")
    stack = Stack(TEMPLATE, {"CreateBlobBucket": "yes"})
    assert TEMPLATE["Resources"]["Blobs"]["DeletionPolicy"] == "Retain"
    bucket = stack.of_type("AWS::S3::Bucket")["Blobs"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert "BucketEncryption" in bucket
    [rule] = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    [statement] = stack.of_type("AWS::S3::BucketPolicy")["BlobsPolicy"]["PolicyDocument"][
        "Statement"
    ]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == ["<Blobs.Arn>", "<Blobs.Arn>/*"]


def test_outputs_of_what_is_not_made_are_left_out() -> None:
    """Each names what there is."""
    always = {"ApiUrl", "LogGroups", "DeadLettersUrl", *(f"{room}Function" for room in ROOMS)}
    made = {name for name in TEMPLATE["Outputs"] if Stack(TEMPLATE, {"Alarms": "no"}).exists(name)}
    assert made == always
    everything = {"CreateBlobBucket": "yes", "MailSender": "a@b.example", "CertificateArn": "arn"}
    made = {name for name in TEMPLATE["Outputs"] if Stack(TEMPLATE, everything).exists(name)}
    assert made == always | {
        "Dashboard",
        "AlarmTopic",
        "BlobBucket",
        "MailIdentity",
        "DomainTarget",
    }


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_stage_gives_parameters_that_exist_and_are_accepted(stage: str) -> None:
    """CloudFormation would say so too, but minutes later."""
    for name, value in overrides(stage).items():
        parameter = TEMPLATE["Parameters"][name]
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value), name
        if "AllowedValues" in parameter:
            assert value in map(str, parameter["AllowedValues"]), name
        assert value, f"{name}: the SAM CLI takes no empty value"


def test_the_stages_do_not_meet() -> None:
    """Two stacks, two folders of artefacts; both deploy this template with what it needs."""
    stages = [CONFIG[stage]["deploy"]["parameters"] for stage in ("dev", "prod")]
    assert [stage["stack_name"] for stage in stages] == ["vibeloom-dev", "vibeloom-prod"]
    assert len({stage["s3_prefix"] for stage in stages}) == 2
    for stage in stages:
        assert stage["template_file"] == "template.yaml"
        assert stage["resolve_s3"] is True
        assert stage["capabilities"] == "CAPABILITY_IAM CAPABILITY_AUTO_EXPAND"


def test_production_leaves_the_pooler_room() -> None:
    """One environment is one connection; during a deployment there are old and new ones."""
    reserved = sum(int(overrides("prod")[f"{room}Concurrency"]) for room in ROOMS)
    assert 2 * reserved <= POOLER_CLIENTS
    assert f"= {reserved} environments" in README


def test_the_readme_counts_what_costs_money() -> None:
    """Its arithmetic is with the numbers of alarms and runs that there are."""
    alarms = Stack(load(ALARMS)).of_type("AWS::CloudWatch::Alarm").values()
    figures = sum(
        sum("MetricStat" in entry for entry in alarm["Metrics"]) if "Metrics" in alarm else 1
        for alarm in alarms
    )
    assert f"{len(alarms)} alarms over {figures} metrics" in README
    assert f"{len(metrics.GAUGES) - 1} gauges" in README  # a job's age is for Prometheus only
    month = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    runs = 0
    for job in JOBS.values():
        times = CronSim(job.cron, month[0] - timedelta(minutes=1))
        runs += sum(1 for _ in takewhile(lambda at: at < month[1], times))
    assert f"{runs:,} runs" in README


@pytest.mark.parametrize(
    "name", sorted(set(TEMPLATE["Parameters"]) - {f"{room}Concurrency" for room in ROOMS})
)
def test_the_readme_knows_every_parameter(name: str) -> None:
    """What can be chosen, and why one would; what each room has is said once."""
    assert f"`{name}`" in README
