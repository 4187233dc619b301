"""The five-hour blocks of a period, from the events: the sums are too coarse for their edges."""

from datetime import UTC, datetime, timedelta

from functions.core import sql
from functions.core.actor import User
from functions.query import period
from functions.query.blocks.ccusage import Block, Use, find_blocks
from functions.query.blocks.models import (
    MAX_DAYS,
    TOO_LONG,
    BlocksAnswer,
    BlocksAsked,
    BurnRateAnswer,
    ProjectionAnswer,
    UsageBlock,
)
from functions.query.parameters import InvalidRange
from functions.query.period import Period

DAYS = 3  # ccusage's --recent
LOOK_BACK = timedelta(days=31)  # in which a pause of more than five hours is looked for

queries = sql.load(__file__)


def blocks(user: User, asked: BlocksAsked, now: datetime) -> BlocksAnswer:
    """Every block and every gap that touches the period, whole, in the order in which they begin.

    Raises `InvalidRange`, `InvalidTimezone`.
    """
    with period.reading(user, asked, now, days=DAYS) as (connection, span):
        if span.days > MAX_DAYS:
            raise InvalidRange(TOO_LONG)
        rows = list(
            queries.block_uses(connection, since=span.since, until=span.until, look_back=LOOK_BACK)
        )
    is_aligned, purged_before = rows[0][:2]
    uses = [
        Use(first.astimezone(UTC), last.astimezone(UTC), *rest)
        for _, _, first, last, *rest in rows
        if first is not None
    ]
    return BlocksAnswer(
        period=span.answer(),
        items=[_shown(block, now) for block in find_blocks(uses, now) if _touches(block, span)],
        is_aligned=is_aligned,
        purged_before=None if purged_before is None else purged_before.astimezone(UTC),
    )


def _touches(block: Block, span: Period) -> bool:
    ends_inside = block.end > span.since or (block.last is not None and block.last >= span.since)
    return ends_inside and block.start < span.until


def _shown(block: Block, now: datetime) -> UsageBlock:
    rate, projection = block.burn_rate, block.projection(now)
    return UsageBlock(
        started_at=block.start,
        ends_at=block.end,
        last_call_at=block.last,
        is_active=block.is_active,
        is_gap=block.is_gap,
        calls=block.calls,
        tokens_input=block.tokens_input,
        tokens_output=block.tokens_output,
        tokens_cache_read=block.tokens_cache_read,
        tokens_cache_write=block.tokens_cache_write,
        cost_usd=block.cost_usd,
        unpriced=block.unpriced,
        models=block.models,
        burn_rate=None if rate is None else BurnRateAnswer(**vars(rate)),
        projection=None if projection is None else ProjectionAnswer(**vars(projection)),
    )
