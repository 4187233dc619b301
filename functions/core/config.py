"""The only place where the environment is read.

Every setting is a field of `Config`; the table in `functions/core/README.md` documents each of
them, and a test holds the two together. A value that cannot be used is a `ConfigError` that names
the variable and says what is accepted.
"""

import functools
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from functions.core import ed25519
from functions.core.secret import ADDRESS, Secret, Store

Environment = Mapping[str, str]

# Printable ASCII without a space at the ends, which an HTTP header carries unchanged.
SOURCE_NAME = r"^[!-~]([ -~]{0,126}[!-~])?$"


class ConfigError(ValueError):
    """A setting is missing or cannot be used; the message names it."""


@dataclass(frozen=True)
class ConfiguredKey:
    """One entry of `VIBETEA_PUBLIC_KEYS`."""

    source: str
    public_key: bytes  # 32 bytes


@dataclass(frozen=True)
class JwtConfig:
    """How sign-in tokens are verified."""

    algorithms: tuple[str, ...]  # HS256 with the secret; ES256, RS256, EdDSA with the key set
    secret: Secret | None
    jwks_url: str | None
    audience: str
    issuer: str | None


@dataclass(frozen=True)
class Timeouts:
    """How long a transaction may take, in seconds."""

    statement: int  # of one statement
    transaction: int  # from its beginning to its end
    idle: int  # between two of its statements
    lock: int  # for one lock


@dataclass(frozen=True)
class Config:
    """Everything that a deployment can set."""

    database_url: Secret
    timeouts: Timeouts
    owner_email: str
    owner_id: UUID | None
    configured_keys: tuple[ConfiguredKey, ...]
    subscriber_token: Secret | None
    job_token: Secret | None  # of whoever may run jobs over HTTP
    metrics_token: Secret | None  # of whoever may read /metrics
    metrics: str | None  # emf, prometheus or nothing
    metrics_namespace: str  # of CloudWatch's
    metrics_directory: str | None  # where the workers of a container keep their counters
    jwt: JwtConfig | None
    cors_origins: tuple[str, ...]
    log_level: str
    threads: int  # 0: the server's own default, which is more than one
    retention_months: int | None  # of raw events; None: for ever


def _owner_id(env: Environment) -> UUID | None:
    text = env.get("VIBELOOM_OWNER_ID", "")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise ConfigError(f"VIBELOOM_OWNER_ID: {text!r} is not a UUID") from None


def _configured_keys(env: Environment) -> tuple[ConfiguredKey, ...]:
    name = "VIBETEA_PUBLIC_KEYS"
    keys: list[ConfiguredKey] = []
    for entry in filter(None, (part.strip() for part in env.get(name, "").split(","))):
        source, separator, encoded = entry.partition(":")
        if not separator:
            raise ConfigError(f"{name}: {entry!r} is not of the form source:base64key")
        if not re.fullmatch(SOURCE_NAME, source):
            raise ConfigError(
                f"{name}: {source!r} is not a source's name: 1 to 128 printable ASCII characters"
            )
        try:
            public_key = ed25519.decode(encoded, ed25519.PUBLIC_KEY_BYTES)
        except ValueError as error:
            raise ConfigError(f"{name}: the key of {source!r} is unusable: {error}") from None
        if public_key in (key.public_key for key in keys):
            raise ConfigError(f"{name}: the key of {source!r} stands there twice")
        keys.append(ConfiguredKey(source, public_key))
    return tuple(keys)


_KEY_SET_ALGORITHMS = ("ES256", "RS256", "EdDSA")


def _number(env: Environment, name: str, default: int, most: int, least: int = 0) -> int:
    text = env.get(name, "")
    if not text:
        return default
    if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise ConfigError(f"{name}: {text!r} is not a whole number from {least} to {most}")
    return int(text)


MIN_SECRET = 32  # characters; RFC 7518 §3.2: an HMAC key is at least as long as the hash


def _long_enough(name: str, value: str) -> None:
    if len(value) < MIN_SECRET:
        raise ConfigError(f"{name}: shorter than {MIN_SECRET} characters; `openssl rand -hex 24`")


def _printable(name: str, value: str) -> None:
    if not re.fullmatch(r"[!-~]+", value):
        raise ConfigError(f"{name}: not printable ASCII without spaces")


def _timeouts(env: Environment) -> Timeouts:
    """The defaults end a transaction before API Gateway gives up, after 30 s."""

    def seconds(name: str, default: int) -> int:
        return _number(env, name, default, most=86_400, least=1)  # 0 would be no limit at all

    timeouts = Timeouts(
        statement=seconds("VIBELOOM_STATEMENT_TIMEOUT_SECONDS", 25),
        transaction=seconds("VIBELOOM_TRANSACTION_TIMEOUT_SECONDS", 28),
        idle=seconds("VIBELOOM_IDLE_TRANSACTION_TIMEOUT_SECONDS", 15),
        lock=seconds("VIBELOOM_LOCK_TIMEOUT_SECONDS", 10),
    )
    if timeouts.statement >= timeouts.transaction:  # Postgres would ignore it
        raise ConfigError(
            "VIBELOOM_STATEMENT_TIMEOUT_SECONDS: is not less than"
            f" VIBELOOM_TRANSACTION_TIMEOUT_SECONDS, which is {timeouts.transaction}"
        )
    return timeouts


