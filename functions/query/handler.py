"""`GET /v1/query`, and the doors of the other files."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.core.errors import (
    ApiError,
    Forbidden,
    InvalidToken,
    Malformed,
    MissingAuth,
    Unavailable,
)
from functions.query import (
    handler_blocks,
    handler_counts,
    handler_errors,
    handler_events,
    handler_summary,
    handler_time,
    service,
)
from functions.query.handler_counts import Reader
from functions.query.models import QueryAnswer
from functions.query.period import InvalidFilter

DAYS = {"7": 7, "30": 30}


class InvalidDays(ApiError):
    """days parameter must be 7 or 30"""

    status = 400
    error = "invalid_days"


app = http.app()
for topic in (
    handler_summary,
    handler_counts,
    handler_blocks,
    handler_time,
    handler_errors,
    handler_events,
):
    app.include_router(topic.router)


@app.get(
    "/v1/query",
    summary="Events per hour: the heatmap",
    tags=["query"],
    responses={
        **http.documented(
            InvalidDays,
            InvalidFilter,
            Malformed,
            MissingAuth,
            InvalidToken,
            Forbidden,
            Unavailable,
            model=QueryAnswer,
        ),
        **http.not_modified(),
    },
)
def query(
    request: Request,
    user: Reader,
    days: Annotated[str, Query(description="7 or 30")] = "7",
    source: Annotated[str | None, Query(description="One monitor's events only")] = None,
) -> Response[str]:
    """Counts by source, date and hour in UTC, newest first; never a payload."""
    if days not in DAYS:
        raise InvalidDays
    answer = service.hourly_counts(user, DAYS[days], source, datetime.now(UTC)).model_dump_json()
    counted, _, _ = answer.rpartition('"meta"')  # which says when it was asked
    return http.cached(request, answer, tag_of=f"{days} {counted}")


handler = http.entry(app, "query")
