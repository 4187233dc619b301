"""A machine that runs the image: what `compose.yaml` starts there, and the Postgres it names."""

import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql

from infra.local import postgres
from tests.e2e.image_fixture import FOLDER, Image, build, filled, interpreter_for_all
from tests.e2e.stack_fixture import Gateway, free_port

SECRETS = {"POSTGRES_PASSWORD": "ad" * 16, "FUNCTIONS_PASSWORD": "fc" * 16}
LINUX = sys.platform == "linux"  # where all of 127/8 is this machine's
PATIENCE = 30.0  # s

COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]


@dataclass
class Host:
    """A machine with the image, and a Postgres that is reached as in compose.yaml."""

    image: Image
    address: str  # in the place of the host name `db`

    def environment(self, service: str) -> dict[str, str]:
        """What compose.yaml gives this service."""
        return {
            name: filled(value, SECRETS).replace("@db/", f"@{self.address}/")
            for name, value in COMPOSE[service]["environment"].items()
        }

    def command(self, service: str) -> list[str]:
        """What compose.yaml has this service run."""
        return [str(word) for word in COMPOSE[service].get("command", self.image.command)]

    @contextmanager
    def serving(self, **settings: str) -> Iterator[Gateway]:
        """A running gateway, with two workers unless `settings` say otherwise."""
        port = free_port()
        given = {"PORT": str(port), "HOST": "127.0.0.1", "WORKERS": "2"}
        log = Path(tempfile.mkstemp(prefix="vl-gateway-")[1])
        with log.open("wb") as output:
            process = self.image.start(
                self.command("gateway"),
                output,
                **self.environment("gateway") | given | settings,
            )
        running = Gateway(port, log, process)
        try:
            running.wait_until_it_answers()
            yield running
        finally:
            running.stop()
            log.unlink()

    def administrator(self) -> psycopg.Connection:
        """A connection of the administrator's."""
        return psycopg.connect(self.environment("setup")["DATABASE_URL"], autocommit=True)


@contextmanager
def running_host() -> Iterator[Host]:
    """The image, built; a Postgres that asks for passwords, prepared by the image itself."""
    with (
        tempfile.TemporaryDirectory(prefix="vl-image-") as folder,
        tempfile.TemporaryDirectory(prefix="vl-") as home,
        interpreter_for_all(),
    ):
        Path(folder).chmod(0o755)
        image = build(Path(folder).resolve())
        # 5432 of an address of our own: the port names the socket of every server here.
        digits = [str(random.randrange(1, 255)) for _ in range(3)] if LINUX else ["0", "0", "1"]
        address = ".".join(["127", *digits])
        settings = {**postgres.THROWAWAY, "listen_addresses": address}
        server = postgres.start(Path(home) / "pg", settings)
        try:
            host = Host(image, address)
            _ask_for_passwords(server, host)
            done = image.run(host.command("setup"), **host.environment("setup"))
            assert (done.returncode, done.stderr) == (0, ""), done
            yield host
        finally:
            for process in image.started:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            server.stop()


def _ask_for_passwords(server: postgres.Server, host: Host) -> None:
    """What the official image of Postgres does with POSTGRES_PASSWORD and POSTGRES_DB."""
    rules = server.data / "pg_hba.conf"
    rules.write_text(f"host all all 127.0.0.0/8 scram-sha-256\n{rules.read_text()}")
    with psycopg.connect(server.url(), autocommit=True) as admin:
        secret = sql.Literal(SECRETS["POSTGRES_PASSWORD"])
        admin.execute(sql.SQL("alter role postgres password {}").format(secret))
        admin.execute("create database vibeloom")
        admin.execute("select pg_reload_conf()")

    def lets_in() -> bool:
        with suppress(psycopg.OperationalError):
            host.administrator().close()
            return True
        return False

    wait_for(lets_in)


def wait_for(condition: Callable[[], object]) -> None:
    """Until `condition` holds; AssertionError when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
