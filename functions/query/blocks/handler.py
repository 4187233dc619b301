"""`GET /v1/query/blocks`."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.query.blocks import blocks
from functions.query.blocks.models import BlocksAnswer, BlocksAsked
from functions.query.door import Reader, answers

router = Router()  # type: ignore[no-untyped-call]


@router.get(
    "/v1/query/blocks",
    operation_id="listBlocks",
    summary="List five-hour blocks of model usage",
    description="Lists blocks of five hours, as `ccusage blocks` shows them, over all your"
    " machines. `days=3` (the default) has the blocks of the last three days, with the burn rate"
    " and the projection of the block that still runs. At most 31 days are accepted.",
    tags=["query"],
    responses=answers(BlocksAnswer),
)
def list_blocks(
    request: Request, user: Reader, asked: Annotated[BlocksAsked, Query()]
) -> Response[str]:
    return http.cached(request, blocks.blocks(user, asked, datetime.now(UTC)))
