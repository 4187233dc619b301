"""`kill -9` and revocation in the middle of ingest: what was acknowledged is there, once."""

import http.client
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest
from nacl.signing import SigningKey

from infra.local import postgres
from tests.e2e.stack_fixture import WORKERS, Gateway, Stack
from tests.support import Answer, Registered, proof, register_source

pytestmark = pytest.mark.deployment(
    "functions/ingest", "functions/core/db.py", "infra/local/postgres.py"
)

ROUNDS = 50  # of each kind of kill
BATCH = 50  # events
CLIENTS = 2
RECOVERY_SECONDS = 20.0
RETRY_PAUSE = 0.01  # seconds; a monitor waits longer, a test sees more

Event = dict[str, Any]


@dataclass
class Attempt:
    """One request with a batch. Without an answer, the connection broke."""

    began: float
    ids: list[str]
    answer: Answer | None

    @property
    def acknowledged(self) -> bool:
        return self.answer is not None and self.answer.status == 200


@dataclass
class Ledger:
    """What the clients of one source sent, and what they were told. Shared by their threads."""

    attempts: list[Attempt] = field(default_factory=list)
    abandoned: list[list[Event]] = field(default_factory=list)
    recent: list[Event] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledged(self) -> int:
        """How many batches were answered with 200."""
        return sum(attempt.acknowledged for attempt in list(self.attempts))


