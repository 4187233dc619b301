"""Five-hour blocks: what ccusage 20.0.24 printed for the same calls, and what always holds."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.query.blocks.ccusage import LENGTH, Block, Use, find_blocks

# `ccusage blocks --json --offline --timezone UTC` of logs with these calls, as it came.
RUNS = json.loads((Path(__file__).parent / "ccusage_blocks.json").read_text())
# US dollars per million tokens: input, output, read from the cache, written to it.
PRICES = {
    "claude-sonnet-4-5-20250929": ("3", "15", "0.3", "3.75"),
    "claude-haiku-4-5-20251001": ("1", "5", "0.1", "1.25"),
    "claude-opus-4-5-20251101": ("5", "25", "0.5", "6.25"),
}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def call(at: datetime, model: str = "m", cost: str = "1", unpriced: int = 0) -> Use:
    return Use(at, at, model, 1, 10, 100, 5, 7, Decimal(cost), unpriced)


def uses_of(run: dict[str, Any]) -> list[Use]:
    """Each call of a stored run."""
    found = []
    for at, model, *tokens in run["calls"]:
        moment = datetime.fromisoformat(at)
        prices = zip(tokens, map(Decimal, PRICES[model]), strict=True)
        cost = sum((count * price for count, price in prices), Decimal()) / 1_000_000
        found.append(Use._make((moment, moment, model, 1, *tokens, cost, 0)))
    return found


def summed(uses: list[Use]) -> list[Use]:
    """The same calls as the database sums them: by hour, model, and whether at the full hour."""
    groups: defaultdict[tuple[datetime, bool, str], list[Use]] = defaultdict(list)
    for use in uses:
        hour = use.first.replace(minute=0, second=0, microsecond=0)
        groups[hour, use.first == hour, use.model].append(use)
    return [
        Use._make(
            (
                min(use.first for use in group),
                max(use.last for use in group),
                model,
                *(sum(values) for values in zip(*(use[3:] for use in group), strict=True)),
            )
        )
        for (_, _, model), group in groups.items()
    ]


def as_ccusage_says(block: Block, now: datetime) -> dict[str, Any]:
    """In its words."""

    def moment(at: datetime | None) -> str | None:
        if at is None:
            return None
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    rate, projection = block.burn_rate, block.projection(now)
    return {
        "startTime": moment(block.start),
        "endTime": moment(block.end),
        "actualEndTime": moment(block.last),
        "isActive": block.is_active,
        "isGap": block.is_gap,
        "entries": block.calls,
        "models": block.models,
        "tokenCounts": {
            "inputTokens": block.tokens_input,
            "outputTokens": block.tokens_output,
            "cacheReadInputTokens": block.tokens_cache_read,
            "cacheCreationInputTokens": block.tokens_cache_write,
        },
        "totalTokens": block.tokens,
        "costUSD": pytest.approx(block.cost_usd),
        "burnRate": rate
        and {
            "tokensPerMinute": pytest.approx(rate.tokens_per_minute),
            "tokensPerMinuteForIndicator": pytest.approx(rate.tokens_per_minute_uncached),
            "costPerHour": pytest.approx(rate.cost_usd_per_hour),
        },
        "projection": projection
        and {
            "totalTokens": projection.tokens,
            "totalCost": projection.cost_usd,
            "remainingMinutes": projection.remaining_minutes,
        },
    }


@pytest.mark.parametrize("run", RUNS, ids=lambda run: str(run["name"]))
@pytest.mark.parametrize("given_as", [list, summed], ids=["calls", "sums"])
def test_blocks_are_those_of_ccusage(run: dict[str, Any], given_as: Any) -> None:
    """Start, end, last call, tokens, cost, models, gaps, burn rate and projection, to the edge."""
    now = datetime.fromisoformat(run["now"])
    found = find_blocks(given_as(uses_of(run)), now)
    assert [as_ccusage_says(block, now) for block in found] == run["blocks"]


moments = st.lists(
    st.integers(0, 40 * 3_600_000) | st.integers(0, 40).map(lambda hour: hour * 3_600_000),
    min_size=1,
    max_size=40,
).map(lambda found: [NOON + timedelta(milliseconds=each) for each in found])


@given(moments, st.randoms(use_true_random=False))
def test_every_call_is_in_one_block(found: list[datetime], random: Any) -> None:
    """Whatever the order, and summed by hour or not: the same blocks, in which nothing is lost."""
    uses = [call(at, "ab"[at.second % 2]) for at in found]
    blocks = find_blocks(uses, NOON)
    calls = [block for block in blocks if not block.is_gap]
    assert sum(block.calls for block in blocks) == len(uses)
    for block in calls:
        assert block.last is not None
        assert block.end - block.start == LENGTH
        assert block.start <= block.uses[0].first < block.start + HOUR
        assert block.last <= block.end
    for gap in blocks:
        if gap.is_gap:
            assert gap.start - LENGTH in found
            assert gap.end in found
            assert not any(gap.start - LENGTH < at < gap.end for at in found)
    random.shuffle(uses)
    again = find_blocks(summed(uses), NOON)
    shown = [as_ccusage_says(block, NOON) for block in blocks]
    assert [as_ccusage_says(block, NOON) for block in again] == shown


def test_what_has_no_price_never_looks_free() -> None:
    """A block without a price has no cost, no cost per hour and no projected cost."""
    now = NOON + HOUR
    [block] = find_blocks([call(NOON, cost="0", unpriced=1), call(now, cost="0", unpriced=1)], now)
    projection = block.projection(now)
    assert (block.cost_usd, block.unpriced) == (None, 2)
    assert block.burn_rate is not None
    assert block.burn_rate.cost_usd_per_hour is None
    assert projection is not None
    assert (projection.cost_usd, projection.tokens) == (None, 244 + 244 * 4)
    [mixed] = find_blocks([call(NOON), call(now, cost="0", unpriced=1)], now)
    assert (mixed.cost_usd, mixed.unpriced) == (1.0, 1)


def test_no_calls_are_no_blocks() -> None:
    """Nothing, and no gap either."""
    assert find_blocks([], NOON) == []


def test_a_call_without_a_model_names_none() -> None:
    """It counts, but an empty text is no name."""
    [block] = find_blocks([call(NOON, ""), call(NOON, "m")], NOON)
    assert (block.models, block.calls) == (["m"], 2)
