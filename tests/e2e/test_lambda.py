"""The artefacts as Lambda runs them: its own runtime client, and nothing else to import from."""

import gzip
import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from functions.rooms import routes
from functions.schedule import JOBS
from infra.local import postgres
from sam import sources
from tests.e2e.lambda_fixture import Lambdas, answered, running_lambdas
from tests.e2e.lambda_runtime import PYTHON, NotStarted, environment
from tests.support import Answer, Registered, gateway_event, register_source

pytestmark = pytest.mark.deployment(
    "sam", "requirements", "functions/core", "tests/e2e/lambda_runtime.py"
)

SEQUENCE = 60  # events
FIRST_REQUESTS = {
    "ingest": ("POST", "/v1/ingest", 401),
    "query": ("GET", "/v1/query", 401),
    "accounts": ("GET", "/v1/me", 401),
    "leaderboards": ("GET", "/v1/leaderboards", 401),
    "sources": ("GET", "/v1/sources", 401),
    "rollup": ("GET", "/v1/anything", 404),
    "front": ("GET", "/readyz", 200),
}


@pytest.fixture(scope="module")
def lambdas() -> Iterator[Lambdas]:
    """Every room's artefact over a Postgres of their own."""
    with running_lambdas(settings=postgres.THROWAWAY) as started:
        yield started


@pytest.fixture(scope="module")
def laptop(lambdas: Lambdas) -> Registered:
    """A monitor, registered through the artefact of `sources`."""
    return register_source(lambdas, lambdas.token, "laptop")


@pytest.fixture
def stored(lambdas: Lambdas) -> Callable[[], int]:
    """How many events were stored since the test began."""

    def count() -> int:
        return int(lambdas.database.value("select count(*) from events"))

    before = count()
    return lambda: count() - before


def batch(source: Registered, events: int = 3) -> bytes:
    return json.dumps([source.event() for _ in range(events)]).encode()


def expect_stored(answer: Answer, events: int) -> None:
    assert (answer.status, answer.json["inserted"]) == (200, events), answer.text


@pytest.mark.parametrize("room", sources.rooms())
def test_nothing_but_the_artefact_is_on_the_path(lambdas: Lambdas, room: str) -> None:
    """Python's own library and the platform's runtime client apart; and its .pyc are what runs."""
    artefact = lambdas.artefacts[room].folder
    base = Path(sysconfig.get_path("stdlib"))
    allowed = (artefact, lambdas.client, base)
    asked = subprocess.run(
        [*PYTHON, "-c", "import sys; print(*sys.path, sep='\\n')"],
        cwd=artefact,
        env=environment(artefact, lambdas.client, "", _HANDLER="functions"),
        capture_output=True,
        text=True,
        check=True,
    )
    path = [Path(line) for line in asked.stdout.splitlines()]
    assert path[:2] == [artefact, lambdas.client]
    assert all(each.is_relative_to(base) or each.suffix == ".zip" for each in path[2:])
    assert not {"site-packages", "dist-packages"} & {part for each in path for part in each.parts}

    method, target, status = FIRST_REQUESTS[room]
    with lambdas.cold(room, "-v") as function:
        outcome = function.invoke(gateway_event(method, target))
        assert answered(outcome).status == status
        log = function.log.read_text()
        mapped = {Path(each.path) for each in psutil.Process(function.process.pid).memory_maps()}
    for library in mapped:  # what a native module brought along, too
        assert not library.is_relative_to(sys.prefix) or library.is_relative_to(sys.base_prefix)
        assert not library.is_relative_to(sources.ROOT)
    assert any(library.is_relative_to(artefact) for library in mapped)
    loaded = {Path(each) for each in re.findall(r"(?:code object|loaded) from '(/[^']+)'", log)}
    foreign = {each for each in loaded if not each.is_relative_to(artefact)}
    assert all(any(each.is_relative_to(a) for a in allowed) for each in foreign), foreign
    assert not any("site-packages" in each.parts for each in loaded)
    ours = {each for each in loaded if each.is_relative_to(artefact)}
    compiled = artefact / f"functions/{room}/__pycache__/handler.{sys.implementation.cache_tag}.pyc"
    assert compiled in ours
    assert {each.suffix for each in ours} == {".pyc", ".so"}


def test_a_cold_start_stores_a_batch_and_warm_calls_go_on(
    lambdas: Lambdas, laptop: Registered, stored: Callable[[], int]
) -> None:
    """The first event of a process is answered like any other, and the process stays."""
    with lambdas.cold("ingest") as function:
        for _ in range(3):
            body = batch(laptop)
            event = gateway_event("POST", "/v1/ingest", body.decode(), laptop.sign(body))
            expect_stored(answered(function.invoke(event)), 3)
        assert function.process.poll() is None
    assert stored() == 9


def test_binary_bodies_arrive_byte_for_byte(
    lambdas: Lambdas, laptop: Registered, stored: Callable[[], int]
) -> None:
    """In base64 as API Gateway sends what is not text; packed, too; the signature still holds."""
    body = json.dumps([laptop.event(payload={"tool": "Lés €"})], ensure_ascii=False).encode()
    expect_stored(laptop.send(lambdas, body), 1)
    expect_stored(laptop.send_gzip(lambdas, batch(laptop)), 3)
    assert laptop.send(lambdas, b"\xff\xfe\x00").error == "invalid_request"
    broken = gzip.compress(batch(laptop))[:-9]
    refused = laptop.send(lambdas, broken, **{"Content-Encoding": "gzip"})
    assert refused.status == 400
    event = gateway_event("POST", "/v1/ingest", b"", laptop.sign(b""))
    event["body"] = "no base64!"
    assert answered(lambdas.invoke("ingest", event)).error == "invalid_request"
    assert stored() == 4


