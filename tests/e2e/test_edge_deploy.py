"""What `supabase functions deploy` sends away is what runs: the command of supabase/README.md."""

import email
import email.policy
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests import tools
from tests.e2e.edge_fixture import Upstream, answering, running_edge
from tests.e2e.stack_fixture import ROOT, environment

pytestmark = pytest.mark.deployment("supabase", "tests/e2e/edge_fixture.py")

README = ROOT / "supabase/README.md"
REF = "abcdefghijklmnopqrst"


@dataclass
class Deployed:
    """One function as the Management API receives it."""

    metadata: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


class ManagementApi:
    """The part of Supabase's API that a deployment of functions talks to."""

    def __init__(self) -> None:
        self.functions: dict[str, Deployed] = {}
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                function = api.received(
                    self.headers["Content-Type"],
                    self.rfile.read(int(self.headers["Content-Length"])),
                )
                name = function["name"]
                described = {"id": name, "slug": name, "name": name, "status": "ACTIVE"}
                described |= {"version": 1, "created_at": 1, "updated_at": 1}
                self.reply(201, described | {"verify_jwt": function["verify_jwt"]})

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.reply(200, {"functions": []})

            def do_GET(self) -> None:
                self.reply(200, [])

            def reply(self, status: int, body: object) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def received(self, content_type: str, body: bytes) -> dict[str, Any]:
        """Keeps one multipart upload; its metadata."""
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        deployed = Deployed()
        for part in email.message_from_bytes(head + body, policy=email.policy.HTTP).iter_parts():
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            if name := part.get_filename():
                deployed.files[name] = payload
            else:
                deployed.metadata = json.loads(payload)
        self.functions[deployed.metadata["name"]] = deployed
        return deployed.metadata

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Deployed]]:
    """What arrives when the README's command is run."""
    home = tmp_path_factory.mktemp("deploy")
    program = tools.supabase()
    [command] = re.findall(r"^    supabase (functions deploy [^#\n]*)", README.read_text(), re.M)
    api = ManagementApi()
    try:
        profile = home / "profile.yaml"
        addresses = {"api_url": api.url, "dashboard_url": api.url, "docs_url": api.url}
        named = {"name": "loopback", **addresses, "project_host": "127.0.0.1"}
        profile.write_text("".join(f"{name}: {value}\n" for name, value in named.items()))
        done = subprocess.run(
            [program, *command.split(), f"--remote={REF}", "--profile", profile, "--yes"],
            cwd=ROOT,
            env=environment(
                HOME=str(home), SUPABASE_ACCESS_TOKEN="sbp_" + "0" * 40, DO_NOT_TRACK="1"
            ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        yield api.functions
    finally:
        api.stop()


def test_what_is_sent_is_what_stands_here(deployed: dict[str, Deployed]) -> None:
    """Both functions, each with its entry and the shared file, open to monitors without a JWT."""
    shared = "supabase/functions/_shared/forward.ts"
    assert {name: {*function.files} for name, function in deployed.items()} == {
        name: {f"supabase/functions/{name}/index.ts", shared} for name in ("ingest", "query")
    }
    for name, function in deployed.items():
        assert function.metadata["verify_jwt"] is False
        assert function.metadata["entrypoint_path"] == f"supabase/functions/{name}/index.ts"
        for path, content in function.files.items():
            assert content == (ROOT / path).read_bytes()


@pytest.mark.parametrize("name", ["ingest", "query"])
def test_what_was_sent_runs(deployed: dict[str, Deployed], name: str, tmp_path: Path) -> None:
    """The uploaded files alone, somewhere else, forward a request."""
    for path, content in deployed[name].files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    upstream = Upstream(reply=answering(200, b"here"))
    try:
        entry = tmp_path / deployed[name].metadata["entrypoint_path"]
        with running_edge(tmp_path, upstream.url, entry) as edge:
            answer = edge.request("POST", f"/{name}", b"body")
        assert (answer.status, answer.text) == (200, "here")
        assert [request.target for request in upstream.received] == [f"/v1/{name}"]
    finally:
        upstream.stop()
