"""From the bytes of a body to a batch that may be stored, in one pass and without copies.

The events are parsed to be checked, and the database gets the text itself, which Postgres parses
once more. So the checks must refuse whatever the two parsers would read differently, and whatever
Postgres would refuse.
"""

import json
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jiter
from pydantic import TypeAdapter, ValidationError

from functions.core.errors import ApiError, Malformed, PayloadTooLarge, UnsupportedMediaType
from functions.core.kinds import BY_NAME
from functions.ingest.models import (
    MAX_BATCH,
    MAX_SENT,
    MAX_UNPACKED,
    Batch,
    Event,
)

MAX_AGE = timedelta(days=3_653)  # ten years
MAX_AHEAD = timedelta(days=1)  # clocks of monitors may be that wrong
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1  # what every client can read back
MAX_EXPONENT = 16_000  # Postgres' numeric has 16,383 digits after the point
MAX_NUMBER = 32  # digits in a row; a double has 17, a 64-bit integer 19


class EmptyBatch(ApiError):
    """Request body must be a non-empty array"""

    status = 400
    error = "empty_batch"


class BatchTooLarge(ApiError):
    """Maximum batch size is 1000 events"""

    status = 400
    error = "batch_too_large"


class InvalidEvent(ApiError):
    """An event does not have the shape of the contract."""

    status = 400
    error = "invalid_event"


class InvalidEventType(ApiError):
    """An event is of a kind that is not listed."""

    status = 422
    error = "invalid_event_type"


class SourceMismatch(ApiError):
    """An event names another source than the request."""

    status = 422
    error = "source_mismatch"


class TimestampOutOfRange(ApiError):
    """An event is older than ten years or more than a day ahead."""

    status = 422
    error = "timestamp_out_of_range"


class UnstorableNumber(Exception):
    """A number does not fit into Postgres' numeric; never shown to a client."""


# SQLSTATEs with which jsonb may refuse a batch that is valid JSON to our own parser.
REFUSALS: dict[str, type[Exception]] = {
    "22003": UnstorableNumber,
    "22P02": Malformed,  # no JSON
    "22P05": Malformed,  # a character that cannot be stored
}


@dataclass(frozen=True)
class ParsedBatch:
    """A batch that passed every check."""

    text: str  # a JSON array
    events: int


_adapter: TypeAdapter[list[Event]] = TypeAdapter(Batch)
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * (MAX_NUMBER + 1)


def unpack(body: bytes, encoding: str) -> bytes:
    """`body` without its Content-Encoding (`""`, `identity` or `gzip`), never more than the limit.

    Raises `PayloadTooLarge`, `UnsupportedMediaType` or `Malformed`.
    """
    if len(body) > MAX_SENT:
        raise PayloadTooLarge("The body is larger than 5 MB.")
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise UnsupportedMediaType("Content-Encoding is not gzip or identity.")
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # 16: a gzip header, RFC 1952
    try:
        unpacked = inflater.decompress(body, MAX_UNPACKED + 1)
    except zlib.error:
        raise Malformed("Request body is not valid gzip") from None
    if len(unpacked) > MAX_UNPACKED:
        raise PayloadTooLarge("The body is larger than 20 MB unpacked.")
    if not inflater.eof or inflater.unused_data:
        raise Malformed("Request body is not one whole gzip stream")
    return unpacked


def parse(body: bytes, source: str, now: datetime) -> ParsedBatch:
    """The batch in `body`, if every event of it may be stored for `source`.

    Raises the errors above, for the first event that cannot be stored.
    """
    try:
        parsed = jiter.from_json(
            body, allow_inf_nan=False, cache_mode="keys", catch_duplicate_keys=True
        )
    except ValueError as error:
        raise Malformed(f"Request body is not valid JSON: {error}") from None
    single = isinstance(parsed, dict)
    events: Any = [parsed] if single else parsed
    if not isinstance(events, list):
        raise Malformed("Request body must be a JSON array")
    if not events:
        raise EmptyBatch
    if len(events) > MAX_BATCH:
        raise BatchTooLarge
    _check_shape(events, source, now)
    _check_meaning(events, source, now)
    _check_storable(body, events)
    text = body.decode()
    return ParsedBatch(text=f"[{text}]" if single else text, events=len(events))


