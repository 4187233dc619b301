"""`GET /v1/query/tokens`."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.query.door import Reader, pages
from functions.query.parameters import InvalidBudget
from functions.query.tokens import tokens
from functions.query.tokens.models import TokenCosts, TokensAsked

router = Router()  # type: ignore[no-untyped-call]


@router.get(
    "/v1/query/tokens",
    operation_id="getTokenCosts",
    summary="Sum up tokens and their costs",
    description="Sums up calls of models by day, week or month and by model or project, and"
    " projects the costs of the current month. `by=month&group=model`, for example, has one row"
    " for each model and month. Models without a price are listed in `unpriced_models`.",
    tags=["query"],
    responses=pages(TokenCosts, InvalidBudget),
)
def get_token_costs(
    request: Request, user: Reader, asked: Annotated[TokensAsked, Query()]
) -> Response[str]:
    return http.cached(request, tokens.tokens(user, asked, datetime.now(UTC)))
