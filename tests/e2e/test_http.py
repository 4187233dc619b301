"""The gateway over real HTTP: what a monitor, a browser, a scanner and a careless operator see."""

import gzip
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from infra.local import gateway
from infra.local.database import FUNCTIONS_ROLE
from tests.e2e.stack_fixture import (
    ROOT,
    Gateway,
    Stack,
    environment,
    free_port,
    running_gateway,
)
from tests.support import Answer, Registered, register_source

ORIGIN = {"Origin": "https://dashboard.example"}
MEGABYTE = 1024 * 1024


def expect_error(answer: Answer, status: int, error: str) -> None:
    """Holds `answer` against the one shape of an error."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
    assert answer.json == {"error": error, "message": answer.message}
    assert answer.message
    assert UUID(answer.headers["X-Request-Id"])


# --- health ---------------------------------------------------------------------------------


def test_healthz_and_readyz(gateway: Gateway) -> None:
    """Alive, and ready at the newest migration."""
    alive, ready = gateway("GET", "/healthz"), gateway("GET", "/readyz")
    assert (alive.status, alive.json) == (200, {"status": "ok"})
    assert (ready.status, ready.json["status"]) == (200, "ready")
    assert gateway("HEAD", "/healthz").text == ""


def test_without_a_database_it_is_alive_and_not_ready(stack: Stack) -> None:
    """Whatever needs the database is a 503 that says when to come again; the process stays."""
    nowhere = make_conninfo(stack.functions_url, host=str(stack.home / "nowhere"))
    with running_gateway(stack.home, nowhere, "without") as gateway:
        assert gateway("GET", "/healthz").status == 200
        for answer in (
            gateway("GET", "/readyz"),
            gateway("GET", "/v1/query", token=stack.token),
            gateway("POST", "/v1/ingest", b"[]", headers={"X-Source-ID": "a", "X-Signature": "b"}),
        ):
            expect_error(answer, 503, "unavailable")
            assert answer.headers["Retry-After"] == "5"


def test_behind_the_migrations_it_is_not_ready(stack: Stack) -> None:
    """A schema that is older than the code keeps traffic away until it is migrated."""
    take, put = (
        "with last as (delete from supabase_migrations.schema_migrations where version ="
        " (select max(version) from supabase_migrations.schema_migrations) returning version)"
        " select version from last",
        "insert into supabase_migrations.schema_migrations (version) values (%s)",
    )
    newest = stack.database.value(take)
    try:
        answer = stack.gateway("GET", "/readyz")
    finally:
        stack.database.rows(put, newest)
    expect_error(answer, 503, "unavailable")
    assert newest in answer.message
    assert "python -m migrations.apply" in answer.message
    assert stack.gateway("GET", "/readyz").status == 200


def test_an_unmigrated_database_is_not_ready(stack: Stack) -> None:
    """A database that nobody has prepared is the same 503, not a 500."""
    with psycopg.connect(stack.server.url(), autocommit=True) as admin:
        admin.execute("create database unmigrated")
    url = stack.server.url("unmigrated", FUNCTIONS_ROLE)
    with running_gateway(stack.home, url, "unmigrated") as gateway:
        answer = gateway("GET", "/readyz")
    expect_error(answer, 503, "unavailable")
    assert "python -m migrations.apply" in answer.message


@pytest.mark.parametrize("threads", [{}, {"THREADS": ""}, {"THREADS": "2"}, {"THREADS": "two"}])
def test_it_refuses_threads(stack: Stack, threads: dict[str, str]) -> None:
    """One request per process, or no start; the message says how."""
    ended = subprocess.run(
        gateway.command(free_port(), 1),
        cwd=ROOT,
        env=environment(VIBELOOM_DATABASE_URL=stack.functions_url, **threads),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert ("THREADS=1" if threads != {"THREADS": "two"} else "THREADS") in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_framework_s_own_command_serves_too(stack: Stack) -> None:
    """The framework's own command serves the same target, THREADS=1."""

    def arguments(port: int) -> list[str]:
        return [
            str(Path(sys.executable).with_name("functions-framework")),
            *("--source", "functions/gateway.py", "--target", "gateway"),
            *("--signature-type", "http", "--host", "127.0.0.1", "--port", str(port)),
        ]

    with running_gateway(
        stack.home, stack.functions_url, "framework", arguments=arguments
    ) as framework:
        assert framework("GET", "/readyz").status == 200
        assert framework("GET", "/v1/query", token=stack.token).status == 200


# --- documentation --------------------------------------------------------------------------


