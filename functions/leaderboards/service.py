"""Rankings among people who opted in: the public one, and private ones behind an invitation."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from psycopg.rows import TupleRow

from functions.core import db, paging, sql
from functions.core.actor import User
from functions.core.db import Connection
from functions.core.errors import Conflict, Malformed, NotFound
from functions.leaderboards.models import (
    PUBLIC,
    InvitingLeaderboard,
    Leaderboard,
    Leaderboards,
    Metric,
    Period,
    Ranking,
    Standing,
)

CODE_BYTES = 16  # 128 bits cannot be guessed, and are short enough to pass on
PUBLIC_BOARD = Leaderboard(id=PUBLIC, name="Everybody", is_owner=False, created_at=None)
_CURSOR = re.compile(r"([0-9]{1,40})\.([a-z0-9][a-z0-9_-]{1,38})")

queries = sql.load(__file__)


class TooManyLeaderboards(Conflict):
    """You are in 20 leaderboards; leave or delete one first."""

    error = "too_many_leaderboards"
    sqlstate = "VL021"


class UnknownCode(NotFound):
    """No leaderboard has this code."""

    sqlstate = "VL022"


class LeaderboardFull(Conflict):
    """This leaderboard has 500 members."""

    error = "leaderboard_full"
    sqlstate = "VL023"


class OwnerStays(Conflict):
    """Its owner cannot leave a leaderboard; delete it instead."""

    error = "owner_stays"


@dataclass(frozen=True)
class Question:
    """Which page of which comparison."""

    metric: Metric
    period: Period
    limit: int
    cursor: str | None


def visible(user: User) -> Leaderboards:
    """The public leaderboard and those that `user` is a member of."""
    which = {"member_id": user.id, "id": None}
    rows = db.call(user, queries.list_leaderboards.sql, which, db.READING)
    return Leaderboards(items=[PUBLIC_BOARD, *map(_from_row, rows)])


def create(user: User, name: str) -> InvitingLeaderboard:
    """A private leaderboard with `user` in it. Raises `TooManyLeaderboards`."""
    code = _new_code()
    with db.transaction(user.writing) as connection:
        board_id = queries.create_leaderboard(
            connection, owner_id=user.id, name=name, code_sha256=_digest(code)
        )
        board = _board(connection, user, board_id)
    return InvitingLeaderboard(code=code, **board.model_dump())


def replace_code(user: User, board_id: UUID) -> InvitingLeaderboard:
    """A new invitation; the old one stops working. Raises `NotFound`."""
    code = _new_code()
    with db.transaction(user.writing) as connection:
        replaced = queries.replace_leaderboard_code(
            connection, owner_id=user.id, id=board_id, code_sha256=_digest(code)
        )
        if not replaced:
            raise NotFound("You own no such leaderboard.")
        board = _board(connection, user, board_id)
    return InvitingLeaderboard(code=code, **board.model_dump())


def join(user: User, code: str) -> Leaderboard:
    """The leaderboard that `code` opens, with `user` in it; repeating the call changes nothing.

    Raises `UnknownCode`, `TooManyLeaderboards`, `LeaderboardFull`.
    """
    with db.transaction(user.writing) as connection:
        board_id = queries.join_leaderboard(connection, owner_id=user.id, code_sha256=_digest(code))
        return _board(connection, user, board_id)


def leave(user: User, board_id: UUID) -> None:
    """Ends the membership of `user`. Raises `NotFound`, `OwnerStays`."""
    with db.transaction(user.writing) as connection:
        left = queries.leave_leaderboard(connection, owner_id=user.id, id=board_id)
        if not left:
            _board(connection, user, board_id)
            raise OwnerStays


def delete(user: User, board_id: UUID) -> None:
    """Deletes the board and its memberships. Raises `NotFound`."""
    with db.transaction(user.writing) as connection:
        deleted = queries.delete_leaderboard(connection, owner_id=user.id, id=board_id)
    if not deleted:
        raise NotFound("You own no such leaderboard.")


def ranking(user: User, board_id: UUID | None, asked: Question, now: datetime) -> Ranking:
    """A page of a board, or of the public one for None: its members who opted in and have a value.

    Raises `NotFound`, also for a board that `user` is not in, and `Malformed`.
    """
    after_value, after_handle = _parse_cursor(asked.cursor)
    starts_at, ends_at = bounds(asked.period, now)
    with db.transaction(user.writing, db.READING) as connection:
        board = PUBLIC_BOARD if board_id is None else _board(connection, user, board_id)
        rows = list(
            queries.rank_leaderboard(
                connection,
                id=board_id,
                metric=asked.metric.value,
                starts_at=starts_at,
                ends_at=ends_at,
                after_value=after_value,
                after_handle=after_handle,
                limit=asked.limit + 1,
            )
        )
    standings = [
        Standing(rank=place, handle=handle, value=int(value)) for place, handle, value in rows
    ]
    items, following = paging.page(
        standings, asked.limit, lambda last: f"{last.value}.{last.handle}"
    )
    return Ranking(
        id=board.id,
        name=board.name,
        metric=asked.metric,
        period=asked.period,
        starts_at=starts_at,
        ends_at=ends_at,
        items=items,
        next=following,
    )


def bounds(period: Period, now: datetime) -> tuple[datetime, datetime]:
    """The beginning of `now`'s week (Monday) or month and of the next one, UTC."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period is Period.WEEK:
        start = today - timedelta(days=today.weekday())
        return start, start + timedelta(days=7)
    start = today.replace(day=1)
    return start, (start + timedelta(days=31)).replace(day=1)


def _parse_cursor(cursor: str | None) -> tuple[Decimal | None, str | None]:
    if cursor is None:
        return None, None
    parts = _CURSOR.fullmatch(cursor)
    if parts is None:
        raise Malformed("cursor: take the `next` of a page as it is.")
    return Decimal(parts[1]), parts[2]


def _new_code() -> str:
    return secrets.token_urlsafe(CODE_BYTES)


def _digest(code: str) -> bytes:
    """The SHA-256 of `code`; 128 random bits need no slow hash."""
    return hashlib.sha256(code.encode()).digest()


def _board(connection: Connection, user: User, board_id: UUID) -> Leaderboard:
    rows = list(queries.list_leaderboards(connection, member_id=user.id, id=board_id))
    if not rows:
        raise NotFound("You are in no such leaderboard.")
    return _from_row(rows[0])


def _from_row(row: TupleRow) -> Leaderboard:
    found, name, is_owner, created_at = row
    return Leaderboard(id=found, name=name, is_owner=is_owner, created_at=created_at)
