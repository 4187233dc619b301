"""The logger: what it hides, and how much of the rest it keeps."""

import io
import json
import os
import subprocess
import sys
from typing import Any

import psycopg
import pytest

from functions.core import observability

CANARY = "canary-7f3a"


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "Authorization",
        "token",
        "access_token",
        "journal_text",
        "ciphertext",
        "passphrase",
        "payload",
        "body",
        "X-Signature",
        "client_secret",
    ],
)
def test_a_canary_in_a_forbidden_field_never_comes_out(lines: io.StringIO, key: str) -> None:
    """At any depth, in any list."""
    field: dict[str, Any] = {key: CANARY}
    observability.logger.info("x", **field, deep={"list": [field]})
    observability.logger.warning({"message": "x", key: {"inner": CANARY}})
    assert CANARY not in lines.getvalue()
    assert lines.getvalue().count("[hidden]") == 3


def test_lines_are_json_and_bounded(lines: io.StringIO) -> None:
    """Long texts, wide lists and deep nesting are cut; bytes are only counted."""
    deep: object = CANARY
    for _ in range(20):
        deep = [deep]
    observability.logger.info(
        "x", long="y" * 100_000, wide=list(range(10_000)), deep=deep, raw=b"abc"
    )
    [line] = lines.getvalue().splitlines()
    record = json.loads(line)
    assert len(line) < 4_000
    assert (record["level"], record["message"], record["raw"]) == ("INFO", "x", "[3 bytes]")
    assert CANARY not in line


def test_an_error_of_the_database_is_not_quoted(lines: io.StringIO) -> None:
    """Its text has rows and parameters, also where another error was raised from it."""
    failure = psycopg.errors.CheckViolation(f"Failing row contains ({CANARY}).")
    try:
        try:
            raise failure
        except psycopg.Error as error:
            observability.logger.exception("failed", cause=error)
            raise KeyError("x") from error
    except KeyError:
        observability.logger.exception("failed later")
    written = lines.getvalue()
    assert CANARY not in written
    assert written.count("CheckViolation: SQLSTATE 23514") == 2
    assert "KeyError: 'x'" in written


@pytest.mark.parametrize(("level", "written"), [("INFO", 1), ("WARNING", 0)])
def test_the_configured_level_decides_what_is_written(level: str, written: int) -> None:
    """`VIBELOOM_LOG_LEVEL`: at WARNING, a request that was answered leaves no line."""
    script = (
        "from functions.front.handler import handler; from functions.gateway import Context;"
        " from tests.support import gateway_event; handler(gateway_event('GET', '/x'), Context())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "VIBELOOM_LOG_LEVEL": level},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.count('"message":"request"')) == (0, written), done.stderr
