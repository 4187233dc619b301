"""`/v1/me` and `/v1/tokens`."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler import Depends, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from aws_lambda_powertools.event_handler.request import Request

from functions.accounts import profile, tokens
from functions.accounts.models import (
    IssuedToken,
    NewToken,
    Profile,
    ProfileChanges,
    Purges,
    Tokens,
)
from functions.core import http
from functions.core.actor import User
from functions.core.door import BODY_REFUSALS, REFUSALS, may
from functions.core.errors import Invalid, NotFound

Limit = Annotated[int, Query(ge=1, le=100, description="Items of a page")]
Cursor = Annotated[UUID | None, Query(description="`next` of a page")]

app = http.app()


@app.get(
    "/v1/me",
    summary="Your settings",
    tags=["profile"],
    responses={**http.documented(*REFUSALS, model=Profile), **http.not_modified()},
)
def find_profile(
    request: Request, user: Annotated[User, Depends(may("profile:read"))]
) -> Response[str]:
    """With an `ETag` for `If-Match`."""
    return http.cached(request, profile.find(user))


@app.patch(
    "/v1/me",
    summary="Change your settings",
    tags=["profile"],
    responses=http.documented(
        *BODY_REFUSALS, profile.HandleTaken, profile.ProfileChanged, model=Profile
    ),
)
def change_profile(
    user: Annotated[User, Depends(may("profile:write"))],
    body: Annotated[ProfileChanges, Body()],
    if_match: Annotated[
        str | None, Header(alias="If-Match", description="An `ETag`: change only what has it")
    ] = None,
) -> Response[str]:
    """What is absent stays. A new zone or timeout has the daily figures computed anew."""
    changed = profile.change(user, body, if_match)
    response = http.answered(changed)
    response.headers["ETag"] = profile.etag(changed)
    return response


@app.get(
    "/v1/me/purges",
    summary="What retention deleted",
    tags=["profile"],
    responses=http.documented(*REFUSALS, Invalid, model=Purges),
)
def list_purges(
    user: Annotated[User, Depends(may("profile:read"))], limit: Limit = 100, cursor: Cursor = None
) -> Response[str]:
    """Receipts, oldest first."""
    return http.answered(profile.purges(user, limit, cursor))


@app.post(
    "/v1/tokens",
    summary="Make an access token",
    tags=["tokens"],
    status_code=201,
    responses=http.documented(*BODY_REFUSALS, model=IssuedToken, status=201),
)
def create_token(
    user: Annotated[User, Depends(may("tokens:write"))], body: Annotated[NewToken, Body()]
) -> Response[str]:
    """The secret is in this answer and nowhere else."""
    return http.answered(tokens.issue(user, body, datetime.now(UTC)), status=201)


@app.get(
    "/v1/tokens",
    summary="Your access tokens",
    tags=["tokens"],
    responses=http.documented(*REFUSALS, Invalid, model=Tokens),
)
def list_tokens(
    user: Annotated[User, Depends(may("tokens:read"))], limit: Limit = 100, cursor: Cursor = None
) -> Response[str]:
    """Oldest first, without secrets."""
    return http.answered(tokens.page(user, limit, cursor))


@app.delete(
    "/v1/tokens/<token_id>",
    summary="Revoke an access token",
    tags=["tokens"],
    status_code=204,
    responses=http.documented(*REFUSALS, Invalid, NotFound, status=204),
)
def delete_token(
    user: Annotated[User, Depends(may("tokens:write"))],
    token_id: Annotated[UUID, Path(description="Of a token")],
) -> Response[str]:
    """Takes effect at once."""
    tokens.delete(user, token_id)
    return http.empty()


handler = http.entry(app, "accounts")
