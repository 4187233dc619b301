"""A new room is one folder: it appears everywhere without a line elsewhere."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import generate
from tests.unit.sam.templates import Loader, Stack

ROOM = """
from functions.core.metrics import Metric
from functions.core.room import HOURLY, SIGN_IN, Room, Scheduled

HONEY = Metric("Honey", "Count", "vibeloom_honey", "Jars filled")
ROOM = Room(
    name="bees",
    purpose="Honey",
    prefixes=("/v1/honey",),
    aliases=("/api/hives",),
    tags={"honey": "Jars of honey are counted."},
    scopes={"honey:read": "count jars"},
    settings=SIGN_IN,
    errors=frozenset({"no_honey"}),
    metrics=(HONEY,),
    libraries=("PyJWT[crypto]", "httpx"),
    jobs=(Scheduled("fill_jars", "5 * * * *", HOURLY),),
    memory=256,
)
"""
HANDLER = '''
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends, Response
from pydantic import BaseModel

from functions.core import http, jobs
from functions.core.actor import User
from functions.core.door import REFUSALS, may
from functions.core.errors import ApiError
from functions.schedule import JOBS


class NoHoney(ApiError):
    """It is winter."""

    status = 404
    error = "no_honey"


class Jars(BaseModel):
    """How many."""

    jars: int


app = http.app()


@app.get(
    "/v1/honey", tags=["honey"], responses=http.documented(*REFUSALS, NoHoney, model=Jars)
)
def count_jars(user: Annotated[User, Depends(may("honey:read"))]) -> Response[str]:
    """Counts the jars."""
    raise NoHoney


handler = jobs.entry(app, "bees", JOBS)
'''
WORK = """
def fill_jars(budget):
    return False
"""
# The folder is searched for rooms as `functions/` itself is.
SETUP = """
import json, sys
import functions
functions.__path__.append(sys.argv[1])
"""
GENERATE = """
from functions.core.room import counters, scopes
from functions.gateway import Context, room_handler
from functions.rooms import room_of
from infra import generate
from tests.support import gateway_event
answers = [
    room_handler(room_of(path))(gateway_event(method, path), Context())
    for method, path in json.loads(sys.argv[2])
]
print(json.dumps({
    "files": generate.generated(),
    "scopes": scopes(),
    "counters": [metric.emf for metric in counters()],
    "answers": [(each["statusCode"], json.loads(each["body"])["error"]) for each in answers],
}))
"""
CONTRACT = """
import pytest
sys.exit(pytest.main([*sys.argv[2:], "-v", "-k", "bees", "-p", "no:cacheprovider", "-n", "0"]))
"""
CALLS = [("GET", "/v1/honey"), ("PUT", "/v1/honey"), ("GET", "/api/hives/1")]
CALLS += [("POST", "/v1/jobs/fill_jars")]


@pytest.fixture(scope="module")
def bees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one room in it."""
    folder = tmp_path_factory.mktemp("rooms")
    (folder / "bees").mkdir()
    for name, text in (
        ("__init__", ""),
        ("room", ROOM),
        ("handler", HANDLER),
        ("jobs", WORK),
    ):
        (folder / "bees" / f"{name}.py").write_text(text)
    return folder


