"""`vibeloom usage --check`: where the recount of the local logs and the server differ, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vibeloom.errors import ServerError, SettingError, SpoolError
from vibeloom.server import Server
from vibeloom.settings import Settings
from vibeloom.spool import Spool
from vibeloom.usage import PAGE, Asked
from vibeloom.usage_check import Call, Recount, Tokens, recount
from vibeloom.usage_table import BOX, clean, count_of

Key = tuple[str, str]  # a day as YYYY-MM-DD, and a model
MEASURES = {
    "calls": "calls",
    "input": "tokens_input",
    "output": "tokens_output",
    "cache_write": "tokens_cache_write",
    "cache_read": "tokens_cache_read",
}


@dataclass(frozen=True)
class Difference:
    """A day and a model that the two do not agree on."""

    day: str
    model: str
    local: Tokens
    server: Tokens

    @property
    def server_has_more(self) -> bool:
        """In at least one count."""
        return any(there > here for here, there in zip(self.local, self.server, strict=True))

    @property
    def server_has_less(self) -> bool:
        """In at least one count."""
        return any(there < here for here, there in zip(self.local, self.server, strict=True))


@dataclass(frozen=True)
class Comparison:
    """Both counts of one period."""

    first: date
    last: date
    timezone: str
    source: str | None  # the only one that the server was asked about
    recount: Recount
    local: Mapping[Key, Tokens]
    server: Mapping[Key, Tokens]
    absent: tuple[str, ...]  # folders that should be there
    waiting: int  # events
    set_aside: int  # events
    spool_problem: str | None

    @property
    def differences(self) -> list[Difference]:
        """By day and model."""
        nothing = Tokens()
        both = {
            key: (self.local.get(key, nothing), self.server.get(key, nothing))
            for key in sorted({*self.local, *self.server})
        }
        return [Difference(*key, *pair) for key, pair in both.items() if pair[0] != pair[1]]

    def hints(self) -> list[str]:
        """What may explain a difference, and what to do next."""
        found = [f"{folder} is not there" for folder in self.absent]
        if not self.recount.logs:
            found.append("there are no logs: check VIBELOOM_CLAUDE_DIR or CLAUDE_CONFIG_DIR")
        found += [f"{path} cannot be read: {why}" for path, why in self.recount.unreadable.items()]
        if self.spool_problem:
            found.append(self.spool_problem)
        if self.waiting:
            found.append(
                f"{count_of(self.waiting, 'event')} to be sent: `vibeloom monitor run --once` does"
            )
        if self.set_aside:
            found.append(
                f"{count_of(self.set_aside, 'event')} refused by the server:"
                " `vibeloom monitor status` says why"
            )
        if self.recount.unfinished:
            found.append(
                f"{count_of(self.recount.unfinished, 'log')} with a last line that has no end yet;"
                " the monitor waits for it"
            )
        differences = self.differences
        if any(each.server_has_less for each in differences):
            found.append(self._why_less())
        if any(each.server_has_more for each in differences):
            found.append(self._why_more())
        return found

    def _why_less(self) -> str:
        words = (
            "where the server has less, the monitor has not read or sent everything yet: run"
            " `vibeloom monitor run --once`, then check again"
        )
        if self.source is None:
            return words
        return (
            f"{words}. With --source, what another machine sent first is missing too: a message"
            " in two machines' logs counts once"
        )

    def _why_more(self) -> str:
        if self.source is None:
            return (
                "where the server has more, other machines or other senders have added to it, or"
                " logs have been deleted here (Claude Code keeps them for 30 days): --source"
                " compares with one machine alone, --since with the days that are still here"
            )
        return (
            f"where the server has more of {self.source}, logs have been deleted here (Claude"
            " Code keeps them for 30 days): --since compares the days that are still here"
        )

    def document(self) -> dict[str, Any]:
        """For a program; the README has its shape."""
        differences = self.differences
        return {
            "equal": not differences,
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "timezone": self.timezone,
            "source": self.source,
            "folders": [str(folder) for folder in self.recount.folders],
            "absent": list(self.absent),
            "logs": self.recount.logs,
            "damaged_lines": self.recount.damaged,
            "unfinished_logs": self.recount.unfinished,
            "unreadable": self.recount.unreadable,
            "waiting": self.waiting,
            "set_aside": self.set_aside,
            "totals": {
                "local": _measures(_sum(self.local.values())),
                "server": _measures(_sum(self.server.values())),
            },
            "differences": [
                {
                    "day": each.day,
                    "model": each.model,
                    "local": _measures(each.local),
                    "server": _measures(each.server),
                }
                for each in differences
            ],
            "hints": self.hints(),
        }


def compare(configured: Settings, server: Server, asked: Asked, source: str | None) -> Comparison:
    """Count here, ask there.

    Raises `SettingError` for a zone that is not known here, and `ServerError`.
    """
    counted = recount(configured.project_folders)
    zone, today = _zone(server, asked.timezone)
    local: dict[Key, Tokens] = {}
    for call in counted.calls:
        _add(local, (_day(call, zone), call.model), call.tokens)
    first, last = _period(asked, local, today)
    inside = {key: tokens for key, tokens in local.items() if str(first) <= key[0] <= str(last)}
    waiting, set_aside, problem = _spooled(configured)
    return Comparison(
        first=first,
        last=last,
        timezone=zone.key,
        source=source,
        recount=counted,
        local=inside,
        server=_ask(server, first, last, zone.key, source),
        absent=tuple(str(folder) for folder in configured.absent_folders),
        waiting=waiting,
        set_aside=set_aside,
        spool_problem=problem,
    )


def _zone(server: Server, wanted: str | None) -> tuple[ZoneInfo, date]:
    """The zone whose days are compared, as the server spells it, and its today."""
    asked: dict[str, str | int] = {"days": 1, "limit": 1}
    answer = server.get("/query/tokens", asked | ({"tz": wanted} if wanted else {}))
    try:
        name = str(answer["period"]["timezone"])
        today = datetime.fromisoformat(answer["period"]["from"]).date()
    except (KeyError, TypeError, ValueError):
        raise ServerError(
            "the server did not say which zone its days are of; check VIBELOOM_URL"
        ) from None
    try:
        return ZoneInfo(name), today
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingError(
            f"the zone {name} is not known on this machine; run `pip install tzdata`, or give"
            " another one with --timezone"
        ) from None


def _day(call: Call, zone: ZoneInfo) -> str:
    return call.at.astimezone(zone).date().isoformat()


def _period(asked: Asked, local: Iterable[Key], today: date) -> tuple[date, date]:
    """What was asked for, otherwise from the first day in the logs to the last one or today."""
    days = sorted(date.fromisoformat(day) for day, _ in local)
    last = asked.until or max([*days[-1:], today])
    if asked.days is not None:
        return date.fromordinal(today.toordinal() - asked.days + 1), today
    return asked.since or min([*days[:1], last]), last


def _ask(
    server: Server, first: date, last: date, zone: str, source: str | None
) -> dict[Key, Tokens]:
    """What the server has counted, by day and model."""
    asked: dict[str, str | int] = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "tz": zone,
        "by": "day",
        "group": "model",
        "limit": PAGE,
    }
    found: dict[Key, Tokens] = {}
    for page in server.pages("/query/tokens", asked | ({"source": source} if source else {})):
        try:
            for row in page["items"]:
                tokens = Tokens(*(int(row[name]) for name in MEASURES.values()))
                _add(found, (str(row["day"]), str(row["model"] or "(no name)")), tokens)
        except (KeyError, TypeError, ValueError):
            raise ServerError(
                "the server's answer is not a list of tokens by day and model; check that"
                " VIBELOOM_URL is a Vibeloom server of this version"
            ) from None
    return {key: tokens for key, tokens in found.items() if any(tokens[1:])}


def _spooled(configured: Settings) -> tuple[int, int, str | None]:
    try:
        spool = Spool.open_to_read(configured.spool)
        if spool is None:
            return 0, 0, None
        try:
            return spool.depth(), spool.set_aside_count(), None
        finally:
            spool.close()
    except SpoolError as problem:
        return 0, 0, str(problem)


def _add(counts: dict[Key, Tokens], key: Key, tokens: Tokens) -> None:
    counts[key] = counts.get(key, Tokens()).plus(tokens)


def _sum(parts: Iterable[Tokens]) -> Tokens:
    total = Tokens()
    for each in parts:
        total = total.plus(each)
    return total


def _measures(tokens: Tokens) -> dict[str, int]:
    return dict(zip(MEASURES.values(), tokens, strict=True))


def draw(found: Comparison) -> RenderableType:
    """The differing counts for people, 80 columns wide."""
    there = _sum(found.server.values())
    whose = f"the server ({found.source})" if found.source else "the server"
    differences = found.differences
    head = Text(f"{found.first} to {found.last}, days in {found.timezone}: ")
    head.append(
        f"{len(differences):,} of {len({*found.local, *found.server}):,} rows differ"
        if differences
        else "equal",
        style="bold red" if differences else "bold green",
    )
    here = _sum(found.local.values())
    lines: list[RenderableType] = [
        head,
        Text(f"  {count_of(found.recount.logs, 'log')} here: {_said(here)}"),
        Text(f"  {whose}: {_said(there)}"),
    ]
    if differences:
        lines += [Text(), _table(differences)]
    hints = found.hints()
    if hints:
        lines.append(Text())
        lines += [Text(f"- {clean(hint)}") for hint in hints]
    return Group(*lines)


def _said(tokens: Tokens) -> str:
    return f"{count_of(tokens.calls, 'call')}, {count_of(sum(tokens[1:]), 'token')}"


def _table(differences: Iterable[Difference]) -> Table:
    table = Table(box=BOX, pad_edge=False, collapse_padding=True)
    table.add_column("Day", no_wrap=True)
    table.add_column("Model", overflow="fold")
    table.add_column("Count", no_wrap=True)
    for name in ("Here", "Server", "Difference"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in differences:
        labels = (each.day, clean(each.model))
        for name, mine, theirs in zip(MEASURES, each.local, each.server, strict=True):
            if mine != theirs:
                words = name.replace("_", " ")
                table.add_row(*labels, words, f"{mine:,}", f"{theirs:,}", f"{theirs - mine:+,}")
                labels = ("", "")
    return table
