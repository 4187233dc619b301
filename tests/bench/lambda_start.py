"""What Lambda bills: cold starts, memory and CPU of the artefacts under its runtime client.

The yardstick for a cold start is a Powertools resolver with one route and nothing else, built by
the same code and measured in turns with ours: as bare as it can be deployed, and with the
validation that our rooms have. Against the bare one, `import psycopg` alone is 1.6 ×, so a room
that stores anything is held against the other.
"""

import json
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sam import build, bytecode, sources
from sam.target import HOST
from tests.bench.figures import Figure, at_most
from tests.e2e.lambda_fixture import Lambdas, answered, running_lambdas, silent
from tests.e2e.lambda_runtime import Function, running
from tests.support import Registered, gateway_event, register_source

ROUNDS = 9
WARM_UP = 2  # rounds that do not count: they bring the files into memory
MOST_RATIO = 1.6  # ingest's cold start over that of the yardstick with validation
MEGABYTE = 1_000_000

BATCHES = 60
BATCH = 1_000  # events, the contract's maximum
SINGLES = 300  # one-event batches
FIRST = 5  # batches of a warm process that do not count

# Lambda on arm64, list price of most regions, without the free tier.
PRICE_GB_SECOND = 0.0000133334  # $
PRICE_REQUEST = 0.20 / 1_000_000  # $
ONE_CPU = 1_769  # MB: where a function has the equivalent of one vCPU, by Lambda's guide
MIB_PER_GB = 1_024  # as Lambda counts
TEMPLATE = sources.ROOT / "sam/template.yaml"

HELLO = """
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

app = APIGatewayHttpResolver({options})


@app.get("/hello")
def hello():
    return {{"message": "hello"}}


def handler(event, context):
    return app.resolve(event, context)
"""


@dataclass
class Starter:
    """A function that is started again and again, and the first event that it answers."""

    start: Callable[[], AbstractContextManager[Function]]
    event: Callable[[], object]
    milliseconds: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)

    def once(self) -> None:
        """From the start of the process to its first answer."""
        event = self.event()
        with self.start() as function:
            outcome = function.invoke(event)
            self.milliseconds.append((time.perf_counter() - function.started) * 1_000)
            self.resident.append(function.memory())
        if "statusCode" in outcome.answer:
            assert answered(outcome).status == 200, outcome

    @property
    def median(self) -> float:
        """Milliseconds."""
        return statistics.median(self.milliseconds[WARM_UP:])


def measure(say: Callable[[str], None]) -> Iterator[Figure]:
    """The figures of all artefacts."""
    say("building the artefacts")
    with running_lambdas() as lambdas:
        source = register_source(lambdas, lambdas.token, "bench")
        bare = yardstick(lambdas, "bare", "aws-lambda-powertools")
        typed = yardstick(
            lambdas, "typed", "aws-lambda-powertools", "pydantic", options="enable_validation=True"
        )
        ours = {room: starter(lambdas, room, source) for room in sources.rooms()}
        for round_ in range(1, WARM_UP + ROUNDS + 1):
            say(f"cold starts, round {round_} of {WARM_UP + ROUNDS}")
            for each in (bare, typed, *ours.values()):
                each.once()
        yield from cold_starts(bare, typed, ours)
        say(f"{BATCHES} batches of {BATCH} events, warm")
        yield from price(lambdas, source, BATCHES, BATCH)
        say(f"{SINGLES} batches of one event, warm")
        yield from price(lambdas, source, SINGLES, 1)


def cold_starts(bare: Starter, typed: Starter, ours: dict[str, Starter]) -> Iterator[Figure]:
    """Milliseconds, ratios, megabytes."""
    note = f"median of {ROUNDS}, process start to first answer"
    yield Figure("cold start of a hello-world", bare.median, "ms", note=note)
    yield Figure("cold start of one with validation", typed.median, "ms", note="as our rooms have")
    for room, each in ours.items():
        yield Figure(f"cold start of {room}", each.median, "ms", note="database included")
    ingest = ours["ingest"].median
    yield at_most("ingest ÷ one with validation", ingest / typed.median, "", MOST_RATIO)
    missed = f"{MOST_RATIO} is out of reach with psycopg and pydantic"
    yield Figure("ingest ÷ bare hello-world", ingest / bare.median, "", note=missed)
    for room, each in ours.items():
        resident = statistics.median(each.resident) / MEGABYTE
        yield Figure(f"memory of {room} on Lambda", resident, "MB", note="after the first answer")


