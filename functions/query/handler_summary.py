"""`GET /v1/query/summary`."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.query import summary
from functions.query.handler_counts import Reader, answers
from functions.query.models import Asked
from functions.query.models_summary import Summary

router = Router()  # type: ignore[no-untyped-call]


@router.get(
    "/v1/query/summary",
    summary="A dashboard's first paint",
    tags=["query"],
    responses=answers(Summary),
)
def first_paint(request: Request, user: Reader, asked: Annotated[Asked, Query()]) -> Response[str]:
    """Totals, trend against the previous period, streaks, best hour and productivity score."""
    return http.cached(request, summary.summary(user, asked, datetime.now(UTC)))
