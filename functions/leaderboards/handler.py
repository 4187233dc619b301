"""`/v1/leaderboards`."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler import Depends, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from functions.core import http
from functions.core.actor import User
from functions.core.door import BODY_REFUSALS, REFUSALS, may
from functions.core.errors import Invalid, NotFound
from functions.core.parameters import CURSOR, Limit
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
BoardId = Annotated[
    UUID,
    Path(
        description="This is the id of a leaderboard that you are in.",
        examples=["7d0b5c1e-4f6a-4c7e-9a54-3f1d2b8c6e90"],
    ),
]
Cursor = Annotated[str | None, Query(max_length=128, description=CURSOR, examples=["4210.ada"])]
Compared = Annotated[
    Metric, Query(description="People are ranked by this figure.", examples=["active_days"])
]
Current = Annotated[
    Period,
    Query(
        description="The current week (from Monday) or month is compared, in UTC.",
        examples=["month"],
    ),
]

app = http.app()


@app.get(
    "/v1/leaderboards",
    operation_id="listLeaderboards",
    summary="List the leaderboards that you may see",
    description="Lists the public leaderboard and those that you joined.",
    tags=["leaderboards"],
    responses=http.documented(*REFUSALS, model=Leaderboards),
)
def list_leaderboards(user: Reader) -> Response[str]:
    return http.answered(service.visible(user))


@app.post(
    "/v1/leaderboards",
    operation_id="createLeaderboard",
    summary="Make a private leaderboard",
    description="Makes a private leaderboard with you in it. The invitation code is in this answer"
    " and nowhere else.",
    tags=["leaderboards"],
    status_code=201,
    responses=http.documented(
        *BODY_REFUSALS, service.TooManyLeaderboards, model=InvitingLeaderboard, status=201
    ),
)
def create_leaderboard(user: Writer, body: Annotated[NewLeaderboard, Body()]) -> Response[str]:
    return http.answered(service.create(user, body.name), status=201)


@app.post(
    "/v1/leaderboards/join",
    operation_id="joinLeaderboard",
    summary="Join a private leaderboard",
    description="Makes you a member of the leaderboard that the code opens. You are shown there"
    " once you have opted in with `PATCH /v1/me`.",
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
    return http.answered(service.join(user, body.code))


@app.get(
    "/v1/leaderboards/public",
    operation_id="getPublicRanking",
    summary="Get the public ranking",
    description="Ranks everybody who opted in and has anything to be ranked by: handle, place and"
    " value.",
    tags=["leaderboards"],
    responses=http.documented(*REFUSALS, Invalid, model=Ranking),
)
def rank_everybody(
    user: Reader,
    metric: Compared = Metric.EVENTS,
    period: Current = Period.WEEK,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[str]:
    asked = service.Question(metric, period, limit, cursor)
    return http.answered(service.ranking(user, None, asked, datetime.now(UTC)))


@app.get(
    "/v1/leaderboards/<board_id>",
    operation_id="getRanking",
    summary="Get a private ranking",
    description="Ranks the members who opted in and have anything to be ranked by: handle, place"
    " and value.",
    tags=["leaderboards"],
    responses=http.documented(*REFUSALS, Invalid, NotFound, model=Ranking),
)
def rank_members(  # noqa: PLR0913, PLR0917 (one for each parameter of the route)
    user: Reader,
    board_id: BoardId,
    metric: Compared = Metric.EVENTS,
    period: Current = Period.WEEK,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[str]:
    asked = service.Question(metric, period, limit, cursor)
    return http.answered(service.ranking(user, board_id, asked, datetime.now(UTC)))


@app.post(
    "/v1/leaderboards/<board_id>/code",
    operation_id="replaceInvitationCode",
    summary="Replace the invitation code",
    description="Makes a new invitation code. The old one opens nothing any more; whoever joined"
    " stays.",
    tags=["leaderboards"],
    status_code=201,
    responses=http.documented(*REFUSALS, Invalid, NotFound, model=InvitingLeaderboard, status=201),
)
def replace_code(user: Writer, board_id: BoardId) -> Response[str]:
    return http.answered(service.replace_code(user, board_id), status=201)


@app.delete(
    "/v1/leaderboards/<board_id>/membership",
    operation_id="leaveLeaderboard",
    summary="Leave a leaderboard",
    description="Ends your membership. You are not shown there from this moment on.",
    tags=["leaderboards"],
    status_code=204,
    responses=http.documented(*REFUSALS, Invalid, NotFound, service.OwnerStays, status=204),
)
def leave_leaderboard(user: Writer, board_id: BoardId) -> Response[str]:
    service.leave(user, board_id)
    return http.empty()


@app.delete(
    "/v1/leaderboards/<board_id>",
    operation_id="deleteLeaderboard",
    summary="Delete a leaderboard of yours",
    description="Deletes a leaderboard that is yours, with the membership of everybody in it.",
    tags=["leaderboards"],
    status_code=204,
    responses=http.documented(*REFUSALS, Invalid, NotFound, status=204),
)
def delete_leaderboard(user: Writer, board_id: BoardId) -> Response[str]:
    service.delete(user, board_id)
    return http.empty()


handler = http.entry(app, "leaderboards")