class Links(HTMLParser):
    """What a page would load, and its style sheets."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.styles: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        loading = ("src", "href", "srcset", "data", "action", "poster", "background")
        self.loaded += [value or "" for name, value in attrs if name in loading]
        self.styles += [value or "" for name, value in attrs if name == "style"]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "style":
            self.styles.append(data)


def test_docs_need_no_foreign_host(gateway: Gateway) -> None:
    """The page holds all that it needs, and its policy forbids anything else."""
    answer = gateway("GET", "/docs")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    page = Links()
    page.feed(answer.text)
    css = "".join(page.styles)
    assert "swagger" in css
    assert page.loaded == []
    assert [part[:5] for part in css.split("url(")[1:] if part.strip("\"'")[:5] != "data:"] == []
    assert "@import" not in css
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    sources = {source for allowed in policy.values() for source in allowed.split()}
    assert sources <= {"'none'", "'self'", "'unsafe-inline'", "data:"}


def test_the_openapi_document(gateway: Gateway) -> None:
    """One document of every room; the prefixed path gives the same."""
    document = gateway("GET", "/openapi.json").json
    assert {"/v1/ingest", "/v1/query", "/v1/sources", "/v1/tokens"} <= document["paths"].keys()
    assert gateway("GET", "/functions/openapi.json").json == document


# --- compression ----------------------------------------------------------------------------


def fetched(
    stack: Stack, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and the bytes of the body, as they came over the wire."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with stack.gateway.connection() as connection:
        connection.request(method, path, headers=sent | {"Authorization": f"Bearer {stack.token}"})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()


def test_a_large_answer_is_packed_for_whoever_accepts_it(stack: Stack) -> None:
    """The same answer in fewer bytes; a small one, and one for anybody else, stays as it is."""
    _, plain_headers, plain = fetched(stack, "/openapi.json")
    _, headers, packed = fetched(stack, "/openapi.json", Accept_Encoding="br, gzip;q=0.8")
    assert gzip.decompress(packed) == plain
    assert len(packed) * 5 < len(plain)
    assert int(headers["Content-Length"]) == len(packed)
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Vary"] == plain_headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in plain_headers
    for path, accepted in (("/healthz", "gzip"), ("/openapi.json", "gzip;q=0, identity")):
        _, headers, _ = fetched(stack, path, Accept_Encoding=accepted)
        assert "Content-Encoding" not in headers, path
    _, headers, body = fetched(stack, "/docs", "HEAD", Accept_Encoding="gzip")
    assert (headers["Content-Encoding"], body) == ("gzip", b"")


def test_a_packed_answer_has_a_tag_of_its_own(stack: Stack) -> None:
    """Both tags are known again, and each 304 names the one that was sent."""
    monitor = register_source(stack.gateway, stack.token, "packed")
    assert monitor.send(stack.gateway, [monitor.event() for _ in range(50)]).status == 200
    path = "/v1/events.ndjson?source=packed"
    _, plain_headers, plain = fetched(stack, path)
    _, headers, packed = fetched(stack, path, Accept_Encoding="gzip")
    assert gzip.decompress(packed) == plain
    tags = plain_headers["ETag"], headers["ETag"]
    assert tags[1] == f'{tags[0][:-1]}-gzip"'
    for tag in tags:
        status, known, body = fetched(stack, path, Accept_Encoding="gzip", If_None_Match=tag)
        assert (status, body, known["ETag"]) == (304, b"", tag)
        assert known["Vary"] == "Accept-Encoding"


# --- paths and methods ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/ingest", "POST"),
        ("HEAD", "/v1/ingest", "POST"),
        ("PUT", "/functions/v1/ingest", "POST"),
        ("POST", "/v1/query", "GET"),
        ("BREW", "/v1/query", "GET"),
        ("PATCH", "/v1/sources", "GET, POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("DELETE", "/docs", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_a_405(gateway: Gateway, method: str, path: str, allowed: str) -> None:
    """The answer names the methods that would do."""
    answer = gateway(method, path)
    assert (answer.status, answer.headers.get("Allow")) == (405, allowed)
    if method != "HEAD":
        expect_error(answer, 405, "method_not_allowed")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/v1",
        "/v1/ingest/more",
        "/v1/ingestion",
        "/v1/tokens/",
        "/functions",
        "/functions/v2/ingest",
        "/functionsx",
        "/V1/query",
        "/v1/query%00",
        "/%ff%fe",
        "/v1/sources/a%0Ab",
        "/favicon.ico",
        "/robots.txt",
        "/" + "x" * 5_000,
    ],
)
def test_an_unknown_path_is_a_404(gateway: Gateway, path: str) -> None:
    """In the one shape, with a request id, wherever it is found out."""
    expect_error(gateway("GET", path), 404, "not_found")


@pytest.mark.parametrize(
    "path", ["/v1/query", "/functions/v1/query", "/v1/%71uery", "/%66unctions/v1/quer%79"]
)
def test_paths_that_mean_the_same(stack: Stack, path: str) -> None:
    """The prefix and percent-encoding of plain letters change nothing."""
    plain = stack.gateway("GET", "/v1/query?days=30", token=stack.token).json
    answer = stack.gateway("GET", f"{path}?days=30", token=stack.token)
    assert (answer.status, answer.json["aggregates"]) == (200, plain["aggregates"])


def test_the_prefix_changes_no_answer(stack: Stack) -> None:
    """Errors, too, are the same below /functions."""
    for method, path in (("GET", "/v1/query"), ("POST", "/v1/ingest"), ("PUT", "/v1/tokens")):
        plain, prefixed = stack.gateway(method, path), stack.gateway(method, f"/functions{path}")
        assert (plain.status, plain.json) == (prefixed.status, prefixed.json)


def test_percent_encoded_query_and_path_parameters(stack: Stack) -> None:
    """A name with a space, a plus or an @ is found; an encoded id is the id."""
    name = "Ada's Mac".replace("'", "") + " +x@home"
    monitor = register_source(stack.gateway, stack.token, name)
    assert monitor.send(stack.gateway, [monitor.event()]).status == 200
    found = stack.gateway("GET", f"/v1/query?source={quote(name)}", token=stack.token)
    assert [row["source"] for row in found.json["aggregates"]] == [name]
    encoded = "".join(f"%{ord(letter):02X}" for letter in monitor.id)
    target = f"/v1/sources/{encoded}/keys/{monitor.key_id}"
    assert stack.gateway("DELETE", target, token=stack.token).status == 204


# --- browsers -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/ingest", "/v1/query", "/functions/v1/ingest"])
def test_a_preflight(gateway: Gateway, path: str) -> None:
    """A browser is told at once which methods and headers it may send."""
    asked = {**ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = gateway("OPTIONS", path, headers=asked)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "OPTIONS" in answer.headers["Access-Control-Allow-Methods"]
    allowed = set(answer.headers["Access-Control-Allow-Headers"].lower().split(","))
    assert {"authorization", "content-type", "x-source-id", "x-signature", "apikey"} <= allowed


def test_errors_carry_cors_headers(gateway: Gateway) -> None:
    """A browser that cannot read an error cannot say what is wrong."""
    answers = [
        gateway("GET", "/v1/query", headers=ORIGIN),
        gateway("GET", "/nothing", headers=ORIGIN),
        gateway("PUT", "/v1/query", headers=ORIGIN),
        gateway("POST", "/v1/ingest", b"x" * (5 * MEGABYTE + 1), headers=ORIGIN),
    ]
    assert [answer.status for answer in answers] == [401, 404, 405, 413]
    assert [answer.headers.get("Access-Control-Allow-Origin") for answer in answers] == ["*"] * 4


# --- bodies ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def laptop(stack: Stack) -> Registered:
    """A monitor of the owner's."""
    return register_source(stack.gateway, stack.token, "laptop")


