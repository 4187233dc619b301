"""`GET /v1/query/errors`."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.query.door import Reader, answers
from functions.query.failures import failures
from functions.query.failures.models import Failures, FailuresAsked

router = Router()  # type: ignore[no-untyped-call]


@router.get(
    "/v1/query/errors",
    operation_id="getErrors",
    summary="Count failures of commands, and their fixes",
    description="Counts the failures of commands that people and agents ran, how many are fixed and"
    " how long that took, by class, program, lane, project and day. `days=7&project=loom`, for"
    " example, has the failures of one project in the last seven days. `source` is the source that"
    " sent the run with which the failure began.",
    tags=["query"],
    responses=answers(Failures),
)
def get_failures(
    request: Request, user: Reader, asked: Annotated[FailuresAsked, Query()]
) -> Response[str]:
    return http.cached(request, failures.failures(user, asked, datetime.now(UTC)))
