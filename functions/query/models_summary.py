"""A dashboard's first paint in one answer."""

from typing import Literal

from pydantic import BaseModel, Field

from functions.query.models import CostUsd, Events, PeriodAnswer
from functions.query.models_counts import CountsWithoutCost

PartName = Literal["focus", "consistency", "errors_fixed", "learning", "plan_completion"]


class Totals(CountsWithoutCost):
    """The counts of a period, and its active days."""

    cost_usd: CostUsd
    unpriced: int | None = Field(
        description="Calls whose model has no price. They are not in `cost_usd`;"
        " `/v1/query/tokens` names the models. It is null with a filter by language or kind,"
        " because calls are not kept by these.",
        examples=[0],
    )
    active_days: int = Field(
        description="Days of the zone that have at least one event.", examples=[18]
    )


class Trend(BaseModel):
    """The change against the previous period. 0.25 is a quarter more, -0.5 is half as many."""

    events: float | None = Field(
        description="The change of events. It is null if the previous period had none.",
        examples=[0.25],
    )
    errors: float | None = Field(
        description="The change of errors. It is null if the previous period had none.",
        examples=[-0.5],
    )
    tokens: float | None = Field(
        description="The change of all tokens. It is null if the previous period had none.",
        examples=[0.1],
    )
    cost_usd: float | None = Field(
        description="The change of costs. It is null if the previous period had none.",
        examples=[0.08],
    )
    active_days: float | None = Field(
        description="The change of active days. It is null if the previous period had none.",
        examples=[0.0],
    )


class Streaks(BaseModel):
    """Days of the zone in a row that have events, whatever period was asked about."""

    current: int = Field(
        description="The days of the streak that lasts. It ends today, or yesterday while today"
        " has no event yet.",
        examples=[6],
    )
    longest: int = Field(
        description="The days of the longest streak of the last three years.", examples=[31]
    )


class BestHour(BaseModel):
    """The hour of the day that has the most events of the period."""

    hour: int = Field(ge=0, le=23, description="The hour of the day, in the zone.", examples=[10])
    events: Events


class Part(BaseModel):
    """One part of the score."""

    name: PartName = Field(
        description="The part; the README says how each one is computed.", examples=["focus"]
    )
    value: float = Field(
        ge=0, le=100, description="The part has this value, from 0 to 100.", examples=[72.5]
    )
    weight: int = Field(
        description="How much the part counts among the parts that have data.", examples=[30]
    )


class LeftOut(BaseModel):
    """A part of the score without data."""

    name: PartName = Field(description="The part that is left out.", examples=["plan_completion"])
    reason: str = Field(description="Why the part has no data.", examples=["no plans are kept"])


class Score(BaseModel):
    """Productivity from 0 to 100: the weighted mean of the parts that have data."""

    value: int | None = Field(
        ge=0, le=100, description="The score. It is null if no part has data.", examples=[64]
    )
    parts: list[Part] = Field(description="The parts that have data.")
    left_out: list[LeftOut] = Field(description="The parts that have no data.")


class Summary(BaseModel):
    """Totals, trend, streaks, best hour and score."""

    period: PeriodAnswer = Field(description="The period that was asked about.")
    previous_period: PeriodAnswer = Field(
        description="The period before it, which is as long, and which it is compared with."
    )
    totals: Totals = Field(description="The counts of the period.")
    previous: Totals = Field(description="The counts of the previous period.")
    trend: Trend = Field(description="The change from the previous period to this one.")
    streaks: Streaks = Field(description="Days in a row that have events.")
    best_hour: BestHour | None = Field(
        description="The busiest hour of the day. It is null if the period has no events."
    )
    score: Score = Field(description="How productive the period was, from 0 to 100.")
