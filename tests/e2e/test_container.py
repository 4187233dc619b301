"""What the image runs, run without Docker: see `image_fixture.py` for what that leaves out."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from functions.schedule import JOBS
from infra import serving
from tests.e2e.container_fixture import PATIENCE, SECRETS, Host, running_host, wait_for
from tests.e2e.image_fixture import FOLDER
from tests.e2e.stack_fixture import Gateway, free_port
from tests.support import Answer, Registered, register_source
from tests.tools import require

pytestmark = pytest.mark.deployment(
    "infra/container", "infra/serving.py", "requirements", "functions/gateway.py"
)

HALF_SENT = b"POST /v1/ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n["
SILENT = 20  # connections of clients that say nothing; ten for each worker


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A machine with the image and a Postgres."""
    with running_host() as running:
        yield running


@pytest.fixture(scope="module")
def token(host: Host) -> str:
    """The owner's, as whoever installs gets it."""
    issue = [*host.command("setup")[:2], "infra.container.issue_token", "first"]
    done = host.image.run(issue, **host.environment("gateway"))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def gateway(host: Host) -> Iterator[Gateway]:
    """A gateway that no test stops."""
    with host.serving() as running:
        yield running


def refuses(gateway: Gateway) -> bool:
    """Whether nobody listens any more."""
    try:
        gateway.socket().close()
    except ConnectionRefusedError:
        return True
    return False


# --- the image --------------------------------------------------------------------------------


def test_nothing_but_the_image_is_imported(host: Host) -> None:
    """Every module of every room, of the migrations and of the jobs is the image's own."""
    modules = ["functions.gateway", "functions.rooms", "functions.schedule", "migrations.apply"]
    modules += ["functions.work.worker", "infra.container.setup", "infra.container.issue_token"]
    script = (
        "import importlib, json, sys\n"
        f"for name in {modules}: importlib.import_module(name)\n"
        "for name in set(sys.modules['functions.rooms'].routes().values()):\n"
        "    importlib.import_module(name)\n"
        "print(json.dumps([getattr(m, '__file__', None) or '' for m in sys.modules.values()]))"
    )
    python = host.command("setup")[0]
    done = host.image.run([python, "-c", script], **host.environment("gateway"))
    assert done.returncode == 0, done.stderr
    ours = (f"{host.image.root}/", f"{Path(sys.executable).resolve().parents[1]}/", "frozen")
    files = [file for file in json.loads(done.stdout) if file]
    assert [file for file in files if not file.startswith(ours)] == []
    assert any(file.endswith("functions/ingest/handler.py") for file in files)


def test_the_user_can_change_nothing(host: Host) -> None:
    """Neither code nor libraries are writable for the process that serves, only /tmp is."""
    script = "import os, sys; print([path for path in sys.argv[1:] if os.access(path, os.W_OK)])"
    places = [host.image.place(path) for path in ("/app", "/app/functions", "/opt/venv", "/tmp")]
    done = host.image.run([host.command("setup")[0], "-c", script, *places])
    assert done.stdout == f"{places[-1:]}\n"


def test_libraries_come_compiled(host: Host) -> None:
    """A start compiles nothing, and could not keep it."""
    root = host.image.root
    sources = {path.with_suffix("") for path in root.glob("app/**/*.py")}
    compiled = {
        path.parent.parent / path.name.split(".")[0]
        for path in root.glob("app/**/__pycache__/*.pyc")
    }
    assert compiled == sources


# --- the database -----------------------------------------------------------------------------


def test_setup_again_changes_nothing(host: Host) -> None:
    """It runs before each start: a database that is ready stays as it is."""
    done = host.image.run(host.command("setup"), **host.environment("setup"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "the database is ready\n", "")


def test_setup_gives_the_functions_a_new_password(host: Host) -> None:
    """Another one in `.env` is enough, also to change it back."""
    environment = host.environment("setup")
    old = environment["VIBELOOM_DATABASE_URL"]
    new = old.replace(f":{SECRETS['FUNCTIONS_PASSWORD']}@", ":another@")
    for url in (new, old):
        given = environment | {"VIBELOOM_DATABASE_URL": url}
        assert host.image.run(host.command("setup"), **given).returncode == 0
        psycopg.connect(url).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(new)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "postgresql://postgres:wrong@{address}/vibeloom"),
        ("VIBELOOM_DATABASE_URL", "postgresql://vibeloom_functions@{address}/vibeloom"),
        ("DATABASE_URL", "admin:wrong@{address}/vibeloom"),
        ("DATABASE_URL", "postgresql://postgres:wr@wrong@{address}/vibeloom"),
        ("VIBELOOM_DATABASE_URL", "nonsense"),
        ("VIBELOOM_DATABASE_URL", "postgresql://postgres:{password}@{address}/vibeloom"),
    ],
)
def test_setup_says_what_is_wrong(host: Host, name: str, value: str) -> None:
    """One line that names the setting, and exit code 1."""
    given = host.environment("setup") | {
        name: value.format(address=host.address, password=SECRETS["POSTGRES_PASSWORD"])
    }
    done = host.image.run(host.command("setup"), **given)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {name}: ")
    assert "Traceback" not in done.stderr
    assert "wrong@" not in done.stderr


