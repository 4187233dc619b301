"""Secrets that AWS keeps: looked up when they are needed, shown by nothing else."""

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from functions.core.config import Config, ConfigError, load
from functions.core.errors import Unavailable

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:vibeloom/db-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-west-1:123456789012:parameter/vibeloom/job-token"
URL = "postgresql://vibeloom_functions:s3cret@db/postgres"


@dataclass
class Extension:
    """What the Lambda extension says on loopback: AWS' answers by address."""

    port: int = 0
    values: dict[str, object] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def config(self, **settings: str) -> Config:
        """The configuration of a function that has this extension."""
        return load(
            {
                "VIBELOOM_DATABASE_URL": URL,
                "AWS_SESSION_TOKEN": "the-session",
                "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(self.port),
                **settings,
            }
        )


@pytest.fixture
def extension() -> Iterator[Extension]:
    """An HTTP server with the extension's two routes."""
    state = Extension()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            state.asked.append((parts.path, self.headers["X-Aws-Parameters-Secrets-Token"]))
            name = (query.get("secretId") or query.get("name") or [""])[0]
            known = name in state.values
            if parts.path == "/secretsmanager/get":
                answer: object = {"ARN": name, "SecretString": state.values.get(name)}
            else:
                assert query["withDecryption"] == ["true"]
                answer = {"Parameter": {"Name": name, "Value": state.values.get(name)}}
            body = json.dumps(answer).encode() if known else b"no such secret"
            self.send_response(200 if known else 400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_value_is_itself(extension: Extension) -> None:
    """Nobody is asked for what stands in the environment."""
    assert extension.config().database_url.reveal() == URL
    assert extension.asked == []


def test_a_secret_is_looked_up_once_and_late(extension: Extension) -> None:
    """Not at the start, when the extension does not answer yet, and not again for each request."""
    extension.values[SECRET] = URL
    secret = extension.config(VIBELOOM_DATABASE_URL=SECRET).database_url
    assert extension.asked == []
    assert [secret.reveal(), secret.reveal()] == [URL, URL]
    assert extension.asked == [("/secretsmanager/get", "the-session")]


def test_a_field_of_a_secret(extension: Extension) -> None:
    """One secret may hold all of a deployment's as JSON."""
    extension.values[SECRET] = json.dumps({"url": URL, "job": "j" * 32})
    config = extension.config(
        VIBELOOM_DATABASE_URL=f"{SECRET}:url", VIBELOOM_JOB_TOKEN=f"{SECRET}:job"
    )
    assert config.database_url.reveal() == URL
    assert config.job_token is not None
    assert config.job_token.reveal() == "j" * 32


def test_a_parameter(extension: Extension) -> None:
    """Systems Manager's parameters cost nothing."""
    extension.values[PARAMETER] = "j" * 32
    token = extension.config(VIBELOOM_JOB_TOKEN=PARAMETER).job_token
    assert token is not None
    assert token.reveal() == "j" * 32
    assert extension.asked == [("/systemsmanager/parameters/get", "the-session")]


def test_a_rotated_secret_is_looked_up_again(extension: Extension) -> None:
    """Forgotten, it is asked for anew; a value from the environment stays."""
    extension.values[SECRET] = "postgresql://old"
    config = extension.config(VIBELOOM_DATABASE_URL=SECRET)
    assert config.database_url.reveal() == "postgresql://old"
    extension.values[SECRET] = "postgresql://new"
    config.database_url.forget()
    assert config.database_url.reveal() == "postgresql://new"
    plain = extension.config().database_url
    plain.forget()
    assert plain.reveal() == URL


@pytest.mark.parametrize(
    ("address", "value"),
    [
        (SECRET, None),  # refused
        (f"{SECRET}:url", "no JSON"),
        (f"{SECRET}:url", '{"other": "x"}'),
        (f"{SECRET}:url", "[]"),
        (SECRET, "too short for a token"),
    ],
)
def test_what_cannot_be_looked_up_is_a_503(
    extension: Extension, address: str, value: str | None, lines: io.StringIO
) -> None:
    """The log names the setting and holds no value; the next request tries again."""
    if value is not None:
        extension.values[SECRET] = value
    token = extension.config(VIBELOOM_JOB_TOKEN=address).job_token
    assert token is not None
    with pytest.raises(Unavailable):
        token.reveal()
    log = lines.getvalue()
    assert "VIBELOOM_JOB_TOKEN" in log
    assert value is None or value not in log
    extension.values[SECRET] = json.dumps({"url": "u" * 32}, separators=(",", ":"))
    assert "u" * 32 in token.reveal()


def test_no_extension_is_a_503() -> None:
    """The layer is missing."""
    config = load({"VIBELOOM_DATABASE_URL": SECRET, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": "1"})
    with pytest.raises(Unavailable):
        config.database_url.reveal()


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:s3:::bucket/key",
        "arn:aws:secretsmanager:eu-west-1:12:secret:x",
        "arn:aws:ssm:eu-west-1:123456789012:parameter",
    ],
)
def test_another_arn_stops_the_start(text: str) -> None:
    """A typing error must not become a password."""
    with pytest.raises(ConfigError, match="VIBELOOM_DATABASE_URL"):
        load({"VIBELOOM_DATABASE_URL": text})


def test_nothing_shows_it(extension: Extension) -> None:
    """Not its repr, and not that of the whole configuration."""
    shown = repr(extension.config(VIBELOOM_JOB_TOKEN="j" * 32))
    assert "s3cret" not in shown
    assert "jjj" not in shown
