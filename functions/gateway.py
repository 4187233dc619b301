"""The front door of a laptop and of a container: HTTP in, API Gateway v2 events to the rooms.

A target for functions-framework. The same `handler(event, context)` answers here and on Lambda. One
request per process: see `refuse_threads`.
"""

import base64
import functools
import importlib
import json
import re
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import flask
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from functions.core import metrics
from functions.core.config import ConfigError, config
from functions.core.errors import (
    ApiError,
    InternalError,
    Malformed,
    NotFound,
    PayloadTooLarge,
)
from functions.core.http import REQUEST_ID_HEADER, ErrorBody, Handler, cors
from functions.core.observability import logger
from functions.rooms import room_of

FUNCTIONS_PREFIX = re.compile(r"^/functions(/|$)")  # how Supabase-style monitors address us
MAX_BODY = 5 * 1024 * 1024  # bytes; no room takes more in one request
MAX_DRAINED = 4 * MAX_BODY  # bytes of a body that is too large, read and dropped
READ_SIZE = 64 * 1024  # bytes
CUT_SHORT = "The request body ends too early or is not framed as announced."
TEXT_TYPES = ("application/json", "text/")


@dataclass(frozen=True)
class Context:
    """The part of Lambda's context that our handlers and the logger read."""

    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_name: str = "vibeloom"
    memory_limit_in_mb: int = 0
    invoked_function_arn: str = "local"

    def get_remaining_time_in_millis(self) -> int:
        """What `infra/serving.py` gives a request."""
        return 60_000


def refuse_threads(threads: int) -> None:
    """Exits unless there is one request per process.

    Powertools resolvers keep the current request in a class attribute; with threads, one person's
    request would be read by another.
    """
    if threads != 1:
        sys.exit(
            "vibeloom: set THREADS=1 (and as many WORKERS as there are CPUs): one process serves"
            " one request at a time, threads would mix up two people's requests"
        )


try:
    refuse_threads(config().threads)
except ConfigError as error:
    sys.exit(f"vibeloom: {error}")


@functools.cache
def room_handler(module: str) -> Handler:
    """The `handler` of a room, imported when it is first needed."""
    handler: Handler = importlib.import_module(module).handler
    return handler


def gateway(request: flask.Request) -> flask.Response:
    """Answers one HTTP request."""
    context = Context()
    logger.append_keys(request_id=context.aws_request_id, error=None)
    path = FUNCTIONS_PREFIX.sub("/", request.path)
    try:
        return _from_answer(_handler_of(path)(to_event(request, context), context))
    except ApiError as error:
        return _refused(error, request, context)
    except Exception:  # noqa: BLE001 (the entry point: nothing may pass without an answer)
        logger.exception("unhandled in the gateway")
        return _error(InternalError(), context)


def _handler_of(path: str) -> Handler:
    module = room_of(path)
    if module is None:
        raise NotFound(f"There is nothing at {path}.")
    return room_handler(module)


def _refused(error: ApiError, request: flask.Request, context: Context) -> flask.Response:
    logger.append_keys(error=error.error)
    logger.info("request", method=request.method, path=request.path, status=error.status)
    metrics.answered("gateway", request.method, error.status, None, error.error)
    return _error(error, context)


def _refused_by_framework(error: HTTPException) -> flask.Response:
    """What flask or the framework refuses by itself, in the shape that every error has."""
    context = Context()
    logger.append_keys(request_id=context.aws_request_id)
    refusal = NotFound if error.code == NotFound.status else Malformed
    return _refused(refusal(), flask.request, context)


if flask.has_app_context():  # the framework loads this file inside its app
    flask.current_app.register_error_handler(HTTPException, _refused_by_framework)


def to_event(request: flask.Request, context: Context) -> dict[str, Any]:
    """`request` as an API Gateway v2 event (payload format 2.0).

    Raises `PayloadTooLarge` before more than the limit is read.
    """
    body, is_base64 = _encoded(_read_body(request), request)
    now = datetime.now(UTC)
    raw_query = request.query_string.decode("latin-1")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": quote(request.path, safe="/:@!$&'()*+,;=~-._"),
        "rawQueryString": raw_query,
        "headers": {name.lower(): value for name, value in _joined(request.headers)},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "local",
            "domainName": request.host,
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
                "sourceIp": request.remote_addr or "",
                "userAgent": request.headers.get("User-Agent", ""),
            },
            "requestId": context.aws_request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1_000),
        },
        "isBase64Encoded": is_base64,
    }
    if raw_query:
        event["queryStringParameters"] = {
            name: ",".join(values) for name, values in request.args.lists()
        }
    if body is not None:
        event["body"] = body
    return event


def _read_body(request: flask.Request) -> bytes:
    try:
        body = request.stream.read(MAX_BODY + 1)
        if len(body) <= MAX_BODY and len(body) == (request.content_length or len(body)):
            return body
        # A client that is cut off in the middle of sending may never see the answer.
        drained = 0
        while drained < MAX_DRAINED and (chunk := request.stream.read(READ_SIZE)):
            drained += len(chunk)
    except (OSError, HTTPException, ParseException):  # left in the middle, or chunks that are none
        raise Malformed(CUT_SHORT) from None
    if len(body) <= MAX_BODY:
        raise Malformed(CUT_SHORT)
    raise PayloadTooLarge("The body is larger than 5 MB.")


def _encoded(body: bytes, request: flask.Request) -> tuple[str | None, bool]:
    """Text as text, as API Gateway does; everything else in base64."""
    if not body:
        return None, False
    is_text = (request.content_type or "").startswith(TEXT_TYPES)
    if is_text and "Content-Encoding" not in request.headers:
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def _joined(headers: Any) -> Iterator[tuple[str, str]]:
    """Each header once; repeated ones joined by commas, as API Gateway does."""
    for name in dict.fromkeys(name for name, _ in headers):
        yield name, ",".join(headers.getlist(name))


def _from_answer(answer: dict[str, Any]) -> flask.Response:
    body = answer.get("body") or ""
    payload = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    response = flask.Response(payload, status=answer["statusCode"])
    del response.headers["Content-Type"]
    for name, value in answer.get("headers", {}).items():
        response.headers[name] = value
    for cookie in answer.get("cookies", []):
        response.headers.add("Set-Cookie", cookie)
    return response


def _json(value: object, context: Context, status: int = 200) -> flask.Response:
    response = flask.Response(json.dumps(value), status=status, mimetype="application/json")
    response.headers[REQUEST_ID_HEADER] = context.aws_request_id
    origin = cors().allowed_origin(flask.request.headers.get("Origin", ""))
    response.headers.update(cors().to_dict(origin) if origin else {})
    return response


def _error(error: ApiError, context: Context) -> flask.Response:
    response = _json(
        ErrorBody(error=error.error, message=error.message).model_dump(), context, error.status
    )
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, (PayloadTooLarge, Malformed)):
        # The rest of the body is not read: the framework reads it only for an answer in one piece.
        response.response = iter([response.get_data()])
        response.headers["Connection"] = "close"
    return response
