"""What tests of several rooms need: gateway events, signed batches, databases to look into."""

import base64
import gzip
import importlib
import itertools
import json
import os
import random
import string
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import disk_usage
from typing import Any
from urllib.parse import parse_qsl

import psycopg
from nacl.signing import SigningKey
from psycopg.rows import dict_row

from functions.gateway import Context
from functions.rooms import room_of
from infra.local import postgres

ROOM_STATE = (
    ("functions.core.config", "config"),
    ("functions.core.bearer", "deployment_owner"),
    ("functions.core.bearer", "_ensure_profile"),
    ("functions.core.bearer", "_key_set"),
    ("functions.ingest.signing", "register_configured_keys"),
)

_random = random.Random(20261120)

MEMORY = Path("/dev/shm")  # Linux' own memory disk
ROOM = 4 * 1024**3  # bytes, for a server whose databases come and go


def fastest_directory() -> Path | None:
    """Where a database is cloned in a fifth of the time: memory, if there is enough of it."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and disk_usage(MEMORY).free >= ROOM
    return MEMORY if roomy else None


def examples(count: int) -> int:
    """How many examples a slow property is tried with: `count` in CI, a quarter of it elsewhere."""
    return count if os.environ.get("CI") else -(-count // 4)


def fresh_process() -> None:
    """Forgets what a process remembers between requests: settings, keys, the connection."""
    from functions.core import db
    from functions.ingest import signing

    db.disconnect()
    for module, name in ROOM_STATE:
        getattr(importlib.import_module(module), name).cache_clear()
    signing.key_ring._known.clear()


def run_job(name: str) -> None:
    """Runs a scheduled job to its end."""
    from functions.core import jobs
    from functions.core.work import Budget
    from functions.schedule import JOBS

    jobs.run(JOBS[name], Budget())


@contextmanager
def throwaway_postgres(programs: Path | None = None) -> Iterator[postgres.Server]:
    """A Postgres that a crash may empty, gone afterwards; `programs` are another version's."""
    with tempfile.TemporaryDirectory(prefix="vl-", dir=fastest_directory()) as home:
        started = postgres.start(Path(home) / "pg", postgres.THROWAWAY, programs=programs)
        try:
            yield started
        finally:
            started.stop()


@dataclass(frozen=True)
class Database:
    """One test's database."""

    admin_url: str
    functions_url: str

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """What a superuser sees."""
        with psycopg.connect(self.admin_url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *parameters: object) -> Any:
        """The one value of the one row."""
        [row] = self.rows(query, *parameters)
        [value] = row.values()
        return value


@dataclass(frozen=True)
class Answer:
    """What a handler answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> str:
        return str(self.json["error"])

    @property
    def message(self) -> str:
        return str(self.json["message"])


def gateway_event(
    method: str,
    target: str,
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """An API Gateway v2 event: text as text, bytes in base64."""
    path, _, query = target.partition("?")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {name.lower(): value for name, value in (headers or {}).items()},
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "127.0.0.1"},
            "requestId": "test",
            "stage": "$default",
        },
        "isBase64Encoded": isinstance(body, bytes),
    }
    if query:
        event["queryStringParameters"] = dict(parse_qsl(query, keep_blank_values=True))
    if body is not None:
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return event


class Api:
    """The rooms, without HTTP."""

    def __call__(
        self,
        method: str,
        target: str,
        body: object = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Calls the handler of the room that owns `target`; `body` is JSON unless it is bytes."""
        path = target.partition("?")[0].removeprefix("/functions")
        module = room_of(path)
        assert module is not None, f"no room at {path}"
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        raw: bytes | str | None = body if isinstance(body, bytes) else None
        if body is not None and raw is None:
            raw = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        return self.handle(module, gateway_event(method, target, raw, sent))

    def handle(self, module: str, event: Mapping[str, Any]) -> Answer:
        """What the handler in `module` answers."""
        answer = importlib.import_module(module).handler(event, Context())
        return Answer(answer["statusCode"], answer["headers"], answer["body"])


