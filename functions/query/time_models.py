"""Time by lane, and sessions."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from functions.query.models import Asked, Paged, PeriodAnswer

By = Literal["day", "project", "language", "category"]
Lane = Literal["human", "agent"]

_PENDING = (
    "Days of the period that are still to be computed, in the background; 0: the answer is exact"
)


class TimeAsked(Asked):
    """By what."""

    by: Annotated[str, Field(description="day, project, language or category")] = "day"


class SessionsAsked(Paged):
    """Of whom."""

    lane: Annotated[str | None, Field(description="human or agent; both by default")] = None


class Lanes(BaseModel):
    """Seconds of each lane. What happens twice at once counts once."""

    human: int = Field(description="A person at work, on whatever machine")
    agent: int = Field(description="At least one agent at work")
    both: int = Field(description="Both at once; part of human and of agent")
    waiting: int = Field(description="At least one agent waited for the next prompt")


class NamedLanes(Lanes):
    """One group's part of the time."""

    name: str | None = Field(description="A day as YYYY-MM-DD; null where events name nothing")


class TimeAnswer(BaseModel):
    """The items sum to the totals, lane by lane and second by second."""

    period: PeriodAnswer
    by: By
    totals: Lanes
    items: list[NamedLanes]
    pending_days: int = Field(description=_PENDING)


class Session(BaseModel):
    """One agent's session, or a person's unbroken stretch of work."""

    id: str = Field(description="An agent's sessionId; of a person's, when it began (Unix seconds)")
    lane: Lane
    project: str | None = Field(description="The last one an agent named; a person's main one")
    started_at: datetime
    ended_at: datetime
    duration_seconds: int
    events: int
    tools: dict[str, int] = Field(description="Calls by tool")
    tokens_input: int
    tokens_output: int
    tokens_cache_read: int
    tokens_cache_write: int
    cost_usd: float = Field(description="Of the priced calls")


class Sessions(BaseModel):
    """Sessions that were under way in the period, the latest to begin first, each as a whole."""

    period: PeriodAnswer
    items: list[Session]
    pending_days: int = Field(description=_PENDING)
    next: str | None = Field(description="Cursor of the next page; null on the last one")
