"""Counts: by time, by project and by language."""

from typing import Annotated

from pydantic import Field

from functions.core.models import Model
from functions.query.models import (
    AskedPeriod,
    CountsWithoutCost,
    Grain,
    Grouping,
    Next,
    PagedAsked,
)
from functions.query.parameters import one_of


class TimelineAsked(PagedAsked):
    """How events are counted over time."""

    by: Annotated[
        Grain,
        one_of("by", Grain),
        Field(
            description="Events are counted by hour, day or week; a week begins on Monday.",
            examples=["day"],
        ),
    ] = "day"
    group: Annotated[
        Grouping,
        one_of("group", Grouping),
        Field(
            description="Each hour, day or week has a row for each of these. With `none` it has one"
            " row.",
            examples=["project"],
        ),
    ] = "none"


class Counts(CountsWithoutCost):
    """What is counted of events, and what it cost."""

    cost_usd: float = Field(
        description="The calls that have a price cost this many US dollars.", examples=[4.31]
    )


class TimelineRow(Counts):
    """The counts of one group in one hour, day or week. Those without events are left out."""

    start: str = Field(
        description="This is the day, the Monday of the week, or the RFC 3339 instant at which the"
        " hour begins, in the zone.",
        examples=["2026-11-20"],
    )
    name: str | None = Field(
        description="This is the name of the group. It is null for events that name none, and where"
        " rows are not grouped.",
        examples=["loom"],
    )


class Timeline(Model):
    """Rows in order of time and name."""

    period: AskedPeriod
    by: Grain = Field(
        description="This says what each row's `start` is the start of.", examples=["day"]
    )
    group: Grouping = Field(
        description="This says what each row's `name` is the name of.", examples=["none"]
    )
    totals: Counts = Field(
        description="These are the counts of the whole period, which are the same on every page."
    )
    items: list[TimelineRow] = Field(
        description="These are the rows of this page, the oldest first."
    )
    next: Next


class NamedCounts(Counts):
    """The counts of one project or one language."""

    name: str | None = Field(
        description="This is the project or the language. It is null for events that name none.",
        examples=["loom"],
    )
    first_day: str = Field(
        description="This is the first day of the period that has such an event, in the zone.",
        examples=["2026-11-02"],
        json_schema_extra={"format": "date"},
    )
    last_day: str = Field(
        description="This is the last day of the period that has such an event, in the zone.",
        examples=["2026-11-20"],
        json_schema_extra={"format": "date"},
    )


class Breakdown(Model):
    """Projects or languages, the one with most events first."""

    period: AskedPeriod
    totals: Counts = Field(
        description="These are the counts of the whole period, which are the same on every page."
    )
    items: list[NamedCounts] = Field(
        description="These are the rows of this page, most events first."
    )
    next: Next
