"""A dashboard's first paint in one answer."""

from pydantic import BaseModel, Field

from functions.query.models import PeriodAnswer
from functions.query.models_counts import CountsWithoutCost


class Totals(CountsWithoutCost):
    """A period's counts."""

    cost_usd: float | None = Field(
        description="US dollars for the calls that have a price. It is null if there are calls and"
        " none has a price.",
        examples=[4.31],
    )
    unpriced: int = Field(
        description="Calls whose model has no price. They are not in cost_usd; `/v1/query/tokens`"
        " names the models.",
        examples=[0],
    )
    active_days: int = Field(description="Days of the zone with at least one event")


class Trend(BaseModel):
    """Change against the previous period, 0.25 is a quarter more; null where that had none."""

    events: float | None
    errors: float | None
    tokens: float | None
    cost_usd: float | None
    active_days: float | None


class Streaks(BaseModel):
    """Days of the zone in a row with events, whatever period was asked for."""

    current: int = Field(description="Ends today, or yesterday while today has none yet")
    longest: int = Field(description="Of the last three years")


class BestHour(BaseModel):
    """The hour of the day with the most events of the period."""

    hour: int = Field(ge=0, le=23, description="In the zone")
    events: int


class Part(BaseModel):
    """One part of the score."""

    name: str = Field(
        description="focus, consistency, errors_fixed, learning or plan_completion",
    )
    value: float = Field(ge=0, le=100)
    weight: int = Field(description="Against the weights of the parts that have data")


class LeftOut(BaseModel):
    """A part of the score without data."""

    name: str
    reason: str


class Score(BaseModel):
    """Productivity, 0 to 100: the weighted mean of the parts that have data; see the README."""

    value: int | None = Field(ge=0, le=100, description="Null if no part has data")
    parts: list[Part]
    left_out: list[LeftOut]


class Summary(BaseModel):
    """Totals, trend, streaks, best hour and score."""

    period: PeriodAnswer
    previous_period: PeriodAnswer
    totals: Totals
    previous: Totals
    trend: Trend
    streaks: Streaks
    best_hour: BestHour | None
    score: Score
