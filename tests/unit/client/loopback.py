"""A small ingest server on loopback: verifies, records and dedupes as the real one does."""

import base64
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

Answer = tuple[int, dict[str, Any], dict[str, str]]


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]  # lower-case names
    body: bytes

    @property
    def document(self) -> Any:
        """The body, unpacked."""
        zipped = self.headers.get("content-encoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if zipped else self.body)


@dataclass
class Loopback:
    """What the server has seen, and how it answers."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)  # also repeated ones
    events: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    script: list[Answer | Callable[[Request], Answer | None]] = field(default_factory=list)
    always: Callable[[Request], Answer | None] | None = None
    public_key: str | None = None

    def answer(self, request: Request) -> Answer:
        """Scripted answers first, then what the real server would say."""
        self.requests.append(request)
        planned = self.script.pop(0) if self.script else self.always
        if planned is not None:
            answer = planned(request) if callable(planned) else planned
            if answer is not None:
                return answer
        if not request.path.endswith("/ingest"):
            return 404, {"error": "not_found", "message": "no such route"}, {}
        if self.public_key is not None and not self._signed(request):
            return 401, {"error": "invalid_signature", "message": "bad signature"}, {}
        batch = request.document
        self.deliveries.extend(batch)
        fresh = 0
        for event in batch:
            key = (event["source"], event["id"], event["timestamp"])
            fresh += key not in self.events
            self.events.setdefault(key, event)
        return 200, {"inserted": fresh, "message": "ok"}, {}

    def _signed(self, request: Request) -> bool:
        try:
            signature = base64.b64decode(request.headers["x-signature"], validate=True)
            VerifyKey(base64.b64decode(self.public_key or "")).verify(request.body, signature)
        except (KeyError, ValueError, BadSignatureError):
            return False
        return True

    def batches(self) -> list[list[dict[str, Any]]]:
        """Every batch that was posted, whatever was answered."""
        return [request.document for request in self.requests if request.path.endswith("/ingest")]


@contextmanager
def serving() -> Iterator[Loopback]:
    """Run the server for the length of a test."""
    state = Loopback()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, document, extra = state.answer(Request(self.command, self.path, headers, body))
            content = json.dumps(document).encode()
            try:
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True  # the client was killed

        do_GET = do_POST = _handle  # noqa: N815 - the base's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A killed client is part of the test."""

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
