"""Whose fault an odd value is: what a caller sent is a 4xx, what the database holds is a 500."""

import json
from typing import Any

from functions.front.handler import _contract
from tests.support import Api, Database, Registered

TEXTS = ("%00", "a%00b", "%ED%A0%80", "9" * 40, "-1", "1e400", "x" * 5_000)
BODIES: tuple[Any, ...] = ("\0", "a\0b", "\ud800", 10**40, -1, 1e300, [], ["\0"], "x" * 100_000)
VALID = {"string": "abc", "integer": 1, "array": ["query:read"], "boolean": True}


def test_no_parameter_is_our_error(api: Api, owner_token: str, laptop: Registered) -> None:
    """Of any route: what cannot be stored or compared is refused before the database sees it."""
    for path, operations in json.loads(_contract())["paths"].items():
        for method, operation in operations.items():
            body: dict[str, str] | None = {} if "requestBody" in operation else None
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "header":
                    continue
                for text in TEXTS:
                    name = parameter["name"]
                    target = path.replace(f"{{{name}}}", text)
                    if parameter["in"] == "query":
                        target += f"?{name}={text}"
                    answer = api(method.upper(), _filled(target, laptop), body, token=owner_token)
                    assert answer.status < 500, (method, target[:80], answer.text)


def test_no_field_is_our_error(api: Api, owner_token: str, laptop: Registered) -> None:
    """Nor in a body."""
    document = json.loads(_contract())
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            sent = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            name = sent.get("schema", {}).get("$ref", "").rpartition("/")[2]
            fields = document["components"]["schemas"].get(name, {}).get("properties", {})
            valid = {
                field: VALID[schema["type"]]
                for field, schema in fields.items()
                if schema.get("type") in VALID
            }
            for field in fields:
                for value in BODIES:
                    target = _filled(path, laptop)
                    body = {**valid, field: value}
                    answer = api(method.upper(), target, body, token=owner_token)
                    assert answer.status < 500, (method, target, field, value)


def _filled(target: str, laptop: Registered) -> str:
    """`target` with a UUID for each parameter that is still in it."""
    for name in ("board_id", "source_id", "key_id", "token_id"):
        target = target.replace(f"{{{name}}}", laptop.id)
    return target


def test_a_sum_that_overflows_is_our_error(
    api: Api, database: Database, owner_token: str, laptop: Registered
) -> None:
    """Nothing that the caller sends could change it, so it is no 400."""
    events = [laptop.event(payload={"tool": "Read", "project": name}) for name in ("a", "b")]
    assert laptop.send(api, events).status == 200
    assert api("GET", "/v1/query/time", token=owner_token).status == 200
    database.rows("update event_days set events = 9223372036854775807")
    answer = api("GET", "/v1/query/timeline", token=owner_token)
    assert (answer.status, answer.error) == (500, "internal_error")