def test_a_packed_body_arrives_intact(gateway: Gateway, laptop: Registered) -> None:
    """The signature over gzip's bytes holds after the way through HTTP and base64."""
    body = gzip.compress(json.dumps([laptop.event() for _ in range(100)]).encode())
    packed = laptop.sign(body) | {"Content-Encoding": "gzip"}
    assert gateway("POST", "/v1/ingest", body, headers=packed).json["inserted"] == 100
    unlabelled = {name: value for name, value in packed.items() if name != "Content-Type"}
    again = gateway("POST", "/v1/ingest", body, headers=unlabelled)
    assert (again.status, again.json["inserted"]) == (200, 0)


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=latin-1", "image/png"])
def test_the_content_type_changes_no_byte(gateway: Gateway, laptop: Registered, kind: str) -> None:
    """Whatever a monitor calls its body, the signature is over what it sent."""
    event = laptop.event(payload={"note": "Zürich 🎹 \u2028 é"})
    body = json.dumps([event], ensure_ascii=False).encode()
    headers = laptop.sign(body) | {"Content-Type": kind}
    assert gateway("POST", "/v1/ingest", body, headers=headers).status == 200


def test_a_chunked_body(gateway: Gateway, laptop: Registered) -> None:
    """A body without a length is read to its end."""
    body = json.dumps([laptop.event() for _ in range(50)]).encode()
    pieces = [body[start : start + 1_000] for start in range(0, len(body), 1_000)]
    answer = gateway.request("POST", "/v1/ingest", pieces, laptop.sign(body))
    assert (answer.status, answer.json["inserted"]) == (200, 50)


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
def test_too_large_is_a_413(gateway: Gateway, laptop: Registered, chunked: bool) -> None:
    """5 MB are taken, a byte more is refused, and the client gets to read so."""
    for size, status in ((5 * MEGABYTE, 400), (5 * MEGABYTE + 1, 413), (12 * MEGABYTE, 413)):
        body = b"[" + b" " * (size - 1)
        chunks = [body[start : start + MEGABYTE] for start in range(0, size, MEGABYTE)]
        answer = gateway.request(
            "POST", "/v1/ingest", chunks if chunked else body, laptop.sign(body)
        )
        expect_error(answer, status, "payload_too_large" if status == 413 else "invalid_request")
