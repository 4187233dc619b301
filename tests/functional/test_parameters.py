"""Query parameters that nobody documented: refused by name, but where old clients send them."""

import json
import re
from typing import Any

from functions.front.handler import _contract
from tests.support import Api, Registered

SOMEBODY = "7d0b5c1e-4f6a-4c7e-9a54-3f1d2b8c6e90"
TOLERANT = {"/v1/query", "/v1/ingest"}
PATHS = json.loads(_contract())["paths"]
BODIES = {
    f"{method.upper()} {path}": operation["requestBody"]["content"]["application/json"]["example"]
    for path, methods in PATHS.items()
    for method, operation in methods.items()
    if "requestBody" in operation
}
OPERATIONS = [
    (method.upper(), path)
    for path, methods in PATHS.items()
    for method in methods
    if path not in TOLERANT
]


def test_unknown_parameters_are_refused(api: Api, owner_token: str) -> None:
    """400 on every route, before anything is done, with what to do."""
    for method, path in OPERATIONS:
        body = BODIES.get(f"{method} {path}")
        target = re.sub(r"\{\w+\}", SOMEBODY, path)
        answer = api(method, f"{target}?dayz=7", body, token=owner_token)
        questions = path.startswith(("/v1/query", "/v1/events"))
        expected = "invalid_filter" if questions else "invalid_request"
        assert (answer.status, answer.error) == (400, expected), (method, path, answer.text)
        assert "leave dayz out" in answer.message
        assert answer.message.endswith(".")


def test_a_name_of_the_code_is_no_name_of_the_api(api: Api, owner_token: str) -> None:
    """`from` is called `since` inside; nobody outside may depend on that."""
    answer = api("GET", "/v1/query/summary?since=2026-11-01", token=owner_token)
    assert (answer.status, answer.error) == (400, "invalid_filter")
    assert "takes from, to, days, tz, source, project, language, kind." in answer.message


def test_old_clients_may_send_more(api: Api, owner_token: str, laptop: Registered) -> None:
    """VibeTea's routes ignore what they do not know, as their contract does."""
    answer = api("GET", "/v1/query?days=7&apikey=x", token=owner_token)
    assert (answer.status, answer.json["meta"]["daysRequested"]) == (200, 7)
    body = b"[]"
    sent = api("POST", "/v1/ingest?apikey=x", body, headers=laptop.sign(body))
    assert (sent.status, sent.error) == (400, "empty_batch")


def test_what_has_no_documentation(api: Api) -> None:
    """A preflight, a wrong path, a wrong method and a probe are answered as without parameters."""
    for method, target, status in [
        ("OPTIONS", "/v1/query/summary?dayz=7", 204),
        ("GET", "/v1/query/nothing?dayz=7", 404),
        ("PUT", "/v1/query/summary?dayz=7", 405),
        ("GET", "/healthz?probe=7", 200),
    ]:
        assert api(method, target).status == status, target


def test_the_token_counts_before_days_for_old_clients(api: Api) -> None:
    """VibeTea's clients learn of a missing token first."""
    assert api("GET", "/v1/query?days=8").error == "missing_auth"


def test_numbers_are_typed(api: Api, owner_token: str) -> None:
    """What the document calls an integer arrives as one."""
    answer: dict[str, Any] = api("GET", "/v1/events?limit=5&days=7", token=owner_token).json
    assert answer == {"items": [], "next": None}
    assert api("GET", "/v1/events?limit=5.0", token=owner_token).error == "invalid_limit"
