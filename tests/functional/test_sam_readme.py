"""What sam/README.md has a stranger type, where that is Python."""

import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support import Api, Database, Registered

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "sam/README.md").read_text()
BLOCKS = re.findall(r"python - <<'EOF'\n(.*?)\nEOF", README, re.S)


def run(block: str, **environment: str) -> str:
    """What the block prints, run as the shell would."""
    done = subprocess.run(
        [sys.executable, "-"],
        input=block,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def served(api: Api) -> Iterator[str]:
    """The address of an HTTP server that hands each POST to the room."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = api("POST", self.path, body, headers=dict(self.headers.items()))
            self.send_response(answer.status)
            self.end_headers()
            self.wfile.write(answer.text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_there_are_two_blocks() -> None:
    """Both are tried here."""
    assert len(BLOCKS) == 2
    assert "alter role" in BLOCKS[0]
    assert "X-Signature" in BLOCKS[1]


def test_the_functions_get_a_login(database: Database) -> None:
    """With a password of which the server only ever sees the hash."""
    stored = (
        "select rolcanlogin, rolsuper, rolpassword from pg_authid"
        " where rolname = 'vibeloom_functions'"
    )
    [before] = database.rows(stored)
    try:
        run(BLOCKS[0], DATABASE_URL=database.admin_url, PASSWORD="correct horse")
        [row] = database.rows(stored)
    finally:  # the role is the server's, not this database's
        was = before["rolpassword"]
        database.rows(
            f"alter role vibeloom_functions password {'null' if was is None else repr(was)}"
        )
    assert (row["rolcanlogin"], row["rolsuper"]) == (True, False)
    assert row["rolpassword"].startswith("SCRAM-SHA-256$")


def test_one_signed_event_is_sent(
    database: Database, laptop: Registered, served: str, tmp_path: Path
) -> None:
    """With the key that `vibeloom monitor init` made."""
    (tmp_path / ".vibeloom").mkdir()
    (tmp_path / ".vibeloom/key.priv").write_bytes(bytes(laptop.key))
    printed = run(BLOCKS[1], API=served, HOME=str(tmp_path))
    assert '"inserted":1' in printed.replace(" ", "")
    assert database.value("select project from public.events") == "first"


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m ([a-z_.]+)", README))))
def test_a_command_that_is_named_exists(module: str) -> None:
    """As a module of this checkout."""
    assert importlib.util.find_spec(module) is not None
