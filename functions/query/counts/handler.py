"""`GET /v1/query/timeline`, `/projects` and `/languages`."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.query.counts import counts
from functions.query.counts.models import Breakdown, Timeline, TimelineAsked
from functions.query.door import Reader, pages
from functions.query.models import PagedAsked

router = Router()  # type: ignore[no-untyped-call]


@router.get(
    "/v1/query/timeline",
    operation_id="getTimeline",
    summary="Count events over time",
    description="Counts events by hour, day or week of the zone, and by group. Rows without events"
    " are left out. `by=day&group=project&days=7`, for example, has a row for each day and project"
    " of the last seven days.",
    tags=["query"],
    responses=pages(Timeline),
)
def get_timeline(
    request: Request, user: Reader, asked: Annotated[TimelineAsked, Query()]
) -> Response[str]:
    return http.cached(request, counts.timeline(user, asked, datetime.now(UTC)))


@router.get(
    "/v1/query/projects",
    operation_id="listProjects",
    summary="List projects, most events first",
    description="Answers with the events, errors, tokens and costs of each project, and with the"
    " first and last day on which it was worked on. `days=7&language=rust`, for example, lists the"
    " projects that Rust was written for in the last seven days.",
    tags=["query"],
    responses=pages(Breakdown),
)
def list_projects(
    request: Request, user: Reader, asked: Annotated[PagedAsked, Query()]
) -> Response[str]:
    return http.cached(request, counts.by_project(user, asked, datetime.now(UTC)))


@router.get(
    "/v1/query/languages",
    operation_id="listLanguages",
    summary="List programming languages, most events first",
    description="Answers with the events, errors, tokens and costs of each programming language,"
    " and with the first and last day on which it was used. `days=7&project=loom`, for example,"
    " lists the languages that were used for one project in the last seven days.",
    tags=["query"],
    responses=pages(Breakdown),
)
def list_languages(
    request: Request, user: Reader, asked: Annotated[PagedAsked, Query()]
) -> Response[str]:
    return http.cached(request, counts.by_language(user, asked, datetime.now(UTC)))