@dataclass
class Client:
    """A monitor that sends batch after batch, in the ways that a retrying sender may.

    It sends a body again after a failure, or leaves it to another client; it repeats batches that
    were accepted, and puts events that were sent before into new batches.
    """

    gateway: Gateway
    source: Registered
    ledger: Ledger
    choices: random.Random
    stop: threading.Event

    def run(self) -> None:
        while not self.stop.is_set():
            batch = self._next_batch()
            body = json.dumps(batch).encode()
            while not self._post(batch, body) and not self.stop.is_set():
                if self.choices.random() < 0.2:
                    with self.ledger.lock:
                        self.ledger.abandoned.append(batch)
                    break
                time.sleep(RETRY_PAUSE)
            else:
                if self.choices.random() < 0.1:
                    self._post(batch, body)

    def _next_batch(self) -> list[Event]:
        with self.ledger.lock:
            if self.ledger.abandoned and self.choices.random() < 0.5:
                return self.ledger.abandoned.pop()
            batch = [self.source.event() for _ in range(BATCH)]
            if self.ledger.recent and self.choices.random() < 0.3:
                batch[: BATCH // 2] = self.choices.sample(self.ledger.recent, BATCH // 2)
            self.ledger.recent = batch
        self.choices.shuffle(batch)
        return batch

    def _post(self, batch: list[Event], body: bytes) -> bool:
        attempt = Attempt(time.monotonic(), [event["id"] for event in batch], None)
        with suppress(OSError, http.client.HTTPException):
            attempt.answer = self.gateway.request(
                "POST", "/v1/ingest", body, self.source.sign(body)
            )
        self.ledger.attempts.append(attempt)
        return attempt.acknowledged


@contextmanager
def ingest(gateway: Gateway, *sources: Registered) -> Iterator[Ledger]:
    """Clients that send until the end of the block, one thread for each of `sources`."""
    ledger, stop = Ledger(), threading.Event()
    clients = [
        Client(gateway, source, ledger, random.Random(number), stop)
        for number, source in enumerate(sources)
    ]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield ledger
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Until `condition` holds; AssertionError when it takes too long."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def expect_exactly_once(stack: Stack, source: Registered, ledger: Ledger) -> None:
    """Holds what is stored of `source` against what its clients were told."""
    stored = stack.database.rows(
        "select e.id, count(*) as times from events as e join sources as s on s.id = e.source_id"
        " where s.name = %s group by e.id",
        source.name,
    )
    assert [row for row in stored if row["times"] != 1] == []
    ids = {row["id"] for row in stored}
    sent = {id_ for attempt in ledger.attempts for id_ in attempt.ids}
    told = [attempt for attempt in ledger.attempts if attempt.acknowledged]
    assert {id_ for attempt in told for id_ in attempt.ids} <= ids <= sent
    answers = [attempt.answer.json["inserted"] for attempt in told if attempt.answer is not None]
    assert all(0 <= inserted <= BATCH for inserted in answers)
    assert sum(answers) <= len(ids)
    assert stack.database.rows(
        "select count(*) as wrong from batches as b join sources as s on s.id = b.source_id"
        " where s.name = %s"
        " and b.inserted <> (select count(*) from events as e where e.batch_id = b.id)",
        source.name,
    ) == [{"wrong": 0}]
    assert stack.database.value(
        "select sum(b.inserted) from batches as b join sources as s on s.id = b.source_id"
        " where s.name = %s",
        source.name,
    ) == len(ids)


def test_killed_workers_lose_nothing_and_repeat_nothing(stack: Stack, gateway: Gateway) -> None:
    """A worker dies at any moment: its client may hear nothing, the others hear 200."""
    source = register_source(gateway, stack.token, "workers")
    moments = random.Random(1)
    with ingest(gateway, *[source] * CLIENTS) as ledger:
        wait_for(lambda: ledger.acknowledged() > 0, "nothing is accepted")
        for round_ in range(ROUNDS):
            time.sleep(moments.uniform(0, 0.1))
            victim = moments.choice(gateway.workers())
            before = ledger.acknowledged()
            victim.kill()
            wait_for(
                lambda victim=victim, before=before: (  # type: ignore[misc]
                    ledger.acknowledged() > before and replaced(gateway, victim)
                ),
                f"round {round_}: no recovery",
            )
    answers = [attempt.answer for attempt in ledger.attempts]
    assert None in answers  # or no kill hit a request
    assert {answer.status for answer in answers if answer is not None} == {200}
    assert gateway.alive()
    expect_exactly_once(stack, source, ledger)


def replaced(gateway: Gateway, victim: psutil.Process) -> bool:
    """Whether there are as many workers as before, and the victim is none of them."""
    workers = gateway.workers()
    return len(workers) == WORKERS and victim.pid not in {worker.pid for worker in workers}


def test_a_killed_postgres_loses_nothing_and_repeats_nothing(
    stack: Stack, gateway: Gateway
) -> None:
    """Postgres dies at any moment: 503 until it is back, then 200 without anybody's help."""
    source = register_source(gateway, stack.token, "postgres")
    workers = {worker.pid for worker in gateway.workers()}
    moments = random.Random(2)
    with ingest(gateway, *[source] * CLIENTS) as ledger:
        wait_for(lambda: ledger.acknowledged() > 0, "nothing is accepted")
        for round_ in range(ROUNDS):
            time.sleep(moments.uniform(0, 0.1))
            os.kill(stack.server.pid, signal.SIGKILL)
            time.sleep(moments.uniform(0, 0.05))
            postgres.start(stack.server.data)
            before = ledger.acknowledged()
            wait_for(
                lambda before=before: ledger.acknowledged() > before,  # type: ignore[misc]
                f"round {round_}: no recovery",
            )
    answers = [attempt.answer for attempt in ledger.attempts]
    refused = [answer for answer in answers if answer is not None and answer.status != 200]
    assert None not in answers
    assert refused
    assert {
        (answer.status, answer.error, answer.headers.get("Retry-After")) for answer in refused
    } == {(503, "unavailable", "5")}
    assert {worker.pid for worker in gateway.workers()} == workers
    expect_exactly_once(stack, source, ledger)


@pytest.mark.parametrize("round_", range(5))
def test_nothing_is_accepted_after_a_revocation(
    stack: Stack, gateway: Gateway, round_: int
) -> None:
    """From the moment that the 204 is read, no batch of that key gets in, on any worker."""
    source = register_source(gateway, stack.token, f"revoked-{round_}")
    with ingest(gateway, *[source] * CLIENTS) as ledger:
        wait_for(lambda: ledger.acknowledged() > 10, "nothing is accepted")
        target = f"/v1/sources/{source.id}/keys/{source.key_id}"
        assert gateway("DELETE", target, token=stack.token).status == 204
        revoked = time.monotonic()
        wait_for(
            lambda: sum(attempt.began > revoked for attempt in list(ledger.attempts)) > 20,
            "nothing is sent",
        )
    after = [attempt.answer for attempt in ledger.attempts if attempt.began > revoked]
    assert {(answer.status, answer.error) for answer in after if answer is not None} == {
        (401, "unknown_source")
    }
    assert None not in after
    expect_exactly_once(stack, source, ledger)


def test_a_second_key_goes_on_when_the_first_is_revoked(stack: Stack, gateway: Gateway) -> None:
    """Keys rotate under load: the old one ends at once, the new one is never refused."""
    old = register_source(gateway, stack.token, "rotated")
    new = Registered(old.name, SigningKey.generate(), old.id)
    challenge = gateway("POST", "/v1/sources/challenge", token=stack.token).json["challenge"]
    body = proof(new.name, new.key, challenge)
    added = gateway("POST", f"/v1/sources/{old.id}/keys", body, token=stack.token)
    assert added.status == 201
    with ingest(gateway, old) as before, ingest(gateway, new) as during:
        wait_for(lambda: min(before.acknowledged(), during.acknowledged()) > 5, "none accepted")
        target = f"/v1/sources/{old.id}/keys/{old.key_id}"
        assert gateway("DELETE", target, token=stack.token).status == 204
        revoked = time.monotonic()
        so_far = during.acknowledged()
        wait_for(lambda: during.acknowledged() > so_far + 10, "the new key is refused")
    assert not [a for a in before.attempts if a.began > revoked and a.acknowledged]
    assert [a for a in during.attempts if not a.acknowledged] == []
    expect_exactly_once(stack, old, Ledger(before.attempts + during.attempts))
