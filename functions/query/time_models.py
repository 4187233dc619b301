"""Time by lane, and sessions."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from functions.query.models import Asked, Paged, PeriodAnswer

By = Literal["day", "project", "language", "category"]
Lane = Literal["human", "agent"]

_PENDING = (
    "Days that are still to be computed, in the background, and that may change this answer."
    " 0 means that the answer is exact."
)


class TimeAsked(Asked):
    """How the time is grouped."""

    by: Annotated[
        str,
        Field(
            description="What the rows stand for: `day` (the default), `project`, `language` or"
            " `category`."
        ),
    ] = "day"


class SessionsAsked(Paged):
    """Whose sessions are listed."""

    lane: Annotated[
        str | None,
        Field(
            description="Lists sessions of people (`human`) or agents (`agent`); both by default."
        ),
    ] = None


class Lanes(BaseModel):
    """Seconds of each lane. What happens twice at once counts once."""

    human: int = Field(description="A person was at work, on whatever machine.", examples=[5400])
    agent: int = Field(description="At least one agent was at work.", examples=[3600])
    both: int = Field(
        description="A person and an agent were at work at once. It is part of human and of agent."
        " A row of a project, language or category counts it only where both were at work on it.",
        examples=[1800],
    )
    waiting: int = Field(
        description="At least one agent waited for its person's next prompt.", examples=[600]
    )


class NamedLanes(Lanes):
    """One group's part of the time."""

    name: str | None = Field(description="A day as YYYY-MM-DD; null where events name nothing")


class TimeAnswer(BaseModel):
    """The items sum to the totals, lane by lane; both_elsewhere is the rest of both."""

    period: PeriodAnswer
    by: By
    totals: Lanes
    both_elsewhere: int = Field(
        description="Seconds of `totals.both` that no row has, because the person and the agent"
        " were at work on different groups at once: one on Rust, the other on SQL. 0 by day.",
        examples=[120],
    )
    items: list[NamedLanes]
    pending_days: int = Field(description=_PENDING, examples=[0])


class Session(BaseModel):
    """One agent's session, or a person's unbroken stretch of work."""

    id: str = Field(
        description="The sessionId of an agent's session. A person's session has the second of Unix"
        " time in which it began.",
        examples=["1793836200"],
    )
    lane: Lane
    project: str | None = Field(
        description="The last project that an agent's session named. Of a person's session, the"
        " project that most of its time went into.",
        examples=["loom"],
    )
    started_at: datetime
    ended_at: datetime
    duration_seconds: int
    events: int
    tools: dict[str, int] = Field(
        description="Calls by tool. A call that begins before midnight and ends after it is one.",
        examples=[{"Read": 2, "Bash": 1}],
    )
    models: list[str] = Field(
        description="The models that the session called, by name.", examples=[["claude-opus-4-5"]]
    )
    tokens_input: int
    tokens_output: int
    tokens_cache_read: int
    tokens_cache_write: int
    cost_usd: float | None = Field(
        description="US dollars for the calls that have a price. It is null if there are calls and"
        " none has a price.",
        examples=[1.25],
    )
    unpriced: int = Field(
        description="Calls whose model has no price. They are not in cost_usd.", examples=[0]
    )
    complete: bool = Field(
        description="Whether all days of the session are computed. False means that it may have"
        " begun earlier, ended later, or have more events than this answer says.",
        examples=[True],
    )


class Sessions(BaseModel):
    """Sessions that were under way in the period, the latest to begin first, each as a whole."""

    period: PeriodAnswer
    items: list[Session]
    pending_days: int = Field(
        description="Days of the period, and days that a listed session reaches into, which are"
        " still to be computed in the background. 0 means that the answer is exact.",
        examples=[0],
    )
    next: str | None = Field(description="Cursor of the next page; null on the last one")
