"""The answers, in the words of the VibeTea query contract."""

from pydantic import BaseModel, Field


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
