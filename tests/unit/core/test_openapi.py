"""The API document: what every operation, parameter and field says, and that nothing is missing."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from functions.core.http import ErrorBody
from functions.front.handler import _contract
from functions.schedule import JOBS

OPERATIONS = {
    "GET /v1/events": "listEvents",
    "GET /v1/events.ndjson": "exportEvents",
    "POST /v1/ingest": "ingestEvents",
    "GET /v1/leaderboards": "listLeaderboards",
    "POST /v1/leaderboards": "createLeaderboard",
    "POST /v1/leaderboards/join": "joinLeaderboard",
    "GET /v1/leaderboards/public": "getPublicRanking",
    "GET /v1/leaderboards/{board_id}": "getRanking",
    "DELETE /v1/leaderboards/{board_id}": "deleteLeaderboard",
    "POST /v1/leaderboards/{board_id}/code": "replaceInvitationCode",
    "DELETE /v1/leaderboards/{board_id}/membership": "leaveLeaderboard",
    "GET /v1/me": "getProfile",
    "PATCH /v1/me": "updateProfile",
    "GET /v1/me/purges": "listPurges",
    "GET /v1/query": "getHeatmap",
    "GET /v1/query/blocks": "listBlocks",
    "GET /v1/query/errors": "getErrors",
    "GET /v1/query/languages": "listLanguages",
    "GET /v1/query/projects": "listProjects",
    "GET /v1/query/sessions": "listSessions",
    "GET /v1/query/summary": "getSummary",
    "GET /v1/query/time": "getTime",
    "GET /v1/query/timeline": "getTimeline",
    "GET /v1/query/tokens": "getTokenCosts",
    "GET /v1/sources": "listSources",
    "POST /v1/sources": "registerSource",
    "POST /v1/sources/challenge": "createChallenge",
    "PATCH /v1/sources/{source_id}": "updateSource",
    "POST /v1/sources/{source_id}/keys": "addSourceKey",
    "DELETE /v1/sources/{source_id}/keys/{key_id}": "revokeSourceKey",
    "GET /v1/tokens": "listTokens",
    "POST /v1/tokens": "createToken",
    "DELETE /v1/tokens/{token_id}": "deleteToken",
}

# What tells a sentence from a riddle: it says what something is, has or does.
VERB = re.compile(
    r"\b(is|are|was|were|has|have|had|says|can|may|may be|begins?|began|ends?|ended|came|comes|cost"
    r"|counts?|happened|lasted|expires|made|read|wrote|changed|deleted|failed|waited|report|ran"
    r"|succeeded|starts|covers|need)\b|^[A-Z][a-z]*s\b"
)

Operation = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """What `/openapi.json` answers."""
    found: dict[str, Any] = json.loads(_contract())
    return found


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, Operation]:
    """Every operation by its method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def fields(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of every schema, by name."""
    for name, schema in document["components"]["schemas"].items():
        for field, found in schema.get("properties", {}).items():
            yield f"{name}.{field}", found


def refers(schema: dict[str, Any]) -> bool:
    """Whether `schema` is made of another one, whose fields have examples."""
    inner = [schema, schema.get("items", {}), *schema.get("anyOf", [])]
    return any("$ref" in found for found in inner)


def test_operation_ids(operations: dict[str, Operation]) -> None:
    """Each is a verb and a noun, and stays as it is, since generated clients are named by it."""
    ids = {name: operation["operationId"] for name, operation in operations.items()}
    jobs = {
        f"POST /v1/jobs/{name}": "run" + "".join(word.capitalize() for word in name.split("_"))
        for name in JOBS
    }
    assert ids == OPERATIONS | jobs
    assert len(set(ids.values())) == len(ids)
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", found) for found in ids.values())


def sentences(document: dict[str, Any], operations: dict[str, Operation]) -> dict[str, str]:
    """What is said of every operation, parameter, field, tag and response."""
    said: dict[str, dict[str, Any]] = dict(fields(document))
    said |= {f"tag {tag['name']}": tag for tag in document["tags"]}
    for name, operation in operations.items():
        said[name] = operation
        said |= {f"{name} {found['name']}": found for found in operation.get("parameters", [])}
        said |= {f"{name} {status}": found for status, found in operation["responses"].items()}
    return {name: found.get("description") or "" for name, found in said.items()}


def test_everything_is_described(
    document: dict[str, Any], operations: dict[str, Operation]
) -> None:
    """With sentences: they have four words and a verb at least, and end."""
    said = sentences(document, operations)
    assert len(said) > 500
    incomplete = {
        name: text
        for name, text in said.items()
        if not re.fullmatch(r"\S+(\s+\S+){3,}\.", text) or not VERB.search(text.split(".")[0])
    }
    assert incomplete == {}
    for schema in document["components"]["schemas"].values():
        assert re.fullmatch(r"\S+(\s+\S+){3,}\.", schema["description"])
    for name, operation in operations.items():
        assert re.fullmatch(r"[A-Z][a-z]+ .*[^.]", operation["summary"]), name


def test_everything_has_an_example(
    document: dict[str, Any], operations: dict[str, Operation]
) -> None:
    """Parameters and bodies; and fields, but those whose own fields have some."""
    for name, operation in operations.items():
        for parameter in operation.get("parameters", []):
            assert "example" in parameter, (name, parameter)
        for media in operation.get("requestBody", {}).get("content", {}).values():
            assert media["example"], name
    assert [
        name
        for name, found in fields(document)
        if not refers(found | {}) and "examples" not in found
    ] == []


def test_only_what_is_sent_is_declared(
    document: dict[str, Any], operations: dict[str, Operation]
) -> None:
    """Errors have the house's shape, what succeeds has its own, and 204 and 304 have none."""
    assert "HTTPValidationError" not in str(document)
    for name, operation in operations.items():
        responses = {int(status): found for status, found in operation["responses"].items()}
        succeeded = [status for status in responses if status < 300]
        assert succeeded, name
        assert {400, 500} <= responses.keys(), name
        for status, response in responses.items():
            shapes = [media["schema"] for media in response.get("content", {}).values()]
            if status in {204, 304}:
                assert shapes == [], (name, status)
            elif status >= 400:
                assert shapes == [{"$ref": f"#/components/schemas/{ErrorBody.__name__}"}], name
            else:
                [shape] = shapes
                assert "$ref" in shape or name == "GET /v1/events.ndjson"


def test_parameters_are_typed(operations: dict[str, Operation]) -> None:
    """Numbers have bounds, choices are listed, and days and instants have their formats."""
    seen: dict[str, list[dict[str, Any]]] = {}
    for operation in operations.values():
        for parameter in operation.get("parameters", []):
            seen.setdefault(parameter["name"], []).append(parameter["schema"])
    for name in ("by", "group", "order", "lane"):
        assert all(schema["enum"] for schema in seen[name]), name
    for name in ("days", "limit"):
        for schema in seen[name]:
            assert schema["type"] == "integer"
            assert "enum" in schema or {"minimum", "maximum"} <= schema.keys()
    for name in ("from", "to"):
        formats = [{kind["format"] for kind in schema["anyOf"]} for schema in seen[name]]
        assert all(found == {"date", "date-time"} for found in formats)
    unbounded = [
        name
        for name, schemas in seen.items()
        for schema in schemas
        if not {"type", "anyOf", "$ref", "enum"} & schema.keys()
    ]
    assert unbounded == []
