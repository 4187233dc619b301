"""When an answer is packed, and what its headers say then."""

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core import compression

BODY = json.dumps([{"id": number, "name": "Zürich"} for number in range(200)])
TAG = '"abc"'


def answer(body: str = BODY, **headers: str) -> dict[str, Any]:
    """What a room answers."""
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json", **headers},
        "body": body,
        "isBase64Encoded": False,
    }


def packed(found: dict[str, Any], **sent: str) -> dict[str, Any]:
    """`found` as it is sent to whoever sent these headers."""
    event = {"headers": {name.replace("_", "-"): value for name, value in sent.items()}}
    compression.pack(event, found)
    return found


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZip, deflate, br", True),
        ("x-gzip", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("gzip;q=0.001", True),
        ("deflate , gzip ; q=1.0", True),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("identity;q=0, gzip", True),
        ("", False),
        ("identity", False),
        ("br, deflate", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("*, gzip;q=0", False),
        ("*;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("gzip;q=2", False),
        ("gzip;q=-1", False),
        ("gzip;q=nan", False),
        ("gzip;q=", False),
        ("gzipped", False),
    ],
)
def test_who_accepts_gzip(header: str, accepted: bool) -> None:
    """By weights, where a listed coding counts before the star."""
    assert compression.accepts_gzip(header) is accepted


@given(st.text())
def test_any_header_can_be_read(header: str) -> None:
    """Whatever is sent, there is an answer."""
    assert compression.accepts_gzip(header) in {True, False}


def test_a_large_answer_is_packed() -> None:
    """In base64, for API Gateway; the tag is another one, since the bytes are."""
    sent = packed(answer(ETag=TAG), accept_encoding="gzip")
    assert gzip.decompress(base64.b64decode(sent["body"])).decode() == BODY
    assert sent["isBase64Encoded"] is True
    assert sent["headers"] == {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "ETag": '"abc-gzip"',
        "Vary": "Accept-Encoding",
    }


def test_the_same_answer_is_the_same_bytes() -> None:
    """A strong tag says so."""
    first, second = (packed(answer(ETag=TAG), accept_encoding="gzip") for _ in range(2))
    assert first == second


def test_who_does_not_accept_it_gets_it_plain() -> None:
    """And a cache is told that others may get it otherwise."""
    assert packed(answer(ETag=TAG, Vary="Origin")) == answer(
        ETag=TAG, Vary="Origin, Accept-Encoding"
    )


@pytest.mark.parametrize(
    "found",
    [
        answer("x" * 1_024),
        answer(**{"Content-Type": "image/png"}),
        answer(**{"Content-Encoding": "br"}),
        answer() | {"isBase64Encoded": True},
        answer("") | {"statusCode": 204},
    ],
    ids=["small", "picture", "packed", "bytes", "empty"],
)
def test_what_is_left_alone(found: dict[str, Any]) -> None:
    """What is small, or is not text, or is packed already."""
    assert packed({**found, "headers": {**found["headers"]}}, accept_encoding="gzip") == found


def test_what_gzip_cannot_make_smaller_stays() -> None:
    """In base64 it would be larger than before, and an answer of 5 MB too large for Lambda."""
    noise = base64.b85encode(bytes(number * 7_919 % 251 for number in range(999))).decode()
    random = "".join(chr(33 + ord(letter) * number % 94) for number, letter in enumerate(noise))
    sent = packed(answer(random), accept_encoding="gzip")
    assert (sent["body"], sent["isBase64Encoded"]) == (random, False)


def test_weak_tags_stay() -> None:
    """They name what is said, not the bytes."""
    assert packed(answer(ETag='W/"abc"'), accept_encoding="gzip")["headers"]["ETag"] == 'W/"abc"'


@pytest.mark.parametrize("name", ["if-none-match", "if-match"])
def test_rooms_see_their_own_tags(name: str) -> None:
    """However the answer was packed to which a tag belongs."""
    event = {"rawPath": "/", "headers": {name: 'W/"x", "abc-gzip", "def"', "host": "a-gzip"}}
    assert compression.plain_tags(event) == {
        "rawPath": "/",
        "headers": {name: 'W/"x", "abc", "def"', "host": "a-gzip"},
    }
    plain = {"headers": {name: TAG}}
    assert compression.plain_tags(plain) is plain
    assert compression.plain_tags({}) == {}


def test_not_modified_names_the_tag_that_was_sent() -> None:
    """A cache finds the answer that it has by the tag."""
    found = {"statusCode": 304, "headers": {"ETag": TAG}, "body": ""}
    assert packed(found, if_none_match='"abc-gzip"', accept_encoding="gzip")["headers"] == {
        "ETag": '"abc-gzip"',
        "Vary": "Accept-Encoding",
    }
    found = {"statusCode": 304, "headers": {"ETag": TAG}, "body": ""}
    assert packed(found, if_none_match=TAG)["headers"]["ETag"] == TAG
