"""Counts: by time, by project, by language, and what tokens cost."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from functions.core.parameters import WHOLE
from functions.query.models import (
    MAX_PAGE,
    Asked,
    CostUsd,
    Events,
    Grain,
    Grouping,
    Next,
    PagedAsked,
    PeriodAnswer,
    TokensCacheRead,
    TokensCacheWrite,
    TokensInput,
    TokensOutput,
    Unpriced,
)
from functions.query.parameters import (
    BudgetUsd,
    Cursor,
    ModelFilter,
    ProjectFilter,
    ProviderFilter,
    SourceFilter,
    at_most,
    one_of,
)

TokenGrain = Literal["day", "week", "month"]
TokenGrouping = Literal["detail", "model", "project", "none"]
BudgetState = Literal["crossed", "will_cross", "within"]

_PERIOD = "The period that was asked about."


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


class TokensAsked(Asked):
    """How calls of models are summed up."""

    source: SourceFilter = None
    project: ProjectFilter = None
    provider: ProviderFilter = None
    model: ModelFilter = None
    by: Annotated[
        TokenGrain,
        one_of("by", TokenGrain),
        Field(
            description="Calls are summed up by day, week or month; a week begins on Monday.",
            examples=["month"],
        ),
    ] = "day"
    group: Annotated[
        TokenGrouping,
        one_of("group", TokenGrouping),
        Field(
            description="The rows of a day, week or month tell apart provider, model and project"
            " (`detail`), provider and model (`model`), projects (`project`), or nothing (`none`).",
            examples=["model"],
        ),
    ] = "detail"
    budget_usd: BudgetUsd = None
    limit: Annotated[
        Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE],
        at_most(MAX_PAGE),
        Field(description="A page has at most this many rows.", examples=[100]),
    ] = 1_000
    cursor: Cursor = None


class CountsWithoutCost(BaseModel):
    """What is counted of events."""

    events: Events
    errors: int = Field(description="This many events report an error.", examples=[3])
    tokens_input: TokensInput
    tokens_output: TokensOutput
    tokens_cache_read: TokensCacheRead
    tokens_cache_write: TokensCacheWrite


class Counts(CountsWithoutCost):
    """What is counted of events, and what it cost."""

    cost_usd: float = Field(
        description="US dollars for the calls that have a price.", examples=[4.31]
    )


class TimelineRow(Counts):
    """The counts of one group in one hour, day or week. Those without events are left out."""

    start: str = Field(
        description="The day, the Monday of the week, or the RFC 3339 instant at which the hour"
        " begins, in the zone.",
        examples=["2026-11-20"],
    )
    name: str | None = Field(
        description="The name of the group. It is null for events that name none, and where rows"
        " are not grouped.",
        examples=["loom"],
    )


class Timeline(BaseModel):
    """Rows in order of time and name."""

    period: PeriodAnswer = Field(description=_PERIOD)
    by: Grain = Field(description="What each row's `start` is the start of.", examples=["day"])
    group: Grouping = Field(description="What each row's `name` is the name of.", examples=["none"])
    totals: Counts = Field(
        description="The counts of the whole period, which are the same on every page."
    )
    items: list[TimelineRow] = Field(description="The rows of this page, the oldest first.")
    next: Next


class NamedCounts(Counts):
    """The counts of one project or one language."""

    name: str | None = Field(
        description="The project or the language. It is null for events that name none.",
        examples=["loom"],
    )
    first_day: str = Field(
        description="The first day of the period that has such an event, in the zone.",
        examples=["2026-11-02"],
        json_schema_extra={"format": "date"},
    )
    last_day: str = Field(
        description="The last day of the period that has such an event, in the zone.",
        examples=["2026-11-20"],
        json_schema_extra={"format": "date"},
    )


class Breakdown(BaseModel):
    """Projects or languages, the one with most events first."""

    period: PeriodAnswer = Field(description=_PERIOD)
    totals: Counts = Field(
        description="The counts of the whole period, which are the same on every page."
    )
    items: list[NamedCounts] = Field(description="The rows of this page, most events first.")
    next: Next


class TokenTotals(BaseModel):
    """Calls of models, and what they took."""

    calls: int = Field(description="Models were called this many times.", examples=[42])
    tokens_input: TokensInput
    tokens_output: TokensOutput
    tokens_cache_read: TokensCacheRead
    tokens_cache_write: TokensCacheWrite
    cost_usd: CostUsd
    unpriced: Unpriced


class TokenRow(TokenTotals):
    """The calls of one day, week or month that have the same provider, model and project."""

    day: str = Field(
        description="The day, the Monday of the week, or the first day of the month.",
        examples=["2026-11-01"],
        json_schema_extra={"format": "date"},
    )
    provider: str | None = Field(
        description="The provider. It is null where the calls name none, and where rows are not"
        " grouped by it.",
        examples=["anthropic"],
    )
    model: str | None = Field(
        description="The model. It is null where the calls name none, and where rows are not"
        " grouped by it.",
        examples=["claude-opus-4-5"],
    )
    project: str | None = Field(
        description="The project. It is null where the calls name none, and where rows are not"
        " grouped by it.",
        examples=["loom"],
    )


class UnpricedModel(BaseModel):
    """A model that was called and has no price on the list."""

    provider: str | None = Field(
        description="The provider. It is null where the calls name none.", examples=["acme"]
    )
    model: str | None = Field(
        description="The model. It is null where the calls name none.", examples=["loom-1"]
    )
    calls: int = Field(description="Calls without a price in the period.", examples=[12])


class Budget(BaseModel):
    """When the month's costs reach the budget."""

    budget_usd: float = Field(
        description="The budget that was asked about, in US dollars.", examples=[99.9]
    )
    state: BudgetState = Field(
        description="The costs have reached the budget (`crossed`), will reach it this month"
        " (`will_cross`), or will not (`within`).",
        examples=["will_cross"],
    )
    day: str | None = Field(
        description="The day on which the budget was or will be reached. It is null for `within`.",
        examples=["2026-11-27"],
        json_schema_extra={"format": "date"},
    )