def _check_shape(events: list[Any], source: str, now: datetime) -> None:
    try:
        _adapter.validate_python(events)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        index, *field = problem["loc"]
        assert isinstance(index, int)  # noqa: S101 (the outermost thing is the list)
        _check_meaning(events[:index], source, now)
        where = ".".join(str(part) for part in field) or "event"
        raise InvalidEvent(f"Event at index {index}: {where}: {problem['msg']}") from None


def _check_meaning(events: list[Event], source: str, now: datetime) -> None:
    oldest, newest = now - MAX_AGE, now + MAX_AHEAD
    for index, event in enumerate(events):
        kind = event.get("eventType")
        if kind is None:
            kind = event.get("type")
        elif event.get("type", kind) != kind:
            raise InvalidEvent(f"Event at index {index}: eventType and type differ")
        if kind is None:
            raise InvalidEvent(f"Event at index {index}: eventType: Field required")
        known = BY_NAME.get(kind)
        if known is None:
            raise InvalidEventType(f"Invalid event type '{kind:.64}' at index {index}")
        if event["source"] != source:
            raise SourceMismatch(
                f"Event source '{event['source']:.128}' does not match"
                f" authenticated source '{source}' at index {index}"
            )
        try:
            occurred_at = datetime.fromisoformat(event["timestamp"].upper())
        except ValueError as error:
            raise InvalidEvent(f"Event at index {index}: timestamp: {error}") from None
        if not oldest <= occurred_at <= newest:
            raise TimestampOutOfRange(
                f"Timestamp {event['timestamp']} at index {index} is older than ten years"
                " or more than a day ahead"
            )
        if known.is_capture and (wrong := _problem(kind, event["payload"])):
            raise InvalidEvent(f"Event at index {index}: {wrong}")


def _problem(kind: str, payload: dict[str, Any]) -> str | None:
    """What is wrong with the payload of a capture kind."""
    from functions.ingest import kinds  # its models cost a start-up 15 ms that few batches need

    return kinds.problem(kinds.MODELS[kind], payload)


def find_unstorable_number(text: str) -> None:
    """Raises `InvalidEvent` for the first event with a number that Postgres' numeric cannot hold.

    Returns when there is no such number. This is slow, so it runs only after Postgres refused one.
    """
    for index, event in enumerate(json.loads(text, parse_float=lambda written: (written,))):
        waiting = [event]
        for item in waiting:
            if isinstance(item, dict):
                waiting.extend(item.values())
            elif isinstance(item, list):
                waiting.extend(item)
            elif isinstance(item, tuple):  # a number with a point or an exponent, as written
                exponent = item[0].lower().partition("e")[2] or "0"
                if abs(int(exponent)) > MAX_EXPONENT:
                    raise InvalidEvent(
                        f"Event at index {index}: a number's exponent is beyond ±{MAX_EXPONENT}"
                    )


def _check_storable(body: bytes, events: list[Event]) -> None:
    """Refuses JSON that cannot be stored: NUL in a text, numbers beyond a double or int64.

    A cheap search of the body finds every long number, and also long digits inside a text. Only
    if it finds something is the batch parsed again, with numbers as they were written.
    """
    has_nul = b"\\u0000" in body
    _refuse_unstorable(events, has_nul)
    if _LONG_NUMBER in body.translate(_DIGITS):
        written = jiter.from_json(body, float_mode="lossless-float")
        _refuse_unstorable([written] if isinstance(written, dict) else written, has_nul)


def _refuse_unstorable(events: list[Any], has_nul: bool) -> None:
    if _unstorable(events, has_nul) is None:  # one walk over all of them: nothing is wrong
        return
    for index, event in enumerate(events):
        if reason := _unstorable([event], has_nul):
            raise InvalidEvent(f"Event at index {index}: {reason}")


def _unstorable(values: list[Any], has_nul: bool) -> str | None:
    """Why some value inside `values` cannot be kept; None if all can."""
    waiting = list(values)
    for item in waiting:  # grows while it is walked
        kind = type(item)
        if kind is str:
            if has_nul and "\0" in item:
                return "a text holds a NUL character"
        elif kind is dict:
            waiting.extend(item.values())
            if has_nul:
                waiting.extend(item)
        elif kind is list:
            waiting.extend(item)
        elif kind is int:
            if not MIN_INTEGER <= item <= MAX_INTEGER:
                return "a number does not fit into 64 bits"
        elif kind is float:
            if item - item != 0:
                return "a number is larger than a double"
        elif kind is jiter.LosslessFloat and len(str(item)) > MAX_NUMBER:
            return f"a number has more than {MAX_NUMBER} digits"
    return None
