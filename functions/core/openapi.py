"""One OpenAPI document from all rooms, and a page that shows it without a foreign host."""

import json
from collections.abc import Iterable
from typing import Any

from functions.core.door import scopes_of
from functions.core.http import App

TITLE = "Vibeloom"
VERSION = "0.1.0"
DESCRIPTION = "Signed batches of events in, answers out."
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token (`vlm_…`), a sign-in, or the subscriber token",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Signature",
        "description": "base64 of the Ed25519 signature over the raw body, by a key of X-Source-ID",
    },
}

# Everything that the page needs is in it.
PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)


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
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas, "securitySchemes": SECURITY_SCHEMES},
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
        if scopes := scopes_of(route.func):
            route.security = [{"bearer": scopes}]
    document: dict[str, Any] = json.loads(
        app.get_openapi_json_schema(title=TITLE, version=VERSION, security_schemes=schemes)
    )
    for path, operation in app.raw_operations.items():
        for method in document["paths"][path].values():
            method.update(operation)
    return document


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