def python(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `script` in a process whose rooms are ours and those in `folder`."""
    command = [sys.executable, "-c", SETUP + script, str(folder), *arguments]
    return subprocess.run(
        command, cwd=generate.ROOT, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def made(bees: Path) -> dict[str, Any]:
    """What the house says and would be generated with that room in it."""
    done = python(GENERATE, bees, json.dumps(CALLS))
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_it_answers(made: dict[str, Any]) -> None:
    """Behind the gateway: its door, its methods, its alias, its job."""
    assert made["answers"] == [
        [401, "missing_auth"],
        [405, "method_not_allowed"],
        [404, "not_found"],
        [401, "missing_auth"],
    ]


def test_core_knows_its_scope_and_its_figure(made: dict[str, Any]) -> None:
    """A token can be made for the one, and the other is counted."""
    assert made["scopes"]["honey:read"] == "count jars"
    assert "Honey" in made["counters"]


def test_it_stands_in_the_document(made: dict[str, Any]) -> None:
    """With its tag, its scope, its shape, and what tokens may be made for."""
    document = json.loads(made["files"][generate.OPENAPI])
    assert {"name": "honey", "description": "Jars of honey are counted."} in document["tags"]
    operation = document["paths"]["/v1/honey"]["get"]
    assert (operation["security"], operation["x-scopes"]) == ([{"bearer": []}], ["honey:read"])
    assert "no_honey" in json.dumps(operation["responses"]["404"])
    schemas = document["components"]["schemas"]
    assert "Jars" in schemas
    assert "honey:read" in schemas["NewToken"]["properties"]["scopes"]["items"]["enum"]


def test_aws_has_a_function_for_it(made: dict[str, Any]) -> None:
    """With its routes, its role, its log, its schedule, and somebody who is told of its faults."""
    stack = Stack(yaml.load(made["files"]["sam/template.yaml"], Loader))
    function = stack.of_type("AWS::Serverless::Function")["Bees"]
    assert function["Handler"] == "functions.bees.handler.handler"
    assert (function["MemorySize"], function["Timeout"]) == (256, 29)
    assert "VIBELOOM_JWT_SECRET" in function["Environment"]["Variables"]
    paths = ["/v1/honey", "/v1/honey/{proxy+}", "/api/hives", "/api/hives/{proxy+}"]
    paths += ["/v1/jobs/fill_jars"]
    routed = {event["Properties"]["Path"] for event in function["Events"].values()}
    assert routed == {prefix + path for path in paths for prefix in ("", "/functions")}
    assert "BeesRole" in stack.of_type("AWS::IAM::Role")
    assert "BeesLog" in stack.of_type("AWS::Logs::LogGroup")
    schedule = stack.of_type("AWS::Scheduler::Schedule")["FillJarsSchedule"]
    assert schedule["Target"]["Arn"] == "<Bees.Arn>"
    assert "Bees.Arn" in json.dumps(stack.of_type("AWS::IAM::Role")["SchedulerRole"])
    alarms = yaml.load(made["files"]["infra/alarms/cloudwatch.yaml"], Loader)["Resources"]
    assert "BeesLatency" in alarms
    assert "bees" in [entry["Id"] for entry in alarms["FunctionErrors"]["Properties"]["Metrics"]]


def test_its_libraries_are_installed(made: dict[str, Any]) -> None:
    """In the pinned versions, for its function and for the gateway."""
    lines = made["files"]["requirements/bees.txt"].splitlines()
    assert [line.partition("==")[0] for line in lines[2:]] == [
        *generate.CORE,
        "PyJWT[crypto]",
        "httpx",
    ]
    constraints = (generate.ROOT / "requirements/constraints.txt").read_text().splitlines()
    assert lines[-1] in constraints
    assert "-r bees.txt" in made["files"]["requirements/gateway.txt"].splitlines()


def test_its_job_is_on_every_schedule(made: dict[str, Any]) -> None:
    """Supabase's and Cloud Scheduler's."""
    assert "('fill_jars', '5 * * * *')" in made["files"]["supabase/schedules.sql"]
    assert "job fill_jars '5 * * * *'" in made["files"]["infra/container/cloud-scheduler.sh"]


@pytest.mark.parametrize(
    ("wrong", "right"), [("", ""), ('"no_honey"', '"winter"'), ("settings=SIGN_IN,", "")]
)
def test_the_contract_tests_try_it(bees: Path, tmp_path: Path, wrong: str, right: str) -> None:
    """As they stand: they pass, and fail when it says of itself what its code does not do."""
    (tmp_path / "bees").mkdir()
    for file in (bees / "bees").glob("*.py"):
        text = file.read_text()
        changed = text.replace(wrong, right) if file.stem == "room" and wrong else text
        (tmp_path / "bees" / file.name).write_text(changed)
    done = python(CONTRACT, tmp_path, "tests/architecture/test_rooms.py")
    assert "test_a_room_declares_its_error_codes[bees]" in done.stdout, done.stdout + done.stderr
    assert done.returncode == (1 if wrong else 0), done.stdout
