"""The command as a person and as a program use it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey, VerifyKey

from tests.unit.client import logs
from tests.unit.client.command import Command
from tests.unit.client.conftest import Env
from tests.unit.client.loopback import Answer, Loopback, Request
from vibeloom import __version__, keys
from vibeloom.register import proof
from vibeloom.settings import Settings


@pytest.fixture
def vibeloom(env: Env, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command."""
    return Command(env, monkeypatch)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_init_makes_a_key(vibeloom: Command, tmp_path: Path) -> None:
    """The seed is 32 raw bytes for its owner alone, the public key base64 for all."""
    assert vibeloom("monitor", "init").exit_code == 0
    private, public = tmp_path / "home" / "key.priv", tmp_path / "home" / "key.pub"
    assert (_mode(tmp_path / "home"), _mode(private), _mode(public)) == (0o700, 0o600, 0o644)
    expected = base64.b64encode(bytes(SigningKey(private.read_bytes()).verify_key)).decode()
    assert public.read_text() == expected


@pytest.mark.parametrize("left", ["key.priv", "key.pub"])
def test_init_refuses_to_replace_a_key(vibeloom: Command, tmp_path: Path, left: str) -> None:
    """A key that the server knows is not lost by mistake, only by --force."""
    vibeloom("monitor", "init")
    home = tmp_path / "home"
    for path in home.iterdir():
        if path.name != left:
            path.unlink()
    before = (home / left).read_bytes()
    assert "--force" in vibeloom.fails("monitor", "init")
    assert (home / left).read_bytes() == before
    assert vibeloom("monitor", "init", "--force").exit_code == 0
    assert (home / left).read_bytes() != before
    assert (_mode(home / "key.priv"), _mode(home / "key.pub")) == (0o600, 0o644)


def _registry(public_key: str, status: int = 201) -> Any:
    """The two routes of registration, with the proof checked."""

    def answer(request: Request) -> Answer | None:
        if not request.path.startswith("/v1/sources"):
            return None
        if request.headers.get("authorization") != "Bearer secret-token":
            return 401, {"error": "invalid_token", "message": "Bearer token is invalid"}, {}
        if request.path.endswith("/challenge"):
            return 201, {"challenge": "nonce", "expires_at": "2026-09-14T10:10:00Z"}, {}
        document = request.document
        assert set(document) == {"name", "public_key", "challenge", "signature"}
        assert (document["public_key"], document["challenge"]) == (public_key, "nonce")
        VerifyKey(base64.b64decode(public_key)).verify(
            proof(document["name"], public_key, "nonce"),
            base64.b64decode(document["signature"], validate=True),
        )
        if status == 409:
            return 409, {"error": "key_taken", "message": "This key is another source's."}, {}
        return status, {"id": "1", "name": document["name"]}, {}

    return answer


@pytest.mark.parametrize("status", [201, 200])
def test_register_proves_the_key_and_remembers(
    vibeloom: Command,
    server: Loopback,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
) -> None:
    """After registering, the monitor runs without any variable but its directory."""
    vibeloom("monitor", "init")
    home = tmp_path / "home"
    public_key = (home / "key.pub").read_text().strip()
    server.always = _registry(public_key, status)
    monkeypatch.delenv("VIBELOOM_URL")
    registered = vibeloom.json(
        "monitor", "register", "--url", server.url, "--token", "secret-token", "--source", "studio"
    )
    assert registered == {
        "source": "studio",
        "publicKey": public_key,
        "url": f"{server.url}/v1",
        "created": status == 201,
        "rememberedIn": str(home / "monitor.json"),
    }
    assert not any(b"secret-token" in path.read_bytes() for path in home.iterdir())
    monkeypatch.delenv("VIBELOOM_SOURCE_ID")
    logs.write(tmp_path / "claude" / "projects" / "p" / "s.jsonl", logs.prompt())
    assert vibeloom.json("monitor", "run", "--once")["sent"] == 2
    assert {source for source, _, _ in server.events} == {"studio"}


