"""The gateway under strain: two people at once, broken clients, and what its log says of it."""

import json
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import UUID

import pytest
from psycopg.conninfo import make_conninfo

from functions.gateway import MAX_BODY
from tests.e2e.stack_fixture import (
    Gateway,
    Stack,
    running_gateway,
)
from tests.support import Answer, Registered, register_source


def expect_error(answer: Answer, status: int, error: str) -> None:
    """Holds `answer` against the one shape of an error."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
    assert answer.json == {"error": error, "message": answer.message}
    assert answer.message
    assert UUID(answer.headers["X-Request-Id"])


@pytest.fixture(scope="module")
def laptop(stack: Stack) -> Registered:
    """A monitor of the owner's."""
    return register_source(stack.gateway, stack.token, "laptop")


# --- two people at once ---------------------------------------------------------------------


def test_two_people_at_once_never_see_each_other(stack: Stack) -> None:
    """Eight clients over two workers, two tokens: each answer is about its asker alone."""
    people = []
    for name in ("ada-l", "bob-m"):  # no key in base64 has a hyphen
        token = stack.person()
        monitor = register_source(stack.gateway, token, f"{name}-studio")
        assert monitor.send(stack.gateway, [monitor.event()]).status == 200
        assert (
            stack.gateway(
                "POST", "/v1/tokens", {"name": name, "scopes": ["query:read"]}, token=token
            ).status
            == 201
        )
        people.append((name, token, monitor))

    def ask(client: int) -> list[str]:
        name, token, monitor = people[client % 2]
        other = people[1 - client % 2][0]
        choices = random.Random(client)
        wrong = []
        for _ in range(50):
            path = choices.choice(["/v1/query", "/v1/sources", "/v1/tokens", "/v1/ingest"])
            if path == "/v1/ingest":
                answer = monitor.send(stack.gateway, [monitor.event(payload={"of": name})])
                if answer.status != 200:
                    wrong.append(f"{name} {path}: {answer}")
                continue
            answer = stack.gateway("GET", path, token=token)
            if answer.status != 200 or other in answer.text or name not in answer.text:
                wrong.append(f"{name} {path}: {answer}")
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert [line for wrong in pool.map(ask, range(8)) for line in wrong] == []
    assert (
        stack.database.value(
            "select count(*) from events as e join sources as s on s.id = e.source_id"
            " where e.owner_id <> s.owner_id"
            " or not starts_with(s.name, coalesce(e.payload ->> 'of', ''))"
        )
        == 0
    )


# --- what goes wrong on the wire ------------------------------------------------------------

POST = b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\n"
GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"\0\0\0\0\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET /healthz HTTP/9.9\r\n\r\n",
    b"GET /healthz?\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("sent", GARBAGE)
def test_garbage_is_refused(gateway: Gateway, sent: bytes) -> None:
    """What is not HTTP is the sender's error; no worker dies of it."""
    workers = {worker.pid for worker in gateway.workers()}
    answer = gateway.raw(sent)
    assert answer.startswith(b"HTTP/1.1 4")
    assert gateway("GET", "/healthz").status == 200
    assert {worker.pid for worker in gateway.workers()} == workers