@dataclass
class Registered:
    """A monitor with its key."""

    name: str
    key: SigningKey
    id: str = ""
    key_id: str = ""
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def public_key(self) -> str:
        return base64.b64encode(bytes(self.key.verify_key)).decode()

    def event(self, **changes: Any) -> dict[str, Any]:
        """A valid event with a new id; `changes` replace fields, None removes one."""
        event: dict[str, Any] = {
            "id": event_id(),
            "source": self.name,
            "timestamp": timestamp(),
            "type": "tool",
            "payload": {"tool": "Read", "project": "loom", "language": "rust"},
        } | changes
        return {name: value for name, value in event.items() if value is not None}

    def sign(self, body: bytes) -> dict[str, str]:
        """The headers of a request with `body`."""
        signature = base64.b64encode(self.key.sign(body).signature).decode()
        return {
            "X-Source-ID": self.name,
            "X-Signature": signature,
            "Content-Type": "application/json",
        }

    def send(self, api: Api, events: object, **headers: str) -> Answer:
        """Posts `events` (bytes as they are, anything else as JSON) signed with the key."""
        body = events if isinstance(events, bytes) else json.dumps(events).encode()
        return api("POST", "/v1/ingest", body, headers=self.sign(body) | headers)

    def send_gzip(self, api: Api, body: bytes) -> Answer:
        """Posts `body` packed; the signature is over the bytes as sent."""
        return self.send(api, gzip.compress(body), **{"Content-Encoding": "gzip"})


def event_id() -> str:
    """A fresh id in the contract's form."""
    return "evt_" + "".join(_random.choices(string.ascii_lowercase + string.digits, k=20))


def timestamp(ago: timedelta = timedelta(minutes=5)) -> str:
    """RFC 3339, `ago` before now."""
    return (datetime.now(UTC) - ago).isoformat().replace("+00:00", "Z")


def proof(name: str, key: SigningKey, challenge: str) -> dict[str, str]:
    """What shows that `key` is at hand, for a source named `name`."""
    public_key = base64.b64encode(bytes(key.verify_key)).decode()
    statement = f"vibeloom-source-v1\n{name}\n{public_key}\n{challenge}".encode()
    return {
        "public_key": public_key,
        "challenge": challenge,
        "signature": base64.b64encode(key.sign(statement).signature).decode(),
    }


def register_source(api: Api, token: str, name: str) -> Registered:
    """A new monitor, registered over the API."""
    key = SigningKey.generate()
    challenge = api("POST", "/v1/sources/challenge", token=token).json["challenge"]
    answer = api("POST", "/v1/sources", {"name": name, **proof(name, key, challenge)}, token=token)
    assert answer.status == 201, answer.text
    source = answer.json
    return Registered(name, key, id=source["id"], key_id=source["keys"][0]["id"])


def change_profile(database: Database, person: object, **changes: object) -> str | None:
    """Sets the settings of `person`, or of the only person for None, as `PATCH /v1/me` does.

    What `changes` does not name is the default. Returns the SQLSTATE of a refusal.
    """
    if person is None:
        person = database.value("select id from profiles")
    settings = {"handle": None, "zone": "UTC", "timeout": 15, "months": None, "opt_in": False}
    with as_role(database, "vibeloom_member", str(person)) as connection:
        try:
            connection.execute(
                "select update_profile(%s, %s, %s, %s, %s, %s)",
                (person, *(settings | changes).values()),
            )
        except psycopg.DatabaseError as error:
            return error.sqlstate
        connection.commit()
    return None


@contextmanager
def as_role(database: Database, role: str, subject: str | None = None) -> Iterator[Any]:
    """A connection of the functions' login that has become `role` with `subject` as its claim."""
    claims = json.dumps({"sub": subject, "role": role} if subject else {"role": role})
    with psycopg.connect(database.functions_url, prepare_threshold=None) as connection:
        connection.execute(
            "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
            (role, claims),
        )
        yield connection
        connection.rollback()
