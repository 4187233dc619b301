"""The tables of `vibeloom usage`, readable without colour and in 80 columns."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich import box
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from vibeloom.statusline import dollars, duration, short
from vibeloom.usage import Counts, Report, Row

UNPRICED = "+"  # behind a cost: calls are not in it, because no price is known for them
NO_PRICE = "no price"  # instead of a cost: that is true of all its calls
BOX = box.SIMPLE
NAMES_WIDTH = 30  # columns that names of models get at most, where the terminal has them
UNLIMITED = 10_000  # columns
_DATED = re.compile(r"-20[0-9]{6}$")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

Number = Callable[[int], str]


def clean(text: str) -> str:
    """Somebody's text without anything that a terminal would obey, on one line."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _BIDI
        else character
        for character in text
    )


def draw(report: Report, console: Console, breakdown: bool, now: datetime) -> RenderableType:
    """The report for people: exact counts where they fit, short ones where they do not."""
    if not report.rows:
        return Text(f"No tokens ({_period(report)}). A monitor sends them: `vibeloom monitor run`.")
    zone = _zone(report)
    make = _block_table if report.by == "block" else _token_table
    table = make(report, breakdown, zone, now, exact)
    unlimited = console.options.update(max_width=UNLIMITED)
    shortened = Measurement.get(console, unlimited, table).maximum > console.width
    if shortened:
        table = make(report, breakdown, zone, now, compact)
    lines: list[RenderableType] = [Text(_heading(report), style="bold"), table]
    lines += [Text(line) for line in (*_active(report, now, zone), *_notes(report, shortened))]
    return Group(*lines)


def exact(count: float) -> str:
    """A count with all its figures."""
    return f"{count:,.0f}"


def compact(count: float) -> str:
    """A count in six characters or so: 9,296, 22.6k, 1.46M."""
    number = float(count)
    if number < 9_999.5:
        return exact(number)
    units = iter("kMGT")
    unit = ""
    while number >= 999.5 and unit != "T":
        number, unit = number / 1_000, next(units)
    return f"{number:,.{2 if number < 9.995 else 1 if number < 99.95 else 0}f}{unit}"


def cost(counts: Counts) -> str:
    """US dollars, marked where calls without a known price are not in them."""
    if counts.unpriced and not counts.cost_usd:
        return NO_PRICE
    return dollars(counts.cost_usd or 0.0) + (UNPRICED if counts.unpriced else "")


def _zone(report: Report) -> tzinfo:
    try:
        return ZoneInfo(report.period["timezone"])
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return UTC  # this machine has no list of zones; the column says which one is shown


def _period(report: Report) -> str:
    first = datetime.fromisoformat(report.period["from"])
    last = datetime.fromisoformat(report.period["to"]) - timedelta(microseconds=1)
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}, {clean(report.period['timezone'])}"


def _heading(report: Report) -> str:
    what = {
        "day": "by day",
        "month": "by month",
        "session": "by session",
        "block": "by five-hour block",
    }
    return f"Tokens and cost {what[report.by]} ({_period(report)})"


def _token_table(
    report: Report, breakdown: bool, zone: tzinfo, now: datetime, number: Number
) -> Table:
    table = Table(box=BOX, pad_edge=False, show_footer=True, collapse_padding=True)
    names = {"day": "Date", "month": "Month", "session": "Session"}
    dates = report.by != "session"
    width = len("2026-11-20") if dates else len("2026-11-20 09:45")
    table.add_column(names[report.by], "Total", overflow="fold", no_wrap=dates, min_width=width)
    table.add_column("Models", overflow="fold", max_width=NAMES_WIDTH)
    total = report.totals
    for name, figure in zip(
        ("Input", "Output", "Cache\nwrite", "Cache\nread", "Total"), _tokens(total), strict=True
    ):
        table.add_column(name, number(figure), justify="right", no_wrap=True)
    table.add_column("Cost\n(USD)", cost(total), justify="right", no_wrap=True)
    for row in report.rows:
        figures = [number(figure) for figure in _tokens(row.counts)]
        parts = row.breakdown if breakdown else ()
        models = Text(count_of(len(parts), "model")) if parts else _models(row.models, number)
        table.add_row(_label(report, row, zone), models, *figures, cost(row.counts))
        for name, counts in parts:
            figures = [number(figure) for figure in _tokens(counts)]
            table.add_row("", Text(clean(name)), *figures, cost(counts), style="dim")
    return table


