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

    id: EventId
    source: Annotated[str, Field(min_length=1, description="Must equal X-Source-ID.")]
    timestamp: Annotated[Timestamp, Field(description="RFC 3339; microseconds are kept.")]
    payload: InstanceOf[dict[str, Any]]  # checked to be an object, not copied
    eventType: NotRequired[str]
    type: NotRequired[str]
    revision: NotRequired[
        Annotated[
            int,
            Field(
                ge=0,
                le=MAX_REVISION,
                description="Given for an event whose id is unique for its owner, whatever source"
                " sends it, such as a message of a session log. The event with the highest revision"
                " is stored.",
                examples=[1772445605000],
            ),
        ]
    ]


Batch = Annotated[list[Event], FailFast()]


class Accepted(BaseModel):
    """The answer to a batch."""

    inserted: int
    message: str


def operation() -> dict[str, Any]:
    """The body and headers of `POST /v1/ingest` for OpenAPI; the route itself reads raw bytes."""
    event = TypeAdapter(Event).json_schema()
    kind = {"type": "string", "enum": [each.name for each in KINDS]}
    event["properties"] |= {
        "eventType": {**kind, "description": "Or `type`; if both, the same."},
        "type": kind,
        "payload": {
            "type": "object",
            "description": f"Free, except of {', '.join(CAPTURE_KINDS)}: see the README.",
        },
    }
    header = {"in": "header", "required": True, "schema": {"type": "string", "minLength": 1}}
    encoding = {"type": "string", "enum": ["gzip", "identity"]}
    return {
        "parameters": [
            {**header, "name": "X-Source-ID", "description": "The monitor's registered name"},
            {**header, "required": False, "name": "Content-Encoding", "schema": encoding},
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "anyOf": [
                            {
                                "type": "array",
                                "items": event,
                                "minItems": 1,
                                "maxItems": MAX_BATCH,
                            },
                            event,
                        ]
                    }
                }
            },
        },
    }
