"""A person's own events, with payload."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from functions.query.models import Paged


class EventsAsked(Paged):
    """Which events, in which order."""

    order: Annotated[str, Field(description="desc (newest first) or asc")] = "desc"


class OwnEvent(BaseModel):
    """One event as it is stored."""

    id: str = Field(description="The monitor's own, unique within its source")
    source: str | None
    occurred_at: str = Field(description="RFC 3339, UTC, microseconds")
    kind: str
    project: str | None
    language: str | None
    branch: str | None
    is_error: bool
    provider: str | None
    model: str | None
    tokens_input: int | None
    tokens_output: int | None
    tokens_cache_read: int | None
    tokens_cache_write: int | None
    cost_usd: float | None
    payload: dict[str, Any]


class EventPage(BaseModel):
    """Events in order of (occurred_at, id)."""

    items: list[OwnEvent]
    next: str | None = Field(description="Cursor of the next page; null on the last one")
