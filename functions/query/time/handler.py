"""`GET /v1/query/time`."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.query.door import Reader, answers
from functions.query.time import time
from functions.query.time.models import TimeAnswer, TimeAsked

router = Router()  # type: ignore[no-untyped-call]


@router.get(
    "/v1/query/time",
    operation_id="getTime",
    summary="Sum up the time of people and agents",
    description="Sums up the seconds of people, of agents, of both at once and of waiting, by day,"
    " project, language or category. The rows add up to the totals. `both_elsewhere` is what a"
    " person and an agent spent at once on different groups. `by=language&days=7`, for example,"
    " has a row for each language of the last seven days.",
    tags=["query"],
    responses=answers(TimeAnswer),
)
def get_time(request: Request, user: Reader, asked: Annotated[TimeAsked, Query()]) -> Response[str]:
    return http.cached(request, time.time_by_lane(user, asked, datetime.now(UTC)))
