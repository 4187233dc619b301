"""`/v1/leaderboards`."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from aws_lambda_powertools.event_handler.request import Request
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.accounts import leaderboards
from functions.accounts.models_leaderboards import (
    Invitation,
    InvitingLeaderboard,
    Leaderboard,
    Leaderboards,
    Metric,
    NewLeaderboard,
    Period,
    Ranking,
)
from functions.core import bearer, http
from functions.core.actor import User
from functions.core.errors import (
    Forbidden,
    Invalid,
    InvalidToken,
    Malformed,
    MissingAuth,
    NotFound,
    Unavailable,
    UnsupportedMediaType,
)

_COMMON = (MissingAuth, InvalidToken, Forbidden, Unavailable)
_BODY = (*_COMMON, Malformed, Invalid, UnsupportedMediaType)
_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]

BoardId = Annotated[UUID, Path(description="Of a leaderboard")]
Limit = Annotated[int, Query(ge=1, le=100, description="Items of a page")]
Cursor = Annotated[str | None, Query(max_length=128, description="`next` of a page")]

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


def _user(request: Request) -> User:
    return bearer.authenticate(http.headers(request))


@router.get(
    "/v1/leaderboards",
    summary="The leaderboards that you may see",
    tags=["leaderboards"],
    security=_SECURITY,
    responses=http.documented(*_COMMON, model=Leaderboards),
)
def list_leaderboards(request: Request) -> Response[str]:
    """The public one, and those that you joined."""
    return http.answered(leaderboards.visible(_user(request)))


@router.post(
    "/v1/leaderboards",
    summary="Make a private leaderboard",
    tags=["leaderboards"],
    security=_SECURITY,
    status_code=201,
    responses=http.documented(
        *_BODY, leaderboards.TooManyLeaderboards, model=InvitingLeaderboard, status=201
    ),
)
def create_leaderboard(request: Request, body: Annotated[NewLeaderboard, Body()]) -> Response[str]:
    """The invitation code is in this answer and nowhere else."""
    return http.answered(leaderboards.create(_user(request), body.name), status=201)


@router.post(
    "/v1/leaderboards/join",
    summary="Join a private leaderboard",
    tags=["leaderboards"],
    security=_SECURITY,
    responses=http.documented(
        *_BODY,
        NotFound,
        leaderboards.TooManyLeaderboards,
        leaderboards.LeaderboardFull,
        model=Leaderboard,
    ),
)
def join_leaderboard(request: Request, body: Annotated[Invitation, Body()]) -> Response[str]:
    """You are shown there once you have opted in (`PATCH /v1/me`)."""
    return http.answered(leaderboards.join(_user(request), body.code))


@router.get(
    "/v1/leaderboards/public",
    summary="The public ranking",
    tags=["leaderboards"],
    security=_SECURITY,
    responses=http.documented(*_COMMON, Malformed, Invalid, model=Ranking),
)
def rank_everybody(
    request: Request,
    metric: Annotated[Metric, Query()] = Metric.EVENTS,
    period: Annotated[Period, Query()] = Period.WEEK,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[str]:
    """Everybody who opted in and has any; handle, place and value."""
    asked = leaderboards.Question(metric, period, limit, cursor)
    return http.answered(leaderboards.ranking(_user(request), None, asked, datetime.now(UTC)))


@router.get(
    "/v1/leaderboards/<board_id>",
    summary="A private ranking",
    tags=["leaderboards"],
    security=_SECURITY,
    responses=http.documented(*_COMMON, Malformed, Invalid, NotFound, model=Ranking),
)
def rank_members(  # noqa: PLR0913, PLR0917 (one for each parameter of the route)
    request: Request,
    board_id: BoardId,
    metric: Annotated[Metric, Query()] = Metric.EVENTS,
    period: Annotated[Period, Query()] = Period.WEEK,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[str]:
    """Its members who opted in and have any; handle, place and value."""
    asked = leaderboards.Question(metric, period, limit, cursor)
    return http.answered(leaderboards.ranking(_user(request), board_id, asked, datetime.now(UTC)))


@router.post(
    "/v1/leaderboards/<board_id>/code",
    summary="Replace the invitation code",
    tags=["leaderboards"],
    security=_SECURITY,
    status_code=201,
    responses=http.documented(*_COMMON, Invalid, NotFound, model=InvitingLeaderboard, status=201),
)
def replace_code(request: Request, board_id: BoardId) -> Response[str]:
    """The old one opens nothing any more; whoever joined stays."""
    return http.answered(leaderboards.replace_code(_user(request), board_id), status=201)


@router.delete(
    "/v1/leaderboards/<board_id>/membership",
    summary="Leave a leaderboard",
    tags=["leaderboards"],
    security=_SECURITY,
    status_code=204,
    responses=http.documented(*_COMMON, Invalid, NotFound, leaderboards.OwnerStays, status=204),
)
def leave_leaderboard(request: Request, board_id: BoardId) -> Response[str]:
    """You are not shown there from this moment on."""
    leaderboards.leave(_user(request), board_id)
    return http.empty()


@router.delete(
    "/v1/leaderboards/<board_id>",
    summary="Delete a leaderboard of yours",
    tags=["leaderboards"],
    security=_SECURITY,
    status_code=204,
    responses=http.documented(*_COMMON, Invalid, NotFound, status=204),
)
def delete_leaderboard(request: Request, board_id: BoardId) -> Response[str]:
    """With everybody's membership."""
    leaderboards.delete(_user(request), board_id)
    return http.empty()
