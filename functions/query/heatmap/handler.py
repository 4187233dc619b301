"""`GET /v1/query`, in the words of the VibeTea contract."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.core.errors import ApiError, Forbidden, InvalidToken, MissingAuth, Unavailable
from functions.query.door import Reader
from functions.query.heatmap import heatmap
from functions.query.heatmap.models import HeatmapAsked, QueryAnswer
from functions.query.parameters import InvalidFilter

DAYS = {"7": 7, "30": 30}

router = Router()  # type: ignore[no-untyped-call]


class InvalidDays(ApiError):
    """days parameter must be 7 or 30"""

    status = 400
    error = "invalid_days"


@router.get(
    "/v1/query",
    operation_id="getHeatmap",
    summary="Count events by hour",
    description="Counts the events of each source and hour in UTC, the newest hour first, as"
    " VibeTea's clients know it. `days=30`, for example, covers the last 30 times 24 hours."
    " Parameters that are not listed here are ignored.",
    tags=["query"],
    responses={
        **http.documented(
            InvalidDays,
            InvalidFilter,
            MissingAuth,
            InvalidToken,
            Forbidden,
            Unavailable,
            model=QueryAnswer,
        ),
        **http.not_modified(),
    },
)
def get_heatmap(
    request: Request, user: Reader, asked: Annotated[HeatmapAsked, Query()]
) -> Response[str]:
    if asked.days not in DAYS:
        raise InvalidDays
    now = datetime.now(UTC)
    answer = heatmap.hourly_counts(user, DAYS[asked.days], asked.source, now).model_dump_json()
    counted, _, _ = answer.rpartition('"meta"')  # which says when it was asked
    return http.cached(request, answer, tag_of=f"{asked.days} {counted}")
