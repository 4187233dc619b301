"""`/v1/leaderboards`."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler import Depends, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from functions.core import http
from functions.core.actor import User
from functions.core.door import BODY_REFUSALS, REFUSALS, may
from functions.core.errors import Invalid, Malformed, NotFound
from functions.leaderboards import service
from functions.leaderboards.models import (
    Invitation,
    InvitingLeaderboard,
    Leaderboard,
    Leaderboards,
    Metric,
    NewLeaderboard,
    Period,
    Ranking,
)

Reader = Annotated[User, Depends(may("profile:read"))]
Writer = Annotated[User, Depends(may("profile:write"))]
BoardId = Annotated[UUID, Path(description="Of a leaderboard")]
Limit = Annotated[int, Query(ge=1, le=100, description="Items of a page")]
Cursor = Annotated[str | None, Query(max_length=128, description="`next` of a page")]

app = http.app()


@app.get(
    "/v1/leaderboards",
    summary="The leaderboards that you may see",
    tags=["leaderboards"],
    responses=http.documented(*REFUSALS, model=Leaderboards),
)
def list_leaderboards(user: Reader) -> Response[str]:
    """The public one, and those that you joined."""
    return http.answered(service.visible(user))


@app.post(
    "/v1/leaderboards",
    summary="Make a private leaderboard",
    tags=["leaderboards"],
    status_code=201,
    responses=http.documented(
        *BODY_REFUSALS, service.TooManyLeaderboards, model=InvitingLeaderboard, status=201
    ),
)
def create_leaderboard(user: Writer, body: Annotated[NewLeaderboard, Body()]) -> Response[str]:
    """The invitation code is in this answer and nowhere else."""
    return http.answered(service.create(user, body.name), status=201)


@app.post(
    "/v1/leaderboards/join",
    summary="Join a private leaderboard",
    tags=["leaderboards"],
    responses=http.documented(
        *BODY_REFUSALS,
        NotFound,
        service.TooManyLeaderboards,
        service.LeaderboardFull,
        model=Leaderboard,
    ),
)
def join_leaderboard(user: Writer, body: Annotated[Invitation, Body()]) -> Response[str]:
    """You are shown there once you have opted in (`PATCH /v1/me`)."""
    return http.answered(service.join(user, body.code))


@app.get(
    "/v1/leaderboards/public",
    summary="The public ranking",
    tags=["leaderboards"],
    responses=http.documented(*REFUSALS, Malformed, Invalid, model=Ranking),
)
def rank_everybody(
    user: Reader,
    metric: Annotated[Metric, Query()] = Metric.EVENTS,
    period: Annotated[Period, Query()] = Period.WEEK,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[str]:
    """Everybody who opted in and has any; handle, place and value."""
    asked = service.Question(metric, period, limit, cursor)
    return http.answered(service.ranking(user, None, asked, datetime.now(UTC)))


@app.get(
    "/v1/leaderboards/<board_id>",
    summary="A private ranking",
    tags=["leaderboards"],
    responses=http.documented(*REFUSALS, Malformed, Invalid, NotFound, model=Ranking),
)
def rank_members(  # noqa: PLR0913, PLR0917 (one for each parameter of the route)
    user: Reader,
    board_id: BoardId,
    metric: Annotated[Metric, Query()] = Metric.EVENTS,
    period: Annotated[Period, Query()] = Period.WEEK,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[str]:
    """Its members who opted in and have any; handle, place and value."""
    asked = service.Question(metric, period, limit, cursor)
    return http.answered(service.ranking(user, board_id, asked, datetime.now(UTC)))


@app.post(
    "/v1/leaderboards/<board_id>/code",
    summary="Replace the invitation code",
    tags=["leaderboards"],
    status_code=201,
    responses=http.documented(*REFUSALS, Invalid, NotFound, model=InvitingLeaderboard, status=201),
)
def replace_code(user: Writer, board_id: BoardId) -> Response[str]:
    """The old one opens nothing any more; whoever joined stays."""
    return http.answered(service.replace_code(user, board_id), status=201)


@app.delete(
    "/v1/leaderboards/<board_id>/membership",
    summary="Leave a leaderboard",
    tags=["leaderboards"],
    status_code=204,
    responses=http.documented(*REFUSALS, Invalid, NotFound, service.OwnerStays, status=204),
)
def leave_leaderboard(user: Writer, board_id: BoardId) -> Response[str]:
    """You are not shown there from this moment on."""
    service.leave(user, board_id)
    return http.empty()


@app.delete(
    "/v1/leaderboards/<board_id>",
    summary="Delete a leaderboard of yours",
    tags=["leaderboards"],
    status_code=204,
    responses=http.documented(*REFUSALS, Invalid, NotFound, status=204),
)
def delete_leaderboard(user: Writer, board_id: BoardId) -> Response[str]:
    """With everybody's membership."""
    service.delete(user, board_id)
    return http.empty()


handler = http.entry(app, "leaderboards")