@pytest.mark.parametrize(
    "sent",
    [POST + b"Content-Length: 50\r\n\r\n[", POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n["],
    ids=["with a length", "in chunks"],
)
def test_a_client_that_leaves_in_the_middle(gateway: Gateway, sent: bytes) -> None:
    """It gets a 4xx, should it still listen, and nobody looks for a bug in the log."""
    before = len(gateway.lines())
    with gateway.socket() as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 4")
    assert not any('"ERROR"' in line for line in gateway.lines()[before:])


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PROPFIND", "lower"])
@pytest.mark.parametrize(
    "path", ["*", "/", "//v1//query", "/v1/../v1/query", "/%2e%2e/", "/v1/x?%"]
)
def test_odd_methods_on_odd_paths(gateway: Gateway, method: str, path: str) -> None:
    """A scanner's requests are answered with a 4xx, one by one."""
    answer = gateway.raw(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 4")


def test_idle_connections_hold_up_nobody(gateway: Gateway) -> None:
    """A browser opens connections in advance; more of them than workers stop nothing."""
    with ExitStack() as idle:
        for _ in range(8):
            idle.enter_context(gateway.socket())
        began = time.monotonic()
        assert gateway("GET", "/healthz").status == 200
        assert time.monotonic() - began < 5


def test_a_slow_client_holds_up_nobody(gateway: Gateway) -> None:
    """With two workers, one that waits for the rest of a request leaves one that answers."""
    with gateway.socket() as slow:
        slow.sendall(POST + b"Content-Length: 2\r\n\r\n[")
        began = time.monotonic()
        assert {gateway("GET", "/healthz").status for _ in range(20)} == {200}
        assert time.monotonic() - began < 10
        slow.sendall(b"]")
        assert slow.recv(65_536).startswith(b"HTTP/1.1 401 ")


# --- the log --------------------------------------------------------------------------------


def test_every_line_of_the_log_has_a_request_id(stack: Stack) -> None:
    """JSON, line by line, and an error's request id leads to its line."""
    gateway = stack.gateway
    answers = [
        gateway("GET", "/v1/query", token=stack.token),
        gateway("GET", "/v1/query"),
        gateway("GET", "/nothing"),
        gateway("PUT", "/v1/tokens"),
        gateway("POST", "/v1/tokens", {"name": "x", "scopes": []}, token=stack.token),
        gateway("POST", "/v1/ingest", b"x" * (MAX_BODY + 1)),
    ]
    assert [answer.status for answer in answers] == [200, 401, 404, 405, 422, 413]
    lines = [json.loads(line) for line in gateway.lines()]
    assert [line for line in lines if not UUID(line["request_id"])] == []
    by_request = {line["request_id"]: line for line in lines if line["message"] == "request"}
    logged = [by_request[answer.headers["X-Request-Id"]] for answer in answers]
    assert [line["status"] for line in logged] == [answer.status for answer in answers]
    assert [line.get("error") for line in logged] == [None] + [a.error for a in answers[1:]]


def test_a_failed_readyz_is_logged_under_its_own_request(stack: Stack) -> None:
    """The cause of a 503 of the gateway's own is found by its request id, too."""
    nowhere = make_conninfo(stack.functions_url, host=str(stack.home / "nowhere"))
    with running_gateway(stack.home, nowhere, "log", workers=1) as gateway:
        answers = [gateway("GET", "/readyz"), gateway("GET", "/readyz")]
        lines = [json.loads(line) for line in gateway.lines()]
    causes = [line.get("request_id") for line in lines if line["message"] == "database unavailable"]
    assert causes == [answer.headers["X-Request-Id"] for answer in answers]


def test_no_secret_reaches_the_log(stack: Stack, laptop: Registered) -> None:
    """Tokens, signatures, bodies and payloads stay out, also when a request fails in the house."""
    gateway, canary = stack.gateway, "canaryinacoalmine"
    bearer = {"Authorization": f"Bearer vlm_{canary}"}
    gateway("GET", "/v1/query", headers=bearer)
    gateway("GET", "/v1/query", headers={"Authorization": f"Basic {canary}"})
    gateway("GET", "/v1/query", headers={"Authorization": f"Bearer {canary}.{canary}.x"})
    gateway("GET", "/nothing", headers=bearer)
    gateway("POST", "/v1/tokens", {"name": canary, "scopes": [canary]}, token=stack.token)
    gateway("POST", "/v1/tokens", {canary: canary}, token=stack.token)
    gateway("POST", "/v1/tokens", f'{{"{canary}'.encode(), token=stack.token)
    gateway("POST", "/v1/ingest", canary.encode(), headers={"X-Signature": canary})
    secret = {"payload": {"diary": canary}}
    assert laptop.send(gateway, [laptop.event(**secret)]).status == 200
    assert laptop.send(gateway, [laptop.event(**secret, type=canary)]).status == 422
    assert laptop.send(gateway, [laptop.event(**secret, id=canary)]).status == 400
    assert laptop.send(gateway, [laptop.event(payload={canary: f"{canary}\0"})]).status == 400
    stack.database.rows("alter table events add constraint broken check (kind <> 'summary')")
    try:
        assert laptop.send(gateway, [laptop.event(**secret, type="summary")]).status == 500
    finally:
        stack.database.rows("alter table events drop constraint broken")
    assert [line for line in gateway.lines() if canary in line] == []
    assert stack.token not in gateway.log.read_text()
