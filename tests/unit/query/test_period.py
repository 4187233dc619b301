"""What from, to, days and tz may be, and that nothing else is understood."""

import ast
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import functions
from functions.query import period
from functions.query.models import Asked
from functions.query.parameters import MAX_DAYS, InvalidRange, InvalidTimezone
from functions.query.period import Stretch, Written

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)


def asked(**words: str) -> Asked:
    """The question with these parameters."""
    return Asked.model_validate(words)


def test_days_and_instants_are_told_apart() -> None:
    """A day is of a zone that is still to be found; an instant is one anywhere."""
    assert period.read(Asked()) == Written(days=30)
    assert period.read(asked(days="7")) == Written(days=7)
    assert period.read(asked(since="2026-11-01", until="2026-11-02t00:00:00+05:45")) == Written(
        since_day=date(2026, 11, 1), until_at=datetime(2026, 11, 1, 18, 15, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    "words",
    [
        {"since": ""},
        {"since": "20261120"},
        {"since": "2026-13-01"},
        {"since": "2026-11-20T25:00:00Z"},
        {"since": "2026-11-20T10:00:00+99:99"},
        {"since": "٢٠٢٦-١١-٢٠"},
        {"until": "0000-01-01"},
        {"until": "9999-12-31"},
        {"days": "0"},
        {"days": "-1"},
        {"days": "1.5"},
        {"days": "3661"},
        {"days": "7", "since": "2026-11-20"},
    ],
)
def test_other_ranges_are_refused(words: dict[str, str]) -> None:
    """With a message that is a sentence."""
    with pytest.raises(InvalidRange) as refused:
        period.read(asked(**words))
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(
    "name",
    ["", "../UTC", "/etc/passwd", "UTC\0", "UTC\n", "x" * 300, "A//B", "right/UTC", "posixrules"],
)
def test_what_does_not_look_like_a_zone_is_refused(name: str) -> None:
    """Before the database is asked: there is none here."""
    with pytest.raises(InvalidTimezone):
        asked(tz=name)


@given(st.text(), st.text(), st.text())
def test_any_text_is_words_or_a_refusal(since: str, until: str, days: str) -> None:
    """The reader raises its own error only."""
    for written in ({"since": since, "until": until}, {"days": days}):
        try:
            words = period.read(asked(**written))
        except InvalidRange:
            continue
        assert 1 <= words.days <= MAX_DAYS


@pytest.mark.parametrize("shown", ["2026-11-21T01:45", "2026-11-20T20:00", "2026-11-20T10:30"])
def test_an_offset_is_what_clocks_show_against_utc(shown: str) -> None:
    """Whatever zone the database driver has put on the instant."""
    clock = datetime.fromisoformat(shown)
    for elsewhere in (UTC, timezone(timedelta(hours=-8))):
        found = period.in_zone(NOW.astimezone(elsewhere), clock)
        assert (found, found.replace(tzinfo=None)) == (NOW, clock)


def test_counts_are_kept_by_quarters() -> None:
    """An instant between two quarters cannot be counted from, and is refused."""
    quarter = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
    assert Stretch(quarter, NOW, "UTC").bounds == {"since": quarter, "until": NOW}
    for odd in ("10:14:59", "10:15:00.000001", "10:07:00"):
        moment = datetime.fromisoformat(f"2026-11-20T{odd}Z")
        for stretch in (Stretch(moment, NOW, "UTC"), Stretch(quarter, moment, "UTC")):
            with pytest.raises(InvalidRange, match="quarters of an hour"):
                _ = stretch.bounds


def test_python_has_no_say_in_zones() -> None:
    """Two sets of rules are of two minds sooner or later: only Postgres' decide."""
    for file in Path(functions.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert "zoneinfo" not in names, file