def test_a_token_that_cannot_be_issued_says_why(host: Host) -> None:
    """One line, and no traceback for whoever installs."""
    issue = [*host.command("setup")[:2], "infra.container.issue_token"]
    for name, changed in (("", {}), ("first", {"VIBELOOM_DATABASE_URL": "nonsense"})):
        done = host.image.run([*issue, name], **host.environment("gateway") | changed)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1


def test_the_image_has_the_migrations(host: Host) -> None:
    """The runner by itself, as README.md shows it: all of the checkout's are there and applied."""
    check = ["python", "-m", "migrations.apply", "--check"]
    done = host.image.run(check, **host.environment("setup"))
    assert (done.returncode, done.stdout) == (0, "nothing is pending\n")
    with host.administrator() as connection:
        row = connection.execute("select count(*) from supabase_migrations.schema_migrations")
        assert row.fetchone() == (len(list((FOLDER / "../../migrations").glob("2*.sql"))),)


# --- serving ----------------------------------------------------------------------------------


def test_it_is_alive_and_ready(gateway: Gateway) -> None:
    """Both pages, and the HEALTHCHECK of the Dockerfile agrees."""
    assert gateway("GET", "/healthz").status == 200
    assert gateway("GET", "/readyz").status == 200


def test_the_health_check_tells(host: Host, gateway: Gateway) -> None:
    """Exit code 0 while the gateway answers, another when nobody does."""
    check = host.image.healthcheck
    assert host.image.run(check, PORT=str(gateway.port)).returncode == 0
    assert host.image.run(check, PORT=str(free_port())).returncode != 0


def test_a_signed_batch(gateway: Gateway, token: str) -> None:
    """From a registration to an answer that has the events."""
    laptop = register_source(gateway, token, "laptop")
    assert laptop.send(gateway, [laptop.event() for _ in range(3)]).json["inserted"] == 3
    found = gateway("GET", "/v1/query?days=7&source=laptop", token=token)
    assert [row["source"] for row in found.json["aggregates"]] == ["laptop"]


def test_the_workers_count_together(host: Host) -> None:
    """/metrics is the sum of all workers, and a new start begins at nothing."""
    secret = "m" * 32
    for _ in range(2):
        with host.serving(VIBELOOM_METRICS_TOKEN=secret) as gateway:
            with gateway.socket() as client:
                client.sendall(HALF_SENT)
                wait_for(lambda: _taken(gateway, client))
                assert gateway("GET", "/nothing").status == 404  # the other worker's
                client.sendall(b"]")
                assert client.makefile("rb").readline() == b"HTTP/1.1 401 UNAUTHORIZED\r\n"
            text = gateway("GET", "/metrics", token=secret).text
        lines = [line for line in text.splitlines() if line.startswith("vibeloom_requests_total")]
        for status in ("401", "404"):
            [counted] = [line for line in lines if f'status="{status}"' in line]
            assert counted.endswith(" 1.0"), text


