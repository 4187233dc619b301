"""Authentication of routes: a route names the scope that it takes, and gets the user.

    Reader = Annotated[User, Depends(may("query:read"))]

`http.App` opens the door before it reads anything else of the request, and the OpenAPI document
says which scope it takes.
"""

import functools
from collections.abc import Callable

from aws_lambda_powertools.event_handler.depends import build_dependency_tree
from aws_lambda_powertools.event_handler.request import Request

from functions.core import bearer, http
from functions.core.actor import User
from functions.core.errors import (
    Forbidden,
    Invalid,
    InvalidToken,
    MissingAuth,
    PayloadTooLarge,
    Unavailable,
    UnsupportedMediaType,
)

# What a route behind a door may answer, for its documentation; and one that takes a body.
REFUSALS = (MissingAuth, InvalidToken, Forbidden, Unavailable)
BODY_REFUSALS = (*REFUSALS, PayloadTooLarge, UnsupportedMediaType, Invalid)


@functools.cache
def may(scope: str) -> Callable[[Request], User]:
    """The door for people whose sign-in or token allows `scope`."""

    def door(request: Request) -> User:
        """Whoever asks. Raises `MissingAuth`, `InvalidToken`, `Forbidden`, `Unavailable`."""
        user = bearer.authenticate(http.headers(request))
        user.require(scope)
        return user

    door.scope = scope  # type: ignore[attr-defined]
    return door


def scopes_of(route: Callable[..., object]) -> list[str]:
    """The scopes that the doors of a route's function take."""
    doors = (node.depends.dependency for node in build_dependency_tree(route).dependencies)
    return [door.scope for door in doors if hasattr(door, "scope")]
