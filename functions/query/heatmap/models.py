"""The heatmap in the words of the VibeTea contract."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from functions.core.models import Model
from functions.core.parameters import refused_as
from functions.query.parameters import InvalidDays, SourceFilter


class HeatmapAsked(Model):
    """The parameters of VibeTea's query."""

    days: Annotated[
        Annotated[Literal["7", "30"], WithJsonSchema({"type": "integer", "enum": [7, 30]})],
        refused_as(InvalidDays),
        Field(
            description="The answer has the events of this many times 24 hours before now.",
            examples=[7],
            json_schema_extra={"default": 7},
        ),
    ] = "7"
    source: SourceFilter = None


class HourlyAggregate(Model):
    """How many events one source had in one hour."""

    source: str = Field(description="This is the name of the source.", examples=["laptop"])
    date: str = Field(
        description="This is the day of the hour in UTC, as YYYY-MM-DD.",
        examples=["2026-11-20"],
        json_schema_extra={"format": "date"},
    )
    hour: int = Field(ge=0, le=23, description="This is the hour of the day in UTC.", examples=[9])
    eventCount: int = Field(  # noqa: N815 (the contract's name)
        description="The source had this many events in this hour.", examples=[42]
    )


class QueryMeta(Model):
    """What was asked, and when the answer was made."""

    totalCount: int = Field(  # noqa: N815
        description="This is the number of entries in `aggregates`.", examples=[1]
    )
    daysRequested: int = Field(  # noqa: N815
        description="This is the number of days that were asked for.", examples=[7]
    )
    fetchedAt: str = Field(  # noqa: N815
        description="The answer was made at this RFC 3339 instant, in UTC.",
        examples=["2026-11-20T09:45:00.000Z"],
        json_schema_extra={"format": "date-time"},
    )


class QueryAnswer(Model):
    """Hourly counts, newest first."""

    aggregates: list[HourlyAggregate] = Field(
        description="Each source and hour with events has an entry; the newest hour comes first."
    )
    meta: QueryMeta = Field(description="This says what was asked, and when the answer was made.")