def test_an_unhandled_error_is_reported_and_the_process_goes_on(
    lambdas: Lambdas, laptop: Registered, stored: Callable[[], int]
) -> None:
    """Events that are none of ours are failures to Lambda, and harm nobody who comes after."""
    function = lambdas.function("ingest")
    unknown = function.invoke({"job": "no_such_job"})
    assert (unknown.failed, unknown.payload["errorType"]) == (True, "ValueError")
    assert "no_such_job" in unknown.payload["errorMessage"]
    garbled = function.invoke(b"{")
    assert (garbled.failed, garbled.payload["errorType"]) == (True, "Runtime.UnmarshalError")
    assert function.invoke({"key1": "value1"}).failed
    expect_stored(laptop.send(lambdas, batch(laptop)), 3)
    assert lambdas.function("ingest") is function
    assert function.process.poll() is None
    assert stored() == 3


def test_a_setting_that_cannot_be_used_is_an_error_of_the_start(lambdas: Lambdas) -> None:
    """It names the variable, where whoever deployed it looks: in the report of the start."""
    with (
        lambdas.cold("ingest", VIBELOOM_RETENTION_MONTHS="many") as function,
        pytest.raises(NotStarted, match="VIBELOOM_RETENTION_MONTHS: 'many'"),
    ):
        function.invoke(gateway_event("GET", "/v1/ingest"))


def test_sixty_events_in_one_process_do_not_mix(
    lambdas: Lambdas, laptop: Registered, stored: Callable[[], int]
) -> None:
    """Good, bad, repeated and foreign ones take turns; each gets its own answer and request id."""
    desk = register_source(lambdas, lambdas.token, "desk")
    process = lambdas.function("ingest").process
    turns: list[Callable[[], tuple[Answer, int, str]]] = [
        lambda: (laptop.send(lambdas, batch(laptop, 2)), 200, ""),
        lambda: (desk.send_gzip(lambdas, batch(desk, 1)), 200, ""),
        lambda: (lambdas("POST", "/v1/ingest", b"[]"), 401, "missing_auth"),
        lambda: (desk.send(lambdas, batch(laptop)), 422, "source_mismatch"),
        lambda: (lambdas("GET", "/v1/ingest"), 405, "method_not_allowed"),
        lambda: (
            lambdas("POST", "/v1/ingest", batch(desk), headers=laptop.sign(b"other")),
            401,
            "invalid_signature",
        ),
    ]
    ids = set()
    for number in range(SEQUENCE):
        answer, status, error = turns[number % len(turns)]()
        assert answer.status == status, answer.text
        if error:
            assert answer.error == error
        ids.add(answer.headers["X-Request-Id"])
    assert len(ids) == SEQUENCE
    rounds = SEQUENCE // len(turns)
    assert stored() == rounds * 2 + rounds
    assert lambdas.function("ingest").process is process
    assert process.poll() is None


def test_a_database_that_restarts_between_two_calls_costs_at_most_one_503(
    lambdas: Lambdas, laptop: Registered, stored: Callable[[], int]
) -> None:
    """While it is away there are 503s and failed jobs, which are tried again; then all is well."""
    expect_stored(laptop.send(lambdas, batch(laptop)), 3)
    kept = batch(laptop)
    lambdas.server.stop()
    try:
        away = laptop.send(lambdas, kept)
        job = lambdas.invoke("ingest", {"job": "make_partitions"})
    finally:
        postgres.start(lambdas.server.data, postgres.THROWAWAY)
    assert (away.status, away.error) == (503, "unavailable")
    assert int(away.headers["Retry-After"]) > 0
    assert (job.failed, job.payload["errorType"]) == (True, "Unavailable")
    expect_stored(laptop.send(lambdas, kept), 3)

    _restart(lambdas)
    assert laptop.send(lambdas, batch(laptop)).status in (200, 503)
    expect_stored(laptop.send(lambdas, batch(laptop)), 3)
    assert stored() in (9, 12)


def _restart(lambdas: Lambdas) -> None:
    """Stops and starts Postgres; the functions' connections are dead and they do not know."""
    lambdas.server.stop()
    postgres.start(lambdas.server.data, postgres.THROWAWAY)


def test_every_job_runs_by_the_schedule_in_its_room(lambdas: Lambdas, laptop: Registered) -> None:
    """What a job needs is in its room's artefact, and the figures that it makes are there."""
    expect_stored(laptop.send(lambdas, batch(laptop)), 3)
    for job in JOBS.values():
        outcome = lambdas.invoke(job.room, {"job": job.name})
        assert outcome.answer == {"job": job.name, "status": "done"}
    ran = lambdas.database.rows("select name from job_runs where succeeded_at is not null")
    assert {row["name"] for row in ran} == set(JOBS)
    counted = lambdas("GET", "/v1/query?days=7", token=lambdas.token)
    assert counted.status == 200, counted.text
    found: list[dict[str, Any]] = counted.json["aggregates"]
    assert sum(row["eventCount"] for row in found if row["source"] == "laptop") == int(
        lambdas.database.value(
            "select count(*) from events join sources on sources.id = source_id"
            " where sources.name = 'laptop'"
        )
    )


def test_the_front_knows_every_room(lambdas: Lambdas) -> None:
    """It has their OpenAPI documents as one file."""
    document = lambdas("GET", "/openapi.json").json
    for prefix in routes():
        if prefix.startswith("/v1/"):
            assert any(path.startswith(prefix) for path in document["paths"]), prefix
