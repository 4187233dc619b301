"""`/v1/me`."""

from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Query
from aws_lambda_powertools.event_handler.request import Request
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.accounts import profile
from functions.accounts.models_profile import Profile, ProfileChanges, Purges
from functions.core import bearer, http
from functions.core.errors import (
    Forbidden,
    Invalid,
    InvalidToken,
    MissingAuth,
    PayloadTooLarge,
    Unavailable,
    UnsupportedMediaType,
)

_COMMON = (MissingAuth, InvalidToken, Forbidden, Unavailable)
_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


@router.get(
    "/v1/me",
    operation_id="getProfile",
    summary="Get your settings",
    description="Answers with your settings. The `ETag` of the answer can be sent in `If-Match`"
    " when they are changed.",
    tags=["profile"],
    security=_SECURITY,
    responses={**http.documented(*_COMMON, model=Profile), **http.not_modified()},
)
def get_profile(request: Request) -> Response[str]:
    """With an `ETag` for `If-Match`."""
    return http.cached(request, profile.find(bearer.authenticate(http.headers(request))))


@router.patch(
    "/v1/me",
    operation_id="updateProfile",
    summary="Change your settings",
    description="Changes your settings. What is absent stays as it is. A new time zone or timeout"
    " has the daily figures computed anew.",
    tags=["profile"],
    security=_SECURITY,
    responses=http.documented(
        *_COMMON,
        Invalid,
        UnsupportedMediaType,
        PayloadTooLarge,
        profile.HandleTaken,
        profile.ProfileChanged,
        model=Profile,
    ),
)
def update_profile(
    request: Request,
    body: Annotated[ProfileChanges, Body()],
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The settings are changed only if this is still their `ETag`.",
            examples=['"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"'],
        ),
    ] = None,
) -> Response[str]:
    """What is absent stays. A new zone or timeout has the daily figures computed anew."""
    user = bearer.authenticate(http.headers(request))
    changed = profile.change(user, body, if_match)
    response = http.answered(changed)
    response.headers["ETag"] = profile.etag(changed)
    return response


@router.get(
    "/v1/me/purges",
    operation_id="listPurges",
    summary="List what retention deleted",
    description="Lists a receipt for each deletion of raw events by retention, the oldest first.",
    tags=["profile"],
    security=_SECURITY,
    responses=http.documented(*_COMMON, Invalid, model=Purges),
)
def list_purges(
    request: Request,
    limit: Annotated[
        int, Query(ge=1, le=100, description="A page has at most this many items.", examples=[50])
    ] = 100,
    cursor: Annotated[
        UUID | None,
        Query(
            description="The page begins after the end of another page, whose `next` this is.",
            examples=["7d0b5c1e-4f6a-4c7e-9a54-3f1d2b8c6e90"],
        ),
    ] = None,
) -> Response[str]:
    """Receipts, oldest first."""
    user = bearer.authenticate(http.headers(request))
    return http.answered(profile.purges(user, limit, cursor))
