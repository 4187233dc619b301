"""The parser of batches: an error of its own or a batch, whatever the bytes."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.errors import ApiError, PayloadTooLarge
from functions.core.kinds import VIBETEA_KINDS
from functions.ingest import batch
from functions.ingest.models import MAX_UNPACKED

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

# What JSON can carry and Postgres can keep.
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
events = st.fixed_dictionaries(
    {
        "id": st.from_regex(r"evt_[a-z0-9]{20}", fullmatch=True),
        "source": st.just("mac"),
        "timestamp": st.datetimes(
            NOW.replace(year=2017, tzinfo=None), NOW.replace(tzinfo=None), timezones=st.just(UTC)
        ).map(lambda moment: moment.isoformat()),
        "type": st.sampled_from(VIBETEA_KINDS),
        "payload": st.dictionaries(texts, values, max_size=5),
    }
)


@given(st.lists(events, min_size=1, max_size=5))
def test_a_valid_batch_is_kept_to_the_letter(batch_of_events: list[dict[str, Any]]) -> None:
    """The text that goes to the database says what was sent, and the count is right."""
    body = json.dumps(batch_of_events).encode()
    parsed = batch.parse(body, "mac", NOW)
    assert (json.loads(parsed.text), parsed.events) == (batch_of_events, len(batch_of_events))


@given(events)
def test_one_event_is_a_batch_of_one(event: dict[str, Any]) -> None:
    """An object is taken like an array with it."""
    parsed = batch.parse(json.dumps(event).encode(), "mac", NOW)
    assert (json.loads(parsed.text), parsed.events) == ([event], 1)


@given(
    st.binary(max_size=200)
    | st.text().map(str.encode)
    | values.map(lambda v: json.dumps(v).encode())
)
def test_anything_else_is_an_error_of_its_own(body: bytes) -> None:
    """No input makes the parser raise anything but an ApiError."""
    with pytest.raises(ApiError) as caught:
        batch.parse(body, "mac", NOW)
    assert caught.value.status in (400, 422)


@given(st.lists(events, min_size=1, max_size=3), st.data())
def test_damage_never_escapes(batch_of_events: list[dict[str, Any]], data: st.DataObject) -> None:
    """A valid batch with a byte changed, cut out or put in is a batch or an ApiError."""
    body = bytearray(json.dumps(batch_of_events).encode())
    place = data.draw(st.integers(0, len(body) - 1))
    body[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        batch.parse(bytes(body), "mac", NOW)
    except ApiError as error:
        assert error.status in (400, 422)


@given(st.binary(max_size=300), st.integers(0, 20), st.binary(max_size=3))
def test_unpacking_never_escapes(body: bytes, cut: int, tail: bytes) -> None:
    """Any damage to a gzip stream is a 400, and a whole one comes back."""
    packed = gzip.compress(body)
    assert batch.unpack(packed, "gzip") == body
    damaged = packed[: len(packed) - cut] + tail
    try:
        assert damaged == packed or batch.unpack(damaged, "gzip") == body
    except ApiError as error:
        assert error.status == 400


def test_the_limit_of_unpacking() -> None:
    """20 MB exactly is taken, one byte more is not."""
    limit = MAX_UNPACKED
    assert len(batch.unpack(gzip.compress(bytes(limit)), "gzip")) == limit
    with pytest.raises(PayloadTooLarge):
        batch.unpack(gzip.compress(bytes(limit + 1)), "gzip")


@pytest.mark.parametrize(
    ("offset", "fits"),
    [
        (-batch.MAX_AGE, True),
        (-batch.MAX_AGE - timedelta(microseconds=1), False),
        (batch.MAX_AHEAD, True),
        (batch.MAX_AHEAD + timedelta(microseconds=1), False),
    ],
)
def test_the_edges_of_time(offset: timedelta, fits: bool) -> None:
    """Ten years back and a day ahead, to the microsecond."""
    event = {
        "id": "evt_" + "a" * 20,
        "source": "mac",
        "timestamp": (NOW + offset).isoformat(),
        "type": "tool",
        "payload": {},
    }
    body = json.dumps([event]).encode()
    if fits:
        assert batch.parse(body, "mac", NOW).events == 1
    else:
        with pytest.raises(batch.TimestampOutOfRange):
            batch.parse(body, "mac", NOW)
