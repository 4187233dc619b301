"""What the benchmark finds out: figures, some held against a limit, as a table and as JSON."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One number with its unit. `limit` is in words; `passed` is None where nothing is promised."""

    name: str
    value: float
    unit: str
    limit: str = ""
    passed: bool | None = None
    note: str = ""


def at_least(name: str, value: float, unit: str, least: float, note: str = "") -> Figure:
    """A figure that must not be smaller than `least`."""
    return Figure(name, value, unit, f"≥ {least:g}", value >= least, note)


def at_most(name: str, value: float, unit: str, most: float, note: str = "") -> Figure:
    """A figure that must not be larger than `most`."""
    return Figure(name, value, unit, f"≤ {most:g}", value <= most, note)


def show(figures: Iterable[Figure], console: Console) -> None:
    """Prints the table."""
    table = Table(title="Vibeloom on this machine, one run", title_justify="left")
    for heading in ("figure", "value", "unit", "limit", "", "note"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    verdicts = {None: "", True: "[green]PASS[/]", False: "[red]FAIL[/]"}
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.value:,.0f}" if abs(figure.value) >= 1_000 else f"{figure.value:,.2f}",
            figure.unit,
            figure.limit,
            verdicts[figure.passed],
            figure.note,
        )
    console.print(table)


def write(figures: Iterable[Figure], path: Path) -> None:
    """Keeps the figures, with what is needed to compare them with another day's."""
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.platform(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "figures": [asdict(figure) for figure in figures],
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
