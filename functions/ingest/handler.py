"""`POST /v1/ingest`."""

from datetime import UTC, datetime

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http, jobs
from functions.core.errors import (
    PayloadTooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from functions.core.observability import logger
from functions.ingest import batch, service, signing
from functions.ingest.models import Accepted, event_schema, operation
from functions.schedule import JOBS

# VibeTea's monitors may send parameters along that nobody has read so far.
app = http.app(tolerant=["/v1/ingest"])


@app.post(
    "/v1/ingest",
    operation_id="ingestEvents",
    summary="Store a signed batch of events",
    description="Stores up to 1000 events, all of them or none. The body is an array of events, or"
    " one event, and is signed with a key of the source. An event whose id is stored already is"
    " skipped, so a batch may be sent again. Parameters that are not listed here are ignored.",
    tags=["ingest"],
    security=[{"signature": []}],
    responses=http.documented(
        batch.EmptyBatch,
        batch.BatchTooLarge,
        batch.InvalidEvent,
        signing.MissingSignature,
        signing.UnknownSource,
        signing.InvalidSignature,
        PayloadTooLarge,
        UnsupportedMediaType,
        batch.InvalidEventType,
        batch.SourceMismatch,
        batch.TimestampOutOfRange,
        Unavailable,
        model=Accepted,
    ),
)
def ingest(request: Request) -> Response[str]:
    headers = http.headers(request)
    logger.append_keys(claimed_source=headers.get("x-source-id"))  # so that a refusal names whose
    accepted = service.accept(
        source=headers.get("x-source-id", ""),
        signature=headers.get("x-signature", ""),
        encoding=headers.get("content-encoding", "").strip().lower(),
        body=http.raw_body(request),
        now=datetime.now(UTC),
    )
    return http.answered(accepted)


app.document_raw("/v1/ingest", operation(), Event=event_schema())

handler = jobs.entry(app, "ingest", JOBS)
