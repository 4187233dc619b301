"""`GET /v1/query/timeline`, `/projects`, `/languages` and `/tokens`."""

from datetime import UTC, datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request
from pydantic import BaseModel

from functions.core import bearer, http
from functions.core.errors import (
    ApiError,
    Forbidden,
    InvalidToken,
    Malformed,
    MissingAuth,
    Unavailable,
)
from functions.query import counts, tokens
from functions.query.models import Paged
from functions.query.models_counts import (
    Breakdown,
    Timeline,
    TimelineAsked,
    TokenCosts,
    TokensAsked,
)
from functions.query.paging import InvalidCursor, InvalidLimit
from functions.query.period import InvalidFilter, InvalidRange, InvalidTimezone

router = Router()  # type: ignore[no-untyped-call]


def answers(model: type[BaseModel], *errors: type[ApiError]) -> dict[int, Any]:
    """What a question may answer, for OpenAPI."""
    return {
        **http.documented(
            InvalidRange,
            InvalidTimezone,
            InvalidFilter,
            *errors,
            Malformed,
            MissingAuth,
            InvalidToken,
            Forbidden,
            Unavailable,
            model=model,
        ),
        **http.not_modified(),
    }


@router.get(
    "/v1/query/timeline",
    summary="Events over time",
    tags=["query"],
    security=[{"bearer": []}],
    responses=answers(Timeline, InvalidCursor, InvalidLimit),
)
def timeline(request: Request, asked: Annotated[TimelineAsked, Query()]) -> Response[str]:
    """Counts by hour, day or week of the zone, grouped; rows without events are left out."""
    user = bearer.authenticate(http.headers(request))
    return http.cached(request, counts.timeline(user, asked, datetime.now(UTC)))


@router.get(
    "/v1/query/projects",
    summary="Projects, most events first",
    tags=["query"],
    security=[{"bearer": []}],
    responses=answers(Breakdown, InvalidCursor, InvalidLimit),
)
def projects(request: Request, asked: Annotated[Paged, Query()]) -> Response[str]:
    """Events, errors, tokens, cost, first and last day of each project."""
    user = bearer.authenticate(http.headers(request))
    return http.cached(request, counts.by_project(user, asked, datetime.now(UTC)))


@router.get(
    "/v1/query/languages",
    summary="Languages, most events first",
    tags=["query"],
    security=[{"bearer": []}],
    responses=answers(Breakdown, InvalidCursor, InvalidLimit),
)
def languages(request: Request, asked: Annotated[Paged, Query()]) -> Response[str]:
    """Events, errors, tokens, cost, first and last day of each language."""
    user = bearer.authenticate(http.headers(request))
    return http.cached(request, counts.by_language(user, asked, datetime.now(UTC)))


@router.get(
    "/v1/query/tokens",
    summary="Tokens and their cost",
    description="Sums by day, week or month and by model or project, and the projection of the"
    " current month's cost. `by=month&group=model`, for example, has one row for each model and"
    " month. Models without a price are listed by name in `unpriced_models`.",
    tags=["query"],
    security=[{"bearer": []}],
    responses=answers(TokenCosts, InvalidCursor, InvalidLimit, tokens.InvalidBudget),
)
def token_costs(request: Request, asked: Annotated[TokensAsked, Query()]) -> Response[str]:
    """Sums by day, week or month and by model or project; the month's projection and a budget."""
    user = bearer.authenticate(http.headers(request))
    return http.cached(request, tokens.tokens(user, asked, datetime.now(UTC)))
