"""What a question's parameters may be, as a URL says them."""

import pytest

from functions.query.events.models import ExportAsked
from functions.query.heatmap.models import HeatmapAsked
from functions.query.models import PagedAsked
from functions.query.parameters import InvalidBudget, InvalidFilter, InvalidLimit
from functions.query.tokens.models import TokensAsked


def test_limits() -> None:
    """From one to the most; the default when none is given."""
    limits = [PagedAsked.model_validate({"limit": text}).limit for text in ("1", "10000")]
    assert [PagedAsked().limit, *limits] == [1_000, 1, 10_000]
    assert ExportAsked.model_validate({"limit": "50000"}).limit == 50_000
    for text in ("", "0", "10001", "-1", "+1", "1e1", "7.0", "1_0", "٣", "9" * 99):
        with pytest.raises(InvalidLimit, match="from 1 to 10000"):
            PagedAsked.model_validate({"limit": text})


def test_budgets() -> None:
    """An amount as people write it, above zero."""
    for text, amount in (("50", 50.0), ("99.90", 99.9), ("0.0001", 0.0001)):
        assert TokensAsked.model_validate({"budget_usd": text}).budget_usd == amount
    for text in ("", "0", "0.0", "-1", "1e3", "nan", "inf", "1_0", "9" * 30, "1.23456", " 5"):
        with pytest.raises(InvalidBudget):
            TokensAsked.model_validate({"budget_usd": text})


def test_choices_and_texts() -> None:
    """One of the listed, as it is listed; a text that can be compared."""
    assert TokensAsked.model_validate({"by": "month"}).by == "month"
    for asked in ({"by": "Month"}, {"group": ""}, {"source": "\0"}, {"model": "x" * 513}):
        with pytest.raises(InvalidFilter):
            TokensAsked.model_validate(asked)


def test_filters_are_those_of_the_question() -> None:
    """A statement gets no filter that its question does not take."""
    asked = TokensAsked.model_validate({"source": "laptop", "model": "m"})
    assert asked.filters == {"source": "laptop", "project": None, "provider": None, "model": "m"}
    assert HeatmapAsked().days == "7"
