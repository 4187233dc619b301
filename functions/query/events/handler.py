"""`GET /v1/events` and `/v1/events.ndjson`: a person's own events."""

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.request import Request

from functions.core import http
from functions.query.door import Reader, pages
from functions.query.events import events
from functions.query.events.models import EventPage, EventsAsked, ExportAsked

NDJSON = "application/x-ndjson"

router = Router()  # type: ignore[no-untyped-call]


@router.get(
    "/v1/events",
    operation_id="listEvents",
    summary="List your events",
    description="Lists your events with their payloads. Events that arrive later do not shift the"
    " pages. `kind=tool&limit=50`, for example, has the last 50 calls of tools.",
    tags=["events"],
    responses=pages(EventPage),
)
def list_events(
    request: Request, user: Reader, asked: Annotated[EventsAsked, Query()]
) -> Response[str]:
    return http.cached(request, events.find(user, asked, datetime.now(UTC)).page())


def exported() -> dict[int, Any]:
    """What an export may answer, for OpenAPI."""
    documented = pages(EventPage)
    documented[200] = {
        "description": "Each event is a line of JSON. If there are more, the header `Link` has the"
        " address of the next answer, and `X-Next-Cursor` has its `cursor`.",
        "content": {NDJSON: {"schema": {"type": "string"}}},
    }
    return documented


@router.get(
    "/v1/events.ndjson",
    operation_id="exportEvents",
    summary="Export your events",
    description="Answers with a line of JSON for each of your events, the same as in the `items` of"
    " `/v1/events`, up to 5 MB. If there are more, the header `Link` has the address of the next"
    " answer. `order=asc`, for example, begins with the oldest event of the period.",
    tags=["events"],
    responses=exported(),
)
def export_events(
    request: Request, user: Reader, asked: Annotated[ExportAsked, Query()]
) -> Response[str]:
    lines = events.find(user, asked, datetime.now(UTC))
    following = {}
    if lines.next is not None:
        following = {
            "Link": f'<{_next(request, lines.next)}>; rel="next"',
            "X-Next-Cursor": lines.next,
        }
    return http.cached(request, lines.ndjson(), content_type=NDJSON, headers=following)


def _next(request: Request, cursor: str) -> str:
    """This request's address with `cursor`; relative, whatever stands in front of us."""
    event = request.resolved_event
    sent = parse_qsl(event.get("rawQueryString") or "", keep_blank_values=True)
    kept = [(name, value) for name, value in sent if name != "cursor"]
    return f"{event['rawPath']}?{urlencode([*kept, ('cursor', cursor)])}"
