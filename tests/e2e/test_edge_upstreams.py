"""Upstreams of the edge functions that are slow, away, or lead elsewhere; and their headers."""

import gzip
import http.client
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.edge_fixture import (
    FUNCTIONS,
    STALL_SECONDS,
    Edge,
    Upstream,
    answering,
    expect_error,
    running_edge,
)
from tests.e2e.stack_fixture import free_port, running_gateway

pytestmark = pytest.mark.deployment("supabase", "tests/e2e/edge_fixture.py")

# Settings from the request, so that one process shows all of them.
VARIANTS = """
import {{ forwarder }} from "{shared}";

Deno.serve((request: Request) => {{
  const upstream = request.headers.get("x-upstream") ?? undefined;
  const timeoutMs = Number(request.headers.get("x-timeout") ?? 20_000);
  return forwarder({{ upstream, timeoutMs }})(request);
}});
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Logs, and Deno's cache."""
    with tempfile.TemporaryDirectory(prefix="vl-edge-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def variants(home: Path) -> Iterator[Edge]:
    """The same code; each request says which upstream and which timeout are configured."""
    entry = home / "variants.ts"
    entry.write_text(VARIANTS.format(shared=(FUNCTIONS / "_shared/forward.ts").as_uri()))
    with running_edge(home, "", entry, "variants") as edge:
        yield edge


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """An upstream that does as it is told."""
    odd = Upstream()
    yield odd
    odd.stop()


def test_headers_go_through_but_for_those_of_a_connection(
    variants: Edge, upstream: Upstream
) -> None:
    """End-to-end headers as they are, both ways; hop-by-hop ones, also named ones, stay behind."""
    packed = gzip.compress(b'{"a": 1}')
    upstream.reply = answering(
        *(429, packed, ("Content-Encoding", "gzip"), ("Content-Type", "application/json")),
        *(("Retry-After", "7"), ("ETag", 'W/"x"'), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")),
        *(("Connection", "close, X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=9")),
        *(("Proxy-Authenticate", "Basic"), ("Trailer", "X-Sum")),
    )
    connection = http.client.HTTPConnection("127.0.0.1", variants.port, timeout=30)
    sent = {
        "X-Upstream": f"{upstream.url}/base",
        "X-Source-ID": "a source, ~!",
        "X-Signature": "c2lnbmF0dXJl+/==",
        "Authorization": "Bearer a.b-c_d",
        "If-None-Match": 'W/"x", "y"',
        "Content-Type": "application/json; charset=utf-8",
        "Content-Encoding": "gzip",
        "Origin": "https://dash.example",
        "Cookie": "a=1; b=2",
    }
    dropped = {
        "Connection": "keep-alive, X-Mine",
        "X-Mine": "1",
        "Keep-Alive": "1",
        "Proxy-Authorization": "Basic eA==",
        "TE": "trailers",
        "Upgrade": "h2c",
        "Via": "1.1 platform",
    }
    try:
        connection.request("POST", "/ingest?x=%2F&y", packed, sent | dropped)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (429, packed)
        received = [(name.lower(), value) for name, value in answer.getheaders()]
    finally:
        connection.close()
    [request] = upstream.received
    assert (request.method, request.target) == ("POST", "/base/v1/ingest?x=%2F&y")
    assert request.body == packed
    expected = {name.lower(): value for name, value in sent.items()}
    assert {name: request.headers.get(name) for name in expected} == expected
    assert request.headers["via"] == "1.1 platform, 1.1 vibeloom-edge"
    assert request.headers["host"] == upstream.url.removeprefix("http://")
    assert not {name.lower() for name in dropped} - {"via", "connection"} & {*request.headers}
    assert "x-mine" not in request.headers.get("connection", "").lower()
    assert sorted(value for name, value in received if name == "set-cookie") == ["a=1", "b=2"]
    back = dict(received)
    assert {name: back.get(name) for name in ("retry-after", "etag", "content-encoding")} == {
        "retry-after": "7",
        "etag": 'W/"x"',
        "content-encoding": "gzip",
    }
    assert not {"x-hop", "keep-alive", "proxy-authenticate", "trailer"} & {*back}


def impatient(upstream: Upstream) -> dict[str, str]:
    """Settings with which nobody waits long."""
    return {"X-Upstream": upstream.url, "X-Timeout": "300"}


def test_an_upstream_that_does_not_answer(variants: Edge, upstream: Upstream) -> None:
    """504 in time, with the time to wait before another try."""
    upstream.reply = upstream.stall
    answer = variants.request("GET", "/query", headers=impatient(upstream))
    expect_error(answer, 504, "upstream_timeout")
    assert answer.headers["retry-after"] == "5"


def test_an_upstream_that_stops_in_the_middle(variants: Edge, upstream: Upstream) -> None:
    """The caller notices: half an answer never looks like a whole one."""
    upstream.reply = upstream.stall_midway
    began = time.monotonic()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        variants.request("GET", "/query", headers=impatient(upstream))
    assert time.monotonic() - began < STALL_SECONDS / 2  # the timeout did it, not the upstream
    assert variants.alive()


def test_an_upstream_that_is_down(variants: Edge) -> None:
    """502, not a secret of where it should have been, and the time to wait."""
    port = free_port()
    answer = variants.request("GET", "/query", headers={"X-Upstream": f"http://127.0.0.1:{port}"})
    expect_error(answer, 502, "upstream_unreachable")
    assert answer.headers["retry-after"] == "5"
    assert str(port) not in answer.text


def test_an_upstream_without_a_database(home: Path, variants: Edge) -> None:
    """The functions' own 503 keeps its Retry-After."""
    nowhere = f"postgresql://vibeloom_functions@/vibeloom?host={home}/nowhere"
    with running_gateway(home, nowhere, "nowhere", workers=1) as gateway:
        headers = {
            "X-Upstream": f"http://127.0.0.1:{gateway.port}",
            "Authorization": "Bearer vlm_somebody",
        }
        answer = variants.request("GET", "/query", headers=headers)
    assert (answer.status, answer.error) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(variants: Edge, upstream: Upstream, status: int) -> None:
    """Where an upstream points to gets nobody's token, and the caller is not sent there."""
    elsewhere = Upstream()
    try:
        upstream.reply = answering(status, b"", ("Location", f"{elsewhere.url}/v1/query"))
        headers = {"X-Upstream": upstream.url, "Authorization": "Bearer a-secret"}
        answer = variants.request("GET", "/query", headers=headers)
        expect_error(answer, 502, "upstream_redirects")
        assert "location" not in {name.lower() for name in answer.headers}
        assert elsewhere.received == []
    finally:
        elsewhere.stop()


@pytest.mark.parametrize(
    "configured",
    [
        *(None, "", "vibeloom.example", "ftp://vibeloom.example", "http://vibeloom.example"),
        *("https://user:secret@vibeloom.example", "https://vibeloom.example/?x", "javascript:0"),
        *("https://vibeloom.example/#x", "https://"),
    ],
)
def test_a_wrong_setting_is_named(variants: Edge, configured: str | None) -> None:
    """Unset, no address, or plain HTTP to another machine: refused, and the message says what."""
    headers = {} if configured is None else {"X-Upstream": configured}
    answer = variants.request("GET", "/query", headers=headers)
    expect_error(answer, 503, "unavailable")
    assert "VIBELOOM_UPSTREAM" in answer.message


def test_a_loop_is_cut(home: Path) -> None:
    """A function that is its own upstream answers at once."""
    port = free_port()
    itself = f"http://127.0.0.1:{port}/functions/v1"
    with running_edge(home, itself, FUNCTIONS / "query/index.ts", "loop", port) as edge:
        expect_error(edge.request("GET", "/query"), 508, "loop_detected")
