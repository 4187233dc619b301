"""Sessions of agents and of people."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from functions.core.models import Model
from functions.core.parameters import WHOLE
from functions.query.models import (
    Asked,
    AskedPeriod,
    CostUsd,
    Events,
    Next,
    TokensCacheRead,
    TokensCacheWrite,
    TokensInput,
    TokensOutput,
    Unpriced,
)
from functions.query.parameters import Cursor, ProjectFilter, at_most, one_of

PAGE, MAX_PAGE = 100, 1_000  # sessions

Lane = Literal["human", "agent"]


class SessionsAsked(Asked):
    """Whose sessions are listed."""

    project: ProjectFilter = None
    lane: Annotated[
        Lane | None,
        one_of("lane", Lane),
        Field(
            description="Only sessions of people (`human`) or of agents (`agent`) are listed."
            " Without it, both are.",
            examples=["agent"],
        ),
    ] = None
    limit: Annotated[
        Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE],
        at_most(MAX_PAGE),
        Field(description="A page has at most this many sessions.", examples=[50]),
    ] = PAGE
    cursor: Cursor = None


class Session(Model):
    """One agent's session, or a person's unbroken stretch of work."""

    id: str = Field(
        description="This is the `sessionId` of an agent's session. The id of a person's session is"
        " the second of Unix time in which it began.",
        examples=["1793836200"],
    )
    lane: Lane = Field(
        description="This says whether a person or an agent was at work.", examples=["agent"]
    )
    project: str | None = Field(
        description="This is the last project that an agent's session named, or the project that"
        " most time of a person's session went into. It is null if none was named.",
        examples=["loom"],
    )
    started_at: datetime = Field(
        description="This is the instant of the session's first event.",
        examples=["2026-11-20T09:12:00Z"],
    )
    ended_at: datetime = Field(
        description="This is the instant of the session's last event.",
        examples=["2026-11-20T10:40:30Z"],
    )
    duration_seconds: int = Field(
        description="The session lasted for this many seconds, from the first event to the last"
        " one.",
        examples=[5310],
    )
    events: Events
    tools: dict[str, int] = Field(
        description="This is the number of calls by tool. A call that begins before midnight and"
        " ends after it is one.",
        examples=[{"Read": 2, "Bash": 1}],
    )
    models: list[str] = Field(
        description="These are the models that the session called, by name.",
        examples=[["claude-opus-4-5"]],
    )
    tokens_input: TokensInput
    tokens_output: TokensOutput
    tokens_cache_read: TokensCacheRead
    tokens_cache_write: TokensCacheWrite
    cost_usd: CostUsd
    unpriced: Unpriced
    complete: bool = Field(
        description="This says whether all days of the session are computed. False means that it"
        " may have begun earlier, ended later, or have more events than this answer says.",
        examples=[True],
    )


class Sessions(Model):
    """Sessions that were under way in the period, the latest to begin first, each as a whole."""

    period: AskedPeriod
    items: list[Session] = Field(
        description="These are the sessions of this page, the latest to begin first."
    )
    pending_days: int = Field(
        description="This many days of the period, or days that a listed session reaches into, are"
        " still to be computed in the background. 0 means that the answer is exact.",
        examples=[0],
    )
    next: Next
