"""`GET /v1/query/errors`."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.core.errors import Forbidden, InvalidToken, Malformed, MissingAuth, Unavailable
from functions.query import errors
from functions.query.errors_models import Errors
from functions.query.handler_counts import Reader
from functions.query.models import Asked
from functions.query.period import InvalidFilter, InvalidRange, InvalidTimezone

router = Router()  # type: ignore[no-untyped-call]


@router.get(
    "/v1/query/errors",
    summary="Errors of commands, a person's and an agent's, and their fixes",
    tags=["query"],
    responses={
        **http.documented(
            InvalidRange,
            InvalidTimezone,
            InvalidFilter,
            Malformed,
            MissingAuth,
            InvalidToken,
            Forbidden,
            Unavailable,
            model=Errors,
        ),
        **http.not_modified(),
    },
)
def command_errors(
    request: Request, user: Reader, asked: Annotated[Asked, Query()]
) -> Response[str]:
    """By class, program, lane, project and day; filters `source` (where it began) and `project`."""
    return http.cached(request, errors.errors(user, asked, datetime.now(UTC)))
