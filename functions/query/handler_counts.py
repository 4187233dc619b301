"""`GET /v1/query/timeline`, `/projects`, `/languages` and `/tokens`."""

from datetime import UTC, datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Depends, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request
from pydantic import BaseModel

from functions.core import http
from functions.core.actor import User
from functions.core.door import may
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

Reader = Annotated[User, Depends(may("query:read"))]

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
    responses=answers(Timeline, InvalidCursor, InvalidLimit),
)
def timeline(
    request: Request, user: Reader, asked: Annotated[TimelineAsked, Query()]
) -> Response[str]:
    """Counts by hour, day or week of the zone, grouped; rows without events are left out."""
    return http.cached(request, counts.timeline(user, asked, datetime.now(UTC)))


@router.get(
    "/v1/query/projects",
    summary="Projects, most events first",
    tags=["query"],
    responses=answers(Breakdown, InvalidCursor, InvalidLimit),
)
def projects(request: Request, user: Reader, asked: Annotated[Paged, Query()]) -> Response[str]:
    """Events, errors, tokens, cost, first and last day of each project."""
    return http.cached(request, counts.by_project(user, asked, datetime.now(UTC)))


@router.get(
    "/v1/query/languages",
    summary="Languages, most events first",
    tags=["query"],
    responses=answers(Breakdown, InvalidCursor, InvalidLimit),
)
def languages(request: Request, user: Reader, asked: Annotated[Paged, Query()]) -> Response[str]:
    """Events, errors, tokens, cost, first and last day of each language."""
    return http.cached(request, counts.by_language(user, asked, datetime.now(UTC)))


@router.get(
    "/v1/query/tokens",
    summary="Tokens and their cost",
    description="Sums by day, week or month and by model or project, and the projection of the"
    " current month's cost. `by=month&group=model`, for example, has one row for each model and"
    " month. Models without a price are listed by name in `unpriced_models`.",
    tags=["query"],
    responses=answers(TokenCosts, InvalidCursor, InvalidLimit, tokens.InvalidBudget),
)
def token_costs(
    request: Request, user: Reader, asked: Annotated[TokensAsked, Query()]
) -> Response[str]:
    """Sums by day, week or month and by model or project; the month's projection and a budget."""
    return http.cached(request, tokens.tokens(user, asked, datetime.now(UTC)))
