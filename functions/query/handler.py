"""`GET /v1/query`, and the doors of the other files."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.core.door import REFUSALS
from functions.query import (
    handler_blocks,
    handler_counts,
    handler_errors,
    handler_events,
    handler_summary,
    handler_time,
    service,
)
from functions.query.handler_answers import Reader
from functions.query.models import HeatmapAsked, QueryAnswer
from functions.query.parameters import InvalidDays, InvalidFilter

# VibeTea's clients may send parameters along that nobody has read so far.
app = http.app(unknown_parameter=InvalidFilter, tolerant=["/v1/query"])
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
    operation_id="getHeatmap",
    summary="Count events by hour",
    description="Counts the events of each source and hour in UTC, the newest hour first, as"
    " VibeTea's clients know it. `days=30`, for example, covers the last 30 times 24 hours."
    " Parameters that are not listed here are ignored.",
    tags=["query"],
    responses={
        **http.documented(InvalidDays, InvalidFilter, *REFUSALS, model=QueryAnswer),
        **http.not_modified(),
    },
)
def get_heatmap(
    request: Request, user: Reader, asked: Annotated[HeatmapAsked, Query()]
) -> Response[str]:
    """Counts by source, date and hour in UTC, newest first; never a payload."""
    now = datetime.now(UTC)
    answer = service.hourly_counts(user, int(asked.days), asked.source, now).model_dump_json()
    counted, _, _ = answer.rpartition('"meta"')  # which says when it was asked
    return http.cached(request, answer, tag_of=f"{asked.days} {counted}")


handler = http.entry(app, "query")
