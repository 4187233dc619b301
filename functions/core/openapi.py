"""One OpenAPI document from all rooms, and a page that shows it without a foreign host.

Powertools writes the document of a room. What it does not write well is put right here: parameters
that come from a model lose their types, every operation has an error shape that is never sent,
and answers without a body get one.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from functions.core.door import scopes_of
from functions.core.http import App
from functions.core.parameters import model_of
from functions.core.room import tags

TITLE = "Vibeloom"
VERSION = "0.1.0"
DESCRIPTION = """\
Monitors post signed batches of events, and questions about them are answered.

Every error has the same shape, with a code that never changes. A list is answered in pages: `next`
of one page is the `cursor` of the following one. Answers to questions have an `ETag`, and an answer
of more than 1 KB is sent with gzip to whoever accepts it."""
CONTACT = {"name": "The operator of this deployment"}
LICENSE = {"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0.html"}
JOBS_TAG = {"jobs": "The jobs of the deployment are run by a scheduler."}  # which is no room's own
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token (`vlm_…`), a sign-in, or a token of the deployment.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Signature",
        "description": "The Ed25519 signature over the raw body in base64, by a key of the source"
        " that `X-Source-ID` names.",
    },
}

# Everything that the page needs is in it.
PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
_SCHEMA = "#/components/schemas/"


class OpenApiConflict(Exception):
    """Two rooms define the same path or the same schema differently."""


def merge(apps: Iterable[App]) -> dict[str, Any]:
    """The documents of `apps` as one. Raises `OpenApiConflict`."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for app in apps:
        document = _document(app)
        for path, operations in document.get("paths", {}).items():
            for method, operation in operations.items():
                if method in paths.setdefault(path, {}):
                    raise OpenApiConflict(f"two rooms answer {method.upper()} {path}")
                paths[path][method] = operation
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            if schemas.setdefault(name, schema) != schema:
                raise OpenApiConflict(f"two rooms have a schema {name}, and they differ")
    operations = [found for methods in paths.values() for found in methods.values()]
    for operation in operations:
        for media in operation.get("requestBody", {}).get("content", {}).values():
            if "example" not in media:
                media["example"] = _example(media["schema"], schemas)
    used = {tag for operation in operations for tag in operation.get("tags", ())}
    described = tags() | JOBS_TAG
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": VERSION,
            "description": DESCRIPTION,
            "contact": CONTACT,
            "license": LICENSE,
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag, "description": described[tag]} for tag in sorted(used)],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": _used(paths, schemas),
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _document(app: App) -> dict[str, Any]:
    from aws_lambda_powertools.event_handler.openapi.models import (
        APIKey,
        HTTPBearer,
        SecurityScheme,
    )

    schemes: dict[str, SecurityScheme] = {
        "bearer": HTTPBearer.model_validate(SECURITY_SCHEMES["bearer"]),
        "signature": APIKey.model_validate(SECURITY_SCHEMES["signature"]),
    }
    for route in app.routes:
        if scopes_of(route.func):
            route.security = [{"bearer": []}]
    document: dict[str, Any] = json.loads(
        app.get_openapi_json_schema(title=TITLE, version=VERSION, security_schemes=schemes)
    )
    for route in app.routes:
        if route.include_in_schema:
            operation = document["paths"][route.openapi_path][route.method.lower()]
            _put_right(operation, [field.field_info for field in route.dependant.query_params])
            if scopes := scopes_of(route.func):  # only OAuth's may stand in `security`
                operation["x-scopes"] = scopes
                needed = f"A token needs the scope {' and '.join(f'`{name}`' for name in scopes)}."
                operation["description"] = f"{operation.get('description', '')} {needed}".strip()
    for path, operation in app.raw_operations.items():
        for method in document["paths"][path].values():
            method.update(operation)
    document["components"]["schemas"] |= app.raw_schemas
    return document


def _put_right(operation: dict[str, Any], query: Iterable[Any]) -> None:
    responses = operation["responses"]
    for status, response in list(responses.items()):
        content = response.get("content")
        if content == {}:
            del response["content"]
        elif content and "HTTPValidationError" in json.dumps(content):
            del responses[status]
    operation["responses"] = dict(sorted(responses.items()))
    parameters = [_parameter(found) for found in operation.get("parameters", [])]
    for model in filter(None, [model_of(info.annotation) for info in query]):
        parameters = [found for found in parameters if found["in"] != "query"]
        parameters += _parameters(model)
    if parameters:
        operation["parameters"] = parameters


def _parameters(model: Any) -> Iterator[dict[str, Any]]:
    """The query parameters that the fields of `model` are."""
    document = model.model_json_schema(by_alias=True, mode="validation")
    for name, schema in document["properties"].items():
        yield _parameter(
            {
                "name": name,
                "in": "query",
                "required": name in document.get("required", ()),
                "description": schema.pop("description", None),
                "schema": schema,
            }
        )


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    """`parameter` with its example beside its schema, and without null, which no URL can say."""
    if parameter["in"] == "header":  # which Powertools writes in lower case
        parameter["name"] = parameter["name"].title()
    schema = parameter["schema"]
    for name in ("title", "description"):
        schema.pop(name, None)
    for example in schema.pop("examples", [])[:1]:
        parameter["example"] = example
    alternatives = schema.pop("anyOf", [])
    real = [found for found in alternatives if found.get("type") != "null"]
    schema |= real[0] if len(real) == 1 else {"anyOf": real} if real else {}
    if schema.get("default", ...) is None:
        del schema["default"]
    return parameter


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """An example of `schema`, made of the examples of its parts."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].removeprefix(_SCHEMA)], schemas)
    if "examples" in schema:
        return schema["examples"][0]
    return {name: _example(found, schemas) for name, found in schema["properties"].items()}


def _used(paths: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """Those of `schemas` that `paths` lead to."""
    found: dict[str, Any] = {}
    waiting = [paths]
    for value in waiting:  # grows while it is walked
        if isinstance(value, dict):
            reference = value.get("$ref")
            name = reference.removeprefix(_SCHEMA) if isinstance(reference, str) else None
            if name in schemas and name not in found:
                found[name] = schemas[name]
                waiting.append(schemas[name])
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return dict(sorted(found.items()))


def page(document: dict[str, Any]) -> str:
    """An HTML page of `document`, with script and style inside (Swagger UI, from Powertools)."""
    from importlib.resources import files

    from aws_lambda_powertools.event_handler.openapi.swagger_ui import generate_swagger_html

    assets = files("aws_lambda_powertools.event_handler.openapi.swagger_ui")
    html: str = generate_swagger_html(
        spec=json.dumps(document).replace("</", "<\\/"),
        swagger_js=assets.joinpath("swagger-ui-bundle.min.js").read_text("utf-8"),
        swagger_css=assets.joinpath("swagger-ui.min.css").read_text("utf-8"),
        swagger_base_url="",
        oauth2_config=None,
    )
    return html
