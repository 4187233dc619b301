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
from functions.core.parameters import CURSOR, Limit
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

_ID = "7d0b5c1e-4f6a-4c7e-9a54-3f1d2b8c6e90"

Reader = Annotated[User, Depends(may("sources:read"))]
Writer = Annotated[User, Depends(may("sources:write"))]
SourceId = Annotated[
    UUID, Path(description="This is the id of one of your sources.", examples=[_ID])
]

app = http.app()


@app.post(
    "/v1/sources/challenge",
    operation_id="createChallenge",
    summary="Make a nonce for a proof of possession",
    description="Makes a nonce to be signed with a monitor's key, which shows that its private half"
    " is at hand. It is valid for ten minutes and one registration.",
    tags=["sources"],
    status_code=201,
    responses=http.documented(*REFUSALS, model=Challenge, status=201),
)
def create_challenge(user: Writer) -> Response[str]:
    return http.answered(service.challenge(user, datetime.now(UTC)), status=201)


@app.post(
    "/v1/sources",
    operation_id="registerSource",
    summary="Register a monitor",
    description="Registers a monitor with its first public key. The answer is 201 for a new source,"
    " and 200 when it is there with this key already.",
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
    source, created = service.register(user, body)
    return http.answered(source, status=201 if created else 200)


@app.get(
    "/v1/sources",
    operation_id="listSources",
    summary="List your monitors",
    description="Lists your monitors by name, with their keys and their health: when they were last"
    " heard of, how late their events come, and where there are gaps.",
    tags=["sources"],
    responses=http.documented(*REFUSALS, Invalid, model=Sources),
)
def list_sources(
    user: Reader,
    limit: Limit = 100,
    cursor: Annotated[
        str | None, Query(pattern=SOURCE_NAME, description=CURSOR, examples=["laptop"])
    ] = None,
) -> Response[str]:
    return http.answered(service.page(user, limit, cursor))


@app.patch(
    "/v1/sources/<source_id>",
    operation_id="updateSource",
    summary="Change a monitor",
    description="Says how often a monitor is expected to be heard of. What is absent stays as it"
    " is.",
    tags=["sources"],
    responses=http.documented(*BODY_REFUSALS, NotFound, model=Source),
)
def update_source(
    user: Writer, source_id: SourceId, body: Annotated[SourceChanges, Body()]
) -> Response[str]:
    return http.answered(service.change(user, source_id, body))


@app.post(
    "/v1/sources/<source_id>/keys",
    operation_id="addSourceKey",
    summary="Add a key to a monitor",
    description="Adds a public key, so that a key can be replaced without a gap: two may be active."
    " Add the new one, move the monitor, and revoke the old one. The answer is 200 when the key is"
    " there already.",
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
    source, created = service.add_key(user, source_id, body)
    return http.answered(source, status=201 if created else 200)


@app.delete(
    "/v1/sources/<source_id>/keys/<key_id>",
    operation_id="revokeSourceKey",
    summary="Revoke a key of a monitor",
    description="Revokes a key. Batches that it signs are refused from this moment on."
    " Revoking it twice changes nothing.",
    tags=["sources"],
    status_code=204,
    responses=http.documented(*REFUSALS, Invalid, NotFound, status=204),
)
def revoke_key(
    user: Writer,
    source_id: SourceId,
    key_id: Annotated[
        UUID, Path(description="This is the id of a key of the source.", examples=[_ID])
    ],
) -> Response[str]:
    service.revoke_key(user, source_id, key_id)
    return http.empty()


handler = jobs.entry(app, "sources", JOBS)
