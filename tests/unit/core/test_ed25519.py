"""Ed25519 as the batches' signatures need it: strict, and never an exception."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from functions.core import ed25519

SHARED = Path(os.environ.get("VIBELOOM_VECTORS", Path(__file__).parents[4] / "shared/vectors"))
VECTORS = SHARED / "wycheproof_ed25519_test.json"


def test_wycheproof() -> None:
    """All 151 vectors over the path that batches take: 88 accepted, 63 refused, none raises."""
    if not VECTORS.exists():
        pytest.skip(f"no test vectors at {SHARED}; set VIBELOOM_VECTORS")
    verdicts = {"valid": 0, "invalid": 0}
    groups: list[dict[str, Any]] = json.loads(VECTORS.read_text())["testGroups"]
    for group in groups:
        key = base64.b64encode(bytes.fromhex(group["publicKey"]["pk"])).decode()
        for test in group["tests"]:
            accepted = accepts(key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
            assert accepted == (test["result"] == "valid"), test
            verdicts["valid" if accepted else "invalid"] += 1
    assert verdicts == {"valid": 88, "invalid": 63}


def accepts(key: str, signature: bytes, message: bytes) -> bool:
    """As ingest does it: both in base64, decoded strictly, then verified."""
    try:
        return ed25519.verify(
            ed25519.decode(key, ed25519.PUBLIC_KEY_BYTES),
            ed25519.decode(base64.b64encode(signature).decode(), ed25519.SIGNATURE_BYTES),
            message,
        )
    except ValueError:
        return False


SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
]


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_keys_of_small_order_sign_nothing(point: str) -> None:
    """For such a key one signature fits many messages; libsodium refuses it."""
    key = bytes.fromhex(point)
    for r in (bytes([1]) + bytes(31), key):
        assert not ed25519.verify(key, r + bytes(32), b"message")


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=40))
def test_verify_never_raises(key: bytes, signature: bytes, message: bytes) -> None:
    """Whatever the bytes and their lengths, the answer is no."""
    assert ed25519.verify(key, signature, message) is False


@given(st.binary(max_size=100))
def test_a_true_signature_is_accepted(message: bytes) -> None:
    """And a single flipped bit of it is not."""
    key = SigningKey(bytes(range(32)))
    signature = bytearray(key.sign(message).signature)
    assert ed25519.verify(bytes(key.verify_key), bytes(signature), message)
    signature[len(message) % 64] ^= 1
    assert not ed25519.verify(bytes(key.verify_key), bytes(signature), message)


@given(st.text(max_size=60))
def test_decode_takes_one_spelling_only(text: str) -> None:
    """Whatever decodes is the encoding of what it decodes to."""
    for length in (0, 1, 2, 3, 32):
        try:
            decoded = ed25519.decode(text, length)
        except ValueError:
            continue
        assert base64.b64encode(decoded).decode() == text
