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
from functions.core import bearer, http, jobs
from functions.core.actor import User
from functions.core.errors import (
    Forbidden,
    Invalid,
    InvalidToken,
    KeyTaken,
    Malformed,
    MissingAuth,
    NotFound,
    SourceExists,
    SourceNameTaken,
    TooManyKeys,
    Unavailable,
    UnsupportedMediaType,
)
from functions.schedule import JOBS

_COMMON = (MissingAuth, InvalidToken, Forbidden, Unavailable)
_BODY = (*_COMMON, Malformed, Invalid, UnsupportedMediaType)
_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]

Limit = Annotated[int, Query(ge=1, le=100, description="Items of a page")]
SourceId = Annotated[UUID, Path(description="Of a source")]

app = http.app()
app.include_router(handler_profile.router)
app.include_router(handler_leaderboards.router)


def _user(request: Request) -> User:
    return bearer.authenticate(http.headers(request))


@app.post(
    "/v1/sources/challenge",
    summary="A nonce for a proof of possession",
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
    summary="Register a monitor",
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
    summary="Your monitors, their keys and their health",
    tags=["sources"],
    security=_SECURITY,
    responses=http.documented(*_COMMON, Invalid, model=Sources),
)
def list_sources(
    request: Request,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=128, description="`next` of a page")] = None,
) -> Response[str]:
    """By name."""
    return http.answered(sources.page(_user(request), limit, cursor))


@app.patch(
    "/v1/sources/<source_id>",
    summary="Say how often a monitor is to be heard of",
    tags=["sources"],
    security=_SECURITY,
    responses=http.documented(*_BODY, NotFound, model=Source),
)
def change_source(
    request: Request, source_id: SourceId, body: Annotated[SourceChanges, Body()]
) -> Response[str]:
    """What is absent stays."""
    return http.answered(sources.change(_user(request), source_id, body))


@app.post(
    "/v1/sources/<source_id>/keys",
    summary="Add a key to a monitor",
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
    summary="Revoke a key",
    tags=["sources"],
    security=_SECURITY,
    status_code=204,
    responses=http.documented(*_COMMON, Invalid, NotFound, status=204),
)
def revoke_key(
    request: Request, source_id: SourceId, key_id: Annotated[UUID, Path(description="Of a key")]
) -> Response[str]:
    """Takes effect at once; again is harmless."""
    sources.revoke_key(_user(request), source_id, key_id)
    return http.empty()


@app.post(
    "/v1/tokens",
    summary="Make an access token",
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
    summary="Your access tokens",
    tags=["tokens"],
    security=_SECURITY,
    responses=http.documented(*_COMMON, Invalid, model=Tokens),
)
def list_tokens(
    request: Request,
    limit: Limit = 100,
    cursor: Annotated[UUID | None, Query(description="`next` of a page")] = None,
) -> Response[str]:
    """Oldest first, without secrets."""
    return http.answered(tokens.page(_user(request), limit, cursor))


@app.delete(
    "/v1/tokens/<token_id>",
    summary="Revoke an access token",
    tags=["tokens"],
    security=_SECURITY,
    status_code=204,
    responses=http.documented(*_COMMON, Invalid, NotFound, status=204),
)
def delete_token(
    request: Request, token_id: Annotated[UUID, Path(description="Of a token")]
) -> Response[str]:
    """Takes effect at once."""
    tokens.delete(_user(request), token_id)
    return http.empty()


handler = jobs.entry(app, "accounts", JOBS)
