"""How a room speaks HTTP: one app factory, one error renderer, one entry point.

A room's handler is two lines: `app = http.app("ingest", …)` and `handler = http.entry(app)`; what
is between are its routes. Routes take `request: Request`; nothing reads the resolver's globals.
"""

import base64
import binascii
import functools
import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from aws_lambda_powertools.event_handler import (
    APIGatewayHttpResolver,
    CORSConfig,
    Response,
    content_types,
)
from aws_lambda_powertools.event_handler.api_gateway import _DEPENDS_CACHE_KEY
from aws_lambda_powertools.event_handler.depends import solve_dependencies
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import (
    OpenAPIRequestValidationMiddleware,
)
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.event_handler.request import Request
from pydantic import BaseModel, Field

from functions.core import compression, metrics, parameters
from functions.core.config import config
from functions.core.errors import (
    ApiError,
    IdleTransactionTimeout,
    InternalError,
    Invalid,
    LockTimeout,
    Malformed,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    StatementTimeout,
    TransactionTimeout,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from functions.core.observability import logger

Event = Mapping[str, Any]
Handler = Callable[[Event, Any], dict[str, Any]]

REQUEST_ID_HEADER = "X-Request-Id"
ALLOWED_HEADERS = [
    "Authorization",
    "Content-Type",
    "Content-Encoding",
    "If-Match",
    "If-None-Match",
    "X-Source-ID",
    "X-Signature",
    "apikey",  # with the next one, what Supabase's own client sends along
    "X-Client-Info",
]
EXPOSED_HEADERS = [REQUEST_ID_HEADER, "Retry-After", "ETag", "Link", "X-Next-Cursor"]
PRIVATE = "private, max-age=0, must-revalidate"  # kept, but checked each time
PREFLIGHT_MAX_AGE = 86_400  # s
MAX_BODY = 64 * 1024  # bytes of a JSON body that a route declares; the largest of ours has 4 KB
SUCCESSES = {
    200: "The request succeeded, and this is its answer.",
    201: "It was made by this request.",
    202: "The time of a request is over, and more remains for the next one.",
    204: "The request succeeded, and the answer has no body.",
    304: "The answer is the one whose `ETag` was sent in `If-None-Match`.",
}
DATABASE_ERRORS = (LockTimeout, StatementTimeout, TransactionTimeout, IdleTransactionTimeout)


class ErrorBody(BaseModel):
    """The body of every error."""

    error: str = Field(
        description="This is the code of the error, which never changes. Each response lists its"
        " codes.",
        examples=["invalid_request"],
    )
    message: str = Field(
        description="This says what is wrong, for a person to read.",
        examples=["The request cannot be read."],
    )


class _DoorBeforeBody(OpenAPIRequestValidationMiddleware):
    """Resolves what the route depends on, limits the body, and then validates the request.

    Powertools alone parses and validates the body first, and resolves dependencies afterwards.
    """

    def handler(self, app: Any, next_middleware: Any) -> Any:
        """Raises what the door raises, `PayloadTooLarge`, and what validation raises."""
        dependant = app.context["_route"].dependant
        solve_dependencies(
            dependant=dependant,
            request=app.request,
            # Powertools' cache of this request, from which the route is given the same values.
            dependency_cache=app.context.setdefault(_DEPENDS_CACHE_KEY, {}),
        )
        if dependant.body_params and len(raw_body(app.request)) > MAX_BODY:
            raise PayloadTooLarge(f"The body is larger than {MAX_BODY // 1024} KB.")
        return super().handler(app, next_middleware)


class App(APIGatewayHttpResolver):
    """A room's resolver: Powertools' own, which can also tell a wrong method from a wrong path.

    It resolves what a route `Depends` on before it validates the request.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(enable_validation=True, **options)
        self._request_validation_middleware = _DoorBeforeBody()  # type: ignore[no-untyped-call]
        self.raw_operations: dict[str, dict[str, Any]] = {}
        self.raw_schemas: dict[str, dict[str, Any]] = {}
        self._parameters: dict[Any, tuple[str, ...]] = {}

    def document_raw(self, path: str, operation: dict[str, Any], **schemas: dict[str, Any]) -> None:
        """OpenAPI for a route that reads the body itself, merged over what is generated."""
        self.raw_operations[path] = operation
        self.raw_schemas |= schemas

    def parameters_of_request(self) -> tuple[str, ...] | None:
        """The query parameters that are documented for this request, if anything is.

        Pages around the service and paths that do not exist have no documentation.
        """
        route = self.context["_route"]
        known = any(route is candidate for candidate in self.routes)
        if not known or not route.include_in_schema:
            return None
        if route not in self._parameters:
            self._parameters[route] = tuple(parameters.declared(route.dependant))
        return self._parameters[route]

    @property
    def routes(self) -> list[Any]:
        """Every route, as Powertools keeps it."""
        return [*self._static_routes, *self._dynamic_routes]

    def methods_of(self, path: str) -> list[str]:
        """The methods that some route answers at `path`."""
        return sorted({route.method for route in self.routes if route.rule.match(path)})


def cors() -> CORSConfig:
    """Which origins' pages may call, and what they may see."""
    origins = config().cors_origins
    return CORSConfig(
        allow_origin=origins[0],
        extra_origins=list(origins[1:]),
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_MAX_AGE,
    )


def app(*, unknown_parameter: type[ApiError] = Malformed, tolerant: Collection[str] = ()) -> App:
    """A room's app: validation, the one error shape, CORS on every answer, also on a 500.

    A query parameter that is not documented raises `unknown_parameter`, but at the paths in
    `tolerant`, whose clients are older than their documentation.
    """
    logger.setLevel(config().log_level)
    resolver = App(strip_prefixes=["/functions"], cors=cors())

    def refuse_unknown_parameters(app: App, following: Callable[[App], Any]) -> Any:
        sent = app.current_event.query_string_parameters
        accepted = app.parameters_of_request() if sent else None
        if accepted is not None and app.context["_path"] not in tolerant:
            for name in sent:
                if name not in accepted:
                    raise unknown_parameter(parameters.unknown(name, accepted))
        return following(app)

    resolver.use(middlewares=[refuse_unknown_parameters])

    def no_route(error: NotFoundError) -> Response[str]:
        path = resolver.context["_path"]
        allowed = resolver.methods_of(path)
        if not allowed:
            return _rendered(NotFound(f"There is nothing at {path}."))
        response = _rendered(MethodNotAllowed(f"Only {', '.join(allowed)} is supported here."))
        response.headers["Allow"] = ", ".join(allowed)
        return response

    def refused(error: Exception) -> Response[str]:
        if isinstance(error, RequestValidationError) and _body_is_no_json(resolver, error):
            return _rendered(
                UnsupportedMediaType("Send the body as Content-Type: application/json.")
            )
        return _rendered(_as_api_error(error))

    resolver.exception_handler(Exception)(refused)
    resolver.exception_handler(NotFoundError)(no_route)
    return resolver


def _body_is_no_json(resolver: App, error: RequestValidationError) -> bool:
    """Whether the complaint is of a body that was sent as something else, such as curl's form."""
    sent = (resolver.current_event.headers or {}).get("content-type", "")
    return error.errors()[0]["loc"][0] == "body" and bool(sent) and "json" not in sent.lower()


def _as_api_error(error: Exception) -> ApiError:
    """The response to `error`. An unexpected error is logged and answered with 500."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RequestValidationError):
        return _first_problem(error)
    if isinstance(error, RequestUnsupportedContentType):
        return UnsupportedMediaType()
    if isinstance(error, (UnicodeDecodeError, RecursionError)):
        return Malformed("The request body is not valid JSON.")
    logger.error("unhandled", exc_info=error)
    return InternalError()


def _rendered(error: ApiError) -> Response[str]:
    headers: dict[str, str | list[str]] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    logger.append_keys(error=error.error)
    return Response(
        status_code=error.status,
        content_type=content_types.APPLICATION_JSON,
        headers=headers,
        body=ErrorBody(error=error.error, message=error.message).model_dump_json(),
    )


def _first_problem(error: RequestValidationError) -> ApiError:
    """Pydantic's first complaint, in our words: unreadable is 400, well formed but wrong is 422."""
    problem = error.errors()[0]
    if problem["type"] == "json_invalid":
        return Malformed("The request body is not valid JSON.")
    where = ".".join(str(part) for part in problem["loc"][1:]) or str(problem["loc"][0])
    return Invalid(f"{where}: {problem['msg']}.")


def entry(resolver: App, room: str) -> Handler:
    """The `handler(event, context)` that Lambda and the gateway call."""

    @functools.wraps(resolver.resolve)
    def handler(event: Event, context: Any) -> dict[str, Any]:
        started = time.perf_counter()
        request_id = str(context.aws_request_id)
        logger.append_keys(request_id=request_id, error=None, claimed_source=None)
        answer: dict[str, Any] = resolver.resolve(compression.plain_tags(event), context)
        compression.pack(event, answer)
        seconds = time.perf_counter() - started
        answer.setdefault("headers", {})[REQUEST_ID_HEADER] = request_id
        http = event.get("requestContext", {}).get("http", {})
        method, status = str(http.get("method")), int(answer["statusCode"])
        logger.info(
            "request",
            method=method,
            path=event.get("rawPath"),
            status=status,
            duration_ms=round(seconds * 1_000, 1),
        )
        metrics.answered(room, method, status, seconds, logger.get_current_keys().get("error"))
        metrics.flush(room)
        return answer

    return handler


def raw_body(request: Request) -> bytes:
    """The body exactly as it was sent: what a signature is checked over."""
    event = request.resolved_event
    body = event.body or ""
    if not event.is_base64_encoded:
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise Malformed("The gateway sent a body that is not base64.") from None


def headers(request: Request) -> dict[str, str]:
    """The request's headers, names in lower case."""
    return {name.lower(): value for name, value in request.headers.items()}


def answered(model: BaseModel, status: int = 200) -> Response[str]:
    """`model` as a JSON response."""
    return Response(
        status_code=status,
        content_type=content_types.APPLICATION_JSON,
        body=model.model_dump_json(),
    )


def cached(
    request: Request,
    answer: BaseModel | str,
    *,
    content_type: str = content_types.APPLICATION_JSON,
    headers: Mapping[str, str] | None = None,
    tag_of: str | None = None,
) -> Response[str]:
    """`answer` (a model as JSON, a text as it is) with an ETag, or 304 if the caller has it.

    The tag is the SHA-256 of the body. If the body also says when it was made, `tag_of` has the
    part that matters, and the tag is a weak one made of that.
    """
    body = answer if isinstance(answer, str) else answer.model_dump_json()
    digest = hashlib.sha256((body if tag_of is None else tag_of).encode()).hexdigest()
    tag = f'"{digest}"' if tag_of is None else f'W/"{digest}"'
    sent: dict[str, str | list[str]] = {"ETag": tag, "Cache-Control": PRIVATE, **(headers or {})}
    if _has(tag, request):
        return Response(status_code=304, content_type=None, headers=sent, body="")
    return Response(status_code=200, content_type=content_type, headers=sent, body=body)


def _has(tag: str, request: Request) -> bool:
    """Whether `If-None-Match` names `tag`: RFC 9110 §13.1.2, where a weak tag is as good."""
    known = [part.strip() for part in headers(request).get("if-none-match", "").split(",")]
    opaque = tag.removeprefix("W/")
    return "*" in known or any(part.removeprefix("W/") == opaque for part in known)


def empty() -> Response[str]:
    """A response without a body, 204."""
    return Response(status_code=204, content_type=None, body="")


def documented(
    *errors: type[ApiError], model: type[BaseModel] | None = None, status: int = 200
) -> dict[int, Any]:
    """The `responses` of a route for OpenAPI: what it answers, and each error it may give.

    Every route may also answer 400 to a request that it cannot read, and 500.
    """
    by_status: dict[int, dict[str, None]] = {}
    of_the_database = DATABASE_ERRORS if Unavailable in errors else ()
    possible: tuple[type[ApiError], ...] = (*errors, *of_the_database, Malformed, InternalError)
    for error in possible:
        by_status.setdefault(error.status, {})[f"`{error.error}`"] = None
    responses: dict[int, Any] = {
        code: _response(f"The error is {_one_of([*found])}.", ErrorBody)
        for code, found in sorted(by_status.items())
    }
    responses[status] = _response(SUCCESSES[status], model)
    return responses


def not_modified() -> dict[int, Any]:
    """The 304 of a route that answers with `cached`."""
    return {304: _response(SUCCESSES[304], None)}


def created(model: type[BaseModel]) -> dict[int, Any]:
    """The 201 of a route that also answers 200 when the thing was there already."""
    return {201: _response(SUCCESSES[201], model)}


def unfinished(model: type[BaseModel]) -> dict[int, Any]:
    """The 202 of a route that answers 200 when all is done."""
    return {202: _response(SUCCESSES[202], model)}


def _one_of(names: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _response(description: str, model: type[BaseModel] | None) -> dict[str, Any]:
    content = {content_types.APPLICATION_JSON: {"model": model}} if model else {}
    return {"description": description, "content": content}