@pytest.mark.parametrize(
    ("name", "value"), [("THREADS", "2"), ("WORKERS", "0"), ("WORKERS", "many"), ("PORT", "70000")]
)
def test_it_refuses_what_it_cannot_do(host: Host, name: str, value: str) -> None:
    """It ends at once, and says which setting is to blame."""
    given = host.environment("gateway") | {"PORT": str(free_port()), "HOST": "127.0.0.1"}
    done = host.image.run(host.command("gateway"), **given | {name: value})
    assert done.returncode != 0
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_silent_connections_stop_nobody(gateway: Gateway) -> None:
    """Browsers connect in advance; a request is answered while they wait, and later theirs."""
    silent = [gateway.socket() for _ in range(SILENT)]
    try:
        assert gateway("GET", "/healthz").status == 200
        silent[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert silent[0].makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
    finally:
        for connection in silent:
            connection.close()


def test_a_killed_worker_is_replaced(gateway: Gateway) -> None:
    """The first process notices, and goes on."""
    [victim, *_] = gateway.workers()
    victim.kill()
    wait_for(lambda: len(gateway.workers()) == 2 and victim not in gateway.workers())
    assert gateway("GET", "/healthz").status == 200
    assert gateway.alive()


def test_slow_uploads_wait_at_the_proxy(host: Host, gateway: Gateway, tmp_path: Path) -> None:
    """More of them than there are workers keep nobody waiting, and are answered in the end."""
    program = shutil.which("caddy", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    require("Caddy (requirements/dev.txt)", program is not None)
    port = free_port()
    caddyfile = tmp_path / "Caddyfile"
    ours = (FOLDER / "Caddyfile").read_text().replace("gateway:8080", f"127.0.0.1:{gateway.port}")
    caddyfile.write_text("{\n\tadmin off\n\tdefault_bind 127.0.0.1\n}\n" + ours)
    with (tmp_path / "caddy.log").open("wb") as output:
        proxy = subprocess.Popen(
            [str(program), "run", "--adapter", "caddyfile", "--config", str(caddyfile)],
            env={"SITE": f"http://127.0.0.1:{port}", "HOME": str(tmp_path)},
            stdout=output,
            stderr=output,
        )
    front = Gateway(port, tmp_path / "caddy.log", proxy)
    try:
        front.wait_until_it_answers()
        slow = [front.socket() for _ in range(3 * len(gateway.workers()))]
        for upload in slow:
            upload.sendall(
                b"POST /v1/ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n["
            )
        for _ in range(10):
            # Well before the gateway itself would give up on a client that pauses.
            quick = http.client.HTTPConnection("127.0.0.1", port, timeout=serving.PAUSE / 2)
            quick.request("GET", "/healthz")
            assert quick.getresponse().status == 200
            quick.close()
        for upload in slow:
            upload.sendall(b"]")
            assert upload.makefile("rb").readline().startswith(b"HTTP/1.1 401 ")
            upload.close()
    finally:
        front.stop()


# --- SIGTERM ----------------------------------------------------------------------------------


def test_an_upload_in_flight_is_answered(host: Host, token: str) -> None:
    """Told to stop in the middle of a body: nobody else is let in, the rest is read, stored."""
    with host.serving() as gateway:
        source = register_source(gateway, token, "slow")
        body = json.dumps([source.event() for _ in range(50)]).encode()
        with gateway.socket() as client:
            client.sendall(_head(source, body))
            client.sendall(body[:1_000])
            wait_for(lambda: _taken(gateway, client))
            gateway.process.send_signal(signal.SIGTERM)
            wait_for(lambda: refuses(gateway))
            for start in range(1_000, len(body), 1_000):
                client.sendall(body[start : start + 1_000])
            answer = client.makefile("rb").read()
        assert gateway.process.wait(PATIENCE) == 0
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["inserted"] == 50


def test_a_question_in_flight_is_answered(host: Host, token: str) -> None:
    """Told to stop while a worker waits for Postgres: the answer comes when Postgres has it."""
    answers: list[Answer] = []
    with host.serving() as gateway, host.administrator() as blocker:
        asking = threading.Thread(
            target=lambda: answers.append(gateway("GET", "/v1/sources", token=token))
        )
        blocker.execute("begin")
        blocker.execute("lock table public.sources in access exclusive mode")
        asking.start()
        with host.administrator() as watcher:
            wait_for(
                lambda: watcher.execute(
                    "select 1 from pg_locks where not granted and relation = 'sources'::regclass"
                ).fetchone()
            )
        gateway.process.send_signal(signal.SIGTERM)
        wait_for(lambda: refuses(gateway))
        assert answers == []
        blocker.execute("rollback")
        asking.join(PATIENCE)
        assert gateway.process.wait(PATIENCE) == 0
    assert [answer.status for answer in answers] == [200]


def _head(source: Registered, body: bytes) -> bytes:
    headers = {"Host": "x", "Content-Length": str(len(body)), **source.sign(body)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /v1/ingest HTTP/1.1\r\n{lines}\r\n".encode()


def _taken(gateway: Gateway, client: socket.socket) -> bool:
    """Whether a worker has this connection, rather than the kernel's queue."""
    port = client.getsockname()[1]
    return any(
        connection.raddr and connection.raddr.port == port
        for worker in gateway.workers()
        for connection in worker.net_connections("tcp")
    )


# --- the jobs, and what is left ----------------------------------------------------------------


def test_the_worker_does_every_job(host: Host, tmp_path: Path) -> None:
    """Each at the start; SIGTERM ends it with exit code 0."""
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        worker = host.image.start(host.command("jobs"), output, **host.environment("jobs"))
    done: set[str] = set()

    def all_done() -> bool:
        assert worker.poll() is None, log.read_text()
        for line in log.read_text().splitlines():
            if line.startswith("{") and line.endswith("}"):
                said = json.loads(line)
                if said["message"] == "job done":
                    done.add(said["job"])
        return done == JOBS.keys()

    wait_for(all_done)
    worker.terminate()
    assert worker.wait(PATIENCE) == 0


def test_only_tmp_was_written_to(host: Host) -> None:
    """After all of the above, the image is as it was built: a read-only root does it."""
    assert host.image.files() == host.image.built
