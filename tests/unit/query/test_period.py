"""What from, to, days and tz mean, and that nothing else is understood."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.query import period
from functions.query.models import Asked
from functions.query.period import InvalidRange, InvalidTimezone, Period

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
KATHMANDU = ZoneInfo("Asia/Kathmandu")


def parse(zone: str = "UTC", **asked: str) -> Period:
    return period.parse(Asked(**asked), zone, NOW)


def test_the_default_is_thirty_days_of_the_callers_zone() -> None:
    """In Kathmandu it is tomorrow already, and that day is the last."""
    found = parse("Asia/Kathmandu")
    assert (found.first_day, found.last_day, found.days) == (
        date(2026, 10, 23),
        date(2026, 11, 21),
        30,
    )
    assert found.since == datetime(2026, 10, 22, 18, 15, tzinfo=UTC)


def test_days_are_included_and_instants_are_not() -> None:
    """`to` as a day ends with that day; as an instant it ends before it."""
    assert parse(since="2026-11-01", until="2026-11-01") == Period(
        datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC), ZoneInfo("UTC")
    )
    found = parse(since="2026-11-01t05:45:00+05:45", until="2026-11-02T00:00:00Z")
    assert (found.since, found.until) == (
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 11, 2, tzinfo=UTC),
    )
    assert found.days == 1


def test_its_own_zone_wins() -> None:
    """`tz` counts before the profile's."""
    assert parse("Europe/Berlin", tz="Asia/Kathmandu", days="1").zone == KATHMANDU


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-20", 24)]
)
def test_a_day_is_as_long_as_its_clock_says(day: str, hours: int) -> None:
    """23 and 25 hours where clocks change; the period before has whole days all the same."""
    found = parse(since=day, until=day, tz="Europe/Berlin")
    assert found.until - found.since == timedelta(hours=hours)
    before = found.previous()
    assert (before.until, before.days) == (found.since, 1)


def test_a_day_whose_midnight_is_skipped_begins_after_it() -> None:
    """In Beirut clocks go from 00:00 to 01:00."""
    start = period.day_start(date(2026, 3, 29), ZoneInfo("Asia/Beirut"))
    assert start.astimezone(ZoneInfo("Asia/Beirut")).isoformat() == "2026-03-29T01:00:00+03:00"


def test_the_period_before_an_hour_is_the_hour_before() -> None:
    """Instants have a length in time."""
    found = parse(since="2026-11-20T10:00:00Z", until="2026-11-20T11:00:00Z")
    assert found.previous().since == datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "asked",
    [
        {"since": ""},
        {"since": "20261120"},
        {"since": "2026-13-01"},
        {"since": "2026-11-20T25:00:00Z"},
        {"since": "2026-11-20T10:00:00+99:99"},
        {"since": "٢٠٢٦-١١-٢٠"},
        {"until": "0000-01-01"},
        {"until": "9999-12-31"},
        {"since": "2026-11-20", "until": "2026-11-19"},
        {"since": "2026-11-20T10:00:00Z", "until": "2026-11-20T10:00:00Z"},
        {"days": "0"},
        {"days": "-1"},
        {"days": "1.5"},
        {"days": "3661"},
        {"days": "7", "since": "2026-11-20"},
        {"since": "2027-11-20"},
    ],
)
def test_other_ranges_are_refused(asked: dict[str, str]) -> None:
    """With a message that is a sentence."""
    with pytest.raises(InvalidRange) as refused:
        parse(**asked)
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(
    "name",
    ["", "Nowhere", "America", "../UTC", "/etc/passwd", "UTC\0", "x" * 300, "A//B", "right/UTC"],
)
def test_other_zones_are_refused(name: str) -> None:
    """Also folders, paths and files that are no zones."""
    with pytest.raises(InvalidTimezone):
        parse(tz=name)


@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_is_a_period_or_a_refusal(since: str, until: str, days: str, tz: str) -> None:
    """The parser raises its own errors only."""
    for asked in (
        Asked(since=since, until=until),
        Asked(days=days),
        Asked(since=since, tz=tz),
    ):
        try:
            found = period.parse(asked, "UTC", NOW)
        except (InvalidRange, InvalidTimezone):
            continue
        assert found.since < found.until


@given(
    first=st.dates(date(1980, 1, 1), date(2100, 1, 1)),
    length=st.integers(1, 800),
    zone=st.sampled_from(
        ["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut"]
    ),
)
def test_days_and_instants_agree(first: date, length: int, zone: str) -> None:
    """A period made of days touches exactly these, and so does the one before it."""
    last = first + timedelta(days=length - 1)
    found = period.of_days(first, last, ZoneInfo(zone))
    assert (found.first_day, found.last_day, found.days) == (first, last, length)
    before = found.previous()
    assert before.until == found.since
    assert (before.days, before.last_day) == (length, first - timedelta(days=1))


def test_counts_are_kept_by_quarters() -> None:
    """An instant between two quarters cannot be counted from, and is refused."""
    assert parse(since="2026-11-20T10:15:00Z").bounds["since"].minute == 15
    for odd in ("10:14:59", "10:15:00.000001", "10:07:00"):
        with pytest.raises(InvalidRange, match="quarters of an hour"):
            _ = parse(since=f"2026-11-20T{odd}Z").bounds
