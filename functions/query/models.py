"""What every question takes, and the heatmap's answer in the words of the VibeTea contract."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# Texts all: what cannot be read is refused by the parser, with the words for it.
_SINCE = "First day (YYYY-MM-DD, in `tz`) or RFC 3339 instant; 30 days before `to` by default"
_UNTIL = "Last day, included; or RFC 3339 instant, not included; today by default"
_TZ = "IANA time zone of days and weeks; the profile's own by default"


class Asked(BaseModel):
    """The parameters that questions share. `from` and `to`, or `days`."""

    model_config = ConfigDict(populate_by_name=True)

    since: Annotated[str | None, Field(alias="from", description=_SINCE)] = None
    until: Annotated[str | None, Field(alias="to", description=_UNTIL)] = None
    days: Annotated[str | None, Field(description="That many days, the last is today")] = None
    tz: Annotated[str | None, Field(description=_TZ)] = None
    source: Annotated[str | None, Field(description="Only this monitor's")] = None
    project: Annotated[str | None, Field(description="Only of this project")] = None
    language: Annotated[str | None, Field(description="Only in this language")] = None
    kind: Annotated[str | None, Field(description="Only events of this kind")] = None


class Paged(Asked):
    """A question whose answer comes in pages."""

    limit: Annotated[str | None, Field(description="Most items of a page")] = None
    cursor: Annotated[str | None, Field(description="`next` of the page before")] = None


class PeriodAnswer(BaseModel):
    """The period that an answer is about."""

    model_config = ConfigDict(serialize_by_alias=True)

    since: str = Field(alias="from", description="RFC 3339, in the zone")
    until: str = Field(alias="to", description="RFC 3339, in the zone; not included")
    timezone: str


class HourlyAggregate(BaseModel):
    """How many events one source had in one hour."""

    source: str
    date: str = Field(description="YYYY-MM-DD, UTC")
    hour: int = Field(ge=0, le=23, description="UTC")
    eventCount: int  # noqa: N815 (the contract's name)


class QueryMeta(BaseModel):
    """About the answer."""

    totalCount: int = Field(description="Records in `aggregates`")  # noqa: N815
    daysRequested: int  # noqa: N815
    fetchedAt: str = Field(description="RFC 3339, UTC")  # noqa: N815


class QueryAnswer(BaseModel):
    """Hourly counts, newest first."""

    aggregates: list[HourlyAggregate]
    meta: QueryMeta


Grain = Literal["hour", "day", "week"]
Grouping = Literal["kind", "project", "language", "source", "none"]
