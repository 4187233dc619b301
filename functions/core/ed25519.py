"""Ed25519 (RFC 8032), strictly: one encoding for each key and signature, one answer for each.

libsodium refuses what other verifiers let through: S not below the group order, points of small
order, non-canonical points. base64 is held to its canonical form as well, since a decoder that
ignores padding bits lets one signature be written in several ways.
"""

import base64
import binascii

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


def decode(text: str, length: int) -> bytes:
    """The `length` bytes that `text` encodes in standard, padded, canonical base64.

    Raises `ValueError` with a reason for a person.
    """
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not base64") from None
    if base64.b64encode(decoded).decode() != text:
        raise ValueError("it is not canonical base64")
    if len(decoded) != length:
        raise ValueError(f"it is {len(decoded)} bytes long, not {length}")
    return decoded


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` (64 bytes) over `message` is `public_key`'s (32 bytes)."""
    from nacl.bindings import crypto_sign_open
    from nacl.exceptions import CryptoError

    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except CryptoError:
        return False
    return True