def test_register_says_what_to_do(
    vibeloom: Command, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key, no token, a wrong token, a key that is taken, no server: each has its own advice."""
    assert "vibeloom monitor init" in vibeloom.fails("monitor", "register", "--token", "x")
    vibeloom("monitor", "init")
    server.always = _registry((tmp_path / "home" / "key.pub").read_text().strip(), 409)
    assert "VIBELOOM_TOKEN" in vibeloom.fails("monitor", "register")
    assert "VIBELOOM_TOKEN" in vibeloom.fails("monitor", "register", "--token", "wrong")
    assert "--force" in vibeloom.fails("monitor", "register", "--token", "secret-token")
    assert "does not answer" in vibeloom.fails(
        "monitor", "register", "--token", "x", "--url", "http://127.0.0.1:9"
    )
    assert "--url: 'nowhere'" in vibeloom.fails("monitor", "register", "--url", "nowhere")
    monkeypatch.delenv("VIBELOOM_URL")
    assert "VIBELOOM_URL" in vibeloom.fails("monitor", "register", "--token", "x")
    assert not (tmp_path / "home" / "monitor.json").exists()


def test_run_once_reports(
    vibeloom: Command, configured: Settings, server: Loopback, log: Path
) -> None:
    """What was collected and sent, and the second time that there was nothing."""
    logs.write(log, logs.prompt(), logs.answer())
    report = {
        "collected": 3,
        "sent": 3,
        "setAside": 0,
        "waiting": 0,
        "unreadable": {},
        "absent": [],
        "error": None,
    }
    nothing = report | {"collected": 0, "sent": 0}
    assert vibeloom.json("monitor", "run", "--once") == report
    assert vibeloom.json("monitor", "run", "--once") == nothing
    assert len(server.events) == 3


def test_run_once_fails_when_the_server_refuses(
    vibeloom: Command, configured: Settings, server: Loopback, log: Path
) -> None:
    """The exit code is 1, the JSON has the reason, and the spool keeps everything."""
    logs.write(log, logs.prompt())
    server.public_key = base64.b64encode(bytes(SigningKey.generate().verify_key)).decode()
    result = vibeloom("monitor", "run", "--once", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["waiting"], report["sent"]) == (1, 2, 0)
    assert "vibeloom monitor register" in report["error"]
    assert result.stderr == f"error: {report['error']}\n"


def test_run_needs_a_key_and_a_server(vibeloom: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named, with the command that makes it."""
    assert "vibeloom monitor init" in vibeloom.fails("monitor", "run", "--once")
    assert "--once" in vibeloom.fails("monitor", "run", "--json")
    monkeypatch.delenv("VIBELOOM_URL")
    assert "vibeloom monitor register" in vibeloom.fails("monitor", "run")
    monkeypatch.setenv("VIBELOOM_RETRY_LIMIT", "11")
    assert "VIBELOOM_RETRY_LIMIT" in vibeloom.fails("monitor", "run")


def test_a_damaged_key_is_said_to_be_one(vibeloom: Command, configured: Settings) -> None:
    """A seed of another length is not used."""
    keys.private_key_path(configured.home).write_bytes(b"short")
    assert "holds 5 bytes instead of 32" in vibeloom.fails("monitor", "run", "--once")
    assert vibeloom.json("monitor", "status")["keyPresent"] is False


def test_status_before_anything(vibeloom: Command, server: Loopback, tmp_path: Path) -> None:
    """A monitor that was never set up says so, and makes nothing."""
    status = vibeloom.json("monitor", "status")
    assert status == {
        "directory": str(tmp_path / "home"),
        "source": "laptop",
        "url": f"{server.url}/v1/ingest",
        "keyPresent": False,
        "keyProblem": f"there is no key in {tmp_path / 'home'}; run `vibeloom monitor init`",
        "publicKey": None,
        "watching": [str(tmp_path / "claude" / "projects")],
        "absent": [],
        "waiting": 0,
        "acknowledged": 0,
        "setAside": 0,
        "setAsideEvents": [],
        "logsTracked": 0,
        "unknownLines": 0,
        "overLongLines": 0,
        "untimedLines": 0,
        "lastBatch": None,
        "lastError": None,
    }
    assert not (tmp_path / "home").exists()


def test_status_tells_what_was_refused(
    vibeloom: Command, configured: Settings, server: Loopback, log: Path
) -> None:
    """Set-aside events and the last batch are there for programs and for people; requeue works."""
    logs.write(log, logs.prompt(), {"type": "from-the-future"})
    server.script = [(422, {"error": "timestamp_out_of_range", "message": "at index 1"}, {})]
    vibeloom("monitor", "run", "--once")
    status = vibeloom.json("monitor", "status")
    assert (status["acknowledged"], status["setAside"], status["unknownLines"]) == (1, 1, 1)
    assert status["setAsideEvents"][0]["reason"] == "422 timestamp_out_of_range: at index 1"
    assert status["lastBatch"]["events"] == 1
    shown = vibeloom("monitor", "status").stdout
    assert "1 × 422 timestamp_out_of_range: at index 1" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert vibeloom.json("monitor", "requeue") == {"requeued": 1}
    assert vibeloom.json("monitor", "run", "--once")["sent"] == 1


def test_version(vibeloom: Command) -> None:
    """For people and for programs."""
    assert vibeloom("monitor", "version").stdout == f"vibeloom {__version__}\n"
    assert vibeloom.json("monitor", "version") == {"name": "vibeloom", "version": __version__}


ANSWER = {
    "aggregates": [{"source": "laptop", "date": "2026-09-14", "hour": 9, "eventCount": 7}],
    "meta": {"totalCount": 7, "daysRequested": 7, "fetchedAt": "2026-09-14T10:00:00Z"},
}


def test_heatmap_asks_and_draws(vibeloom: Command, server: Loopback) -> None:
    """The question is the contract's; --json gives the answer as it is."""
    server.always = lambda _: (200, ANSWER, {})
    assert vibeloom.json("heatmap", "--days", "30", "--source", "a b", "--token", "t") == ANSWER
    shown = vibeloom("heatmap", "--token", "t", "--utc")
    assert (shown.exit_code, "7 events" in shown.stdout) == (0, True)
    assert [request.path for request in server.requests] == [
        "/v1/query?days=30&source=a+b",
        "/v1/query?days=7",
    ]
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer t"}


def test_heatmap_says_what_to_do(vibeloom: Command, server: Loopback) -> None:
    """Every failure is one line with advice."""
    assert "VIBELOOM_TOKEN" in vibeloom.fails("heatmap")
    assert "give 7 or 30" in vibeloom.fails("heatmap", "--days", "8", "--token", "t")
    assert "not an access token" in vibeloom.fails("heatmap", "--token", "t\nX-Evil: 1")
    server.always = lambda _: (401, {"error": "invalid_token", "message": "Expired."}, {})
    assert "--token or VIBELOOM_TOKEN" in vibeloom.fails("heatmap", "--token", "t")
    server.always = lambda _: (200, {"aggregates": [{"hour": "x"}]}, {})
    assert "check that VIBELOOM_URL" in vibeloom.fails("heatmap", "--token", "t")
    server.always = lambda _: (503, {"error": "unavailable", "message": "Later"}, {})
    assert "try again later" in vibeloom.fails("heatmap", "--token", "t")