_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def _address(name: str, value: str) -> None:
    """A database's address that libpq understands as it was meant; nothing quotes its password."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(value)
    except ProgrammingError:
        parts = {}
    ports = str(parts.get("port") or "5432").split(",")
    if not parts or not all(port.isdecimal() and int(port) < 65_536 for port in ports):
        raise ConfigError(f"{name}: is not the address of a Postgres (in a password, / is %2F)")
    if "@" in str(parts.get("host", "")):
        raise ConfigError(f"{name}: an @ in the password has to be written as %40")
    if (mode := parts.get("sslmode") or "prefer") not in _SSL_MODES:
        raise ConfigError(f"{name}: sslmode={mode} is none of {', '.join(_SSL_MODES)}")


def _secret(env: Environment, name: str, *checks: Callable[[str, str], None]) -> Secret | None:
    text = env.get(name, "")
    if not text:
        return None
    if text.startswith("arn:") and not ADDRESS.fullmatch(text):
        raise ConfigError(f"{name}: is an ARN, but neither a secret's nor an SSM parameter's")
    port = _number(env, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", 2_773, 65_535)
    return Secret(name, text, checks, Store(port, env.get("AWS_SESSION_TOKEN", "")))


def _jwt(env: Environment) -> JwtConfig | None:
    secret = _secret(env, "VIBELOOM_JWT_SECRET", _long_enough)
    jwks_url = env.get("VIBELOOM_JWKS_URL") or None
    if not (secret or jwks_url):
        if env.get("VIBELOOM_JWT_ALGORITHM"):
            raise ConfigError(
                "VIBELOOM_JWT_ALGORITHM: needs VIBELOOM_JWT_SECRET or VIBELOOM_JWKS_URL"
            )
        return None
    if jwks_url and not jwks_url.startswith(("https://", "http://")):
        raise ConfigError(f"VIBELOOM_JWKS_URL: {jwks_url!r} is not an http(s) address")
    possible = (("HS256",) if secret else ()) + (_KEY_SET_ALGORITHMS if jwks_url else ())
    algorithm = env.get("VIBELOOM_JWT_ALGORITHM")
    if algorithm and algorithm not in possible:
        known = ("HS256", *_KEY_SET_ALGORITHMS)
        if algorithm not in known:
            raise ConfigError(
                f"VIBELOOM_JWT_ALGORITHM: {algorithm!r} is none of {', '.join(known)}"
            )
        needed = "VIBELOOM_JWT_SECRET" if algorithm == "HS256" else "VIBELOOM_JWKS_URL"
        raise ConfigError(f"VIBELOOM_JWT_ALGORITHM: {algorithm} needs {needed}")
    return JwtConfig(
        algorithms=(algorithm,) if algorithm else possible,
        secret=secret,
        jwks_url=jwks_url,
        audience=env.get("VIBELOOM_JWT_AUDIENCE") or "authenticated",
        issuer=env.get("VIBELOOM_JWT_ISSUER") or None,
    )


def _metrics(env: Environment) -> str | None:
    """Lambda's logs become metrics; a container is asked for them, if it has a token."""
    if env.get("AWS_LAMBDA_FUNCTION_NAME"):
        return "emf"
    return "prometheus" if env.get("VIBELOOM_METRICS_TOKEN") else None


def _metrics_namespace(env: Environment) -> str:
    name = "VIBELOOM_METRICS_NAMESPACE"
    text = env.get(name) or "Vibeloom"
    if not re.fullmatch(r"[A-Za-z0-9._/#-]{1,255}", text):  # CloudWatch's rule
        raise ConfigError(f"{name}: {text!r} is not a namespace of CloudWatch")
    return text


MAX_RETENTION = 1_200  # months; as profiles_retention_months_range says


def _retention_months(env: Environment) -> int | None:
    name = "VIBELOOM_RETENTION_MONTHS"
    text = env.get(name, "")
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= MAX_RETENTION:
        raise ConfigError(
            f"{name}: {text!r} is not a whole number of months from 1 to {MAX_RETENTION}"
            " (leave it unset to keep events for ever)"
        )
    return int(text)


_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def _log_level(env: Environment) -> str:
    level = (env.get("VIBELOOM_LOG_LEVEL") or "INFO").upper()
    if level not in _LOG_LEVELS:
        raise ConfigError(f"VIBELOOM_LOG_LEVEL: {level!r} is none of {', '.join(_LOG_LEVELS)}")
    return level


def load(env: Environment) -> Config:
    """The configuration that `env` describes. Raises `ConfigError`."""
    database_url = _secret(env, "VIBELOOM_DATABASE_URL", _address)
    if database_url is None:
        raise ConfigError(
            "VIBELOOM_DATABASE_URL: not set; it is where the functions log in"
            " (`make serve` starts a database and sets it)"
        )
    origins = env.get("VIBELOOM_CORS_ORIGINS") or "*"
    return Config(
        database_url=database_url,
        timeouts=_timeouts(env),
        owner_email=env.get("VIBELOOM_OWNER_EMAIL") or "owner@localhost",
        owner_id=_owner_id(env),
        configured_keys=_configured_keys(env),
        subscriber_token=_secret(env, "VIBETEA_SUBSCRIBER_TOKEN", _printable),
        job_token=_secret(env, "VIBELOOM_JOB_TOKEN", _printable, _long_enough),
        metrics_token=_secret(env, "VIBELOOM_METRICS_TOKEN", _printable, _long_enough),
        metrics=_metrics(env),
        metrics_namespace=_metrics_namespace(env),
        metrics_directory=env.get("PROMETHEUS_MULTIPROC_DIR") or None,
        jwt=_jwt(env),
        cors_origins=tuple(origin.strip() for origin in origins.split(",")),
        log_level=_log_level(env),
        threads=_number(env, "THREADS", 0, 1_000),
        retention_months=_retention_months(env),
    )


@functools.cache
def config() -> Config:
    """This process's configuration, read once."""
    return load(os.environ)
