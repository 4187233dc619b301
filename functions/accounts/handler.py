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
from functions.core.parameters import CURSOR, Limit

_ID = "7d0b5c1e-4f6a-4c7e-9a54-3f1d2b8c6e90"

Cursor = Annotated[UUID | None, Query(description=CURSOR, examples=[_ID])]

app = http.app()


@app.get(
    "/v1/me",
    operation_id="getProfile",
    summary="Get your settings",
    description="Answers with your settings. The `ETag` of the answer can be sent in `If-Match`"
    " when they are changed.",
    tags=["profile"],
    responses={**http.documented(*REFUSALS, model=Profile), **http.not_modified()},
)
def get_profile(
    request: Request, user: Annotated[User, Depends(may("profile:read"))]
) -> Response[str]:
    return http.cached(request, profile.find(user))


@app.patch(
    "/v1/me",
    operation_id="updateProfile",
    summary="Change your settings",
    description="Changes your settings. What is absent stays as it is. A new time zone or timeout"
    " has the daily figures computed anew.",
    tags=["profile"],
    responses=http.documented(
        *BODY_REFUSALS, profile.HandleTaken, profile.ProfileChanged, model=Profile
    ),
)
def update_profile(
    user: Annotated[User, Depends(may("profile:write"))],
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
    changed = profile.change(user, body, if_match)
    response = http.answered(changed)
    response.headers["ETag"] = profile.etag(changed)
    return response


@app.get(
    "/v1/me/purges",
    operation_id="listPurges",
    summary="List what retention deleted",
    description="Lists a receipt for each deletion of raw events by retention, the oldest first.",
    tags=["profile"],
    responses=http.documented(*REFUSALS, Invalid, model=Purges),
)
def list_purges(
    user: Annotated[User, Depends(may("profile:read"))], limit: Limit = 100, cursor: Cursor = None
) -> Response[str]:
    return http.answered(profile.purges(user, limit, cursor))


@app.post(
    "/v1/tokens",
    operation_id="createToken",
    summary="Make an access token",
    description="Makes an access token for a program. The secret is in this answer and nowhere"
    " else.",
    tags=["tokens"],
    status_code=201,
    responses=http.documented(*BODY_REFUSALS, model=IssuedToken, status=201),
)
def create_token(
    user: Annotated[User, Depends(may("tokens:write"))], body: Annotated[NewToken, Body()]
) -> Response[str]:
    return http.answered(tokens.issue(user, body, datetime.now(UTC)), status=201)


@app.get(
    "/v1/tokens",
    operation_id="listTokens",
    summary="List your access tokens",
    description="Lists your access tokens without their secrets, the oldest first.",
    tags=["tokens"],
    responses=http.documented(*REFUSALS, Invalid, model=Tokens),
)
def list_tokens(
    user: Annotated[User, Depends(may("tokens:read"))], limit: Limit = 100, cursor: Cursor = None
) -> Response[str]:
    return http.answered(tokens.page(user, limit, cursor))


@app.delete(
    "/v1/tokens/<token_id>",
    operation_id="deleteToken",
    summary="Revoke an access token",
    description="Revokes an access token. It opens nothing from this moment on.",
    tags=["tokens"],
    status_code=204,
    responses=http.documented(*REFUSALS, Invalid, NotFound, status=204),
)
def delete_token(
    user: Annotated[User, Depends(may("tokens:write"))],
    token_id: Annotated[
        UUID, Path(description="This is the id of one of your tokens.", examples=[_ID])
    ],
) -> Response[str]:
    tokens.delete(user, token_id)
    return http.empty()


handler = http.entry(app, "accounts")