def _block_table(
    report: Report, breakdown: bool, zone: tzinfo, now: datetime, number: Number
) -> Table:
    del breakdown  # the server does not say what of a block was whose
    table = Table(box=BOX, pad_edge=False, show_footer=True, collapse_padding=True)
    table.add_column("Block", "Total", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("Models", overflow="fold", max_width=NAMES_WIDTH)
    table.add_column("Tokens", number(report.totals.tokens_total), justify="right", no_wrap=True)
    table.add_column("Cost\n(USD)", cost(report.totals), justify="right", no_wrap=True)
    for row in report.rows:
        began, ends = _moment(row, "started_at", zone), _moment(row, "ends_at", zone)
        start = f"{began:%Y-%m-%d %H:%M}"
        if row.about["is_gap"]:
            table.add_row(start, f"nothing for {_length(began, ends)}", style="dim")
            continue
        last = _moment(row, "last_call_at", zone)
        state = Text(f"used {_length(began, last)}")
        if row.about["is_active"]:
            state = Text(f"active, {_length(now, ends)} left", style="bold")
        tokens = number(row.counts.tokens_total)
        table.add_row(
            f"{start} - {ends:%H:%M}", state, _models(row.models, number), tokens, cost(row.counts)
        )
    return table


def _length(first: datetime, last: datetime) -> str:
    return duration((last - first).total_seconds())


def _moment(row: Row, name: str, zone: tzinfo) -> datetime:
    return datetime.fromisoformat(row.about[name]).astimezone(zone)


def _tokens(counts: Counts) -> tuple[int, ...]:
    return (
        counts.tokens_input,
        counts.tokens_output,
        counts.tokens_cache_write,
        counts.tokens_cache_read,
        counts.tokens_total,
    )


def _label(report: Report, row: Row, zone: tzinfo) -> Text:
    if report.by != "session":
        return Text(clean(row.about[report.by]))
    project = clean(row.about["project"] or "(no project)")
    began = _moment(row, "started_at", zone)
    return Text(f"{project}\n{began:%Y-%m-%d %H:%M}\n{clean(row.about['id'])[:8]}")


def _models(names: Sequence[str], number: Number) -> Text:
    """A line each, without what everybody knows; --breakdown and --json have the whole names."""
    shown = [_DATED.sub("", clean(name)) for name in names]
    if number is compact:
        shown = [name.removeprefix("claude-") for name in shown]
    return Text("\n".join(dict.fromkeys(shown)))


def count_of(number: int, noun: str) -> str:
    """A number with its noun: `1 call`, `1,204 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _active(report: Report, now: datetime, zone: tzinfo) -> Iterator[str]:
    """How fast the block under way is used, and where that leads."""
    for row in report.rows:
        if report.by != "block" or not row.about["is_active"]:
            continue
        rate, projection = row.about["burn_rate"], row.about["projection"]
        if rate is None or projection is None:
            continue  # a single call says nothing about the next one
        spent, costs = rate["cost_usd_per_hour"], projection["cost_usd"]
        yield (
            f"Active block: {short(rate['tokens_per_minute'])} tokens a minute,"
            f" {NO_PRICE if spent is None else dollars(spent)} an hour."
        )
        yield (
            f"If that goes on until {_moment(row, 'ends_at', zone):%H:%M}:"
            f" {short(projection['tokens'])} tokens,"
            f" {NO_PRICE if costs is None else dollars(costs)}."
        )


def _notes(report: Report, shortened: bool) -> Iterator[str]:
    if report.totals.unpriced:
        names = ", ".join(clean(name) for name in report.unpriced_models)
        yield (
            f"{UNPRICED} {count_of(report.totals.unpriced, 'call')} not in the cost;"
            f" no price known for: {names or 'models called before this period'}"
        )
    if pending := report.about.get("pending_days"):
        yield (
            f"{count_of(pending, 'day')} still to be computed, figures may be too low;"
            " ask again in some minutes"
        )
    if not report.about.get("is_aligned", True):
        yield (
            "No pause of five hours in 31 days: until there is one, blocks may begin at other"
            " hours than these."
        )
    if purged := report.about.get("purged_before"):
        yield f"Events before {clean(purged)} were deleted: older blocks are missing or too small."
    if report.by == "session":
        yield "A session counts as a whole, also what it used before the period began."
    if shortened:
        yield "k = thousand, M = million, G = 1,000 M, T = 1,000 G; --json has every figure."
