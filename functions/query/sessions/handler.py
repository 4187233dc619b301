"""`GET /v1/query/sessions`."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.query.door import Reader, pages
from functions.query.sessions import sessions
from functions.query.sessions.models import Sessions, SessionsAsked

router = Router()  # type: ignore[no-untyped-call]


@router.get(
    "/v1/query/sessions",
    operation_id="listSessions",
    summary="List sessions of agents and of people",
    description="Lists sessions that were under way in the period, the latest to begin first. Each"
    " is whole, also where it reaches outside the period. If a day of it is still to be computed,"
    " its `complete` is false. `lane=agent&days=7`, for example, has the agents' sessions of a"
    " week.",
    tags=["query"],
    responses=pages(Sessions),
)
def list_sessions(
    request: Request, user: Reader, asked: Annotated[SessionsAsked, Query()]
) -> Response[str]:
    return http.cached(request, sessions.sessions(user, asked, datetime.now(UTC)))
