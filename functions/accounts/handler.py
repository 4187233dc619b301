"""`/v1/sources` and `/v1/tokens`; `/v1/me` and `/v1/leaderboards` are in files of their own."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from aws_lambda_powertools.event_handler.request import Request

from functions.accounts import handler_leaderboards, handler_profile, sources, tokens
from functions.accounts.models import (
    Challenge,
    IssuedToken,
    NewSource,
    NewToken,
    Proof,
    Source,
    SourceChanges,
    Sources,
    Tokens,
)
from functions.core import bearer, http
from functions.core.actor import User
from functions.core.errors import (
    Forbidden,
    Invalid,
    InvalidToken,
    KeyTaken,
    MissingAuth,
    NotFound,
    PayloadTooLarge,
    SourceExists,
    SourceNameTaken,
    TooManyKeys,
    Unavailable,
    UnsupportedMediaType,
)
from functions.jobs import entry

_COMMON = (MissingAuth, InvalidToken, Forbidden, Unavailable)
_BODY = (*_COMMON, Invalid, UnsupportedMediaType, PayloadTooLarge)
_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]

_ID = "7d0b5c1e-4f6a-4c7e-9a54-3f1d2b8c6e90"

Limit = Annotated[
    int, Query(ge=1, le=100, description="A page has at most this many items.", examples=[50])
]
SourceId = Annotated[
    UUID, Path(description="This is the id of one of your sources.", examples=[_ID])
]

app = http.app()
app.include_router(handler_profile.router)
app.include_router(handler_leaderboards.router)


def _user(request: Request) -> User:
    return bearer.authenticate(http.headers(request))


@app.post(
    "/v1/sources/challenge",
    operation_id="createChallenge",
    summary="Make a nonce for a proof of possession",
    description="Makes a nonce to be signed with a monitor's key, which shows that its private half"
    " is at hand. It is valid for ten minutes and one registration.",
    tags=["sources"],
    security=_SECURITY,
    status_code=201,
    responses=http.documented(*_COMMON, model=Challenge, status=201),
)
def create_challenge(request: Request) -> Response[str]:
    """Valid for ten minutes and one registration."""
    return http.answered(sources.challenge(_user(request), datetime.now(UTC)), status=201)


@app.post(
    "/v1/sources",
    operation_id="registerSource",
    summary="Register a monitor",
    description="Registers a monitor with its first public key. The answer is 201 for a new source,"
    " and 200 when it is there with this key already.",
    tags=["sources"],
    security=_SECURITY,
    status_code=201,
    responses={
        **http.documented(
            *_BODY, SourceNameTaken, SourceExists, KeyTaken, sources.InvalidProof, model=Source
        ),
        **http.created(Source),
    },
)
def register_source(request: Request, body: Annotated[NewSource, Body()]) -> Response[str]:
    """201 for a new source, 200 when it is there with this key already."""
    source, created = sources.register(_user(request), body)
    return http.answered(source, status=201 if created else 200)


@app.get(
    "/v1/sources",
    operation_id="listSources",
    summary="List your monitors",
    description="Lists your monitors by name, with their keys and their health: when they were last"
    " heard of, how late their events come, and where there are gaps.",
    tags=["sources"],
    security=_SECURITY,
    responses=http.documented(*_COMMON, Invalid, model=Sources),
)
def list_sources(
    request: Request,
    limit: Limit = 100,
    cursor: Annotated[
        str | None,
        Query(
            max_length=128,
            description="The page begins after the end of another page, whose `next` this is.",
            examples=["laptop"],
        ),
    ] = None,
) -> Response[str]:
    """By name."""
    return http.answered(sources.page(_user(request), limit, cursor))


@app.patch(
    "/v1/sources/<source_id>",
    operation_id="updateSource",
    summary="Change a monitor",
    description="Says how often a monitor is expected to be heard of. What is absent stays as it"
    " is.",
    tags=["sources"],
    security=_SECURITY,
    responses=http.documented(*_BODY, NotFound, model=Source),
)
def update_source(
    request: Request, source_id: SourceId, body: Annotated[SourceChanges, Body()]
) -> Response[str]:
    """What is absent stays."""
    return http.answered(sources.change(_user(request), source_id, body))


@app.post(
    "/v1/sources/<source_id>/keys",
    operation_id="addSourceKey",
    summary="Add a key to a monitor",
    description="Adds a public key, so that a key can be replaced without a gap: two may be active."
    " Add the new one, move the monitor, and revoke the old one. The answer is 200 when the key is"
    " there already.",
    tags=["sources"],
    security=_SECURITY,
    status_code=201,
    responses={
        **http.documented(
            *_BODY, NotFound, KeyTaken, TooManyKeys, sources.InvalidProof, model=Source
        ),
        **http.created(Source),
    },
)
def add_key(request: Request, source_id: SourceId, body: Annotated[Proof, Body()]) -> Response[str]:
    """Two may be active: add the new one, move the monitor, revoke the old one."""
    source, created = sources.add_key(_user(request), source_id, body)
    return http.answered(source, status=201 if created else 200)


@app.delete(
    "/v1/sources/<source_id>/keys/<key_id>",
    operation_id="revokeSourceKey",
    summary="Revoke a key of a monitor",
    description="Revokes a key. Batches that it signs are refused from this moment on. To revoke it"
    " again is harmless.",
    tags=["sources"],
    security=_SECURITY,
    status_code=204,
    responses=http.documented(*_COMMON, Invalid, NotFound, status=204),
)
def revoke_key(
    request: Request,
    source_id: SourceId,
    key_id: Annotated[
        UUID, Path(description="This is the id of a key of the source.", examples=[_ID])
    ],
) -> Response[str]:
    """Takes effect at once; again is harmless."""
    sources.revoke_key(_user(request), source_id, key_id)
    return http.empty()


@app.post(
    "/v1/tokens",
    operation_id="createToken",
    summary="Make an access token",
    description="Makes an access token for a program. The secret is in this answer and nowhere"
    " else.",
    tags=["tokens"],
    security=_SECURITY,
    status_code=201,
    responses=http.documented(*_BODY, model=IssuedToken, status=201),
)
def create_token(request: Request, body: Annotated[NewToken, Body()]) -> Response[str]:
    """The secret is in this answer and nowhere else."""
    return http.answered(tokens.issue(_user(request), body, datetime.now(UTC)), status=201)


@app.get(
    "/v1/tokens",
    operation_id="listTokens",
    summary="List your access tokens",
    description="Lists your access tokens without their secrets, the oldest first.",
    tags=["tokens"],
    security=_SECURITY,
    responses=http.documented(*_COMMON, Invalid, model=Tokens),
)
def list_tokens(
    request: Request,
    limit: Limit = 100,
    cursor: Annotated[
        UUID | None,
        Query(
            description="The page begins after the end of another page, whose `next` this is.",
            examples=[_ID],
        ),
    ] = None,
) -> Response[str]:
    """Oldest first, without secrets."""
    return http.answered(tokens.page(_user(request), limit, cursor))


@app.delete(
    "/v1/tokens/<token_id>",
    operation_id="deleteToken",
    summary="Revoke an access token",
    description="Revokes an access token. It opens nothing from this moment on.",
    tags=["tokens"],
    security=_SECURITY,
    status_code=204,
    responses=http.documented(*_COMMON, Invalid, NotFound, status=204),
)
def delete_token(
    request: Request,
    token_id: Annotated[
        UUID, Path(description="This is the id of one of your tokens.", examples=[_ID])
    ],
) -> Response[str]:
    """Takes effect at once."""
    tokens.delete(_user(request), token_id)
    return http.empty()


handler = entry(app, "accounts")
