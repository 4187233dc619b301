"""Who may ask the questions, and what these may answer, for OpenAPI."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Depends
from pydantic import BaseModel

from functions.core import http
from functions.core.actor import User
from functions.core.door import REFUSALS, may
from functions.core.errors import (
    ApiError,
    InvalidCursor,
)
from functions.query.parameters import (
    InvalidFilter,
    InvalidLimit,
    InvalidRange,
    InvalidTimezone,
)

Reader = Annotated[User, Depends(may("query:read"))]


def answers(model: type[BaseModel], *errors: type[ApiError]) -> dict[int, Any]:
    """The responses of a question that is answered with `model` at once."""
    return {
        **http.documented(
            InvalidRange, InvalidTimezone, InvalidFilter, *errors, *REFUSALS, model=model
        ),
        **http.not_modified(),
    }


def pages(model: type[BaseModel], *errors: type[ApiError]) -> dict[int, Any]:
    """The responses of a question that is answered with one `model` a page."""
    return answers(model, InvalidLimit, InvalidCursor, *errors)
