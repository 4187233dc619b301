"""What tokens cost, and what they will have cost by the end of the month."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from functions.core import paging, sql
from functions.core.actor import User
from functions.query import period
from functions.query.tokens.models import (
    Budget,
    Projection,
    TokenCosts,
    TokenRow,
    TokensAsked,
    TokenTotals,
    UnpricedModel,
)

BASIS = 7  # days before today whose mean is carried forward: each weekday once
MAX_UNPRICED = 100  # models that are named; a person calls a handful
FIELDS = tuple(TokenTotals.model_fields)

queries = sql.load(__file__)


@dataclass(frozen=True)
class Spent:
    """One day's calls."""

    calls: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0


def tokens(user: User, asked: TokensAsked, now: datetime) -> TokenCosts:
    """Tokens and cost by day, week or month, grouped, with the month's projection."""
    by, group, limit = asked.by, asked.group, asked.limit
    question = f"tokens:{by}:{group}"
    after = paging.decode(asked.cursor, question, _position)
    with period.reading(user, asked, now) as (connection, span):
        rows = list(
            queries.tokens(
                connection,
                zone=span.zone,
                by=by,
                grouping=group,
                today=span.today,
                limit=limit + 1,
                after=after,
                top=MAX_UNPRICED,
                **span.bounds,
                **asked.filters,
            )
        )
    totals = rows[0]
    items = [row for row in rows if row[0] == 1]
    spent = {row[1]: Spent(row[5], row[10], row[11]) for row in rows if row[0] == 2}
    unpriced = sorted((row for row in rows if row[0] == 3), key=lambda row: (-row[5], *row[2:4]))
    page, following = paging.page(
        items, limit, lambda row: paging.encode(question, row[1].isoformat(), *row[2:5])
    )
    return TokenCosts(
        period=span.answer(),
        by=by,
        group=group,
        totals=TokenTotals(**_measures(totals)),
        unpriced_models=[
            UnpricedModel(provider=row[2] or None, model=row[3] or None, calls=row[5])
            for row in unpriced
        ],
        projection=project(spent, span.today, asked.budget_usd),
        items=[
            TokenRow.model_construct(
                day=row[1].isoformat(),
                provider=row[2] or None,
                model=row[3] or None,
                project=row[4] or None,
                **_measures(row),
            )
            for row in page
        ],
        next=following,
    )


def project(spent: Mapping[date, Spent], today: date, budget: float | None) -> Projection:
    """The costs of `today`'s month by its end: what is spent, and the daily mean for what is left.

    The mean is of the seven days before today, or, for somebody new, of the days since the first
    call; today counts with at least the mean. Days without calls count as zero.
    """
    before = [day for day in spent if day < today]
    known = [day for day in before if day >= today - timedelta(days=BASIS)]
    basis = min(BASIS, (today - min(before)).days) if before else 0
    daily = sum(spent[day].cost_usd for day in known) / basis if basis else 0.0
    month = [day for day in spent if _month(day) == _month(today) and day <= today]
    so_far = math.fsum(spent[day].cost_usd for day in month)
    of_today = spent.get(today, Spent()).cost_usd
    rest = max(0.0, daily - of_today) + daily * _days_left(today)
    return Projection(
        month=today.strftime("%Y-%m"),
        spent_usd=_exact(so_far),
        spent_today_usd=of_today,
        daily_usd=_exact(daily),
        basis_days=basis,
        projected_usd=_exact(so_far + rest),
        unpriced=sum(spent[day].unpriced for day in month),
        budget=None if budget is None else _crossing(spent, today, daily, budget),
    )


def _crossing(spent: Mapping[date, Spent], today: date, daily: float, budget: float) -> Budget:
    """The first day of the month on whose evening its costs are `budget` or more."""
    total = 0.0
    day = today.replace(day=1)
    while _month(day) == _month(today):
        cost = spent.get(day, Spent()).cost_usd if day <= today else daily
        if day <= today and _exact(total + cost) >= budget:
            return Budget(budget_usd=budget, state="crossed", day=day.isoformat())
        if day == today:
            cost = max(cost, daily)
        total += cost
        if _exact(total) >= budget:
            return Budget(budget_usd=budget, state="will_cross", day=day.isoformat())
        day += timedelta(days=1)
    return Budget(budget_usd=budget, state="within", day=None)


def _exact(usd: float) -> float:
    """`usd` without the noise of adding doubles: 0.1 + 0.2 dollars are 0.3."""
    return round(usd, 10)


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month


def _days_left(today: date) -> int:
    """Whole days of the month after `today`."""
    next_month = (today.replace(day=28) + timedelta(days=4)).replace(day=1)
    return (next_month - today).days - 1


def _measures(row: tuple[Any, ...]) -> dict[str, Any]:
    measures = dict(zip(FIELDS, row[5:], strict=True))
    if measures["calls"] == measures["unpriced"] and measures["calls"] > 0:
        measures["cost_usd"] = None
    return measures


def _position(day: object, provider: object, model: object, project: object) -> list[str]:
    first = date.fromisoformat(paging.text(day)).isoformat()
    return [first, *(paging.text(part) for part in (provider, model, project))]
