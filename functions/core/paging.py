"""Pages of rows, and cursors: where a page ended, opaque to whoever carries it back."""

import base64
import binascii
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from functions.core.errors import InvalidCursor

MAX_CURSOR = 4_096  # characters

T = TypeVar("T")
U = TypeVar("U")


def page(rows: list[T], limit: int, end: Callable[[T], U]) -> tuple[list[T], U | None]:
    """The first `limit` of `rows`, and `end` of the last one of them if there are more rows.

    The statement that found `rows` has `limit + 1`.
    """
    shown = rows[:limit]
    return shown, end(shown[-1]) if len(rows) > limit else None


def encode(question: str, *position: str | int | None) -> str:
    """The cursor of `position` in the answer to `question`."""
    text = json.dumps([question, *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str | None, question: str, read: Callable[..., T]) -> T | None:
    """What `read` makes of the position; None without a cursor.

    `read` is called with the position's parts and raises `ValueError` or `TypeError`
    for parts that it does not accept.

    Raises `InvalidCursor` for whatever `encode` did not make.
    """
    if cursor is None:
        return None
    try:
        if len(cursor) > MAX_CURSOR:
            raise InvalidCursor
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts: Any = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(parts, list) or not parts or parts[0] != question:
            raise InvalidCursor
        return read(*parts[1:])
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise InvalidCursor from None


def text(part: object) -> str:
    """`part` as a text that the database can compare. Raises `ValueError`."""
    if not isinstance(part, str) or "\0" in part:
        raise ValueError("not a text")
    part.encode()  # refuses lone surrogates
    return part


def whole(part: object) -> int:
    """`part` as a number of 64 bits that is not negative. Raises `ValueError`."""
    if not isinstance(part, int) or isinstance(part, bool) or not 0 <= part < 2**63:
        raise ValueError("not a number")
    return part


def instant(part: object) -> datetime:
    """`part` as an instant that the database can compare. Raises `ValueError`."""
    moment = datetime.fromisoformat(text(part))
    if moment.tzinfo is None or not 1900 < moment.year < 2300:
        raise ValueError("not an instant")
    return moment
