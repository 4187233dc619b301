"""A person of the running stack whose machines are watched by the real monitor.

The monitor runs inside the test's process: the same code, settings, key, spool and requests as
`vibeloom monitor run --once`, without the second that a process takes to start.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.e2e.stack_fixture import Stack
from tests.session_logs import Day, Tokens
from vibeloom import keys, monitor, settings
from vibeloom.monitor import Report
from vibeloom.register import register
from vibeloom.server import Server
from vibeloom.settings import Settings

PERIOD = {"from": "2025-11-01", "to": "2026-11-30", "tz": "UTC"}  # every case lies in it

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """Somebody who signed in a moment ago and owns nothing yet."""

    stack: Stack
    token: str
    home: Path  # keys and spools of their machines
    number: int  # a source's name belongs to one account alone

    @property
    def url(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self.stack.gateway.port}"

    def source(self, machine: str) -> str:
        """A machine's name on the server."""
        return f"{machine}-{self.number}"

    def environment(self, claude_dir: Path, machine: str) -> dict[str, str]:
        """The settings of a machine's monitor."""
        return {
            "VIBELOOM_URL": self.url,
            "VIBELOOM_TOKEN": self.token,
            "VIBELOOM_KEY_PATH": str(self.home / machine),
            "VIBELOOM_CLAUDE_DIR": str(claude_dir),
            "VIBELOOM_SOURCE_ID": self.source(machine),
        }

    def machine(self, claude_dir: Path, name: str = "laptop") -> Settings:
        """A machine with logs, and a monitor whose key the server knows."""
        loaded = settings.load(self.environment(claude_dir, name))
        assert loaded.endpoint is not None
        assert loaded.token is not None
        signer = keys.create(loaded.home)
        with Server(loaded.endpoint.base, loaded.token) as server:
            register(server, signer, self.source(name))
        return loaded

    def feed(self, claude_dir: Path, name: str = "laptop") -> Report:
        """A new machine's monitor reads and sends everything that is there."""
        return run_once(self.machine(claude_dir, name))

    def get(self, path: str, **parameters: str) -> Any:
        """An answer about the whole period."""
        target = f"/v1/{path}?{urlencode(PERIOD | parameters)}"
        answer = self.stack.gateway("GET", target, token=self.token)
        assert answer.status == 200, answer.text
        return answer.json

    def tokens(self) -> dict[tuple[Day, str], Tokens]:
        """By day and model."""
        return {
            (row["day"], row["model"]): _tokens(row)
            for row in self.get("query/tokens", by="day", group="model")["items"]
        }

    def models(self) -> dict[str, tuple[int, Tokens]]:
        """Calls and tokens by model."""
        found: dict[str, tuple[int, Tokens]] = {}
        for row in self.get("query/tokens", by="day", group="model")["items"]:
            calls, tokens = found.get(row["model"], (0, Tokens()))
            found[row["model"]] = calls + row["calls"], tokens + _tokens(row)
        return found

    def costs(self) -> dict[tuple[Day, str], float | None]:
        """US dollars by day and model."""
        rows = self.get("query/tokens", by="day", group="model")["items"]
        return {(row["day"], row["model"]): row["cost_usd"] for row in rows}

    def costs_of(self, model: str) -> float | None:
        """US dollars of one model."""
        cost: float | None = self.get("query/tokens", model=model)["totals"]["cost_usd"]
        return cost

    def totals(self) -> tuple[int, Tokens, float | None]:
        """Calls, tokens, US dollars."""
        totals = self.get("query/tokens")["totals"]
        return totals["calls"], _tokens(totals), totals["cost_usd"]

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The stored events, the oldest first."""
        narrowed = {} if kind is None else {"kind": kind}
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            paged = {} if cursor is None else {"cursor": cursor}
            answer = self.get("events", order="asc", limit="1000", **narrowed, **paged)
            items += answer["items"]
            cursor = answer["next"]
            if cursor is None:
                return items


def run_once(machine: Settings) -> Report:
    """`vibeloom monitor run --once`; everything must have been sent and taken."""
    report = monitor.run_once(machine, lambda _: None)
    assert report.error is None
    assert (report.waiting, report.set_aside, report.unreadable) == (0, 0, {})
    return report


def newcomer(stack: Stack, home: Path) -> Person:
    """A person of their own, so that nobody else's events are in any answer."""
    home.mkdir(exist_ok=True)
    return Person(stack, stack.person(), home, next(_numbers))


def _tokens(row: dict[str, Any]) -> Tokens:
    return Tokens(
        row["tokens_input"],
        row["tokens_output"],
        row["tokens_cache_read"],
        row["tokens_cache_write"],
    )
