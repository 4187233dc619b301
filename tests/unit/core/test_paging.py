"""Cursors come back as they went out, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core import paging
from functions.core.errors import InvalidCursor
from functions.core.paging import MAX_CURSOR

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(question=names, label=names, count=st.integers(0, 2**63 - 1))
def test_a_cursor_comes_back(question: str, label: str, count: int) -> None:
    """Whatever the names are."""

    def read(first: object, second: object) -> tuple[str, int]:
        return paging.text(first), paging.whole(second)

    cursor = paging.encode(question, label, count)
    if len(cursor) <= MAX_CURSOR:
        assert paging.decode(cursor, question, read) == (label, count)
    with pytest.raises(InvalidCursor):
        paging.decode(cursor, question + "x", read)


@given(st.text())
def test_any_other_text_is_refused(cursor: str) -> None:
    """With its own error only."""
    with pytest.raises(InvalidCursor):
        paging.decode(cursor, "timeline", paging.text)


@pytest.mark.parametrize("part", [None, 1, [], "\0", "\ud800"])
def test_parts_that_are_no_text(part: object) -> None:
    """A cursor that somebody made up does not reach the database."""
    with pytest.raises(ValueError, match=r"not a text|surrogates"):
        paging.text(part)


@pytest.mark.parametrize("part", [None, True, 1.0, "1", -1, 2**63])
def test_parts_that_are_no_number(part: object) -> None:
    """Nor does a number that does not fit there."""
    with pytest.raises(ValueError, match="not a number"):
        paging.whole(part)


@pytest.mark.parametrize("part", [None, 5, "monday", "2026-11-20T09:45:00", "0001-01-01T00:00:00Z"])
def test_parts_that_are_no_instant(part: object) -> None:
    """Nor does an instant without an offset, or of another age."""
    with pytest.raises(ValueError, match=r"not a text|not an instant|isoformat"):
        paging.instant(part)


@pytest.mark.parametrize(
    ("found", "page"),
    [("", ("", None)), ("ab", ("ab", None)), ("abc", ("ab", "B"))],
)
def test_a_page_ends_where_more_follows(found: str, page: tuple[str, str | None]) -> None:
    """The row beyond the limit is not shown: it only says that there is another page."""
    shown, following = paging.page(list(found), 2, str.upper)
    assert ("".join(shown), following) == page
