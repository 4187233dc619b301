"""Parameters of requests: numbers as a URL has them, and refusals with our own errors."""

import re
from collections.abc import Collection, Iterator
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.dependant import get_flat_params
from aws_lambda_powertools.event_handler.openapi.params import Dependant, Query
from pydantic import BaseModel, BeforeValidator, ValidationError, WrapValidator

from functions.core.errors import ApiError

Limit = Annotated[
    int, Query(ge=1, le=100, description="A page has at most this many items.", examples=[50])
]
CURSOR = "The page begins after the end of another page, whose `next` this is."


def refused_as(error: type[ApiError], message: str | None = None) -> WrapValidator:
    """Raises `error` for every value that the annotated type does not take."""

    def check(value: Any, accept: Any) -> Any:
        try:
            return accept(value)
        except ValidationError:
            raise error(message) from None

    return WrapValidator(check)


def _digits(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
        raise ValueError("not a whole number")
    return value


WHOLE = BeforeValidator(_digits)  # pydantic alone would also take 1_000 and 7.0

# The form of a time zone's name; Postgres says whether there is such a zone. Some servers also list
# files of the system that are no zones (posix…, right/…): these are excluded.
ZONE = re.compile(r"(?!posix|right/|localtime|Factory)[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", re.ASCII)


def unknown(name: str, accepted: Collection[str]) -> str:
    """What is said of the parameter `name`, which is none of the `accepted` ones."""
    known = f"takes {', '.join(accepted)}" if accepted else "takes none"
    return f"{name:.80} is not a query parameter here: leave {name:.80} out. This route {known}."


def declared(dependant: Dependant) -> Iterator[str]:
    """The names of the query parameters that a route takes."""
    for field in get_flat_params(dependant):
        if not isinstance(field.field_info, Query):
            continue
        model = model_of(field.field_info.annotation)
        if model is None:
            yield field.alias
        else:
            yield from (found.alias or name for name, found in model.model_fields.items())


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The model whose fields are the parameters, if one stands for all of them."""
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_model else None
