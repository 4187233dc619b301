"""The logger of all rooms: JSON, with a request id in every line and without private values.

`logger.info("what happened", key=value)`. A key on the forbidden list is replaced and a long value
cut, at any depth, so that a line of log that was written carelessly shows nothing private.
"""

from collections.abc import Iterator
from traceback import format_tb
from types import TracebackType
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

FORBIDDEN_KEYS = frozenset(
    {
        "authorization",
        "body",
        "ciphertext",
        "cookie",
        "passphrase",
        "password",
        "payload",
        "private_key",
        "secret",
        "seed",
        "set-cookie",
        "token",
        "x-signature",
    }
)
FORBIDDEN_SUFFIXES = ("_text", "_secret", "_token", "_password")

MAX_TEXT = 2_000  # characters of one value
MAX_ITEMS = 50  # of one list or object
MAX_DEPTH = 6

_HIDDEN = "[hidden]"


def scrub(value: Any, depth: int = 0) -> Any:
    """`value` without what must not be logged, and bounded in length, width and depth."""
    if isinstance(value, BaseException):
        value = _text(value)
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + "…"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"[{len(value)} bytes]"
    if depth >= MAX_DEPTH and isinstance(value, (dict, list, tuple, set, frozenset)):
        return "…"
    if isinstance(value, dict):
        return {
            str(key): _HIDDEN if _forbidden(str(key)) else scrub(item, depth + 1)
            for key, item in list(value.items())[:MAX_ITEMS]
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [scrub(item, depth + 1) for item in list(value)[:MAX_ITEMS]]
    return value


def _text(error: BaseException) -> str:
    """What `error` says; of a database's error only the SQLSTATE, because its text quotes rows."""
    return f"SQLSTATE {error.sqlstate}" if hasattr(error, "sqlstate") else str(error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """`error` and what it was raised from, as a traceback shows them, the last one first."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _forbidden(key: str) -> bool:
    lowered = key.lower()
    return lowered in FORBIDDEN_KEYS or lowered.endswith(FORBIDDEN_SUFFIXES)


class _Formatter(LambdaPowertoolsFormatter):
    def serialize(self, log: Any) -> str:
        return str(super().serialize(scrub(log)))

    def formatException(  # noqa: N802 (logging's name)
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """The traceback, in which errors of the database do not say what they say."""
        return "\n".join(
            f"{''.join(format_tb(error.__traceback__))}{type(error).__name__}: {_text(error)}"
            for error in reversed(list(_chain(ei[1])))
        )


logger = Logger(
    service="vibeloom",
    logger_formatter=_Formatter(utc=True, use_rfc3339=True, json_default=str),
)
