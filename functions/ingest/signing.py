"""Finds the source that signed a batch. Keys are cached for a short while.

`bulk_insert_events` checks in its own transaction that the key is still active, so a revocation
takes effect at once although a signature may have been verified with a cached key.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from functions.core import bearer, db, ed25519, sql
from functions.core.actor import Member, Monitor
from functions.core.config import config
from functions.core.errors import ApiError, Unauthenticated
from functions.core.observability import logger

CACHE_SECONDS = 60
CACHE_SOURCES = 10_000  # names; made-up names must not fill the memory

queries = sql.load(__file__)


class MissingSignature(Unauthenticated):
    """X-Source-ID and X-Signature headers are required"""

    error = "missing_auth"


class UnknownSource(Unauthenticated):
    """No public key is registered for this source"""

    error = "unknown_source"


class InvalidSignature(Unauthenticated):
    """Ed25519 signature verification failed"""

    error = "invalid_signature"


@dataclass(frozen=True)
class SourceKey:
    """An active key of a source."""

    owner_id: UUID
    id: UUID
    public_key: bytes


class KeyRing:
    """The active keys of sources, remembered for `CACHE_SECONDS`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, tuple[SourceKey, ...]]] = {}

    def remembered(self, source: str) -> tuple[SourceKey, ...]:
        """What is known of `source` without asking; empty when that is nothing or old."""
        fetched_at, keys = self._known.get(source, (float("-inf"), ()))
        return keys if self._clock() - fetched_at < CACHE_SECONDS else ()

    def fetch(self, source: str) -> tuple[SourceKey, ...]:
        """Asks the database. Raises `UnknownSource` when there is no active key."""
        register_configured_keys()
        configured = {key.public_key for key in config().configured_keys if key.source == source}
        rows = db.call(Monitor(), queries.find_source_keys.sql, {"source": source})
        keys = tuple(
            SourceKey(owner_id, key_id, bytes(public_key))
            for owner_id, key_id, public_key, is_configured in rows
            if not is_configured or bytes(public_key) in configured
        )
        if not keys:
            self._known.pop(source, None)
            raise UnknownSource(f"No public key registered for source '{source:.128}'")
        if len(self._known) >= CACHE_SOURCES:
            self._known.clear()
        self._known[source] = (self._clock(), keys)
        return keys

    def forget(self, source: str) -> None:
        """The next look-up asks the database."""
        self._known.pop(source, None)


key_ring = KeyRing()


def verify(source: str, signature_header: str, body: bytes) -> tuple[SourceKey, bytes]:
    """The key of `source` that signed `body`, and the signature (64 bytes).

    Raises `MissingSignature`, `UnknownSource` or `InvalidSignature`.
    """
    if not source or not signature_header:
        raise MissingSignature
    if "\0" in source or not source.isprintable():
        raise UnknownSource
    known = key_ring.remembered(source)
    keys = known or key_ring.fetch(source)
    try:
        signature = ed25519.decode(signature_header, ed25519.SIGNATURE_BYTES)
    except ValueError as error:
        raise InvalidSignature(f"X-Signature: {error}") from None
    signer = _signer(keys, signature, body)
    if signer is None and known:  # the key may have been added after the others were cached
        signer = _signer(key_ring.fetch(source), signature, body)
    if signer is None:
        raise InvalidSignature
    return signer, signature


def _signer(keys: tuple[SourceKey, ...], signature: bytes, body: bytes) -> SourceKey | None:
    return next((key for key in keys if ed25519.verify(key.public_key, signature, body)), None)


@functools.cache
def register_configured_keys() -> None:
    """Makes rows of `VIBETEA_PUBLIC_KEYS`, once per process.

    A key that cannot be registered (the name is somebody else's, a third key) is logged and left
    out; the others are registered all the same.
    """
    for key in config().configured_keys:
        owner = bearer.deployment_owner()
        try:
            with db.transaction(Member(owner)) as connection:
                queries.add_configured_key(
                    connection,
                    owner_id=owner,
                    source=key.source,
                    public_key=key.public_key,
                )
        except ApiError as error:
            if error.status in (503, 504):
                raise
            logger.error("configured key refused", source=key.source, cause=error.message)
