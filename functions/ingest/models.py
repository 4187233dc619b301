"""What comes over the wire: the VibeTea batch contract."""

from typing import Annotated, Any, NotRequired

from pydantic import (
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    InstanceOf,
    StringConstraints,
    TypeAdapter,
    with_config,
)
from typing_extensions import TypedDict

from functions.core.kinds import CAPTURE_KINDS, KINDS

MAX_BATCH = 1_000  # events
MAX_SENT = 5 * 1024 * 1024  # bytes of a body as sent
MAX_REVISION = 2**63 - 1  # a bigint
MAX_UNPACKED = 20 * 1024 * 1024  # bytes of a body after gzip

EventId = Annotated[str, StringConstraints(pattern=r"^evt_[a-z0-9]{20}$")]

# RFC 3339 §5.6. Offsets stop at 15:59, as Postgres' do; real ones end at 14:00.
Timestamp = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
        r"([Zz]|[+-](0[0-9]|1[0-5]):[0-5][0-9])$"
    ),
]


@with_config(ConfigDict(strict=True))
class Event(TypedDict):
    """One event. The contract says `eventType`, monitors in the field send `type`."""

    id: Annotated[
        EventId,
        Field(
            description="This is an id that the monitor makes, which is unique within its source.",
            examples=["evt_k3j9x2m1q8w7e6r5t4y3"],
        ),
    ]
    source: Annotated[
        str,
        Field(
            min_length=1,
            description="This is the name of the source, which must equal `X-Source-ID`.",
            examples=["laptop"],
        ),
    ]
    timestamp: Annotated[
        Timestamp,
        Field(
            description="The event happened at this RFC 3339 instant. Microseconds are kept.",
            examples=["2026-11-20T09:45:00.123456Z"],
        ),
    ]
    payload: InstanceOf[dict[str, Any]]  # checked to be an object, not copied
    eventType: NotRequired[str]
    type: NotRequired[str]
    revision: NotRequired[
        Annotated[
            int,
            Field(
                ge=0,
                le=MAX_REVISION,
                description="This is given for an event whose id is unique for its owner, whatever"
                " source sends it, such as a message of a session log. The event with the highest"
                " revision is stored.",
                examples=[1772445605000],
            ),
        ]
    ]


Batch = Annotated[list[Event], FailFast()]


class Accepted(BaseModel):
    """The answer to a batch."""

    inserted: int = Field(
        description="This is the number of events that were stored by this request.", examples=[2]
    )
    message: str = Field(
        description="This says what happened, for a person to read.",
        examples=["Successfully processed 2 events"],
    )


def event_schema() -> dict[str, Any]:
    """An event for OpenAPI: with the kinds, which the parser looks up by itself."""
    event = TypeAdapter(Event).json_schema()
    kind = {"type": "string", "enum": [each.name for each in KINDS], "examples": ["tool"]}
    event["properties"] |= {
        "eventType": {
            **kind,
            "description": "This is the kind of the event, unless `type` says it.",
        },
        "type": {
            **kind,
            "description": "This is the kind of the event, unless `eventType` says it.",
        },
        "payload": {
            "type": "object",
            "additionalProperties": True,
            "description": "This is what the monitor tells of the event. It is free, but for the"
            f" kinds {', '.join(CAPTURE_KINDS)}, whose fields the README lists.",
            "examples": [{"tool": "Read", "project": "loom", "language": "rust"}],
        },
    }
    return event | {"description": "One event, with its kind in `eventType` or in `type`."}


def operation() -> dict[str, Any]:
    """The body and headers of `POST /v1/ingest` for OpenAPI; the route itself reads raw bytes."""
    properties = event_schema()["properties"]
    parts = ("id", "source", "timestamp", "type", "payload")
    example = {name: properties[name]["examples"][0] for name in parts}
    event = {"$ref": "#/components/schemas/Event"}
    batch = {"type": "array", "items": event, "minItems": 1, "maxItems": MAX_BATCH}
    return {
        "parameters": [
            {
                "in": "header",
                "name": "X-Source-ID",
                "required": True,
                "description": "The monitor is registered under this name.",
                "schema": {"type": "string", "minLength": 1},
                "example": "laptop",
            },
            {
                "in": "header",
                "name": "Content-Encoding",
                "required": False,
                "description": "The body is compressed in this way; the signature is over the bytes"
                " as they are sent.",
                "schema": {"type": "string", "enum": ["gzip", "identity"]},
                "example": "gzip",
            },
        ],
        "requestBody": {
            "required": True,
            "description": "The body is an array of events, or one event.",
            "content": {
                "application/json": {"schema": {"anyOf": [batch, event]}, "example": [example]}
            },
        },
    }
