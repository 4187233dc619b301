"""Five-hour blocks over the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from functions.core.models import Model
from functions.core.parameters import WHOLE, refused_as
from functions.query.models import (
    Asked,
    AskedPeriod,
    CostUsd,
    TokensCacheRead,
    TokensCacheWrite,
    TokensInput,
    TokensOutput,
    Unpriced,
)
from functions.query.parameters import InvalidRange

MAX_DAYS = 31  # what a Lambda reads of raw events in a few seconds
TOO_LONG = f"At most {MAX_DAYS} days of blocks are accepted at once."


class BlocksAsked(Asked):
    """A period of at most 31 days; the last three days by default."""

    days: Annotated[
        Annotated[int, Field(ge=1, le=MAX_DAYS), WHOLE] | None,
        refused_as(InvalidRange, f"days is a whole number from 1. {TOO_LONG}"),
        Field(
            description="The period has this many days of the zone `tz`, and today is the last of"
            " them. It cannot be combined with `from` or `to`.",
            examples=[3],
        ),
    ] = None


class BurnRateAnswer(Model):
    """How fast the active block was used, from its first call to its last one."""

    tokens_per_minute: float = Field(
        description="This many tokens of all four kinds are used per minute.", examples=[150.17]
    )
    tokens_per_minute_uncached: float = Field(
        description="This many tokens are read and written per minute, without those of the cache.",
        examples=[55.17],
    )
    cost_usd_per_hour: float | None = Field(
        description="This many US dollars are spent per hour. It is null if no call of the block"
        " has a price.",
        examples=[0.42],
    )


class ProjectionAnswer(Model):
    """What the active block will have used by its end if it goes on at its burn rate."""

    tokens: int = Field(
        description="The block will have used this many tokens of all four kinds.", examples=[40695]
    )
    cost_usd: float | None = Field(
        description="The block will have cost this many US dollars, to the cent. It is null if no"
        " call of the block has a price.",
        examples=[1.9],
    )
    remaining_minutes: int = Field(
        description="The block ends in this many minutes.", examples=[211]
    )


class UsageBlock(Model):
    """Calls of five hours, or the gap between two blocks."""

    started_at: datetime = Field(
        description="The block starts with the full hour (UTC) of the first call. A gap begins five"
        " hours after the last call before it.",
        examples=["2026-11-20T09:00:00Z"],
    )
    ends_at: datetime = Field(
        description="The block ends five hours after its start. A gap ends with the next call.",
        examples=["2026-11-20T14:00:00Z"],
    )
    last_call_at: datetime | None = Field(
        description="This says when the last call was. It is null for a gap.",
        examples=["2026-11-20T10:19:23.400000Z"],
    )
    is_active: bool = Field(
        description="This says whether the block still runs: its end is to come and its last call"
        " is less than five hours ago.",
        examples=[True],
    )
    is_gap: bool = Field(
        description="This says whether this is a pause of more than five hours between two calls.",
        examples=[False],
    )
    calls: int = Field(
        description="Models were called this many times, on all machines.", examples=[42]
    )
    tokens_input: TokensInput
    tokens_output: TokensOutput
    tokens_cache_read: TokensCacheRead
    tokens_cache_write: TokensCacheWrite
    cost_usd: CostUsd
    unpriced: Unpriced
    models: list[str] = Field(
        description="These are the models that were called, in the order of their first calls.",
        examples=[["claude-opus-4-5", "claude-haiku-4-5"]],
    )
    burn_rate: BurnRateAnswer | None = Field(
        description="This says how fast the active block is used. It is null for any other block,"
        " and while the active block has only one call."
    )
    projection: ProjectionAnswer | None = Field(
        description="This says what the active block will have used by its end. It is null wherever"
        " `burn_rate` is."
    )


class BlocksAnswer(Model):
    """Blocks and gaps in the order in which they begin. Each is whole, whatever the period cuts."""

    period: AskedPeriod
    items: list[UsageBlock] = Field(
        description="These are the blocks and the gaps, the earliest first."
    )
    is_aligned: bool = Field(
        description="This says whether it is certain where the first block begins. False means that"
        " calls follow each other without a pause of more than five hours for 31 days before the"
        " period, so all blocks up to the next such pause may begin at other hours.",
        examples=[True],
    )
    purged_before: datetime | None = Field(
        description="Retention deleted events that the answer needs: those before this instant."
        " Blocks before it are missing or too small. It is null if nothing is missing.",
        examples=["2026-11-01T00:00:00Z"],
    )
