"""The picture: the right hours in the right places, within 80 columns, without colour."""

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from vibeloom import heatmap

NOW = datetime(2026, 9, 14, 22, 30, tzinfo=UTC)


def _answer(*rows: tuple[str, int, int]) -> dict[str, Any]:
    return {
        "aggregates": [
            {"source": "laptop", "date": day, "hour": hour, "eventCount": count}
            for day, hour, count in rows
        ]
    }


def _drawn(answer: dict[str, Any], days: int = 7, only_ascii: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=80)
    picture = heatmap.arrange(answer, days, NOW, UTC)
    console.print(heatmap.draw(picture, f"The last {days} days", only_ascii))
    file = console.file
    assert isinstance(file, io.StringIO)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_the_picture() -> None:
    """What a week looks like, to the character."""
    answer = _answer(
        ("2026-09-08", 9, 4),
        ("2026-09-10", 0, 30),
        ("2026-09-14", 9, 60),
        ("2026-09-14", 23, 1_200),
    )
    assert _drawn(answer) == [
        "The last 7 days",
        "hours in UTC",
        "",
        "             00    03    06    09    12    15    18    21",
        " Tue  8 Sep │· · · · · · · · · ░░· · · · · · · · · · · · · · │       4",
        " Wed  9 Sep │· · · · · · · · · · · · · · · · · · · · · · · · │       ·",
        " Thu 10 Sep │▒▒· · · · · · · · · · · · · · · · · · · · · · · │      30",
        " Fri 11 Sep │· · · · · · · · · · · · · · · · · · · · · · · · │       ·",
        " Sat 12 Sep │· · · · · · · · · · · · · · · · · · · · · · · · │       ·",
        " Sun 13 Sep │· · · · · · · · · · · · · · · · · · · · · · · · │       ·",
        " Mon 14 Sep │· · · · · · · · · ▓▓· · · · · · · · · · · · · ██│   1,260",
        "",
        " · none   ░░ 1–29   ▒▒ 30–59   ▓▓ 60–1,199   ██ 1,200+",
        "             1,294 events on 3 of 7 days",
        "             busiest: Mon 14 Sep, and 23:00 to 00:00",
    ]


def test_nothing_yet() -> None:
    """An empty answer is a picture too, with the next step."""
    assert (
        _drawn(_answer())[-1].strip() == "Nothing yet: start a monitor with `vibeloom monitor run`."
    )


def test_ascii_is_enough() -> None:
    """A terminal that knows no blocks shows the same in ASCII."""
    lines = _drawn(_answer(("2026-09-14", 9, 3), ("2026-09-13", 9, 5)), only_ascii=True)
    assert all(line.isascii() for line in lines)


def test_hours_are_the_readers_own() -> None:
    """An hour after the reader's midnight belongs to the reader's next day."""
    answer = _answer(("2026-09-14", 22, 5), ("2026-09-14", 15, 2))
    tokyo = heatmap.arrange(answer, 7, NOW, ZoneInfo("Asia/Tokyo"))
    assert tokyo.counts == {(date(2026, 9, 15), 7): 5, (date(2026, 9, 15), 0): 2}
    assert (tokyo.days[-1], tokyo.zone) == (date(2026, 9, 15), "JST")
    kolkata = heatmap.arrange(answer, 7, NOW, ZoneInfo("Asia/Kolkata"))
    assert kolkata.counts == {(date(2026, 9, 15), 3): 5, (date(2026, 9, 14), 20): 2}


def test_the_hour_that_comes_twice_is_drawn_once() -> None:
    """At the end of summer time two UTC hours fall into one local hour."""
    answer = _answer(("2026-10-25", 0, 5), ("2026-10-25", 1, 2))
    picture = heatmap.arrange(answer, 7, NOW, ZoneInfo("Europe/Berlin"))
    assert picture.counts == {(date(2026, 10, 25), 2): 7}


ROWS = st.tuples(
    st.integers(0, 29).map(lambda back: (NOW.date() - timedelta(days=back)).isoformat()),
    st.integers(0, 23),
    st.integers(0, 10**7),
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(ROWS, max_size=60),
    st.sampled_from(("UTC", "Asia/Kathmandu", "Pacific/Kiritimati", "America/St_Johns")),
)
def test_no_event_is_lost_in_the_picture(rows: list[tuple[str, int, int]], zone: str) -> None:
    """In any zone the totals are the server's, and no line is wider than 80 columns."""
    picture = heatmap.arrange(_answer(*rows), 30, NOW, ZoneInfo(zone))
    total = sum(count for _, _, count in rows)
    assert picture.total == total
    assert sum(map(picture.day_total, picture.days)) == total
    assert sum(map(picture.hour_total, range(24))) == total
    console = Console(file=io.StringIO(), width=200)
    console.print(heatmap.draw(picture, "The last 30 days"))
    file = console.file
    assert isinstance(file, io.StringIO)
    assert max(map(len, file.getvalue().splitlines())) <= 80


@given(st.lists(st.integers(1, 10**6), min_size=1))
def test_shades_grow_with_the_counts(counts: list[int]) -> None:
    """More events never get a lighter shade, something is never nothing, the most is darkest."""
    lowest = heatmap.thresholds(counts)
    shades = [heatmap.level(count, lowest) for count in sorted(counts)]
    assert shades == sorted(shades)
    assert shades[0] > 0
    assert shades[-1] == heatmap.LEVELS
    assert heatmap.level(0, lowest) == 0
