"""A Supabase project's Data API: the real PostgREST, behind a door that asks for an API key."""

import http.client
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from psycopg.conninfo import conninfo_to_dict

from tests import tools
from tests.e2e.stack_fixture import JWT_SECRET, Gateway, Stack, environment, free_port

API_KEY = "sb_publishable_a1b2c3d4e5f6g7h8i9j0_k1l2m3n4"
MAX_ROWS = 1_000  # as supabase/config.toml
PREFIX = "/rest/v1"


@dataclass
class DataApi:
    """What stands at a project's address: the key is checked, the prefix taken off."""

    postgrest: int  # port
    received: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    redirect: str | None = None  # where every request is sent instead of being answered

    def __post_init__(self) -> None:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                api.received.append((self.command, self.path, headers))
                if api.redirect:
                    self.reply(307, {"Location": api.redirect}, b"")
                elif not self.path.startswith(f"{PREFIX}/"):
                    self.reply(404, {}, b'{"message": "no Route matched with those values"}')
                elif headers.get("apikey") != API_KEY:
                    self.reply(401, {}, b'{"message": "Invalid API key"}')
                else:
                    self.forward(body)

            do_POST = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815

            def forward(self, body: bytes) -> None:
                connection = http.client.HTTPConnection("127.0.0.1", api.postgrest, timeout=30)
                try:
                    sent = {name: value for name, value in self.headers.items() if name != "Host"}
                    target = self.path.removeprefix(PREFIX)
                    connection.request(self.command, target, body or None, sent)
                    answer = connection.getresponse()
                    kept = {
                        name: value
                        for name, value in answer.getheaders()
                        if name.lower() not in ("transfer-encoding", "content-length")
                    }
                    self.reply(answer.status, kept, answer.read())
                finally:
                    connection.close()

            def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """A project's address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def running_data_api(stack: Stack) -> Iterator[DataApi]:
    """PostgREST over the stack's database, logged in as Supabase's `authenticator`."""
    address = conninfo_to_dict(stack.database.admin_url)
    port, log = free_port(), stack.home / "postgrest.log"
    settings = {
        "PGRST_DB_URI": f"postgresql://authenticator@/{address['dbname']}"
        f"?host={address['host']}&port={address['port']}",
        "PGRST_DB_SCHEMAS": "public",
        "PGRST_DB_ANON_ROLE": "anon",
        "PGRST_DB_MAX_ROWS": str(MAX_ROWS),
        "PGRST_JWT_SECRET": JWT_SECRET,
        "PGRST_SERVER_HOST": "127.0.0.1",
        "PGRST_SERVER_PORT": str(port),
        "PGRST_LOG_LEVEL": "info",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [tools.postgrest()],
            env=environment(**settings),
            cwd=stack.home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    server = Gateway(port, log, process)
    api = DataApi(port)
    try:
        server.wait_until_it_answers("/")
        yield api
    finally:
        api.stop()
        server.stop()
