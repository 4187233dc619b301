"""Counts: by time, by project, by language, and what tokens cost."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from functions.query.models import Grain, Grouping, Paged, PeriodAnswer

TokenGrain = Literal["day", "week", "month"]
TokenGrouping = Literal["detail", "model", "project", "none"]

_PAGE = "Cursor of the next page; null on the last one"
_UNPRICED = "Calls whose model has no price. They are not in cost_usd."


class TimelineAsked(Paged):
    """By what, and grouped how."""

    by: Annotated[str, Field(description="hour, day or week")] = "day"
    group: Annotated[str, Field(description="kind, project, language, source or none")] = "none"


class TokensAsked(Paged):
    """Tokens have a provider and a model as well; a budget is in US dollars a month."""

    by: Annotated[
        str,
        Field(description="Sums by `day` (the default), `week` (from Monday) or `month`."),
    ] = "day"
    group: Annotated[
        str,
        Field(
            description="What the rows of a day, week or month tell apart: provider, model and"
            " project (`detail`, the default), provider and model (`model`), `project`, or nothing"
            " (`none`). For example `model`."
        ),
    ] = "detail"
    provider: Annotated[str | None, Field(description="Only this provider's")] = None
    model: Annotated[str | None, Field(description="Only this model's")] = None
    budget_usd: Annotated[str | None, Field(description="US dollars a calendar month")] = None


class CountsWithoutCost(BaseModel):
    """What is counted of events."""

    events: int
    errors: int
    tokens_input: int
    tokens_output: int
    tokens_cache_read: int
    tokens_cache_write: int


class Counts(CountsWithoutCost):
    """What is counted of events, and what it cost."""

    cost_usd: float = Field(description="Of the priced calls")


class TimelineRow(Counts):
    """One bucket's counts of one group; only those that have events."""

    start: str = Field(description="Day, Monday of the week, or the hour in RFC 3339, in the zone")
    name: str | None = Field(description="Of the group; null where the events name none")


class Timeline(BaseModel):
    """Rows in order of time and name; the totals are of the whole period, on every page."""

    period: PeriodAnswer
    by: Grain
    group: Grouping
    totals: Counts
    items: list[TimelineRow]
    next: str | None = Field(description=_PAGE)


class NamedCounts(Counts):
    """One project's, or language's, counts."""

    name: str | None = Field(description="Null: of events that name none")
    first_day: str = Field(description="With an event, in the period and the zone")
    last_day: str = Field(description="With an event, in the period and the zone")


class Breakdown(BaseModel):
    """Most events first; the totals are of all pages."""

    period: PeriodAnswer
    totals: Counts
    items: list[NamedCounts]
    next: str | None = Field(description=_PAGE)


class TokenTotals(BaseModel):
    """Calls and what they took."""

    calls: int
    tokens_input: int
    tokens_output: int
    tokens_cache_read: int
    tokens_cache_write: int
    cost_usd: float | None = Field(description="Of the priced calls; null if none is priced")
    unpriced: int = Field(description=_UNPRICED)


class TokenRow(TokenTotals):
    """The calls of one day, week or month that have the same provider, model and project."""

    day: str = Field(
        description="The day, the Monday of the week, or the first day of the month.",
        examples=["2026-11-01"],
    )
    provider: str | None = Field(
        description="Null where the calls name none, and where rows are not grouped by it.",
        examples=["anthropic"],
    )
    model: str | None = Field(
        description="Null where the calls name none, and where rows are not grouped by it.",
        examples=["claude-opus-4-5"],
    )
    project: str | None = Field(
        description="Null where the calls name none, and where rows are not grouped by it.",
        examples=["loom"],
    )


class UnpricedModel(BaseModel):
    """A model that was called and has no price on the list."""

    provider: str | None = Field(description="Null where the calls name none.", examples=["acme"])
    model: str | None = Field(description="Null where the calls name none.", examples=["loom-1"])
    calls: int = Field(description="Calls without a price in the period.", examples=[12])


class Budget(BaseModel):
    """When the month's costs reach the budget."""

    budget_usd: float
    state: str = Field(description="crossed, will_cross, or within (until the month's end)")
    day: str | None = Field(description="On which it was, or would be, reached")


class Projection(BaseModel):
    """The current month of the zone, whatever period was asked for; formula in the README."""

    month: str = Field(description="YYYY-MM")
    spent_usd: float
    spent_today_usd: float
    daily_usd: float = Field(description="Mean of the days before today that it rests on")
    basis_days: int = Field(ge=0, le=7)
    projected_usd: float
    unpriced: int = Field(description="Calls of the month without a price: costs are at least this")
    budget: Budget | None


class TokenCosts(BaseModel):
    """Tokens and costs by day, week or month."""

    period: PeriodAnswer
    by: TokenGrain
    group: TokenGrouping
    totals: TokenTotals
    unpriced_models: list[UnpricedModel] = Field(
        description="The models behind `totals.unpriced`, most calls first, at most 100."
    )
    projection: Projection
    items: list[TokenRow]
    next: str | None = Field(description=_PAGE)
