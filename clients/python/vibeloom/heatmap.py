"""When the work happens: an hour × day picture for the terminal, readable without colour."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from vibeloom.errors import ServerError

HOURS = 24
LEVELS = 4  # shades above nothing
BLOCKS = ("·", "░", "▒", "▓", "█")
LETTERS = (".", "-", "+", "%", "#")  # for terminals that only know ASCII
COLOURS = ("grey37", "#1f6f50", "#2c9c6a", "#46c98b", "#9af2c5")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Heatmap:
    """Events per local day and hour."""

    days: tuple[date, ...]
    counts: Mapping[tuple[date, int], int]
    zone: str

    @property
    def total(self) -> int:
        """All events in the picture."""
        return sum(self.counts.values())

    def day_total(self, day: date) -> int:
        """The events of one day."""
        return sum(self.counts.get((day, hour), 0) for hour in range(HOURS))

    def hour_total(self, hour: int) -> int:
        """The events of one hour of the day, over all days."""
        return sum(self.counts.get((day, hour), 0) for day in self.days)


def arrange(answer: Mapping[str, Any], days: int, now: datetime, zone: tzinfo | None) -> Heatmap:
    """The server's UTC hours as local ones; `zone=None` is the reader's own.

    An hour that a half-hour zone splits goes where it begins. Days reach back from today; an older
    one is shown if the server counted something in it, so that the total agrees with the server's.
    """
    counts: dict[tuple[date, int], int] = {}
    for moment, count in _aggregates(answer):
        local = moment.astimezone(zone)
        place = (local.date(), local.hour)
        counts[place] = counts.get(place, 0) + count
    today = now.astimezone(zone).date()
    shown = {today - timedelta(days=back) for back in range(days)} | {day for day, _ in counts}
    name = now.astimezone(zone).tzname() or "local time"
    return Heatmap(tuple(sorted(shown)), counts, name)


def _aggregates(answer: Mapping[str, Any]) -> Iterable[tuple[datetime, int]]:
    try:
        for row in answer["aggregates"]:
            day = date.fromisoformat(row["date"])
            moment = datetime(day.year, day.month, day.day, int(row["hour"]), tzinfo=UTC)
            if int(row["eventCount"]) > 0:
                yield moment, int(row["eventCount"])
    except (KeyError, TypeError, ValueError):
        raise ServerError(
            "the server's answer is not a list of hourly counts; check that VIBELOOM_URL is a "
            "Vibeloom server of this version"
        ) from None


def thresholds(counts: Iterable[int]) -> tuple[int, ...]:
    """The lowest count of each shade: quartiles of the hours in which something happened."""
    busy = sorted(count for count in counts if count > 0)
    if not busy:
        return ()
    lowest = [1, *(busy[len(busy) * quarter // LEVELS] for quarter in range(1, LEVELS))]
    return tuple(sorted(set(lowest)))


def level(count: int, lowest: tuple[int, ...]) -> int:
    """Which shade a count gets, from 0 for nothing; the busiest hours always get the last one."""
    reached = sum(count >= bound for bound in lowest)
    return reached + LEVELS - len(lowest) if reached else 0


def draw(heatmap: Heatmap, heading: str, only_ascii: bool = False) -> RenderableType:
    """The picture: at most 80 columns wide, one row per day."""
    glyphs = LETTERS if only_ascii else BLOCKS
    rule = "|" if only_ascii else "│"
    lowest = thresholds(heatmap.counts.values())
    lines = [
        Text(heading, style="bold"),
        Text(f"hours in {heatmap.zone}", style="dim"),
        Text(),
        Text(" " * 13 + "".join(f"{hour:02d}    " for hour in range(0, HOURS, 3)), style="dim"),
    ]
    for day in heatmap.days:
        label = f"{WEEKDAYS[day.weekday()]} {day.day:2d} {MONTHS[day.month - 1]} "
        line = Text(f" {label}", style="dim" if day.weekday() >= 5 else "")
        line.append(rule, style="dim")
        for hour in range(HOURS):
            shade = level(heatmap.counts.get((day, hour), 0), lowest)
            line.append(glyphs[shade] * 2 if shade else f"{glyphs[0]} ", style=COLOURS[shade])
        line.append(rule, style="dim")
        total = heatmap.day_total(day)
        line.append(f"{total:>8,}" if total else f"{glyphs[0]:>8}", style="" if total else "dim")
        lines.append(line)
    lines += [Text(), _legend(lowest, glyphs), _summary(heatmap)]
    return Group(*lines)


def _span(low: int, high: int | None) -> str:
    if high is None:
        return f"{_short(low)}+"
    return _short(low) if _short(low) == _short(high) else f"{_short(low)}–{_short(high)}"


def _short(count: int) -> str:
    """A count in at most five characters, so that the legend keeps to its line."""
    if count < 10_000:
        return f"{count:,}"
    return f"{count // 1_000}k" if count < 1_000_000 else f"{count // 1_000_000}M"


def _legend(lowest: tuple[int, ...], glyphs: tuple[str, ...]) -> Text:
    line = Text(" ")
    line.append(glyphs[0], style=COLOURS[0]).append(" none")
    for index, low in enumerate(lowest):
        shade = index + 1 + LEVELS - len(lowest)
        high = lowest[index + 1] - 1 if index + 1 < len(lowest) else None
        words = _span(low, high)
        line.append("   ").append(glyphs[shade] * 2, style=COLOURS[shade])
        line.append(f" {words if glyphs is BLOCKS else words.replace('–', '-')}")
    return line


def _summary(heatmap: Heatmap) -> Text:
    if not heatmap.total:
        return Text(
            " " * 13 + "Nothing yet: start a monitor with `vibeloom monitor run`.", style="dim"
        )
    busiest_day = max(heatmap.days, key=heatmap.day_total)
    busiest_hour = max(range(HOURS), key=heatmap.hour_total)
    active = sum(heatmap.day_total(day) > 0 for day in heatmap.days)
    noun = "event" if heatmap.total == 1 else "events"
    text = Text(" " * 13)
    text.append(f"{heatmap.total:,} {noun}", style="bold")
    text.append(f" on {active} of {len(heatmap.days)} days\n" + " " * 13)
    text.append(
        f"busiest: {WEEKDAYS[busiest_day.weekday()]} {busiest_day.day} "
        f"{MONTHS[busiest_day.month - 1]}, and "
        f"{busiest_hour:02d}:00 to {(busiest_hour + 1) % 24:02d}:00",
        style="dim",
    )
    return text
