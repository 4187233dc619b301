"""What several questions take and answer."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from functions.core.models import Model
from functions.core.parameters import WHOLE
from functions.query.parameters import (
    Cursor,
    Days,
    From,
    KindFilter,
    LanguageFilter,
    ProjectFilter,
    SourceFilter,
    To,
    Zone,
    at_most,
)

FILTERS = ("source", "project", "language", "kind", "provider", "model")
MAX_PAGE = 10_000  # rows; at 250 bytes a row well below Lambda's 6 MB

Grain = Literal["hour", "day", "week"]
Grouping = Literal["kind", "project", "language", "source", "none"]


class Asked(Model):
    """The parameters that questions share. `from` and `to`, or `days`."""

    model_config = ConfigDict(populate_by_name=True)

    since: From = None
    until: To = None
    days: Days = None
    tz: Zone = None

    @property
    def filters(self) -> dict[str, str | None]:
        """The filters that this question takes, as parameters of statements."""
        return {name: getattr(self, name) for name in FILTERS if name in type(self).model_fields}


class Filtered(Asked):
    """A question about events, by everything that an event may name."""

    source: SourceFilter = None
    project: ProjectFilter = None
    language: LanguageFilter = None
    kind: KindFilter = None


class PagedAsked(Filtered):
    """A question about events whose answer comes in pages of rows."""

    limit: Annotated[
        Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE],
        at_most(MAX_PAGE),
        Field(description="A page has at most this many rows.", examples=[100]),
    ] = 1_000
    cursor: Cursor = None


Next = Annotated[
    str | None,
    Field(
        description="This is the `cursor` of the next page. It is null on the last page.",
        examples=["WyJkYXk6bm9uZSIsIjIwMjYtMTEtMjAiXQ"],
    ),
]
Project = Annotated[
    str | None,
    Field(
        description="This is the project. It is null for what names no project.",
        examples=["loom"],
    ),
]
Events = Annotated[int, Field(description="There are this many events.", examples=[120])]
TokensInput = Annotated[
    int,
    Field(description="Models read this many tokens, without those of the cache.", examples=[1200]),
]
TokensOutput = Annotated[int, Field(description="Models wrote this many tokens.", examples=[3400])]
TokensCacheRead = Annotated[
    int, Field(description="Models read this many tokens from the cache.", examples=[560000])
]
TokensCacheWrite = Annotated[
    int, Field(description="This many tokens were written to the cache.", examples=[7800])
]
CostUsd = Annotated[
    float | None,
    Field(
        description="The calls that have a price cost this many US dollars. It is null if there are"
        " calls and none has a price.",
        examples=[4.31],
    ),
]
Unpriced = Annotated[
    int,
    Field(
        description="This many calls have a model without a price. They are not in `cost_usd`.",
        examples=[0],
    ),
]
PendingDays = Annotated[
    int,
    Field(
        description="This many days are still to be computed, in the background, and may change"
        " this answer. 0 means that the answer is exact.",
        examples=[0],
    ),
]


class PeriodAnswer(Model):
    """The period that an answer is about."""

    model_config = ConfigDict(serialize_by_alias=True)

    since: str = Field(
        alias="from",
        description="The period begins at this RFC 3339 instant, with the offset of the zone.",
        examples=["2026-11-01T00:00:00+01:00"],
        json_schema_extra={"format": "date-time"},
    )
    until: str = Field(
        alias="to",
        description="The period ends before this RFC 3339 instant, with the offset of the zone.",
        examples=["2026-11-21T00:00:00+01:00"],
        json_schema_extra={"format": "date-time"},
    )
    timezone: str = Field(
        description="This is the IANA time zone by which days and weeks are cut.",
        examples=["Europe/Berlin"],
    )


AskedPeriod = Annotated[PeriodAnswer, Field(description="This is the period that was asked about.")]


class CountsWithoutCost(Model):
    """What is counted of events."""

    events: Events
    errors: int = Field(description="This many events report an error.", examples=[3])
    tokens_input: TokensInput
    tokens_output: TokensOutput
    tokens_cache_read: TokensCacheRead
    tokens_cache_write: TokensCacheWrite
