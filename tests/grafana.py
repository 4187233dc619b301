"""The dashboards as files, and their SQL as Grafana would send it.

The macros are those of Grafana's PostgreSQL data source, after its own macro engine
(grafana/grafana, pkg/tsdb/grafana-postgresql-datasource/macros.go) and its documentation,
https://grafana.com/docs/grafana/latest/datasources/postgres/query-editor/#macros. Before that the
browser puts variables in, `${name:sqlstring}` as quoted and escaped texts.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "infra/grafana"
FILES = sorted((FOLDER / "dashboards").glob("*.json"))
MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")
VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class UnknownMacro(ValueError):
    """Grafana would answer with an error."""


@dataclass(frozen=True)
class Asked:
    """What a person has chosen at the top of a dashboard."""

    since: datetime
    until: datetime
    variables: Mapping[str, Sequence[str]]
    interval: str = "15m"  # Grafana's own, from the range and the panel's width


@dataclass(frozen=True)
class Panel:
    """One panel of one dashboard."""

    dashboard: str
    raw: dict[str, Any]

    @property
    def title(self) -> str:
        return str(self.raw["title"])

    @property
    def kind(self) -> str:
        return str(self.raw["type"])

    @property
    def target(self) -> dict[str, Any]:
        [target] = self.raw["targets"]
        return dict(target)


def dashboard(file: Path) -> dict[str, Any]:
    """A dashboard as it is stored."""
    return dict(json.loads(file.read_text(encoding="utf-8")))


def panels() -> Iterator[Panel]:
    """Every panel of every dashboard."""
    for file in FILES:
        for raw in dashboard(file)["panels"]:
            yield Panel(file.stem, raw)


def variables() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every variable with its dashboard's name."""
    for file in FILES:
        for variable in dashboard(file)["templating"]["list"]:
            yield file.stem, variable


def expand(sql: str, asked: Asked) -> str:
    """The statement that reaches the database."""

    def variable(found: re.Match[str]) -> str:
        name, form = found.groups()
        if form != "sqlstring":
            raise UnknownMacro(f"{found[0]} is not escaped")
        return ",".join("'" + value.replace("'", "''") + "'" for value in asked.variables[name])

    def macro(found: re.Match[str]) -> str:
        return _macro(found[1], [part.strip(" ") for part in found[2].split(",")], asked)

    sql = VARIABLE.sub(variable, sql)
    sql = MACRO.sub(macro, sql.replace("$__interval", asked.interval))
    if "$" in sql:
        raise UnknownMacro(sql[sql.index("$") :][:40])
    return sql


def _macro(name: str, arguments: list[str], asked: Asked) -> str:
    since, until = _rfc3339(asked.since), _rfc3339(asked.until)
    match name:
        case "__timeFilter":
            return f"{arguments[0]} BETWEEN '{since}' AND '{until}'"
        case "__timeFrom":
            return f"'{since}'"
        case "__timeTo":
            return f"'{until}'"
        case "__timeGroup" | "__timeGroupAlias":
            seconds = _seconds(arguments[1].strip("'"))
            group = f"floor(extract(epoch from {arguments[0]})/{seconds})*{seconds}"
            return group + (' AS "time"' if name.endswith("Alias") else "")
    raise UnknownMacro(name)


def _seconds(interval: str) -> int:
    return int(interval[:-1]) * SECONDS[interval[-1]]


def _rfc3339(moment: datetime) -> str:
    """As Go writes it: to the millisecond that a browser sends, without trailing zeros."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return text.removesuffix(".000") + "Z"
