"""Accepts a batch: finds its owner, checks its events, and stores them exactly once."""

import hashlib
from datetime import datetime

from functions.core import db, metrics
from functions.core.actor import Monitor, Room
from functions.core.errors import ApiError, InternalError, PayloadTooLarge
from functions.ingest import batch, signing
from functions.ingest.models import MAX_SENT, Accepted
from functions.ingest.room import BATCHES, DUPLICATES, EVENTS


class KeyRevoked(ApiError):
    """The key was revoked between the look-up and the insert; the batch is verified once more."""

    sqlstate = "VL004"


def accept(source: str, signature: str, encoding: str, body: bytes, now: datetime) -> Accepted:
    """Verifies, checks and stores the batch in `body`, all of it or nothing.

    Raises the errors of `signing` and `batch`, and `Unavailable`.
    """
    if len(body) > MAX_SENT:
        raise PayloadTooLarge("The body is larger than 5 MB.")
    key, raw_signature = signing.verify(source, signature, body)
    parsed = batch.parse(batch.unpack(body, encoding), source, now)
    digest = hashlib.sha256(body).digest()
    try:
        inserted = _store(key, parsed, digest, raw_signature)
    except KeyRevoked:  # after it was cached: look the keys up again
        signing.key_ring.forget(source)
        key, raw_signature = signing.verify(source, signature, body)
        inserted = _store(key, parsed, digest, raw_signature)
    except batch.UnstorableNumber:
        batch.find_unstorable_number(parsed.text)
        raise InternalError from None  # all numbers are storable: a bug of ours
    metrics.count(BATCHES)
    metrics.count(EVENTS, inserted)
    metrics.count(DUPLICATES, parsed.events - inserted)
    return Accepted(inserted=inserted, message=_message(parsed.events, inserted))


def _store(
    key: signing.SourceKey, parsed: batch.ParsedBatch, digest: bytes, signature: bytes
) -> int:
    [(inserted,)] = db.call(
        Monitor(),
        signing.queries.bulk_insert_events.sql,
        {
            "owner_id": key.owner_id,
            "key_id": key.id,
            "events": parsed.text,
            "body_sha256": digest,
            "signature": signature,
        },
        refusals=batch.REFUSALS,
    )
    return int(inserted)


def _message(events: int, inserted: int) -> str:
    skipped = events - inserted
    note = f" ({skipped} duplicates skipped)" if skipped else ""
    return f"Successfully processed {events} events{note}"


def make_partitions() -> int:
    """Makes the monthly partitions that are missing; returns how many."""
    with db.transaction(Room("ingest", "partitions are the table owner's")) as connection:
        made: int = signing.queries.make_event_partitions(connection)
    return made
