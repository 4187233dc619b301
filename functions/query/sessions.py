"""Sessions, of agents and of people, as whole things however many midnights they cross."""

from datetime import UTC, datetime
from typing import get_args

from functions.core import db, sql
from functions.core.actor import User
from functions.query import paging, period, service
from functions.query.time import pending_days
from functions.query.time_models import Lane, Session, Sessions, SessionsAsked
from functions.rollup import refresh_days

PAGE, MAX_PAGE = 100, 1_000  # sessions

queries = sql.load(__file__, "sessions.sql")


def page(user: User, asked: SessionsAsked, now: datetime) -> Sessions:
    """Sessions that were under way in the period, the latest to begin first.

    Raises `InvalidRange`, `InvalidTimezone`, `InvalidFilter`, `InvalidLimit`, `InvalidCursor`.
    """
    user.require("query:read")
    if asked.lane is not None:
        service.one_of("lane", asked.lane, get_args(Lane))
    narrowed = period.filters(asked, "project")
    limit = paging.limit(asked.limit, PAGE, MAX_PAGE)
    at, position = None, None
    if asked.cursor is not None:
        at, position = paging.decode(asked.cursor, "sessions", _position)
    span = period.find(user, asked, now)
    refresh_days(user.id, span.first_day, span.last_day)
    rows = db.call(
        user,
        queries.sessions.sql,
        {
            "first": span.first_day,
            "last": span.last_day,
            "since": span.since,
            "until": span.until,
            "lane": asked.lane,
            "at": at,
            "position": position,
            "limit": limit + 1,
            **narrowed,
        },
    )
    found = [_session(*row) for row in rows[:limit]]
    following = None
    if len(rows) > limit:
        last = found[-1]
        following = paging.encode("sessions", last.started_at.isoformat(), f"{last.lane} {last.id}")
    return Sessions(
        period=span.answer(), items=found, pending_days=pending_days(user, span), next=following
    )


def _session(  # noqa: PLR0913, PLR0917 (the columns of a row)
    name: str,
    lane: Lane,
    project: str | None,
    started_at: datetime,
    ended_at: datetime,
    events: int,
    tools: dict[str, int],
    *tokens_and_cost: int,
) -> Session:
    started_at, ended_at = started_at.astimezone(UTC), ended_at.astimezone(UTC)
    tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost = tokens_and_cost
    return Session(
        id=name,
        lane=lane,
        project=project,
        started_at=started_at,
        ended_at=ended_at,
        duration_seconds=int((ended_at - started_at).total_seconds()),
        events=events,
        tools=tools,
        tokens_input=tokens_input,
        tokens_output=tokens_output,
        tokens_cache_read=tokens_cache_read,
        tokens_cache_write=tokens_cache_write,
        cost_usd=float(cost),
    )


def _position(at: object, position: object) -> tuple[datetime, str]:
    moment = datetime.fromisoformat(paging.text(at))
    if moment.tzinfo is None:
        raise ValueError("not an instant")
    return moment, paging.text(position)
