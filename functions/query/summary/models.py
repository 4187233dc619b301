"""The summary of a period."""

from typing import Literal

from pydantic import Field

from functions.core.models import Model
from functions.query.models import AskedPeriod, CostUsd, CountsWithoutCost, Events, PeriodAnswer

PartName = Literal["focus", "consistency", "errors_fixed", "learning", "plan_completion"]


class Totals(CountsWithoutCost):
    """The counts of a period, and its active days."""

    cost_usd: CostUsd
    unpriced: int = Field(
        description="This many calls have a model without a price. They are not in `cost_usd`;"
        " `/v1/query/tokens` names the models.",
        examples=[0],
    )
    active_days: int = Field(
        description="This many days of the zone have at least one event.", examples=[18]
    )


class Trend(Model):
    """The change against the previous period. 0.25 is a quarter more, -0.5 is half as many."""

    events: float | None = Field(
        description="Events changed by this share. It is null if there were none before.",
        examples=[0.25],
    )
    errors: float | None = Field(
        description="Errors changed by this share. It is null if there were none before.",
        examples=[-0.5],
    )
    tokens: float | None = Field(
        description="All tokens changed by this share. It is null if there were none before.",
        examples=[0.1],
    )
    cost_usd: float | None = Field(
        description="Costs changed by this share. It is null if there were none before.",
        examples=[0.08],
    )
    active_days: float | None = Field(
        description="Active days changed by this share. It is null if there were none before.",
        examples=[0.0],
    )


class Streaks(Model):
    """Days of the zone in a row that have events, whatever period was asked about."""

    current: int = Field(
        description="These are the days of the streak that lasts. It ends today, or yesterday while"
        " today has no event yet.",
        examples=[6],
    )
    longest: int = Field(
        description="These are the days of the longest streak of the last three years.",
        examples=[31],
    )


class BestHour(Model):
    """The hour of the day that has the most events of the period."""

    hour: int = Field(
        ge=0, le=23, description="This is the hour of the day, in the zone.", examples=[10]
    )
    events: Events


class Part(Model):
    """One part of the score."""

    name: PartName = Field(
        description="This part is meant; the README says how each one is computed.",
        examples=["focus"],
    )
    value: float = Field(
        ge=0, le=100, description="The part has this value, from 0 to 100.", examples=[72.5]
    )
    weight: int = Field(
        description="This says how much the part counts among the parts that have data.",
        examples=[30],
    )


class LeftOut(Model):
    """A part of the score without data."""

    name: PartName = Field(
        description="This is the part that is left out.", examples=["plan_completion"]
    )
    reason: str = Field(
        description="This says why the part has no data.", examples=["no plans are kept"]
    )


class Score(Model):
    """Productivity from 0 to 100: the weighted mean of the parts that have data."""

    value: int | None = Field(
        ge=0,
        le=100,
        description="This is the score. It is null if no part has data.",
        examples=[64],
    )
    parts: list[Part] = Field(description="These are the parts that have data.")
    left_out: list[LeftOut] = Field(description="These are the parts that have no data.")


class Summary(Model):
    """Totals, trend, streaks, best hour and score."""

    period: AskedPeriod
    previous_period: PeriodAnswer = Field(
        description="This is the period before it, which is as long, and which it is compared with."
    )
    totals: Totals = Field(description="These are the counts of the period.")
    previous: Totals = Field(description="These are the counts of the previous period.")
    trend: Trend = Field(description="This is the change from the previous period to this one.")
    streaks: Streaks = Field(description="This says how many days in a row have events.")
    best_hour: BestHour | None = Field(
        description="This is the busiest hour of the day. It is null if the period has no events."
    )
    score: Score = Field(description="This says how productive the period was, from 0 to 100.")
