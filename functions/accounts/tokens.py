"""Access tokens for programs: 256 random bits, shown once, kept as a hash."""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

from functions.accounts.models import IssuedToken, NewToken, Token, Tokens
from functions.core import bearer, db, paging, sql
from functions.core.actor import User
from functions.core.errors import Forbidden, Invalid, NotFound
from functions.core.room import scopes as all_scopes

SECRET_BYTES = 32

queries = sql.load(__file__)


def issue(user: User, new: NewToken, now: datetime) -> IssuedToken:
    """Makes a token. It can do what its maker can at the most. Raises `Forbidden`, `Invalid`."""
    scopes = sorted(set(new.scopes))
    unknown = [scope for scope in scopes if scope not in all_scopes()]
    if unknown:
        raise Invalid(f"scopes: {unknown[0]!r:.80} is none of {', '.join(sorted(all_scopes()))}")
    beyond = [scope for scope in scopes if not user.may(scope)]
    if beyond:
        raise Forbidden(f"This token cannot give the scope {beyond[0]}, which it lacks.")
    expires_at = now + timedelta(days=new.expires_in_days) if new.expires_in_days else None
    secret = bearer.TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    with db.transaction(user.writing) as connection:
        row = queries.create_access_token(
            connection,
            owner_id=user.id,
            name=new.name,
            token_sha256=bearer.hash_token(secret),
            scopes=scopes,
            expires_at=expires_at,
        )
    return IssuedToken(token=secret, **_from_row(row).model_dump())


def issue_owner_token(name: str) -> str:
    """A token of the deployment's owner with every scope: the first one, for whoever installs."""
    owner = User(bearer.deployment_owner())
    issued = issue(owner, NewToken(name=name, scopes=sorted(all_scopes())), datetime.now(UTC))
    return issued.token


def page(user: User, limit: int, after: UUID | None) -> Tokens:
    """`limit` of the user's tokens made after the one with the id `after`."""
    which = {"after": after, "limit": limit + 1}
    rows = db.call(user, queries.list_access_tokens.sql, which, db.READING)
    items, following = paging.page([*map(_from_row, rows)], limit, lambda last: str(last.id))
    return Tokens(items=items, next=following)


def delete(user: User, token_id: UUID) -> None:
    """Revokes a token. Raises `NotFound`."""
    with db.transaction(user.writing) as connection:
        deleted = queries.delete_access_token(connection, owner_id=user.id, id=token_id)
    if not deleted:
        raise NotFound("You have no such token.")


def _from_row(row: tuple[object, ...]) -> Token:
    names = ("id", "name", "scopes", "created_at", "expires_at", "last_used_at")
    return Token.model_validate(dict(zip(names, row, strict=True)))
