"""A person's own events, with payload."""

from typing import Annotated, Any, Literal

from pydantic import Field

from functions.core.models import Model
from functions.core.parameters import WHOLE
from functions.query.models import Filtered, Next
from functions.query.parameters import Cursor, at_most, one_of

PAGE, MAX_PAGE = 100, 1_000  # events
EXPORT_PAGE, MAX_EXPORT = 10_000, 50_000  # events of one answer of an export

Order = Literal["asc", "desc"]


class EventsAsked(Filtered):
    """Which events, in which order."""

    order: Annotated[
        Order,
        one_of("order", Order),
        Field(
            description="The newest event comes first (`desc`) or the oldest (`asc`).",
            examples=["asc"],
        ),
    ] = "desc"
    limit: Annotated[
        Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE],
        at_most(MAX_PAGE),
        Field(description="A page has at most this many events.", examples=[50]),
    ] = PAGE
    cursor: Cursor = None


class ExportAsked(EventsAsked):
    """Which events, in which order, and as many as an answer of an export may have."""

    limit: Annotated[
        Annotated[int, Field(ge=1, le=MAX_EXPORT), WHOLE],
        at_most(MAX_EXPORT),
        Field(
            description="The answer has at most this many events. It has fewer if they are large.",
            examples=[5000],
        ),
    ] = EXPORT_PAGE


def _named(what: str, example: str) -> Any:
    return Field(
        description=f"This is the {what}. It is null if the event names none.", examples=[example]
    )


def _tokens(what: str) -> Any:
    return Field(
        description=f"{what}. It is null if the event is not about tokens.",
        examples=[1200],
    )


class OwnEvent(Model):
    """One event as it is stored."""

    id: str = Field(
        description="This is the id that the source gave it, which is unique within the source.",
        examples=["evt_k3j9x2m1q8w7e6r5t4y3"],
    )
    source: str | None = Field(
        description="This is the name of the source. It is null if the source was deleted.",
        examples=["laptop"],
    )
    occurred_at: str = Field(
        description="The event happened at this RFC 3339 instant in UTC, with microseconds.",
        examples=["2026-11-20T09:45:00.000000Z"],
        json_schema_extra={"format": "date-time"},
    )
    kind: str = Field(description="This is the kind of the event.", examples=["tool"])
    project: str | None = _named("project", "loom")
    language: str | None = _named("programming language", "rust")
    branch: str | None = _named("branch of version control", "main")
    is_error: bool = Field(
        description="This says whether the event reports an error.", examples=[False]
    )
    provider: str | None = _named("provider of the model that was called", "anthropic")
    model: str | None = _named("model that was called", "claude-opus-4-5")
    tokens_input: int | None = _tokens(
        "The model read this many tokens, without those of the cache"
    )
    tokens_output: int | None = _tokens("The model wrote this many tokens")
    tokens_cache_read: int | None = _tokens("The model read this many tokens from the cache")
    tokens_cache_write: int | None = _tokens("This many tokens were written to the cache")
    cost_usd: float | None = Field(
        description="The call cost this many US dollars. It is null if the model has no price.",
        examples=[0.042],
    )
    payload: dict[str, Any] = Field(
        description="This says what the source sent about the event, as it was sent.",
        examples=[{"tool": "Read", "project": "loom", "language": "rust"}],
    )


class EventPage(Model):
    """Events in the order of the instants at which they happened."""

    items: list[OwnEvent] = Field(description="These are the events of this page.")
    next: Next
