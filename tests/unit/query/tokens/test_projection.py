"""The month's projection."""

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.query.tokens import tokens
from functions.query.tokens.models import Budget, BudgetState
from functions.query.tokens.tokens import Spent

TODAY = date(2026, 11, 10)


def spending(*costs: float, last: date = TODAY) -> dict[date, Spent]:
    """One call a day, the last on `last`."""
    first = last - timedelta(days=len(costs) - 1)
    return {first + timedelta(days=n): Spent(1, cost, 0) for n, cost in enumerate(costs)}


def test_the_rest_of_the_month_is_as_the_last_seven_days() -> None:
    """Ten dollars on each of nine days, four today: six more today, ten on the twenty left."""
    found = tokens.project(spending(*[10.0] * 9, 4.0), TODAY, None)
    assert (found.month, found.spent_usd, found.spent_today_usd) == ("2026-11", 94.0, 4.0)
    assert (found.daily_usd, found.basis_days) == (10.0, 7)
    assert found.projected_usd == 94.0 + 6.0 + 200.0


def test_idle_days_count_as_zero_and_somebody_new_has_fewer() -> None:
    """The mean is of seven days, or of those since the first call."""
    old = spending(70.0, last=TODAY - timedelta(days=20)) | spending(7.0, 0.0)
    assert tokens.project(old, TODAY, None).daily_usd == 1.0
    new = tokens.project(spending(7.0, 5.0, 0.0), TODAY, None)
    assert (new.daily_usd, new.basis_days) == (6.0, 2)


@pytest.mark.parametrize(
    ("budget", "state", "day"),
    [
        (20.0, "crossed", "2026-11-02"),
        (94.0, "crossed", "2026-11-10"),
        (95.0, "will_cross", "2026-11-10"),
        (100.0, "will_cross", "2026-11-10"),
        (100.5, "will_cross", "2026-11-11"),
        (300.0, "will_cross", "2026-11-30"),
        (300.5, "within", None),
    ],
)
def test_the_day_of_a_budget(budget: float, state: BudgetState, day: str | None) -> None:
    """The first on whose evening the month's costs reach it."""
    found = tokens.project(spending(*[10.0] * 9, 4.0), TODAY, budget).budget
    assert found == Budget(budget_usd=budget, state=state, day=day)


def test_dollars_add_up_without_noise() -> None:
    """Ten times ten cents are the dollar that the budget is."""
    found = tokens.project(spending(*[0.1] * 10), TODAY, 1.0)
    assert found.spent_usd == 1.0
    assert found.budget == Budget(budget_usd=1.0, state="crossed", day="2026-11-10")


@given(
    costs=st.lists(st.floats(0, 1_000), min_size=1, max_size=35),
    today=st.dates(date(2024, 1, 1), date(2028, 12, 31)),
    budget=st.floats(0.01, 100_000),
)
def test_budget_and_projection_agree(costs: list[float], today: date, budget: float) -> None:
    """It is crossed, or will be, exactly if the month's end reaches it."""
    found = tokens.project(spending(*costs, last=today), today, budget)
    assert found.budget is not None
    if math.isclose(found.projected_usd, budget, rel_tol=1e-9):
        return
    assert (found.budget.state != "within") == (found.projected_usd >= budget)
    assert (found.budget.day is None) == (found.budget.state == "within")
