"""A person's own settings, and what retention deleted of theirs."""

import hashlib
from uuid import UUID

from functions.accounts.models import Profile, ProfileChanges, Purge, Purges
from functions.core import db, paging, sql
from functions.core.actor import User
from functions.core.config import config
from functions.core.errors import ApiError, Conflict, Invalid
from functions.core.parameters import ZONE

queries = sql.load(__file__)

_FIELDS = (
    "id",
    "handle",
    "email",
    "timezone",
    "idle_timeout_minutes",
    "retention_months",
    "leaderboard_opt_in",
    "purged_before",
    "created_at",
)
_PURGE_FIELDS = (
    "id",
    "first_occurred_at",
    "last_occurred_at",
    "events",
    "digest",
    "purged_at",
)


class HandleTaken(Conflict):
    """Another account has this handle; choose another one."""

    error = "handle_taken"
    sqlstate = "VL011"


class HandleMissing(Invalid):
    """leaderboard_opt_in: a handle is what others see; choose one as well."""

    sqlstate = "VL012"


class UnknownTimezone(Invalid):
    """timezone: this is not an IANA time zone; Asia/Kathmandu, for example, is one."""

    sqlstate = "VL013"


class InvalidSettings(Invalid):
    """The settings are not valid together."""

    sqlstate = "VL014"


class ProfileChanged(ApiError):
    """The settings were changed since you read them; read them again."""

    status = 412
    error = "precondition_failed"


def find(user: User) -> Profile:
    """`user`'s settings."""
    [row] = db.call(user, queries.find_profile.sql, {"id": user.id}, db.READING)
    return _from_row(row)


def change(user: User, changes: ProfileChanges, if_match: str | None) -> Profile:
    """The settings after `changes`, made only if they still have an ETag of `if_match`, if any.

    Raises `ProfileChanged`, `HandleTaken`, `HandleMissing`, `UnknownTimezone`, `InvalidSettings`.
    """
    asked = changes.model_dump(exclude_unset=True)
    if "timezone" in asked and not ZONE.fullmatch(asked["timezone"]):
        raise UnknownTimezone
    with db.transaction(user.writing) as connection:
        queries.lock_profile(connection, id=user.id)
        current = _from_row(queries.find_profile(connection, id=user.id))
        if not _matches(current, if_match):
            raise ProfileChanged
        wanted = {name: getattr(current, name) for name in ProfileChanges.model_fields} | asked
        queries.update_profile(connection, id=user.id, **wanted)
        return _from_row(queries.find_profile(connection, id=user.id))


def etag(profile: Profile) -> str:
    """The strong ETag of the settings as they are sent."""
    return f'"{hashlib.sha256(profile.model_dump_json().encode()).hexdigest()}"'


def purges(user: User, limit: int, after: UUID | None) -> Purges:
    """`limit` of the user's receipts after the one with the id `after`."""
    which = {"after": after, "limit": limit + 1}
    rows = db.call(user, queries.list_purges.sql, which, db.READING)
    found = [Purge.model_validate(dict(zip(_PURGE_FIELDS, row, strict=True))) for row in rows]
    items, following = paging.page(found, limit, lambda last: last.id)
    return Purges(items=items, next=following)


def _matches(profile: Profile, if_match: str | None) -> bool:
    """RFC 9110 §13.1.1: `*`, or a list with the strong ETag in it."""
    if if_match is None or if_match.strip() == "*":
        return True
    return etag(profile) in (tag.strip() for tag in if_match.split(","))


def _from_row(row: tuple[object, ...]) -> Profile:
    found = dict(zip(_FIELDS, row, strict=True))
    limits = [months for months in (found["retention_months"], config().retention_months) if months]
    return Profile.model_validate(
        found | {"effective_retention_months": min(limits, default=None)}  # type: ignore[type-var]
    )
