"""Who asks is asked first, at every door, and nothing of the request is read before."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import pytest
from aws_lambda_powertools.event_handler import Depends, Response
from aws_lambda_powertools.event_handler.request import Request

from functions.accounts import tokens
from functions.accounts.models import NewToken
from functions.core import http
from functions.core.actor import User
from functions.core.http import MAX_BODY
from functions.core.room import scopes
from functions.gateway import Context
from tests.support import Api, Database, gateway_event

DOCUMENT = json.loads((Path(__file__).parents[2] / "functions/front/openapi.json").read_text())


def doors() -> Iterator[tuple[str, str, str]]:
    """Method, path and scope of every operation that is for people."""
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            for scope in operation.get("x-scopes", []):
                yield method.upper(), path.replace("{", "").replace("}", ""), scope


DOORS = list(doors())


@pytest.fixture
def user(database: Database) -> User:
    """Somebody who signed in."""
    id_ = uuid4()
    database.rows("insert into profiles (id) values (%s)", id_)
    return User(id_)


def token(user: User, *allowed: str) -> str:
    return tokens.issue(user, NewToken(name="t", scopes=list(allowed)), datetime.now(UTC)).token


def test_every_scope_opens_something() -> None:
    """A scope that no door takes would promise what is not there."""
    assert {scope for _, _, scope in DOORS} == set(scopes())


@pytest.mark.parametrize("body", [None, b"{", b"[" * 4 * MAX_BODY], ids=["none", "bad", "large"])
def test_nobody_unknown_has_anything_read(api: Api, body: bytes | None) -> None:
    """401 at every door, also for a body or a parameter that could not be read."""
    for method, path, _ in DOORS:
        answer = api(method, f"{path}?limit=x&days=x", body)
        assert (answer.status, answer.error) == (401, "missing_auth"), (method, path)


def test_a_token_opens_the_doors_of_its_scopes_only(api: Api, user: User) -> None:
    """403 names the scope that it lacks, also where the body could not be read."""
    for scope in scopes():
        others = token(user, *(set(scopes()) - {scope}))
        for method, path, needed in DOORS:
            if needed == scope:
                answer = api(method, path, b"{", token=others)
                assert (answer.status, answer.error) == (403, "insufficient_scope"), path
                assert scope in answer.message


def test_a_large_body_is_not_parsed(api: Api, user: User) -> None:
    """Of those that a route declares; as text and in base64 alike."""
    known = token(user, *scopes())
    for operations in DOCUMENT["paths"].items():
        path = operations[0].replace("{", "").replace("}", "")
        for method, operation in operations[1].items():
            if "requestBody" not in operation or path == "/v1/ingest":
                continue
            for size, status in ((MAX_BODY, 400), (MAX_BODY + 1, 413)):
                answer = api(method.upper(), path, b"[" * size, token=known)
                assert answer.status == status, (path, size, answer.text)


def test_two_people_in_turn_are_two_people(api: Api, user: User, owner_token: str) -> None:
    """Who asked is remembered for one request and no longer."""
    mine = token(user, "profile:read")
    for _ in range(2):
        first, second = (api("GET", "/v1/me", token=each).json for each in (mine, owner_token))
        assert first["id"] == str(user.id) != second["id"]


def test_what_a_route_depends_on_is_found_out_once() -> None:
    """The door's answer is handed to the route, in each request anew."""
    opened = []

    def door(request: Request) -> int:
        opened.append(request.method)
        return len(opened)

    app = http.app()

    @app.get("/number")
    def number(of: Annotated[int, Depends(door)]) -> Response[str]:
        return Response(status_code=200, content_type="text/plain", body=str(of))

    handler = http.entry(app, "front")
    answers = [handler(gateway_event("GET", "/number"), Context())["body"] for _ in range(2)]
    assert (answers, opened) == (["1", "2"], ["GET", "GET"])


def test_a_token_may_have_64_scopes(api: Api, owner_token: str, database: Database) -> None:
    """At the door and in the table: rooms to come add theirs, and the owner has all of them."""
    many = ["query:read"] * 64
    asked = {"name": "x", "scopes": many}
    assert api("POST", "/v1/tokens", asked, token=owner_token).status == 201
    asked["scopes"] = [*many, "query:read"]
    assert api("POST", "/v1/tokens", asked, token=owner_token).error == "invalid_field"
    stored = "update access_tokens set scopes = array_fill('x'::text, array[%s])"
    database.rows(stored, 64)
    with pytest.raises(Exception, match="access_tokens_scopes_some"):
        database.rows(stored, 65)
