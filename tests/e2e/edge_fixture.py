"""The edge functions under Deno, and an upstream that does what a test tells it to."""

import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

from tests import tools
from tests.e2e.stack_fixture import ROOT, Body, Gateway, environment, free_port
from tests.support import Answer

STALL_SECONDS = 30.0
FUNCTIONS = ROOT / "supabase/functions"


class Edge(Gateway):
    """One edge function; what other tests send to `/v1/…` goes to `/functions/v1/…`."""

    def request(
        self, method: str, target: str, body: Body = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        prefix = "/functions" if target.startswith("/v1/") else ""
        return super().request(method, prefix + target, body, headers)


def deno_environment(home: Path, **settings: str) -> dict[str, str]:
    """What Deno gets: a cache of its own, and no question to anybody about newer versions."""
    return environment(
        DENO_DIR=str(home / "deno"), DENO_NO_UPDATE_CHECK="1", NO_COLOR="1", **settings
    )


@contextmanager
def running_edge(
    home: Path, upstream: str, entry: Path, name: str = "edge", port: int | None = None
) -> Iterator[Edge]:
    """`entry` under Deno, which may talk to this machine and read one variable."""
    port, log = port or free_port(), home / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(tools.deno(), "run", "--no-prompt", "--no-config", "--no-remote", "--no-npm"),
                *("--allow-net=127.0.0.1", "--allow-env=VIBELOOM_UPSTREAM", entry),
            ],
            cwd=home,
            env=deno_environment(
                home,
                VIBELOOM_UPSTREAM=upstream,
                DENO_SERVE_ADDRESS=f"tcp:127.0.0.1:{port}",
            ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    running = Edge(port, log, process)
    try:
        running.wait_until_it_answers("/")
        yield running
    finally:
        running.stop()


@dataclass
class Received:
    """One request as the upstream saw it; names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Reply = Callable[[BaseHTTPRequestHandler], None]


def answering(status: int, body: bytes = b"", *headers: tuple[str, str]) -> Reply:
    """A reply of one piece."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return reply


@dataclass
class Upstream:
    """Stands for Python functions that behave oddly; what reached it is in `received`."""

    reply: Reply = field(default_factory=lambda: answering(200))
    received: list[Received] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def __post_init__(self) -> None:
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                upstream.received.append(Received(self.command, self.path, headers, body))
                upstream.reply(self)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stall(self, handler: BaseHTTPRequestHandler) -> None:
        """Never answers, or not before the test is over."""
        handler.close_connection = True
        self.released.wait(STALL_SECONDS)

    def stall_midway(self, handler: BaseHTTPRequestHandler) -> None:
        """Begins to answer and then hangs."""
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"the beginning")
        self.stall(handler)

    def stop(self) -> None:
        """Lets go of who waits, and ends."""
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


def expect_error(answer: Answer, status: int, error: str) -> None:
    """Holds `answer` against the one shape of an error, which any page may read."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert (answer.status, headers["content-type"]) == (status, "application/json")
    assert answer.json == {"error": error, "message": answer.message}
    assert UUID(headers["x-request-id"])
    assert headers["access-control-allow-origin"] == "*"
