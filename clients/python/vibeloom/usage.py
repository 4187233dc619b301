"""What models were used and what that cost, as the server counted it over every machine.

Each question is asked of one route and comes back as a `Report`, which `document` makes JSON of
and `vibeloom.usage_table` a table.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from vibeloom.errors import ServerError
from vibeloom.server import Server

By = Literal["day", "month", "session", "block"]

PAGE = 10_000  # rows of `/query/tokens`, the most that the server gives
SESSIONS_PAGE = 1_000  # the most that the server gives
MONTHS = 12  # that are shown by default, this one included
DAYS = {"day": 30, "session": 30, "block": 7}  # that are shown by default


@dataclass(frozen=True)
class Asked:
    """What of: a period in days of the zone, both ends included, and a project."""

    since: date | None = None
    until: date | None = None
    days: int | None = None
    timezone: str | None = None  # the profile's by default
    project: str | None = None

    def parameters(self, by: By, today: date) -> dict[str, str | int]:
        """The question as the server takes it."""
        asked: dict[str, str | int] = {}
        if self.days is not None:
            asked["days"] = self.days
        elif self.since is None and self.until is None and by == "month":
            asked["from"] = first_of_month(today, MONTHS - 1).isoformat()
        elif self.since is None and self.until is None:
            asked["days"] = DAYS[by]
        if self.since is not None:
            asked["from"] = self.since.isoformat()
        if self.until is not None:
            asked["to"] = self.until.isoformat()
        if self.timezone is not None:
            asked["tz"] = self.timezone
        if self.project is not None:
            asked["project"] = self.project
        return asked


@dataclass(frozen=True)
class Counts:
    """Tokens and their cost."""

    tokens_input: int = 0
    tokens_output: int = 0
    tokens_cache_write: int = 0
    tokens_cache_read: int = 0
    cost_usd: float | None = 0.0  # of the priced calls; None if no call has a price
    unpriced: int = 0  # calls
    calls: int | None = None  # of all of them; None for sessions, of which the server knows none

    @property
    def tokens_total(self) -> int:
        """All four, which are disjoint."""
        return (
            self.tokens_input
            + self.tokens_output
            + self.tokens_cache_write
            + self.tokens_cache_read
        )

    def document(self) -> dict[str, Any]:
        """For a program."""
        counted = {} if self.calls is None else {"calls": self.calls}
        return {
            **counted,
            "tokens_input": self.tokens_input,
            "tokens_output": self.tokens_output,
            "tokens_cache_write": self.tokens_cache_write,
            "tokens_cache_read": self.tokens_cache_read,
            "tokens_total": self.tokens_total,
            "cost_usd": self.cost_usd,
            "unpriced": self.unpriced,
        }


@dataclass(frozen=True)
class Row:
    """One day, month, session or block."""

    about: Mapping[str, Any]  # what the row is of, in the names of the API
    models: tuple[str, ...]
    counts: Counts
    breakdown: tuple[tuple[str, Counts], ...] = ()  # by model, where the server says

    def document(self) -> dict[str, Any]:
        """For a program."""
        parts = {
            "breakdown": [{"model": name, **counts.document()} for name, counts in self.breakdown]
        }
        return {
            **self.about,
            "models": list(self.models),
            **self.counts.document(),
            **(parts if self.breakdown else {}),
        }


@dataclass(frozen=True)
class Report:
    """The answer to one question, all pages of it."""

    by: By
    period: Mapping[str, str]
    rows: tuple[Row, ...]  # in order of time
    totals: Counts
    unpriced_models: tuple[str, ...]
    about: Mapping[str, Any]  # what else the server says of the answer, in the names of the API

    def document(self) -> dict[str, Any]:
        """For a program; the README has its shape."""
        return {
            "by": self.by,
            "period": dict(self.period),
            "items": [row.document() for row in self.rows],
            "totals": self.totals.document(),
            "unpriced_models": list(self.unpriced_models),
            **self.about,
        }


def first_of_month(day: date, back: int) -> date:
    """The first day of the month that lies `back` months before."""
    months = day.year * 12 + day.month - 1 - back
    return date(months // 12, months % 12 + 1, 1)


def total(parts: Iterable[Counts]) -> Counts:
    """All of them together."""
    found = list(parts)
    costs = [each.cost_usd for each in found if each.cost_usd is not None]
    calls = [each.calls for each in found if each.calls is not None]
    return Counts(
        sum(each.tokens_input for each in found),
        sum(each.tokens_output for each in found),
        sum(each.tokens_cache_write for each in found),
        sum(each.tokens_cache_read for each in found),
        math.fsum(costs) if costs or not found else None,
        sum(each.unpriced for each in found),
        sum(calls) if calls or not found else None,
    )


def ask(server: Server, by: By, asked: Asked, today: date) -> Report:
    """The whole answer to one question, page by page. Raises `ServerError`."""
    parameters = asked.parameters(by, today)
    try:
        match by:
            case "day" | "month":
                return _by_period(server, by, parameters)
            case "session":
                return _by_session(server, parameters)
            case "block":
                return _by_block(server, parameters)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise ServerError(
            "the server's answer is not understood; check that VIBELOOM_URL is a Vibeloom server"
            " of this version"
        ) from None


def _by_period(
    server: Server, by: Literal["day", "month"], parameters: Mapping[str, str | int]
) -> Report:
    """Rows of a day or month and a model, gathered by day or month."""
    question = {**parameters, "by": by, "group": "model", "limit": PAGE}
    pages = list(server.pages("/query/tokens", question))
    found: dict[str, dict[str, list[Counts]]] = {}
    for row in _items(pages):
        start = str(row["day"]) if by == "day" else str(row["day"])[: len("2026-11")]
        models = found.setdefault(start, {})
        models.setdefault(_name(row["model"]), []).append(_counts(row))
    rows = []
    for start in sorted(found):
        parts = tuple((name, total(counts)) for name, counts in sorted(found[start].items()))
        counts = total(counts for _, counts in parts)
        rows.append(Row({by: start}, tuple(name for name, _ in parts), counts, parts))
    return _report(server, by, parameters, pages, rows, unpriced=_unpriced(pages[0]))


def _by_session(server: Server, parameters: Mapping[str, str | int]) -> Report:
    """Sessions of agents, each as a whole; those that used no model are left out."""
    question = {**parameters, "lane": "agent", "limit": SESSIONS_PAGE}
    pages = list(server.pages("/query/sessions", question))
    about = ("id", "project", "started_at", "ended_at", "duration_seconds", "complete")
    rows = [
        Row({name: row[name] for name in about}, _names(row["models"]), _counts(row))
        for row in _items(pages)
    ]
    used = [row for row in reversed(rows) if row.counts.tokens_total or row.counts.unpriced]
    pending = {"pending_days": max(int(page["pending_days"]) for page in pages)}
    return _report(server, "session", parameters, pages, used, about=pending)


def _by_block(server: Server, parameters: Mapping[str, str | int]) -> Report:
    """Blocks of five hours, and the gaps between them."""
    answer = server.get("/query/blocks", parameters)
    about = (
        *("started_at", "ends_at", "last_call_at", "is_active", "is_gap"),
        *("burn_rate", "projection"),
    )
    rows = [
        Row({name: row[name] for name in about}, _names(row["models"]), _counts(row))
        for row in answer["items"]
    ]
    known = {name: answer[name] for name in ("is_aligned", "purged_before")}
    return _report(server, "block", parameters, [answer], rows, about=known)


def _report(  # noqa: PLR0913 - what was asked, and what came back
    server: Server,
    by: By,
    parameters: Mapping[str, str | int],
    pages: Sequence[Mapping[str, Any]],
    rows: Sequence[Row],
    *,
    unpriced: tuple[str, ...] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Report:
    """The report; who has no price is asked where the answer did not say."""
    totals = total(row.counts for row in rows)
    if unpriced is None and totals.unpriced:
        answer = server.get("/query/tokens", {**parameters, "group": "model", "limit": 1})
        unpriced = _unpriced(answer)
    return Report(by, pages[0]["period"], tuple(rows), totals, unpriced or (), about or {})


def active_block(answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The block that is under way, of an answer of `/query/blocks`."""
    return next((block for block in answer["items"] if block["is_active"]), None)


def _items(pages: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for page in pages:
        yield from page["items"]


def _counts(row: Mapping[str, Any]) -> Counts:
    cost = row["cost_usd"]
    return Counts(
        int(row["tokens_input"]),
        int(row["tokens_output"]),
        int(row["tokens_cache_write"]),
        int(row["tokens_cache_read"]),
        None if cost is None else float(cost),
        int(row["unpriced"]),
        int(row["calls"]) if "calls" in row else None,
    )


def _unpriced(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Models without a price, those with the most calls first."""
    return tuple(dict.fromkeys(_name(each["model"]) for each in answer["unpriced_models"]))


def _name(model: object) -> str:
    return str(model) if model else "(no name)"


def _names(models: Iterable[object]) -> tuple[str, ...]:
    return tuple(sorted({_name(model) for model in models}))
