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

from functions.core.room import rooms
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


def test_there_is_one_block() -> None:
    """It is tried here."""
    assert len(BLOCKS) == 1
    assert "X-Signature" in BLOCKS[0]


def test_each_room_gets_a_login(database: Database) -> None:
    """With a password of which the server only sees the hash, and a line for whoever keeps it."""
    [pattern] = re.findall(r"python -m infra\.logins \\\n +'([^']+)'", README)
    done = subprocess.run(
        [sys.executable, "-m", "infra.logins", pattern],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": database.admin_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [room for room, _ in lines] == [room.name for room in rooms()]
    for room, address in lines:
        assert f"//vibeloom_{room}.REF:" in address
        [row] = database.rows(
            "select rolcanlogin, rolsuper, rolpassword from pg_authid where rolname = %s",
            f"vibeloom_{room}",
        )
        assert (row["rolcanlogin"], row["rolsuper"]) == (True, False)
        assert row["rolpassword"].startswith("SCRAM-SHA-256$")


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ([], {}, "python -m infra.logins"),
        (["postgresql://{login}@host/db"], {}, "python -m infra.logins"),
        (["postgresql://{login}:{password}@host/db"], {}, "set DATABASE_URL"),
        (
            ["postgresql://{login}:{password}@host/db"],
            {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"},
            "error: ",
        ),
    ],
)
def test_logins_say_what_is_missing(
    arguments: list[str], environment: dict[str, str], said: str
) -> None:
    """And print no address."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.logins", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode > 0, done.stdout) == (True, "")
    assert said in done.stderr


def test_one_signed_event_is_sent(
    database: Database, laptop: Registered, served: str, tmp_path: Path
) -> None:
    """With the key that `vibeloom monitor init` made."""
    (tmp_path / ".vibeloom").mkdir()
    (tmp_path / ".vibeloom/key.priv").write_bytes(bytes(laptop.key))
    printed = run(BLOCKS[0], API=served, HOME=str(tmp_path))
    assert '"inserted":1' in printed.replace(" ", "")
    assert database.value("select project from public.events") == "first"


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m ([a-z_.]+)", README))))
def test_a_command_that_is_named_exists(module: str) -> None:
    """As a module of this checkout."""
    assert importlib.util.find_spec(module) is not None
