"""The alarms of a container: valid, tried, over figures that exist, and explained."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.core import metrics, room
from tests import tools

ALARMS = Path(__file__).parents[3] / "infra/alarms"
RULES = ALARMS / "prometheus.yaml"
TESTS = ALARMS / "prometheus_test.yaml"
SERVER = ALARMS / "prometheus-server.yaml"
README = (ALARMS / "README.md").read_text()

METRIC = re.compile(r"\b(vibeloom_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')


def load(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def rules() -> dict[str, dict[str, Any]]:
    """The alarms by name."""
    return {rule["alert"]: rule for group in load(RULES)["groups"] for rule in group["rules"]}


def promtool(*arguments: str | Path, sent: str | None = None) -> str:
    """What promtool says; it must be content."""
    done = subprocess.run(
        [tools.promtool(), *arguments],
        input=sent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def exposed() -> dict[str, set[str]]:
    """The series that a scrape can hold, with their labels."""
    counters = (*metrics.COUNTERS, *room.counters())
    found = {f"{each.prometheus}_total": set(each.labels) for each in counters}
    for suffix, labels in (("bucket", {"le"}), ("sum", set()), ("count", set())):
        found[f"{metrics.LATENCY.prometheus}_{suffix}"] = {*metrics.LATENCY.labels, *labels}
    return found | {each.prometheus: set(each.labels) for each in metrics.GAUGES}


def readings() -> list[metrics.Reading]:
    """The gauges of a house, as a scrape asks for them."""
    from functions.front.health import Health, figures

    return list(figures(Health({"refresh_days": 60.0}, [], 1.5, 3, 4, 97, 5, 6, 7.5, 8)))


def test_the_rules_are_valid() -> None:
    """Prometheus' own checker reads every one of them."""
    assert f"SUCCESS: {len(rules())} rules found" in promtool("check", "rules", RULES)


def test_each_alarm_fires_and_does_not_fire() -> None:
    """On series that are made for it; none is left out of the trials."""
    assert "SUCCESS" in promtool("test", "rules", TESTS)
    tried = [trial for test in load(TESTS)["tests"] for trial in test["alert_rule_test"]]
    fired = {trial["alertname"] for trial in tried if trial["exp_alerts"]}
    quiet = {trial["alertname"] for trial in tried if not trial["exp_alerts"]}
    assert (fired, quiet) == (set(rules()), set(rules()))


def test_a_prometheus_takes_the_example(tmp_path: Path) -> None:
    """With the rules and a token beside it, as the README says; without the token it does not."""
    for file in (SERVER, RULES):
        shutil.copy(file, tmp_path)
    with pytest.raises(AssertionError, match="metrics-token"):
        promtool("check", "config", tmp_path / SERVER.name)
    (tmp_path / "metrics-token").write_text("t" * 32)
    promtool("check", "config", tmp_path / SERVER.name)
    [scrape] = load(SERVER)["scrape_configs"]
    assert f'up{{job="{scrape["job_name"]}"}}' in rules()["VibeloomDown"]["expr"]


@pytest.mark.parametrize("file", [RULES, TESTS], ids=lambda file: file.name)
def test_alarms_are_over_figures_that_exist(file: Path) -> None:
    """Names and labels are those of the code: a misspelt one would never fire."""
    known = exposed()
    target = {"job", "instance"}  # what Prometheus itself adds to a series
    for name, matchers in METRIC.findall(file.read_text()):
        assert name in known, name
        labels = {label for label, _ in LABEL.findall(matchers)}
        assert labels <= known[name] | target, (name, labels)


def test_alarms_name_rooms_queues_and_buckets_that_exist() -> None:
    """A value that nothing has would never match."""
    queues = {labels["queue"] for _, labels, _ in readings() if "queue" in labels}
    rooms = {each.name for each in room.rooms()}
    buckets = {str(bound) for bound in metrics.BUCKETS} | {"+Inf"}
    known = {"room": rooms, "queue": queues, "le": buckets}
    text = RULES.read_text() + TESTS.read_text()
    for label, values in LABEL.findall("\n".join(match[1] for match in METRIC.findall(text))):
        for value in values.split("|") if label in known else ():
            assert value in known[label], (label, value)
    limit = re.search(r"histogram_quantile.*?> ([0-9.]+)", rules()["VibeloomSlow"]["expr"], re.S)
    assert limit is not None
    assert float(limit[1]) in metrics.BUCKETS  # or the limit is a guess between two of them


def test_a_scrape_shows_these_figures() -> None:
    """Under the names that the alarms use, in a text that Prometheus' own checker has read."""
    _, text = metrics.exposition(readings())
    ours = [line for line in text.splitlines() if "vibeloom_" in line]
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", "\n".join(ours), re.M))
    shown = {
        f"{name}{suffix}"
        for name, kind in kinds.items()
        for suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))
    }
    assert shown - {
        f"{each.prometheus}_created"
        for each in (*metrics.COUNTERS, *room.counters(), metrics.LATENCY)
    } == set(exposed())
    promtool("check", "metrics", sent="\n".join(ours) + "\n")


def test_every_figure_of_the_health_has_its_alarm() -> None:
    """Whatever the health report tells may be wrong in a way that somebody is told of."""
    text = RULES.read_text()
    silent = {each.prometheus for each in metrics.GAUGES if each.prometheus not in text}
    assert silent == {metrics.JOB_AGE.prometheus}  # which job it is, once jobs are late


def test_every_alarm_is_explained() -> None:
    """Each has its line in the README, Prometheus' and CloudWatch's alike, and a summary."""
    cloudwatch = re.findall(
        r"^  (\w+):\n    Type: AWS::CloudWatch::Alarm$",
        (ALARMS / "cloudwatch.yaml").read_text(),
        re.M,
    )
    assert len(cloudwatch) >= 10
    explained = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\|.*$", README, re.M))))
    of_a_room = {f"{each.name.capitalize()}Latency" for each in room.rooms()}  # said once
    assert {*rules(), *cloudwatch} - of_a_room <= explained
    assert {name for name in explained if name.startswith("Vibeloom")} <= {*rules(), "Vibeloom"}
    for rule in rules().values():
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("page", "ticket")
