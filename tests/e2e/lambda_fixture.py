"""The house on Lambda for tests and the benchmark: artefacts for this host, and a Postgres."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.local import database, postgres
from sam import build, sources
from sam.target import HOST
from tests.e2e.lambda_runtime import Function, Outcome, install_client, running
from tests.e2e.stack_fixture import owner_token
from tests.support import Answer, Api, Database


@dataclass
class Lambdas(Api):
    """The rooms' artefacts, each in a process that starts with its first call and stays warm."""

    home: Path
    server: postgres.Server
    functions_url: str
    client: Path
    artefacts: Mapping[str, build.Artefact]
    token: str  # the owner's, every scope
    warm: dict[str, Function] = field(default_factory=dict)
    started: ExitStack = field(default_factory=ExitStack)

    @property
    def database(self) -> Database:
        """For a look behind the scenes."""
        return Database(self.server.url(database.DATABASE), self.functions_url)

    @contextmanager
    def cold(self, room: str, *options: str, **settings: str) -> Iterator[Function]:
        """A new process of `room`; `options` are Python's."""
        with running(
            self.artefacts[room].folder,
            self.client,
            self.home / f"{room}.log",
            f"functions.{room}.handler.handler",
            options,
            VIBELOOM_DATABASE_URL=self.functions_url,
            **settings,
        ) as function:
            yield function

    def function(self, room: str) -> Function:
        """The warm process of `room`."""
        if room not in self.warm:
            self.warm[room] = self.started.enter_context(self.cold(room))
        return self.warm[room]

    def invoke(self, room: str, event: object) -> Outcome:
        """One invocation in the warm process of `room`."""
        return self.function(room).invoke(event)

    def handle(self, module: str, event: Mapping[str, Any]) -> Answer:
        """One request, as API Gateway passes it on."""
        return answered(self.invoke(module.split(".")[1], event))


def answered(outcome: Outcome) -> Answer:
    """An HTTP answer; AssertionError if the handler raised."""
    answer = outcome.answer
    return Answer(answer["statusCode"], answer["headers"], answer["body"])


@contextmanager
def running_lambdas(
    rooms: Sequence[str] | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Lambdas]:
    """Artefacts of `rooms` (all of them) over a Postgres with `settings`, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="vl-sam-") as folder:
        home = Path(folder)
        built = build.build(rooms or sources.rooms(), HOST, home / "build", silent, zipped=False)
        client = install_client(home / "client")
        server = postgres.start(home / "pg", settings)
        try:
            database.create(server.url())
            admin_url = server.url(database.DATABASE)
            database.prepare(admin_url, silent)
            functions_url = database.functions_login(admin_url, "not a secret")
            token = owner_token(functions_url)
            artefacts = {artefact.room: artefact for artefact in built}
            lambdas = Lambdas(home, server, functions_url, client, artefacts, token)
            with lambdas.started:
                yield lambdas
        finally:
            server.stop()


def silent(_: str) -> None:
    """Nobody listens."""
