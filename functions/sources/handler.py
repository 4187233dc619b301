"""`/v1/sources`."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler import Depends, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from functions.core import http, jobs
from functions.core.actor import User
from functions.core.config import SOURCE_NAME
from functions.core.door import BODY_REFUSALS, REFUSALS, may
from functions.core.errors import (
    Invalid,
    KeyTaken,
    NotFound,
    SourceExists,
    SourceNameTaken,
    TooManyKeys,
)
from functions.schedule import JOBS
from functions.sources import service
from functions.sources.models import (
    Challenge,
    NewSource,
    Proof,
    Source,
    SourceChanges,
    Sources,
)

Reader = Annotated[User, Depends(may("sources:read"))]
Writer = Annotated[User, Depends(may("sources:write"))]
SourceId = Annotated[UUID, Path(description="Of a source")]

app = http.app()


@app.post(
    "/v1/sources/challenge",
    summary="A nonce for a proof of possession",
    tags=["sources"],
    status_code=201,
    responses=http.documented(*REFUSALS, model=Challenge, status=201),
)
def create_challenge(user: Writer) -> Response[str]:
    """Valid for ten minutes and one registration."""
    return http.answered(service.challenge(user, datetime.now(UTC)), status=201)


@app.post(
    "/v1/sources",
    summary="Register a monitor",
    tags=["sources"],
    status_code=201,
    responses={
        **http.documented(
            *BODY_REFUSALS,
            SourceNameTaken,
            SourceExists,
            KeyTaken,
            service.InvalidProof,
            model=Source,
        ),
        **http.created(Source),
    },
)
def register_source(user: Writer, body: Annotated[NewSource, Body()]) -> Response[str]:
    """201 for a new source, 200 when it is there with this key already."""
    source, created = service.register(user, body)
    return http.answered(source, status=201 if created else 200)


@app.get(
    "/v1/sources",
    summary="Your monitors, their keys and their health",
    tags=["sources"],
    responses=http.documented(*REFUSALS, Invalid, model=Sources),
)
def list_sources(
    user: Reader,
    limit: Annotated[int, Query(ge=1, le=100, description="Items of a page")] = 100,
    cursor: Annotated[
        str | None, Query(pattern=SOURCE_NAME, description="`next` of a page")
    ] = None,
) -> Response[str]:
    """By name."""
    return http.answered(service.page(user, limit, cursor))


@app.patch(
    "/v1/sources/<source_id>",
    summary="Say how often a monitor is to be heard of",
    tags=["sources"],
    responses=http.documented(*BODY_REFUSALS, NotFound, model=Source),
)
def change_source(
    user: Writer, source_id: SourceId, body: Annotated[SourceChanges, Body()]
) -> Response[str]:
    """What is absent stays."""
    return http.answered(service.change(user, source_id, body))


@app.post(
    "/v1/sources/<source_id>/keys",
    summary="Add a key to a monitor",
    tags=["sources"],
    status_code=201,
    responses={
        **http.documented(
            *BODY_REFUSALS, NotFound, KeyTaken, TooManyKeys, service.InvalidProof, model=Source
        ),
        **http.created(Source),
    },
)
def add_key(user: Writer, source_id: SourceId, body: Annotated[Proof, Body()]) -> Response[str]:
    """Two may be active: add the new one, move the monitor, revoke the old one."""
    source, created = service.add_key(user, source_id, body)
    return http.answered(source, status=201 if created else 200)


@app.delete(
    "/v1/sources/<source_id>/keys/<key_id>",
    summary="Revoke a key",
    tags=["sources"],
    status_code=204,
    responses=http.documented(*REFUSALS, Invalid, NotFound, status=204),
)
def revoke_key(
    user: Writer, source_id: SourceId, key_id: Annotated[UUID, Path(description="Of a key")]
) -> Response[str]:
    """Takes effect at once; again is harmless."""
    service.revoke_key(user, source_id, key_id)
    return http.empty()


handler = jobs.entry(app, "sources", JOBS)