class Projection(BaseModel):
    """The costs of the current month by its end, whatever period was asked about."""

    month: str = Field(description="The current month of the zone.", examples=["2026-11"])
    spent_usd: float = Field(
        description="US dollars that were spent in this month so far.", examples=[41.7]
    )
    spent_today_usd: float = Field(
        description="US dollars that were spent today so far.", examples=[1.9]
    )
    daily_usd: float = Field(
        description="The mean of US dollars a day, over the days before today that the projection"
        " rests on.",
        examples=[2.1],
    )
    basis_days: int = Field(
        ge=0,
        le=7,
        description="The number of days before today that the projection rests on.",
        examples=[7],
    )
    projected_usd: float = Field(
        description="US dollars that this month will have cost by its end.", examples=[62.9]
    )
    unpriced: int = Field(
        description="Calls of this month without a price. The costs are at least what is said.",
        examples=[0],
    )
    budget: Budget | None = Field(
        description="When the costs reach `budget_usd`. It is null if none was asked about."
    )


class TokenCosts(BaseModel):
    """Tokens and costs by day, week or month."""

    period: PeriodAnswer = Field(description=_PERIOD)
    by: TokenGrain = Field(description="What each row's `day` stands for.", examples=["month"])
    group: TokenGrouping = Field(
        description="What the rows of a day, week or month tell apart.", examples=["model"]
    )
    totals: TokenTotals = Field(
        description="The sums of the whole period, which are the same on every page."
    )
    unpriced_models: list[UnpricedModel] = Field(
        description="The models behind `totals.unpriced`, most calls first, at most 100."
    )
    projection: Projection = Field(description="What the current month will cost.")
    items: list[TokenRow] = Field(description="The rows of this page, the oldest first.")
    next: Next