def yardstick(lambdas: Lambdas, name: str, *libraries: str, options: str = "") -> Starter:
    """Powertools with one route: the same build, the same .pyc, the same client."""
    folder = lambdas.home / name
    folder.mkdir()
    requirements = lambdas.home / f"{name}.txt"
    requirements.write_text("\n".join(pins(libraries)))
    with build.stocked([requirements], HOST, silent) as shelf:
        shelf.put(requirements, folder)
        (folder / "hello.py").write_text(HELLO.format(options=options))
        assert shelf.python is not None
        bytecode.compile_all(shelf.python, folder)
    return Starter(
        lambda: running(folder, lambdas.client, lambdas.home / f"{name}.log", "hello.handler"),
        lambda: gateway_event("GET", "/hello"),
    )


def pins(libraries: Sequence[str]) -> list[str]:
    """The lines with which ingest pins them."""
    lines = build.requirements_of("ingest").read_text().splitlines()
    return [next(line for line in lines if line.startswith(f"{name}==")) for name in libraries]


def starter(lambdas: Lambdas, room: str, source: Registered) -> Starter:
    """A room with a first event that it answers with 200, or a job that it does."""
    bearer = {"Authorization": f"Bearer {lambdas.token}"}
    events: dict[str, Callable[[], object]] = {
        "accounts": lambda: gateway_event("GET", "/v1/me", headers=bearer),
        "front": lambda: gateway_event("GET", "/readyz"),
        "ingest": lambda: batch(source, 1),
        "leaderboards": lambda: gateway_event("GET", "/v1/leaderboards", headers=bearer),
        "sources": lambda: gateway_event("GET", "/v1/sources", headers=bearer),
        "query": lambda: gateway_event("GET", "/v1/query?days=7", headers=bearer),
        "rollup": lambda: {"job": "refresh_days"},
    }
    return Starter(lambda: lambdas.cold(room), events[room])


def batch(source: Registered, events: int) -> object:
    """A signed request with so many new events."""
    body = json.dumps([source.event() for _ in range(events)])
    return gateway_event("POST", "/v1/ingest", body, source.sign(body.encode()))


def price(lambdas: Lambdas, source: Registered, batches: int, size: int) -> Iterator[Figure]:
    """CPU of ingest for each batch, and what a billion events cost at list price."""
    events = [batch(source, size) for _ in range(batches)]
    with lambdas.cold("ingest") as function:
        for event in events[:FIRST]:
            function.invoke(event)
        began, seconds = function.cpu(), []
        for event in events[FIRST:]:
            outcome = function.invoke(event)
            assert answered(outcome).json["inserted"] == size, outcome
            seconds.append(outcome.seconds)
        cpu_ms = (function.cpu() - began) * 1_000 / len(seconds)
        waiting_ms = max(statistics.median(seconds) * 1_000 - cpu_ms, 0.0)
        resident = function.memory() / MEGABYTE
    memory = memory_of("ingest")
    share = min(memory / ONE_CPU, 1.0)
    billed = (cpu_ms / share + waiting_ms) / 1_000
    per_batch = billed * memory / MIB_PER_GB * PRICE_GB_SECOND + PRICE_REQUEST
    per_million = per_batch * 1_000_000 / size
    what = f"a batch of {size}" if size > 1 else "one event"
    yield Figure(f"CPU of ingest on Lambda, {what}", cpu_ms, "ms", note="user and system, warm")
    yield Figure(
        f"billed for {what}",
        billed * 1_000,
        "ms",
        note=f"{cpu_ms:.2f} ms ÷ {share:.2f} CPU of {memory} MB + {waiting_ms:.2f} ms of waiting",
    )
    yield Figure(f"memory of ingest, {what}", resident, "MB", note=f"of {memory}, after {batches}")
    yield Figure(
        f"Lambda per billion events, {what}",
        per_million * 1_000,
        "$",
        note=f"${per_million:.5f} a million = {1_000_000 // size} × ({billed:.5f} s"
        f" × {memory / MIB_PER_GB:g} GB × ${PRICE_GB_SECOND:.10f} + ${PRICE_REQUEST:.7f})",
    )


def memory_of(room: str) -> int:
    """MB that the template gives a room."""
    pattern = rf"Handler: functions\.{room}\.handler\.handler\n\s+MemorySize: (\d+)"
    found = re.search(pattern, TEMPLATE.read_text())
    assert found is not None, f"no MemorySize of {room} in {TEMPLATE}"
    return int(found[1])
