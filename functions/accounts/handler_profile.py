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
    Malformed,
    MissingAuth,
    Unavailable,
    UnsupportedMediaType,
)

_COMMON = (MissingAuth, InvalidToken, Forbidden, Unavailable)
_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


@router.get(
    "/v1/me",
    summary="Your settings",
    tags=["profile"],
    security=_SECURITY,
    responses={**http.documented(*_COMMON, model=Profile), **http.not_modified()},
)
def find_profile(request: Request) -> Response[str]:
    """With an `ETag` for `If-Match`."""
    return http.cached(request, profile.find(bearer.authenticate(http.headers(request))))


@router.patch(
    "/v1/me",
    summary="Change your settings",
    tags=["profile"],
    security=_SECURITY,
    responses=http.documented(
        *_COMMON,
        Malformed,
        Invalid,
        UnsupportedMediaType,
        profile.HandleTaken,
        profile.ProfileChanged,
        model=Profile,
    ),
)
def change_profile(
    request: Request,
    body: Annotated[ProfileChanges, Body()],
    if_match: Annotated[
        str | None, Header(alias="If-Match", description="An `ETag`: change only what has it")
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
    summary="What retention deleted",
    tags=["profile"],
    security=_SECURITY,
    responses=http.documented(*_COMMON, Invalid, model=Purges),
)
def list_purges(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=100, description="Items of a page")] = 100,
    cursor: Annotated[UUID | None, Query(description="`next` of a page")] = None,
) -> Response[str]:
    """Receipts, oldest first."""
    user = bearer.authenticate(http.headers(request))
    return http.answered(profile.purges(user, limit, cursor))
