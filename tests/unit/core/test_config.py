"""Settings: what is accepted, what is refused by name, and that each is documented."""

import re
from pathlib import Path

import pytest

from functions.core.config import ConfigError, Timeouts, load

ROOT = Path(__file__).parents[3]
URL = {"VIBELOOM_DATABASE_URL": "postgresql://x@/y"}
KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="  # RFC 8032 §7.1, test 1
OTHER = "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="  # RFC 8032 §7.1, test 2
SECRET = "s" * 32


def test_defaults() -> None:
    """Everything but the database has a default that works on a laptop."""
    config = load(URL)
    assert config.owner_email == "owner@localhost"
    assert (config.configured_keys, config.subscriber_token, config.jwt) == ((), None, None)
    assert config.cors_origins == ("*",)
    assert config.retention_months is None


@pytest.mark.parametrize(("text", "months"), [("", None), ("1", 1), ("24", 24), ("1200", 1_200)])
def test_retention_months(text: str, months: int | None) -> None:
    """A whole number of months, or nothing: events are kept for ever."""
    assert load(URL | {"VIBELOOM_RETENTION_MONTHS": text}).retention_months == months


def test_the_limits_of_a_transaction() -> None:
    """In seconds; a statement has less than its transaction."""
    assert load(URL).timeouts == Timeouts(statement=25, transaction=28, idle=15, lock=10)
    given = {
        "VIBELOOM_STATEMENT_TIMEOUT_SECONDS": "290",
        "VIBELOOM_TRANSACTION_TIMEOUT_SECONDS": "300",
        "VIBELOOM_IDLE_TRANSACTION_TIMEOUT_SECONDS": "60",
        "VIBELOOM_LOCK_TIMEOUT_SECONDS": "30",
    }
    assert load(URL | given).timeouts == Timeouts(statement=290, transaction=300, idle=60, lock=30)


def test_configured_keys() -> None:
    """VibeTea's form, with spaces and a trailing comma."""
    config = load(URL | {"VIBETEA_PUBLIC_KEYS": f" mac:{KEY}, pc:{OTHER}, "})
    assert [(key.source, len(key.public_key)) for key in config.configured_keys] == [
        ("mac", 32),
        ("pc", 32),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VIBELOOM_DATABASE_URL", ""),
        ("VIBELOOM_DATABASE_URL", "nonsense"),
        ("VIBELOOM_DATABASE_URL", " "),
        ("VIBELOOM_DATABASE_URL", "postgresql://functions:p/w@host/db"),
        ("VIBELOOM_DATABASE_URL", "postgresql://functions@host:99999/db"),
        ("VIBELOOM_DATABASE_URL", "postgresql://functions@host/db?sslmode=requir"),
        ("VIBELOOM_DATABASE_URL", "functions:pw@host/db"),
        ("VIBELOOM_DATABASE_URL", "postgresql://functions:p@ss@host/db"),
        ("VIBELOOM_JOB_TOKEN", "short"),
        ("VIBELOOM_JOB_TOKEN", "with a space " * 4),
        ("VIBELOOM_METRICS_TOKEN", "short"),
        ("VIBELOOM_METRICS_NAMESPACE", "with a space"),
        ("VIBELOOM_OWNER_ID", "me"),
        ("VIBELOOM_LOG_LEVEL", "LOUD"),
        ("VIBELOOM_STATEMENT_TIMEOUT_SECONDS", "25s"),
        ("VIBELOOM_STATEMENT_TIMEOUT_SECONDS", "28"),
        ("VIBELOOM_TRANSACTION_TIMEOUT_SECONDS", "0"),
        ("VIBELOOM_IDLE_TRANSACTION_TIMEOUT_SECONDS", "-1"),
        ("VIBELOOM_LOCK_TIMEOUT_SECONDS", "86401"),
        ("THREADS", "many"),
        ("VIBETEA_PUBLIC_KEYS", "mac"),
        ("VIBETEA_PUBLIC_KEYS", f":{KEY}"),
        ("VIBETEA_PUBLIC_KEYS", "mac:short"),
        ("VIBETEA_PUBLIC_KEYS", f"mac:{KEY[:-1]}"),
        ("VIBETEA_PUBLIC_KEYS", f"mac:{KEY[:-2]}p="),
        ("VIBETEA_PUBLIC_KEYS", f"mac:{KEY},pc:{KEY}"),
        ("VIBELOOM_JWT_SECRET", "short"),
        *[
            ("VIBELOOM_RETENTION_MONTHS", value)
            for value in ("0", "-1", "1201", "1.5", "six", " ", "²", "9" * 5_000)
        ],
    ],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    """The error says which setting is wrong."""
    with pytest.raises(ConfigError, match=name):
        load(URL | {name: value})


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"VIBELOOM_JWT_SECRET": SECRET}, ("HS256",)),
        ({"VIBELOOM_JWKS_URL": "https://x/jwks"}, ("ES256", "RS256", "EdDSA")),
        ({"VIBELOOM_JWKS_URL": "https://x/jwks", "VIBELOOM_JWT_ALGORITHM": "RS256"}, ("RS256",)),
        (
            {"VIBELOOM_JWT_SECRET": SECRET, "VIBELOOM_JWKS_URL": "https://x/jwks"},
            ("HS256", "ES256", "RS256", "EdDSA"),
        ),
    ],
)
def test_the_jwt_algorithms(env: dict[str, str], expected: tuple[str, ...]) -> None:
    """Chosen by the configuration: those that go with the keys it has, or the one it names."""
    jwt = load(URL | env).jwt
    assert jwt is not None
    assert jwt.algorithms == expected


@pytest.mark.parametrize(
    "env",
    [
        {"VIBELOOM_JWKS_URL": "https://x/jwks", "VIBELOOM_JWT_ALGORITHM": "HS256"},
        {"VIBELOOM_JWT_SECRET": SECRET, "VIBELOOM_JWT_ALGORITHM": "ES256"},
        {"VIBELOOM_JWT_SECRET": SECRET, "VIBELOOM_JWT_ALGORITHM": "none"},
    ],
)
def test_an_algorithm_without_its_key_is_refused(env: dict[str, str]) -> None:
    """Half a configuration never verifies anything by accident."""
    with pytest.raises(ConfigError, match="VIBELOOM_J"):
        load(URL | env)


def test_every_setting_is_documented() -> None:
    """Each name that config.py reads has a line in the table of functions/core/README.md."""
    source = (ROOT / "functions/core/config.py").read_text()
    names = set(re.findall(r'"((?:VIBELOOM|VIBETEA)_[A-Z_]+|THREADS)"', source))
    table = set(
        re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "functions/core/README.md").read_text(), re.M)
    )
    assert names == table
