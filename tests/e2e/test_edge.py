"""The edge functions: byte for byte to the Python functions, and the answer back."""

import gzip
import json
import re
import socket
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from functions.gateway import MAX_BODY
from infra.local.samples import write_sample_sessions
from tests import tools
from tests.e2e.edge_fixture import (
    FUNCTIONS,
    Edge,
    deno_environment,
    expect_error,
    running_edge,
)
from tests.e2e.stack_fixture import Gateway, Stack
from tests.e2e.test_monitor import registered
from tests.support import Answer, Registered, register_source

pytestmark = pytest.mark.deployment("supabase", "functions/gateway.py", "tests/e2e/edge_fixture.py")

SENT = "select e.id, e.payload from events as e join sources as s on s.id = e.source_id"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Logs, and Deno's cache."""
    with tempfile.TemporaryDirectory(prefix="vl-edge-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def ingest(home: Path, stack: Stack) -> Iterator[Edge]:
    """The function `ingest`, as it is deployed, in front of the local gateway."""
    url = f"http://127.0.0.1:{stack.gateway.port}"
    with running_edge(home, url, FUNCTIONS / "ingest/index.ts", "ingest") as edge:
        yield edge


@pytest.fixture(scope="module")
def query(home: Path, stack: Stack) -> Iterator[Edge]:
    """The function `query`, as it is deployed; a path in front of /v1 is left to the upstream."""
    url = f"http://127.0.0.1:{stack.gateway.port}/functions/v1/"
    with running_edge(home, url, FUNCTIONS / "query/index.ts", "query") as edge:
        yield edge


@pytest.fixture(scope="module")
def laptop(stack: Stack) -> Registered:
    """A monitor of the owner's."""
    return register_source(stack.gateway, stack.token, "laptop")


# --- batches ----------------------------------------------------------------------------------


def test_a_signed_batch_is_stored(stack: Stack, ingest: Edge, laptop: Registered) -> None:
    """As text, packed, or in chunks without a length: the signature holds, nothing is changed."""
    payloads = [{"tool": "Read", "note": f"{word} ✓ \u2028 naïve 𝄞"} for word in ("a", "b", "c")]
    plain, packed, chunked = (
        json.dumps([laptop.event(payload=payload)], ensure_ascii=False).encode()
        for payload in payloads
    )
    pieces = (chunked[start : start + 7] for start in range(0, len(chunked), 7))
    answers = [
        laptop.send(ingest, plain),
        laptop.send_gzip(ingest, packed),
        ingest.request("POST", "/ingest", pieces, laptop.sign(chunked)),
    ]
    assert [(answer.status, answer.json["inserted"]) for answer in answers] == [(200, 1)] * 3
    stored = {row["id"]: row["payload"] for row in stack.database.rows(SENT)}
    sent = [json.loads(body)[0] for body in (plain, packed, chunked)]
    assert [stored[event["id"]] for event in sent] == payloads


def test_a_changed_byte_is_refused_as_without_us(
    gateway: Gateway, ingest: Edge, laptop: Registered
) -> None:
    """What is no valid batch gets the very answer that the functions give."""
    body = json.dumps([laptop.event()]).encode()
    signed = laptop.sign(body)
    noise = bytes(range(256)) * 20
    attempts = [
        (body + b" ", signed),
        (noise, laptop.sign(noise)),
        (
            gzip.compress(body)[:-5],
            laptop.sign(gzip.compress(body)[:-5]) | {"Content-Encoding": "gzip"},
        ),
        (body, {**signed, "X-Source-ID": "nobody"}),
        (body, {}),
        (b"", laptop.sign(b"")),
    ]
    for sent, headers in attempts:
        direct = gateway.request("POST", "/v1/ingest", sent, headers)
        forwarded = ingest.request("POST", "/v1/ingest", sent, headers)
        assert (forwarded.status, forwarded.text) == (direct.status, direct.text)
        assert direct.status in (400, 401)


def test_the_size_is_limited(stack: Stack, ingest: Edge, laptop: Registered) -> None:
    """5 MB pass; one byte more, with a length or in chunks, is refused here and goes no further."""
    event = json.dumps([laptop.event()]).encode()
    largest = event + b" " * (MAX_BODY - len(event))
    assert laptop.send(ingest, largest).status == 200
    too_large = largest + b" "
    before = len(stack.gateway.lines())
    expect_error(laptop.send(ingest, too_large), 413, "payload_too_large")
    pieces = iter([too_large[:MAX_BODY], too_large[MAX_BODY:]])
    chunked = ingest.request("POST", "/ingest", pieces, laptop.sign(too_large))
    expect_error(chunked, 413, "payload_too_large")
    assert stack.gateway.lines()[before:] == []


def test_no_more_than_the_limit_is_kept(ingest: Edge) -> None:
    """Of eight bodies that are too large, next to nothing stays in memory."""
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    head = b"POST /ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    process = psutil.Process(ingest.process.pid)
    before = process.memory_info().rss
    with ExitStack() as stack:
        connections = [stack.enter_context(ingest.socket()) for _ in range(8)]
        for connection in connections:
            connection.sendall(head)
        for _ in range(19):  # MB: less than what is read and dropped
            for connection in connections:
                connection.sendall(chunk)
        kept = process.memory_info().rss - before
        for connection in connections:
            connection.sendall(b"0\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")
    assert kept < 0.7 * 8 * 19 * 0x100000  # memory is given back by and by


def test_a_monitor_with_a_supabase_address_delivers(
    stack: Stack, ingest: Edge, tmp_path: Path
) -> None:
    """The real monitor, under Vibeloom's setting (packed) and under VibeTea's (not packed)."""
    logs = tmp_path / "claude"
    write_sample_sessions(logs, datetime.now(UTC), days=2)
    base = f"http://127.0.0.1:{ingest.port}/functions/v1"
    packing = registered(stack, tmp_path, "packing", logs)
    packing.settings["VIBELOOM_URL"] = base
    plain = registered(stack, tmp_path, "plain", logs)
    (tmp_path / "plain" / "monitor.json").unlink()
    plain.settings = {
        name: value for name, value in plain.settings.items() if name != "VIBELOOM_URL"
    } | {"VIBETEA_SUPABASE_URL": base}
    for machine in (packing, plain):
        sent = machine.run_json("monitor", "run", "--once")["sent"]
        rows = stack.database.rows(f"{SENT} where s.name = %s", machine.name)
        assert len(rows) == sent > 20


# --- questions --------------------------------------------------------------------------------

PERIOD = "from=2026-11-01&to=2026-11-20"
PREFLIGHT = {
    "Origin": "https://dash.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "x-signature",
}
QUESTIONS: list[tuple[str, str, dict[str, str]]] = [
    ("GET", f"/v1/query/timeline?{PERIOD}", {}),
    ("GET", f"/v1/query/timeline?{PERIOD}&project=na%C3%AFve+%26%20%2B%F0%9D%84%9E", {}),
    ("GET", f"/v1/query/summary?{PERIOD}&tz=Asia/Kathmandu", {"Origin": "https://dash.example"}),
    ("GET", "/v1/query/time?from=never", {}),
    ("GET", "/v1/query?days=8", {}),
    ("GET", "/v1/query", {"Authorization": "Bearer vlm_nobody"}),
    ("GET", "/v1/query/nothing", {}),
    ("GET", "/v1/query?", {"Authorization": ""}),
    ("HEAD", f"/v1/query/timeline?{PERIOD}", {}),
    ("OPTIONS", "/v1/query", PREFLIGHT),
    ("POST", "/v1/query", {}),
    ("DELETE", "/v1/query/summary", {}),
]
# Of the connection, of the moment, or of the server program.
NOT_COMPARED = {"date", "server", "connection", "x-request-id", "content-length", "vary"}


def compared(answer: Answer) -> tuple[int, str, dict[str, str]]:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    kept = {name: value for name, value in headers.items() if name not in NOT_COMPARED}
    return answer.status, answer.text, kept


@pytest.mark.parametrize(("method", "target", "headers"), QUESTIONS)
def test_an_answer_is_the_one_of_the_functions(
    stack: Stack, query: Edge, method: str, target: str, headers: dict[str, str]
) -> None:
    """Status, body and headers are what a direct request gets; the request id leads to its log."""
    asked = {"Authorization": f"Bearer {stack.token}"} | headers
    forwarded = query.request(method, target, headers=asked)
    assert compared(forwarded) == compared(stack.gateway.request(method, target, headers=asked))
    [request_id] = [v for name, v in forwarded.headers.items() if name.lower() == "x-request-id"]
    assert any(request_id in line for line in stack.gateway.lines())


def test_what_the_caller_has_is_not_sent_again(stack: Stack, query: Edge) -> None:
    """The ETag comes back unchanged, also to who takes packed answers, and gives a 304."""
    asked = {"Authorization": f"Bearer {stack.token}", "Accept-Encoding": "gzip, br"}
    target = f"/v1/query/timeline?{PERIOD}"
    direct = stack.gateway.request("GET", target, headers=asked)
    first = query.request("GET", target, headers=asked)
    assert first.headers["etag"] == direct.headers["ETag"]
    again = query.request("GET", target, headers=asked | {"If-None-Match": first.headers["etag"]})
    assert (again.status, again.text) == (304, "")
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/tokens", "/ingest/x", "/ingest/", "/query/", "/queryx", "/v1/tokens", "/V1/query"),
        *("/query/../tokens", "/query/%2e%2e/tokens", "/query/..%2ftokens", "/query/..%5ctokens"),
        *("//query", "//127.0.0.1/query", "/query//x", "/functions/v1/tokens", "/query/x%00"),
        *("/functions/v1/functions/v1/query", "/query@127.0.0.1:1/", "/http://127.0.0.1/query"),
    ],
)
def test_nothing_else_is_forwarded(stack: Stack, query: Edge, path: str) -> None:
    """However a path is spelled, only the two names and what is below `query` go through."""
    before = len(stack.gateway.lines())
    expect_error(query.request("GET", path), 404, "not_found")
    assert stack.gateway.lines()[before:] == []


