"""Monitors and their keys: registered by whoever can sign with them, revoked at once."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import TupleRow

from functions.core import db, ed25519, paging, sql
from functions.core.actor import Room, User
from functions.core.errors import ApiError, Invalid, NotFound
from functions.sources.models import (
    Challenge,
    NewSource,
    Proof,
    Source,
    SourceChanges,
    Sources,
)

CHALLENGE_LIFETIME = timedelta(minutes=10)  # enough to copy a key from one machine to another
STATEMENT = "vibeloom-source-v1\n{name}\n{public_key}\n{challenge}"  # what a proof signs, UTF-8

# Limits of the report on a source's health.
HEALTH = {
    "tolerated": 24,  # h without a batch that are no gap, unless the owner says what is expected
    "gap_days": 14,  # d: two weekends; what is read grows with this over what is expected
    "most_gaps": 10,  # of one source
    "lag_batches": 50,  # the newest of a day: enough for a median, and what happened since matters
    "late_after": 3_600,  # s: a monitor sends within a minute; what is older was kept or imported
}

queries = sql.load(__file__)

_FIELDS = (
    "id",
    "name",
    "created_at",
    "last_seen_at",
    "last_event_at",
    "expected_every_hours",
    "silent",
    "lag",
    "gaps",
    "keys",
)


class InvalidProof(ApiError):
    """The signature is not this key's over the statement, or the challenge is used or too old."""

    status = 422
    error = "invalid_proof"


def challenge(user: User, now: datetime) -> Challenge:
    """A nonce that one registration of `user`'s may use."""
    nonce = secrets.token_urlsafe(32)
    expires_at = now + CHALLENGE_LIFETIME
    with db.transaction(user.writing) as connection:
        queries.create_key_challenge(
            connection, owner_id=user.id, challenge=nonce, expires_at=expires_at
        )
    return Challenge(challenge=nonce, expires_at=expires_at)


def register(user: User, new: NewSource) -> tuple[Source, bool]:
    """The source with its first key, and whether it was made now. Repeating it changes nothing.

    Raises `InvalidProof`, `SourceNameTaken`, `SourceExists`, `KeyTaken`.
    """
    source_id, created = _add_key(user, new.name, new, source_id=None)
    return _source(user, source_id), created


def add_key(user: User, source_id: UUID, proof: Proof) -> tuple[Source, bool]:
    """The source with a second key, so that the first can be retired without a gap.

    Raises `NotFound`, `InvalidProof`, `KeyTaken`, `TooManyKeys`.
    """
    source = _source(user, source_id)
    _, created = _add_key(user, source.name, proof, source_id=source_id)
    return _source(user, source_id), created


def change(user: User, source_id: UUID, changes: SourceChanges) -> Source:
    """The source after `changes`. Raises `NotFound`."""
    asked = changes.model_dump(exclude_unset=True)
    if asked:
        with db.transaction(user.writing) as connection:
            queries.update_source(connection, owner_id=user.id, source_id=source_id, **asked)
    return _source(user, source_id)


def revoke_key(user: User, source_id: UUID, key_id: UUID) -> None:
    """Batches that this key signed are refused from now on. Raises `NotFound`."""
    with db.transaction(user.writing) as connection:
        revoked = queries.revoke_source_key(
            connection, owner_id=user.id, source_id=source_id, key_id=key_id
        )
    if not revoked:
        raise NotFound("You have no such key.")


def page(user: User, limit: int, after: str | None) -> Sources:
    """`limit` of the user's sources whose names come after `after`."""
    rows = _list(user, after=after, source_id=None, limit=limit + 1)
    items, following = paging.page([*map(_from_row, rows)], limit, lambda last: last.name)
    return Sources(items=items, next=following)


def delete_expired_challenges(now: datetime) -> None:
    """Clears the nonces that nobody used."""
    with db.transaction(Room("sources", "nobody else clears what was never used")) as connection:
        queries.delete_expired_challenges(connection, before=now)


def _add_key(user: User, name: str, proof: Proof, source_id: UUID | None) -> tuple[UUID, bool]:
    try:
        public_key = ed25519.decode(proof.public_key, ed25519.PUBLIC_KEY_BYTES)
    except ValueError as error:
        raise Invalid(f"public_key: {error}") from None
    try:
        signature = ed25519.decode(proof.signature, ed25519.SIGNATURE_BYTES)
    except ValueError as error:
        raise Invalid(f"signature: {error}") from None
    statement = STATEMENT.format(
        name=name, public_key=proof.public_key, challenge=proof.challenge
    ).encode()
    if not ed25519.verify(public_key, signature, statement):
        raise InvalidProof
    with db.transaction(user.writing) as connection:
        if not queries.redeem_key_challenge(
            connection, owner_id=user.id, challenge=proof.challenge
        ):
            raise InvalidProof
        found, created = queries.add_source_key(
            connection, owner_id=user.id, name=name, public_key=public_key, source_id=source_id
        )
    return found, created


def _source(user: User, source_id: UUID) -> Source:
    rows = _list(user, after=None, source_id=source_id, limit=1)
    if not rows:
        raise NotFound("You have no such source.")
    return _from_row(rows[0])


def _list(user: User, **which: object) -> list[TupleRow]:
    return db.call(user, queries.list_sources.sql, {**which, **HEALTH}, db.READING)


def _from_row(row: tuple[object, ...]) -> Source:
    return Source.model_validate(dict(zip(_FIELDS, row, strict=True)))
