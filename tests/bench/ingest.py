"""Signed batches over HTTP, sums included, beside the limit: a COPY of the same rows."""

import json
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import psycopg

from tests.bench.figures import Figure, at_least
from tests.e2e.stack_fixture import Gateway, Stack
from tests.sums import assert_exact
from tests.support import Registered, event_id, register_source

ROUNDS = 5
BATCHES = 100  # of a round
BATCH = 1_000  # events, the contract's maximum
CLIENTS = 3  # threads: one more than workers, so that no worker waits for a client
# Of a COPY on one connection. The aim is 0.6: without the batch indexes COPY became a quarter
# faster, and the sums are part of storing now.
LEAST_RATIO = 0.3
SINGLES = 500  # one-event batches
COPY = (
    "copy public.events (owner_id, source_id, id, occurred_at, batch_id, kind, project, language,"
    " provider, model, tokens_input, tokens_output, tokens_cache_read, tokens_cache_write,"
    " cost_usd, payload) from stdin"
)
NULL = "\\N"
SUMS = "event_sums, token_sums, activity_sums, event_days, token_days, dirty_days"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """A batch, ready to be sent either way: as a signed request, as rows of a COPY."""

    body: bytes
    headers: dict[str, str]
    rows: bytes


@dataclass(frozen=True)
class Pass:
    """One pass over all batches."""

    seconds: float
    worker_cpu: float = 0.0  # seconds of the gateway's workers, user and system
    database_cpu: float = 0.0  # seconds of Postgres, user and system
    foreign: float = 0.0  # share of the machine that went to processes of others, 0–1

    @property
    def rate(self) -> float:
        """Events per second."""
        return BATCHES * BATCH / self.seconds


def measure(stack: Stack, say: Say) -> Iterator[Figure]:
    """The figures of ingest."""
    say("preparing signed batches")
    source = register_source(stack.gateway, stack.token, "bench")
    batches = prepare(stack, source)
    for _ in range(3):
        post(stack, batches[:10])  # imports, connections, files of the database
    single: list[Pass] = []
    double: list[Pass] = []
    http: list[Pass] = []
    for round_ in range(1, ROUNDS + 1):
        say(f"round {round_} of {ROUNDS}: COPY on one connection")
        single.append(copy(stack, [batches]))
        say(f"round {round_} of {ROUNDS}: signed batches over HTTP")
        http.append(post(stack, batches))
        say(f"round {round_} of {ROUNDS}: COPY on two connections")
        double.append(copy(stack, [batches[0::2], batches[1::2]]))
    one, two, ours = (
        statistics.median(each.rate for each in passes) for passes in (single, double, http)
    )
    shape = f"median of {ROUNDS} rounds of {BATCHES} × {BATCH} events"
    yield Figure("ingest over HTTP", ours, "events/s", note=f"{shape}, 2 workers")
    yield Figure("COPY, one connection", one, "events/s", note="the limit: same rows, same table")
    yield at_least("ingest ÷ COPY on one connection", ours / one, "", LEAST_RATIO)
    yield Figure("COPY, two connections", two, "events/s")
    yield Figure("ingest ÷ COPY on two connections", ours / two, "", note="for information")
    per_batch = 1_000 / BATCHES
    yield Figure(
        "CPU of the gateway per batch",
        statistics.median(each.worker_cpu for each in http) * per_batch,
        "ms",
        note=f"{BATCH} events, {len(batches[0].body) / 1_000:.0f} kB; outside the database",
    )
    yield Figure(
        "CPU of Postgres per batch",
        statistics.median(each.database_cpu for each in http) * per_batch,
        "ms",
        note="backends and background processes",
    )
    yield Figure(
        "machine busy with other things",
        statistics.median(each.foreign for each in http) * 100,
        "%",
        note="beyond a few, the ratios say little: ingest needs every CPU, COPY one",
    )
    yield Figure(
        "CPU of Postgres per 1000 rows of COPY",
        statistics.median(each.database_cpu for each in single) * per_batch,
        "ms",
    )
    say(f"{SINGLES} batches of one event")
    yield from latency(stack.gateway, source)
    clear(stack)


def prepare(stack: Stack, source: Registered) -> list[Prepared]:
    """Batches as a busy monitor sends them: typical payloads, in the order of time."""
    ids = stack.database.rows("select id, owner_id from sources where name = %s", source.name)[0]
    choices = random.Random(7)
    clock = datetime.now(UTC) - timedelta(hours=6)
    batches = []
    for number in range(BATCHES):
        events = []
        for _ in range(BATCH):
            clock += timedelta(milliseconds=choices.randint(1, 300))
            events.append(event(source.name, clock, choices))
        body = json.dumps(events, separators=(",", ":")).encode()
        rows = b"".join(row(item, ids["owner_id"], ids["id"], number) for item in events)
        batches.append(Prepared(body, source.sign(body), rows))
    return batches


def event(source: str, occurred_at: datetime, choices: random.Random) -> dict[str, Any]:
    """One event: most are of a tool's use, a quarter an editor's heartbeats, some are calls."""
    kind = choices.choices(("tool", "heartbeat", "llm"), (60, 25, 15))[0]
    named = {
        "project": choices.choice(("loom", "tidewatch", "kilnctl")),
        "language": choices.choice(("python", "rust")),
    }
    return {
        "id": event_id(),
        "source": source,
        "timestamp": occurred_at.isoformat().replace("+00:00", "Z"),
        "type": kind,
        "payload": PAYLOADS[kind](choices) | named,
    }


