"""`GET /v1/query`, in the words of the VibeTea contract."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.core.door import REFUSALS
from functions.query.door import Reader
from functions.query.heatmap import heatmap
from functions.query.heatmap.models import HeatmapAsked, QueryAnswer
from functions.query.parameters import InvalidDays, InvalidFilter

router = Router()  # type: ignore[no-untyped-call]


@router.get(
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
    now = datetime.now(UTC)
    answer = heatmap.hourly_counts(user, int(asked.days), asked.source, now).model_dump_json()
    counted, _, _ = answer.rpartition('"meta"')  # which says when it was asked
    return http.cached(request, answer, tag_of=f"{asked.days} {counted}")
