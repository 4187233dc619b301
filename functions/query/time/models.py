"""Time by lane."""

from typing import Annotated, Literal

from pydantic import Field

from functions.core.models import Model
from functions.query.models import Asked, AskedPeriod, PendingDays
from functions.query.parameters import LanguageFilter, ProjectFilter, one_of

By = Literal["day", "project", "language", "category"]


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


class Lanes(Model):
    """Seconds of each lane. What happens twice at once counts once."""

    human: int = Field(
        description="A person was at work for this many seconds, on whatever machine.",
        examples=[5400],
    )
    agent: int = Field(
        description="At least one agent was at work for this many seconds.", examples=[3600]
    )
    both: int = Field(
        description="A person and an agent were at work at once for this many seconds. They are"
        " part of `human` and of `agent`. A row of a project, language or category counts them"
        " only where both were at work on it.",
        examples=[1800],
    )
    waiting: int = Field(
        description="At least one agent waited for its person's next prompt for this many seconds.",
        examples=[600],
    )


class NamedLanes(Lanes):
    """One group's part of the time."""

    name: str | None = Field(
        description="This is the day as YYYY-MM-DD, the project, the language or the category. It"
        " is null for events that name none.",
        examples=["loom"],
    )


class TimeAnswer(Model):
    """The items sum to the totals, lane by lane; both_elsewhere is the rest of both."""

    period: AskedPeriod
    by: By = Field(
        description="This says what each row's `name` is the name of.", examples=["project"]
    )
    totals: Lanes = Field(description="These are the seconds of the whole period.")
    both_elsewhere: int = Field(
        description="No row has this many seconds of `totals.both`, because the person and the"
        " agent were at work on different groups at once: one on Rust, the other on SQL. It is 0 by"
        " day.",
        examples=[120],
    )
    items: list[NamedLanes] = Field(
        description="Each group has a row. Days are in their order; of anything else, the row with"
        " most time comes first."
    )
    pending_days: PendingDays
