"""`/healthz`, `/readyz`, `/metrics`, `/openapi.json`, `/docs`."""

import functools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.request import Request

from functions.core import bearer, http, jobs, metrics, openapi, readiness
from functions.core.config import config
from functions.core.errors import NotFound
from functions.front import health
from functions.schedule import JOBS, late_after

METHODS = ["GET", "HEAD"]

app = http.app()


def _page(path: str) -> Callable[[Callable[..., Response[str]]], Callable[..., Response[str]]]:
    """A route outside the contract: what it says is for machines and people around the service."""
    decorator: Callable[[Callable[..., Response[str]]], Callable[..., Response[str]]] = app.route(
        path, method=METHODS, include_in_schema=False
    )
    return decorator


def _json(value: object) -> Response[str]:
    return Response(
        status_code=200, content_type=content_types.APPLICATION_JSON, body=json.dumps(value)
    )


@_page("/healthz")
def alive() -> Response[str]:
    """200 while the process lives."""
    return _json({"status": "ok"})


@_page("/readyz")
def ready() -> Response[str]:
    """200 when the database answers and has this code's migrations."""
    return _json(readiness.check())


@_page("/metrics")
def figures(request: Request) -> Response[str]:
    """Prometheus' text, for whoever has the token; without one set there is no such page."""
    if config().metrics != "prometheus":
        raise NotFound("There is nothing at /metrics: VIBELOOM_METRICS_TOKEN is not set.")
    bearer.require_token(http.headers(request), config().metrics_token)
    content_type, text = metrics.exposition(
        health.figures(health.check(datetime.now(UTC), late_after()))
    )
    return Response(status_code=200, content_type=content_type, body=text)


@functools.cache
def _contract() -> str:
    """Made by `python -m infra.generate`, so that nobody has to import the rooms for it here."""
    return Path(__file__).with_name("openapi.json").read_text("utf-8")


@_page("/openapi.json")
def contract() -> Response[str]:
    """The OpenAPI documents of all rooms as one."""
    return Response(status_code=200, content_type=content_types.APPLICATION_JSON, body=_contract())


@_page("/docs")
def docs(request: Request) -> Response[str]:
    """The contract as a page, or with `?format=json` as it is."""
    if request.resolved_event.query_string_parameters.get("format") == "json":
        return contract()
    return Response(
        status_code=200,
        content_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": openapi.PAGE_POLICY},
        body=openapi.page(json.loads(_contract())),
    )


handler = jobs.entry(app, "front", JOBS)
