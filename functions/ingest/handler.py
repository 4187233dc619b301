"""`POST /v1/ingest`."""

from datetime import UTC, datetime

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http, jobs
from functions.core.errors import (
    Malformed,
    PayloadTooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from functions.core.observability import logger
from functions.ingest import batch, service, signing
from functions.ingest.models import Accepted, operation
from functions.schedule import JOBS

app = http.app()


@app.post(
    "/v1/ingest",
    summary="Store a signed batch of events",
    tags=["ingest"],
    security=[{"signature": []}],
    responses=http.documented(
        Malformed,
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
    """An array of 1–1000 events, or one event, signed with a key of the source."""
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


app.document_raw("/v1/ingest", operation())

handler = jobs.entry(app, "ingest", JOBS)
