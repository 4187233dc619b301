"""The dashboards' files: what Grafana would not say about them until somebody looks."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.grafana import FILES, FOLDER, MACRO, Asked, Panel, UnknownMacro, dashboard, expand
from tests.grafana import panels as all_panels

PANELS = list(all_panels())
DATA_SOURCE = {"type": "grafana-postgresql-datasource", "uid": "vibeloom"}
VARIABLE = re.compile(r"\$\{?(VIBELOOM_[A-Z_]+)")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ASKED = Asked(NOW - timedelta(hours=1), NOW, {"source": ["o'hara", "b"]}, "5m")

panel = pytest.mark.parametrize(
    "panel", PANELS, ids=lambda panel: f"{panel.dashboard}:{panel.title}"
)
file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def provisioned(name: str) -> Any:
    """A provisioning file, read."""
    return yaml.safe_load((FOLDER / "provisioning" / name / "vibeloom.yaml").read_text())


@file
def test_the_files_are_written_in_one_way(file: Path) -> None:
    """Sorted keys, two spaces: a change made in the browser and exported shows as what it is."""
    text = file.read_text(encoding="utf-8")
    written = json.dumps(dashboard(file), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert text == written


@file
def test_a_dashboard_is_found_again(file: Path) -> None:
    """Its uid follows its name, it belongs to no server, its schema is Grafana 11's or newer."""
    found = dashboard(file)
    assert found["uid"] == f"vibeloom-{file.stem}"
    assert found["id"] is None
    assert found["schemaVersion"] >= 39
    assert found["title"].startswith("Vibeloom: ")
    assert found["tags"] == ["vibeloom"]


@file
def test_panels_stand_side_by_side(file: Path) -> None:
    """Own ids, within the grid of 24 columns, none over another."""
    found = dashboard(file)["panels"]
    assert len({panel["id"] for panel in found}) == len(found)
    boxes = [panel["gridPos"] for panel in found]
    assert all(box["x"] >= 0 and box["x"] + box["w"] <= 24 for box in boxes)
    for one, other in combinations(boxes, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


@panel
def test_a_panel_says_what_it_shows(panel: Panel) -> None:
    """A title, a sentence, a unit, and the provisioned data source in panel and query."""
    assert panel.title
    assert panel.raw["description"].endswith(".")
    assert panel.raw["fieldConfig"]["defaults"]["unit"]
    assert panel.raw["datasource"] == panel.target["datasource"] == DATA_SOURCE
    assert panel.target["rawQuery"] is True
    assert panel.kind in ("stat", "timeseries", "heatmap", "table")
    series = panel.kind in ("timeseries", "heatmap")
    assert panel.target["format"] == ("time_series" if series else "table")


@panel
def test_a_panel_reads_the_views_only(panel: Panel) -> None:
    """One statement over the schema that its login may read, for the people that are chosen."""
    sql = panel.target["rawSql"]
    assert ";" not in sql
    assert set(re.findall(r"^\s*(?:left join|from) (\w+)\.", sql, re.MULTILINE)) == {"dashboards"}
    assert "${owner:sqlstring}" in sql or panel.title == "Scheduled jobs"


@file
def test_variables_come_before_what_uses_them(file: Path) -> None:
    """Each variable is of the same data source and rests on earlier ones; panels use no other."""
    found = dashboard(file)
    known: set[str] = set()
    for variable in found["templating"]["list"]:
        assert variable["datasource"] == DATA_SOURCE
        assert variable["includeAll"]
        assert set(re.findall(r"\$\{(\w+):", variable["query"])) <= known
        known.add(variable["name"])
    used = {
        name
        for panel in found["panels"]
        for name in re.findall(r"\$\{(\w+):", panel["targets"][0]["rawSql"])
    }
    assert used == known


def test_days_are_drawn_as_if_of_utc() -> None:
    """Points of days are midnights of UTC: in any other zone they would stand on the day before."""
    for file in FILES:
        found = dashboard(file)
        by_day = any(
            ".day::timestamp" in panel["targets"][0]["rawSql"] for panel in found["panels"]
        )
        assert found["timezone"] == ("utc" if by_day else "browser")


def test_the_data_source_is_the_one_that_panels_name() -> None:
    """Type and uid; the login, its password and its TLS mode come from the environment."""
    [source] = provisioned("datasources")["datasources"]
    assert {"type": source["type"], "uid": source["uid"]} == DATA_SOURCE
    assert source["jsonData"]["maxOpenConns"] < 10  # the role's own limit
    for value in (
        source["url"],
        source["user"],
        source["jsonData"]["database"],
        source["jsonData"]["sslmode"],
        source["secureJsonData"]["password"],
    ):
        assert VARIABLE.match(value), value


def test_the_readme_sets_every_variable() -> None:
    """Whoever follows it gives a value to each placeholder of the provisioning, and to no other."""
    files = (FOLDER / "provisioning").rglob("*.yaml")
    wanted = {name for file in files for name in VARIABLE.findall(file.read_text())}
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"VIBELOOM_GRAFANA_\w+", readme)) == wanted


def test_the_readme_lists_every_panel() -> None:
    """Each panel's title stands there, with what it answers."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [panel.title for panel in PANELS if f"**{panel.title}**" not in readme] == []


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("$__timeFrom()", "'2026-11-21T11:00:00Z'"),
        ("$__timeFilter(a.b)", "a.b BETWEEN '2026-11-21T11:00:00Z' AND '2026-11-21T12:00:00Z'"),
        (
            "$__timeGroupAlias(b, $__interval)",
            'floor(extract(epoch from b)/300)*300 AS "time"',
        ),
        ("in (${source:sqlstring})", "in ('o''hara','b')"),
    ],
)
def test_macros_expand_as_grafana_does(sql: str, expected: str) -> None:
    """The few macros that the panels use."""
    assert expand(sql, ASKED) == expected


@pytest.mark.parametrize("sql", ["$__timegroup(a)", "$owner", "${source}", "$__unixEpochFilter(a)"])
def test_what_grafana_would_refuse_is_refused(sql: str) -> None:
    """An unknown macro, and a variable that is put in without being escaped."""
    with pytest.raises(UnknownMacro):
        expand(sql, ASKED)


@panel
def test_no_macro_has_a_parenthesis_inside(panel: Panel) -> None:
    """Grafana's pattern ends a macro at the first one."""
    for found in MACRO.finditer(panel.target["rawSql"]):
        assert "(" not in found[2], found[0]