def test_a_client_that_leaves_in_the_middle(stack: Stack, ingest: Edge) -> None:
    """Nothing of its batch is forwarded, and the next one is served."""
    before = len(stack.gateway.lines())
    with ingest.socket() as connection:
        connection.sendall(b"POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n[")
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65_536)
    assert ingest.request("GET", "/").status == 404
    assert stack.gateway.lines()[before:] == []


# --- the code ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", [("check",), ("lint",), ("fmt", "--check")], ids=lambda command: command[0]
)
def test_the_code_is_clean(home: Path, command: tuple[str, ...]) -> None:
    """Types, lint and formatting, as Deno judges them."""
    files = sorted(FUNCTIONS.rglob("*.ts"))
    done = subprocess.run(
        [tools.deno(), *command, "--no-config", *files],
        env=deno_environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_nothing_is_imported_from_elsewhere() -> None:
    """What is deployed is what stands here: relative imports, no package."""
    imports = {
        found
        for file in FUNCTIONS.rglob("*.ts")
        for found in re.findall(r"(?:from|import)\s*\(?\s*[\"']([^\"']+)", file.read_text())
    }
    assert imports == {"../_shared/forward.ts"}


def test_supabase_asks_no_jwt_of_monitors() -> None:
    """Each deployed function is open in config.toml: who signs with Ed25519 has no JWT."""
    config = tomllib.loads((FUNCTIONS.parent / "config.toml").read_text())
    deployed = {entry.parent.name for entry in FUNCTIONS.glob("[a-z]*/index.ts")}
    assert deployed == {"ingest", "query"}
    assert {name: config["functions"][name]["verify_jwt"] for name in deployed} == dict.fromkeys(
        deployed, False
    )
