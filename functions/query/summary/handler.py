"""`GET /v1/query/summary`."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.query.door import Reader, answers
from functions.query.models import Filtered
from functions.query.summary import summary
from functions.query.summary.models import Summary

router = Router()  # type: ignore[no-untyped-call]


@router.get(
    "/v1/query/summary",
    operation_id="getSummary",
    summary="Get the summary of a period",
    description="Answers with totals, the trend against the previous period, streaks, the best"
    " hour and the productivity score. `days=7`, for example, sums up the last seven days.",
    tags=["query"],
    responses=answers(Summary),
)
def get_summary(
    request: Request, user: Reader, asked: Annotated[Filtered, Query()]
) -> Response[str]:
    return http.cached(request, summary.summary(user, asked, datetime.now(UTC)))
