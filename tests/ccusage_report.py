"""What ccusage says about one folder of session logs: offline, and without anybody's home."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import tools
from tests.session_logs import Day, Tokens

SECONDS = 60  # it should need a tenth of one

Model = str


@dataclass(frozen=True)
class Report:
    """`ccusage claude daily`."""

    tokens: dict[tuple[Day, Model], Tokens]
    costs: dict[tuple[Day, Model], float]  # US dollars

    @property
    def cost(self) -> float:
        """US dollars of all days."""
        return sum(self.costs.values())


def daily(claude_dir: Path, zone: str = "UTC") -> Report:
    """Tokens and costs by day and model of the logs below `claude_dir`/projects.

    Skips the test that asks where ccusage is not installed; fails it in CI.
    """
    answer = run(claude_dir, "daily", "--timezone", zone)
    tokens: dict[tuple[Day, Model], Tokens] = {}
    costs: dict[tuple[Day, Model], float] = {}
    for day, row in _rows(answer):
        key = (day, str(row["modelName"]))
        tokens[key] = Tokens(
            row["inputTokens"],
            row["outputTokens"],
            row["cacheReadTokens"],
            row["cacheCreationTokens"],
        )
        costs[key] = row["cost"]
    return Report(tokens, costs)


def run(claude_dir: Path, report: str, *options: str) -> Any:
    """The JSON of one of ccusage's reports."""
    done = subprocess.run(
        command(report, *options),
        env=environment(claude_dir),
        cwd=claude_dir,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return json.loads(done.stdout)


def command(report: str, *options: str) -> list[str]:
    """How ccusage is asked for a report about Claude Code, without a look at the network."""
    return [str(tools.ccusage()), "claude", report, "--json", "--offline", *options]


def environment(claude_dir: Path) -> dict[str, str]:
    """Nothing of whoever runs the tests: no home, no settings."""
    return {
        "PATH": os.defpath,
        "HOME": str(claude_dir),
        "CLAUDE_CONFIG_DIR": str(claude_dir),
    }


def _rows(answer: Any) -> Iterator[tuple[Day, dict[str, Any]]]:
    for day in answer["daily"]:
        for row in day["modelBreakdowns"]:
            yield str(day.get("date") or day["period"]), row
