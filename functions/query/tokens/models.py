"""Tokens, and what they cost."""

from typing import Annotated, Literal

from pydantic import Field

from functions.core.models import Model
from functions.core.parameters import WHOLE
from functions.query.models import (
    MAX_PAGE,
    Asked,
    AskedPeriod,
    CostUsd,
    Next,
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
            description="A day, week or month has a row for each provider, model and project"
            " (`detail`), for each provider and model (`model`), for each project (`project`), or"
            " one row (`none`).",
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


class TokenTotals(Model):
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
        description="This is the day, the Monday of the week, or the first day of the month.",
        examples=["2026-11-01"],
        json_schema_extra={"format": "date"},
    )
    provider: str | None = Field(
        description="This is the provider. It is null where the calls name none, and where rows are"
        " not grouped by it.",
        examples=["anthropic"],
    )
    model: str | None = Field(
        description="This is the model. It is null where the calls name none, and where rows are"
        " not grouped by it.",
        examples=["claude-opus-4-5"],
    )
    project: str | None = Field(
        description="This is the project. It is null where the calls name none, and where rows are"
        " not grouped by it.",
        examples=["loom"],
    )


class UnpricedModel(Model):
    """A model that was called and has no price on the list."""

    provider: str | None = Field(
        description="This is the provider. It is null where the calls name none.", examples=["acme"]
    )
    model: str | None = Field(
        description="This is the model. It is null where the calls name none.", examples=["loom-1"]
    )
    calls: int = Field(
        description="The model was called this many times in the period.", examples=[12]
    )


class Budget(Model):
    """When the month's costs reach the budget."""

    budget_usd: float = Field(
        description="This is the budget that was asked about, in US dollars.", examples=[99.9]
    )
    state: BudgetState = Field(
        description="The costs have reached the budget (`crossed`), will reach it this month"
        " (`will_cross`), or will not (`within`).",
        examples=["will_cross"],
    )
    day: str | None = Field(
        description="This is the day on which the budget was or will be reached. It is null for"
        " `within`.",
        examples=["2026-11-27"],
        json_schema_extra={"format": "date"},
    )


class Projection(Model):
    """The costs of the current month by its end, whatever period was asked about."""

    month: str = Field(description="This is the current month of the zone.", examples=["2026-11"])
    spent_usd: float = Field(
        description="This many US dollars were spent in this month so far.", examples=[41.7]
    )
    spent_today_usd: float = Field(
        description="This many US dollars were spent today so far.", examples=[1.9]
    )
    daily_usd: float = Field(
        description="This is the mean of US dollars a day, over the days before today that the"
        " projection rests on.",
        examples=[2.1],
    )
    basis_days: int = Field(
        ge=0,
        le=7,
        description="This is the number of days before today that the projection rests on.",
        examples=[7],
    )
    projected_usd: float = Field(
        description="This month will have cost this many US dollars by its end.", examples=[62.9]
    )
    unpriced: int = Field(
        description="This many calls of this month have no price. The costs are at least what is"
        " said.",
        examples=[0],
    )
    budget: Budget | None = Field(
        description="This says when the costs reach `budget_usd`. It is null if none was asked"
        " about."
    )


class TokenCosts(Model):
    """Tokens and costs by day, week or month."""

    period: AskedPeriod
    by: TokenGrain = Field(
        description="This says what each row's `day` stands for.", examples=["month"]
    )
    group: TokenGrouping = Field(
        description="This says what the rows of a day, week or month tell apart.",
        examples=["model"],
    )
    totals: TokenTotals = Field(
        description="These are the sums of the whole period, which are the same on every page."
    )
    unpriced_models: list[UnpricedModel] = Field(
        description="These are the models behind `totals.unpriced`, most calls first, at most 100."
    )
    projection: Projection = Field(description="This says what the current month will cost.")
    items: list[TokenRow] = Field(description="These are the rows of this page, the oldest first.")
    next: Next