def _tool(choices: random.Random) -> dict[str, Any]:
    return {
        "sessionId": str(uuid.UUID(int=choices.getrandbits(128), version=4)),
        "tool": choices.choice(("Read", "Edit", "Bash", "Grep")),
        "status": choices.choice(("started", "completed")),
        "context": choices.choice(("handler.py", "lib.rs", "README.md")),
    }


def _heartbeat(choices: random.Random) -> dict[str, Any]:
    return {
        "entity": choices.choice(("handler.py", "lib.rs", "README.md")),
        "is_write": choices.choice((True, False)),
        "category": "coding",
    }


def _llm(choices: random.Random) -> dict[str, Any]:
    return {
        "provider": "anthropic",
        "model": choices.choice(("claude-opus-4-5", "claude-haiku-4-5")),
        "input_tokens": choices.randrange(1_000),
        "output_tokens": choices.randrange(2_000),
        "cache_read_tokens": choices.randrange(100_000),
        "cache_creation_tokens": choices.randrange(5_000),
    }


PAYLOADS = {"tool": _tool, "heartbeat": _heartbeat, "llm": _llm}
TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")


def row(item: dict[str, Any], owner_id: uuid.UUID, source_id: uuid.UUID, batch: int) -> bytes:
    """The row of an event in COPY's text format, with the columns that storing fills."""
    payload = item["payload"]
    text = json.dumps(payload, separators=(",", ":")).replace("\\", "\\\\")
    call = "model" in payload
    columns = (
        str(owner_id),
        str(source_id),
        item["id"],
        item["timestamp"],
        str(batch),
        item["type"],
        payload["project"],
        payload["language"],
        payload["provider"] if call else NULL,
        payload["model"] if call else NULL,
        *(str(payload[name]) if call else NULL for name in TOKENS),
        "0.0123456" if call else NULL,
        text,
    )
    return ("\t".join(columns) + "\n").encode()


def clear(stack: Stack) -> None:
    """Every pass starts with empty tables and nothing left to be written out."""
    stack.database.rows(f"truncate events, batches, {SUMS}")
    stack.database.rows("checkpoint")


def copy(stack: Stack, shares: Sequence[Sequence[Prepared]]) -> Pass:
    """Each share on a connection of its own, 1000 rows and one transaction at a time."""
    clear(stack)
    with ThreadPoolExecutor(len(shares)) as pool:
        connections = [psycopg.connect(stack.database.admin_url, autocommit=True) for _ in shares]
        try:
            measured = timed(stack, lambda: list(pool.map(copy_all, connections, shares)))
        finally:
            for connection in connections:
                connection.close()
    expect_all_stored(stack)
    return measured


def copy_all(connection: psycopg.Connection[Any], batches: Sequence[Prepared]) -> None:
    """A COPY for each batch."""
    cursor = connection.cursor()
    for batch in batches:
        with cursor.copy(COPY) as rows:
            rows.write(batch.rows)


def post(stack: Stack, batches: Sequence[Prepared]) -> Pass:
    """All batches over HTTP, a connection for each, as monitors do."""
    clear(stack)
    waiting = iter(batches)

    def client(_: int) -> None:
        for batch in waiting:
            answer = stack.gateway.request("POST", "/v1/ingest", batch.body, batch.headers)
            assert answer.json["inserted"] == BATCH, answer

    with ThreadPoolExecutor(CLIENTS) as pool:
        measured = timed(stack, lambda: list(pool.map(client, range(CLIENTS))))
    if len(batches) == BATCHES:
        expect_all_stored(stack)
        assert_exact(stack.database)
    return measured


def timed(stack: Stack, work: Callable[[], object]) -> Pass:
    """How long `work` takes, and the CPU that workers and Postgres spend on it."""
    gateway, postmaster = stack.gateway.process.pid, stack.server.pid
    before = (spent(gateway), spent(postmaster), time.process_time(), busy())
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    after = (spent(gateway), spent(postmaster), time.process_time(), busy())
    workers, database, client, all_ = (b - a for a, b in zip(before, after, strict=True))
    others = max(all_ - workers - database - client, 0.0)
    return Pass(seconds, workers, database, others / (seconds * (psutil.cpu_count() or 1)))


def busy() -> float:
    """CPU seconds so far of everything on this machine."""
    times = psutil.cpu_times()
    return float(times.user + times.system)


def spent(parent: int) -> float:
    """CPU seconds so far of a process's children, those that have ended included."""
    process = psutil.Process(parent)
    ended = process.cpu_times()
    total = float(ended.children_user + ended.children_system)
    for child in process.children():
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += float(times.user + times.system)
    return total


def expect_all_stored(stack: Stack) -> None:
    """A pass that lost something would be fast for the wrong reason."""
    assert stack.database.value("select count(*) from events") == BATCHES * BATCH


def latency(gateway: Gateway, source: Registered) -> Iterator[Figure]:
    """One event at a time, one after the other."""
    samples = []
    for _ in range(SINGLES):
        body = json.dumps([source.event()]).encode()
        headers = source.sign(body)
        began = time.perf_counter()
        answer = gateway.request("POST", "/v1/ingest", body, headers)
        samples.append((time.perf_counter() - began) * 1_000)
        assert answer.status == 200, answer
    note = f"{SINGLES} requests, a connection each"
    yield Figure("one event, p50", statistics.median(samples), "ms", note=note)
    yield Figure("one event, p99", statistics.quantiles(samples, n=100)[98], "ms", note=note)
