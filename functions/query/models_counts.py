"""Counts: by time, by project, by language, and what tokens cost."""

from typing import Annotated

from pydantic import BaseModel, Field

from functions.query.models import Grain, Grouping, Paged, PeriodAnswer

_PAGE = "Cursor of the next page; null on the last one"


class TimelineAsked(Paged):
    """By what, and grouped how."""

    by: Annotated[str, Field(description="hour, day or week")] = "day"
    group: Annotated[str, Field(description="kind, project, language, source or none")] = "none"


class TokensAsked(Paged):
    """Tokens have a provider and a model as well; a budget is in US dollars a month."""

    provider: Annotated[str | None, Field(description="Only this provider's")] = None
    model: Annotated[str | None, Field(description="Only this model's")] = None
    budget_usd: Annotated[str | None, Field(description="US dollars a calendar month")] = None


class Counts(BaseModel):
    """What is counted of events."""

    events: int
    errors: int
    tokens_input: int
    tokens_output: int
    tokens_cache_read: int
    tokens_cache_write: int
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
    unpriced: int = Field(description="Calls whose model has no price; not in cost_usd")


class TokenRow(TokenTotals):
    """One day's calls of one model in one project."""

    day: str
    provider: str | None
    model: str | None
    project: str | None


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
    """Tokens and costs by day, provider, model and project."""

    period: PeriodAnswer
    totals: TokenTotals
    projection: Projection
    items: list[TokenRow]
    next: str | None = Field(description=_PAGE)
