"""Time by lane, and sessions."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from functions.core.parameters import WHOLE
from functions.query.models import (
    Asked,
    CostUsd,
    Events,
    Next,
    PendingDays,
    PeriodAnswer,
    TokensCacheRead,
    TokensCacheWrite,
    TokensInput,
    TokensOutput,
    Unpriced,
)
from functions.query.parameters import Cursor, LanguageFilter, ProjectFilter, at_most, one_of

PAGE, MAX_PAGE = 100, 1_000  # sessions

By = Literal["day", "project", "language", "category"]
Lane = Literal["human", "agent"]


class TimeAsked(Asked):
    """How the time is grouped."""

    project: ProjectFilter = None
    language: LanguageFilter = None
    by: Annotated[
        By,
        one_of("by", By),
        Field(
            description="The answer has a row for each of these: day, project, language or"
            " category.",
            examples=["project"],
        ),
    ] = "day"


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


class Lanes(BaseModel):
    """Seconds of each lane. What happens twice at once counts once."""

    human: int = Field(
        description="Seconds in which a person was at work, on whatever machine.", examples=[5400]
    )
    agent: int = Field(
        description="Seconds in which at least one agent was at work.", examples=[3600]
    )
    both: int = Field(
        description="Seconds in which a person and an agent were at work at once. They are part of"
        " `human` and of `agent`. A row of a project, language or category counts them only where"
        " both were at work on it.",
        examples=[1800],
    )
    waiting: int = Field(
        description="Seconds in which at least one agent waited for its person's next prompt.",
        examples=[600],
    )


class NamedLanes(Lanes):
    """One group's part of the time."""

    name: str | None = Field(
        description="The day as YYYY-MM-DD, the project, the language or the category. It is null"
        " for events that name none.",
        examples=["loom"],
    )


class TimeAnswer(BaseModel):
    """The items sum to the totals, lane by lane; both_elsewhere is the rest of both."""

    period: PeriodAnswer = Field(description="The period that was asked about.")
    by: By = Field(description="What each row's `name` is the name of.", examples=["project"])
    totals: Lanes = Field(description="The seconds of the whole period.")
    both_elsewhere: int = Field(
        description="Seconds of `totals.both` that no row has, because the person and the agent"
        " were at work on different groups at once: one on Rust, the other on SQL. It is 0 by day.",
        examples=[120],
    )
    items: list[NamedLanes] = Field(
        description="A row for each group. Days are in their order; of anything else, the row with"
        " most time comes first."
    )
    pending_days: PendingDays


class Session(BaseModel):
    """One agent's session, or a person's unbroken stretch of work."""

    id: str = Field(
        description="The `sessionId` of an agent's session. The id of a person's session is the"
        " second of Unix time in which it began.",
        examples=["1793836200"],
    )
    lane: Lane = Field(description="Whether a person or an agent was at work.", examples=["agent"])
    project: str | None = Field(
        description="The last project that an agent's session named, or the project that most time"
        " of a person's session went into. It is null if none was named.",
        examples=["loom"],
    )
    started_at: datetime = Field(
        description="The instant of the session's first event.", examples=["2026-11-20T09:12:00Z"]
    )
    ended_at: datetime = Field(
        description="The instant of the session's last event.", examples=["2026-11-20T10:40:30Z"]
    )
    duration_seconds: int = Field(
        description="Seconds from the first event to the last one.", examples=[5310]
    )
    events: Events
    tools: dict[str, int] = Field(
        description="The number of calls by tool. A call that begins before midnight and ends after"
        " it is one.",
        examples=[{"Read": 2, "Bash": 1}],
    )
    models: list[str] = Field(
        description="The models that the session called, by name.", examples=[["claude-opus-4-5"]]
    )
    tokens_input: TokensInput
    tokens_output: TokensOutput
    tokens_cache_read: TokensCacheRead
    tokens_cache_write: TokensCacheWrite
    cost_usd: CostUsd
    unpriced: Unpriced
    complete: bool = Field(
        description="Whether all days of the session are computed. False means that it may have"
        " begun earlier, ended later, or have more events than this answer says.",
        examples=[True],
    )


class Sessions(BaseModel):
    """Sessions that were under way in the period, the latest to begin first, each as a whole."""

    period: PeriodAnswer = Field(description="The period that was asked about.")
    items: list[Session] = Field(
        description="The sessions of this page, the latest to begin first."
    )
    pending_days: int = Field(
        description="Days of the period, and days that a listed session reaches into, which are"
        " still to be computed in the background. 0 means that the answer is exact.",
        examples=[0],
    )
    next: Next
