"""Five-hour blocks of calls, as ccusage has them. Pure.

The rules are those of ccusage 20 (`ccusage blocks`); the tests compare with its stored output.

- A block begins at the full hour (UTC) of its first call, and ends five hours later.
- A call belongs to it up to that end, which is included. The next call begins a new block.
- A pause of more than five hours between two calls is a gap, from five hours after the one to the
  other. It may begin after the next block does, because that one begins at its full hour.
- The block whose end is still to come is active, unless its last call is five hours old.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

LENGTH = timedelta(hours=5)  # of Anthropic's usage windows; ccusage's --session-length


class Use(NamedTuple):
    """Calls of one model, none of which is in another block than the others.

    All calls between two full hours of UTC are like that, both hours excluded; so are all calls at
    one instant, and a single call.
    """

    first: datetime
    last: datetime
    model: str
    calls: int
    tokens_input: int
    tokens_output: int
    tokens_cache_read: int
    tokens_cache_write: int
    cost_usd: Decimal  # of the priced calls
    unpriced: int  # calls without a price


@dataclass(frozen=True)
class BurnRate:
    """How fast tokens and money went, from a block's first call to its last one."""

    tokens_per_minute: float
    tokens_per_minute_uncached: float  # of input and output only
    cost_usd_per_hour: float | None  # None: no call has a price


@dataclass(frozen=True)
class Projection:
    """What an active block will have used by its end, if it goes on like this."""

    tokens: int
    cost_usd: float | None  # to the cent
    remaining_minutes: int


@dataclass(frozen=True)
class Block:
    """Calls from `start` to `end`; or a gap, which has none."""

    start: datetime
    end: datetime
    uses: tuple[Use, ...] = ()  # in the order of their first calls
    is_active: bool = False

    @property
    def is_gap(self) -> bool:
        return not self.uses

    @property
    def last(self) -> datetime | None:
        """When its last call was."""
        return max((use.last for use in self.uses), default=None)

    @property
    def models(self) -> list[str]:
        """In the order of their first calls."""
        return list(dict.fromkeys(use.model for use in self.uses if use.model))

    @property
    def calls(self) -> int:
        return sum(use.calls for use in self.uses)

    @property
    def unpriced(self) -> int:
        return sum(use.unpriced for use in self.uses)

    @property
    def tokens_input(self) -> int:
        return sum(use.tokens_input for use in self.uses)

    @property
    def tokens_output(self) -> int:
        return sum(use.tokens_output for use in self.uses)

    @property
    def tokens_cache_read(self) -> int:
        return sum(use.tokens_cache_read for use in self.uses)

    @property
    def tokens_cache_write(self) -> int:
        return sum(use.tokens_cache_write for use in self.uses)

    @property
    def tokens(self) -> int:
        """Of all four kinds."""
        return (
            self.tokens_input
            + self.tokens_output
            + self.tokens_cache_read
            + self.tokens_cache_write
        )

    @property
    def cost_usd(self) -> float | None:
        """US dollars of the priced calls; None if there are calls and none has a price."""
        if self.uses and self.calls == self.unpriced:
            return None
        return float(sum((use.cost_usd for use in self.uses), Decimal()))

    @property
    def burn_rate(self) -> BurnRate | None:
        """Of the active block; None while all its calls are of one instant."""
        if not self.is_active or self.last is None:
            return None
        minutes = (self.last - self.uses[0].first) / timedelta(minutes=1)
        if minutes <= 0:
            return None
        cost = self.cost_usd
        return BurnRate(
            tokens_per_minute=self.tokens / minutes,
            tokens_per_minute_uncached=(self.tokens_input + self.tokens_output) / minutes,
            cost_usd_per_hour=None if cost is None else cost / minutes * 60,
        )

    def projection(self, now: datetime) -> Projection | None:
        """Of the active block, if it has a burn rate; for whole minutes, as ccusage does."""
        rate = self.burn_rate
        if rate is None:
            return None
        minutes = _rounded(max(0.0, (self.end - now) / timedelta(minutes=1)))
        cost = None
        if self.cost_usd is not None and rate.cost_usd_per_hour is not None:
            cost = _rounded((self.cost_usd + rate.cost_usd_per_hour / 60 * minutes) * 100) / 100
        return Projection(
            tokens=_rounded(self.tokens + rate.tokens_per_minute * minutes),
            cost_usd=cost,
            remaining_minutes=minutes,
        )


def find_blocks(uses: Iterable[Use], now: datetime) -> list[Block]:
    """The blocks of all `uses`, and the gaps between them, in the order in which they begin.

    The earliest use begins a block: it is the first one ever, or comes after a gap.
    """
    found: list[Block] = []
    current: list[Use] = []
    start = last = now
    for use in sorted(uses, key=lambda use: (use.first, use.model)):
        if current and use.first - start > LENGTH:
            found.append(_block(start, current, now))
            if use.first - last > LENGTH:
                found.append(Block(last + LENGTH, use.first))
            current = []
        if not current:
            start = use.first.replace(minute=0, second=0, microsecond=0)
            last = use.last
        current.append(use)
        last = max(last, use.last)
    if current:
        found.append(_block(start, current, now))
    return sorted(found, key=lambda block: block.start)


def _block(start: datetime, uses: Sequence[Use], now: datetime) -> Block:
    end = start + LENGTH
    last = max(use.last for use in uses)
    return Block(start, end, tuple(uses), is_active=now - last < LENGTH and now < end)


def _rounded(number: float) -> int:
    """Halves are rounded up."""
    return math.floor(number + 0.5)
