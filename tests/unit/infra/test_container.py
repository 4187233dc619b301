"""The files of infra/container: what they promise each other, what the start makes of settings."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.schedule import JOBS
from infra import serving
from infra.container import schedules, start
from tests.e2e.image_fixture import (
    FOLDER,
    ROOT,
    copied,
    environment_of,
    read_dockerfile,
    rest_of,
)

MAKING, FINAL = read_dockerfile()


def load(name: str) -> Any:
    """A YAML file of the folder."""
    return yaml.safe_load((FOLDER / name).read_text())


# --- Dockerfile -------------------------------------------------------------------------------


def test_the_base_is_pinned_and_can_be_given_by_digest() -> None:
    """To the patch release and the Debian release; both stages have the same."""
    text = (FOLDER / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON=python:3\.13\.\d+-slim-bookworm$", text, re.M)
    assert [stage[0].rest.split()[0] for stage in (MAKING, FINAL)] == ["${PYTHON}"] * 2


def test_only_wheels_of_the_pinned_versions_get_in() -> None:
    """No compiler, no setup script, no version that constraints.txt does not name."""
    [install] = [step for step in rest_of(MAKING, "RUN") if " install " in step]
    assert "--only-binary=:all:" in install
    assert install.split()[-1] == "/requirements/container.txt"
    assert "-c constraints.txt" in (ROOT / "requirements/container.txt").read_text().splitlines()


def test_the_last_layers_hold_what_was_made_and_no_installer() -> None:
    """pip goes, nothing comes from the checkout directly, nothing is installed or fetched."""
    assert rest_of(FINAL, "RUN") == ["python -m pip uninstall --quiet --yes pip"]
    assert copied(FINAL) == []
    assert rest_of(FINAL, "COPY") == ["/opt/venv /opt/venv", "/app /app"]
    assert rest_of(MAKING, "ADD") + rest_of(FINAL, "ADD") == []


def test_it_runs_as_nobody_in_particular() -> None:
    """A number that no account has, which orchestrators can tell from root."""
    [user] = rest_of(FINAL, "USER")
    assert user == "65532:65532"
    words = [instruction.word for instruction in FINAL]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word == "RUN")


def test_signals_reach_the_process() -> None:
    """No shell in between, and no entry point that other commands would have to know."""
    assert json.loads(rest_of(FINAL, "CMD")[0]) == ["python", "-m", "infra.container.start"]
    assert rest_of(FINAL, "STOPSIGNAL") == ["SIGTERM"]
    assert rest_of(FINAL, "ENTRYPOINT") == []


def test_the_environment_is_safe_by_default() -> None:
    """One request per process, everything written goes to /tmp, nothing secret is baked in."""
    environment = environment_of(FINAL)
    assert environment["THREADS"] == "1"
    for name in ("HOME", "TMPDIR", "PROMETHEUS_MULTIPROC_DIR"):
        assert environment[name].startswith("/tmp")
    assert [name for name in environment if name.startswith(("VIBELOOM_", "VIBETEA_"))] == []


def test_nothing_gets_into_the_build_that_is_not_copied() -> None:
    """The ignore file lets in what COPY names, and drops what a checkout has lying about."""
    lines = [
        line
        for line in (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
        if not line.startswith("#")
    ]
    sources = {source.rstrip("/") for given, _ in copied(MAKING) for source in given}
    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == sources
    assert lines[-2:] == ["**/__pycache__", "**/*.md"]
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_a_health_check_is_more_patient_than_a_request() -> None:
    """A worker that is busy until a statement times out is not ill."""
    [check] = [instruction for instruction in FINAL if instruction.word == "HEALTHCHECK"]
    assert "--timeout=30s" in check.flags


# --- start ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "workers"),
    [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("1 100000", 1)],
)
def test_workers_follow_the_quota(
    limit: str, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--cpus 1.5` is two workers on a machine with many CPUs; a share of one is one."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    (tmp_path / "cpu.max").write_text(f"{limit}\n")
    assert start.cpus(tmp_path) == workers


@pytest.mark.parametrize("limit", ["max 100000", "400000 100000", "", None])
def test_workers_are_no_more_than_cpus(
    limit: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a quota, or with a generous one, the CPUs that may be used count."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    if limit is not None:
        (tmp_path / "cpu.max").write_text(limit)
    assert start.cpus(tmp_path) == 2


def test_the_laptop_s_command_with_the_container_s_address() -> None:
    """One way to serve; PORT, HOST and WORKERS are all that differs."""
    assert start.command({"PORT": "9000", "WORKERS": "3"}) == serving.command("0.0.0.0:9000", 3)
    assert start.command({"HOST": "127.0.0.1", "PORT": "", "WORKERS": "1"}) == serving.command(
        "127.0.0.1:8080", 1
    )


@pytest.mark.parametrize("value", ["0", "-1", "65", "two", "1.5", "²"])
def test_a_wrong_number_is_named(value: str) -> None:
    """With what would be accepted."""
    with pytest.raises(start.SettingsError, match=f"WORKERS={re.escape(value)}: give a whole"):
        start.command({"WORKERS": value})


def test_a_start_forgets_the_counters_of_the_last_one(tmp_path: Path) -> None:
    """A container that is started again has workers with the same numbers."""
    counters = tmp_path / "run" / "metrics"
    counters.mkdir(parents=True)
    (counters / "counter_1.db").write_bytes(b"old")
    start.empty(counters)
    assert list(counters.iterdir()) == []


# --- compose.yaml, Caddyfile ------------------------------------------------------------------


def test_only_the_proxy_is_reachable() -> None:
    """Neither the database nor the gateway has a port on the host."""
    services = load("compose.yaml")["services"]
    assert {name for name, service in services.items() if "ports" in service} == {"proxy"}


def test_no_password_stands_in_the_file() -> None:
    """Each comes from .env, and a missing one stops the start."""
    text = (FOLDER / "compose.yaml").read_text()
    assert re.findall(r"\$\{\w+\}|\$\w+", text) == []
    assert set(re.findall(r"\$\{(\w+):\?", text)) == {
        "POSTGRES_PASSWORD",
        "FUNCTIONS_PASSWORD",
        "SITE",
    }


def test_nothing_serves_before_the_database_is_ready() -> None:
    """Gateway and jobs wait for the one-shot setup, which waits for Postgres."""
    services = load("compose.yaml")["services"]
    assert services["setup"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert services["setup"]["restart"] == "no"
    for name in ("gateway", "jobs"):
        waits = services[name]["depends_on"]
        assert waits == {"setup": {"condition": "service_completed_successfully"}}


@pytest.mark.parametrize("name", ["setup", "gateway", "jobs", "proxy"])
def test_services_have_no_more_than_they_need(name: str) -> None:
    """Nothing but /tmp to write to, no capabilities, no way to get any."""
    service = load("compose.yaml")["services"][name]
    assert (service["read_only"], service["tmpfs"]) == (True, ["/tmp"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_the_setup_knows_the_administrator() -> None:
    """What serves logs in as the functions do."""
    services = load("compose.yaml")["services"]
    assert {n for n, s in services.items() if "DATABASE_URL" in s.get("environment", {})} == {
        "setup"
    }


def test_requests_in_flight_have_time() -> None:
    """Docker waits longer than gunicorn does."""
    assert load("compose.yaml")["services"]["gateway"]["stop_grace_period"] == "35s"
    assert serving.GRACE < 35


# --- Cloud Run --------------------------------------------------------------------------------


def container(name: str) -> tuple[Any, Any]:
    """The revision's specification, and its one container."""
    specification = load(name)["spec"]["template"]["spec"]
    specification = specification.get("template", {}).get("spec", specification)
    [one] = specification["containers"]
    return specification, one


def test_cloud_run_sends_as_many_requests_as_there_are_workers() -> None:
    """One more would wait behind somebody's, and no other instance would be started for it."""
    specification, one = container("cloudrun.yaml")
    [workers] = [setting["value"] for setting in one["env"] if setting["name"] == "WORKERS"]
    assert specification["containerConcurrency"] == int(workers)
    assert specification["timeoutSeconds"] == serving.TIMEOUT


def test_the_first_process_and_its_workers_fit_into_the_memory() -> None:
    """Each has 75 MB at the most (README.md has the measurement), and there is room for answers."""
    specification, one = container("cloudrun.yaml")
    memory = int(one["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert (specification["containerConcurrency"] + 1) * 75 < memory


def test_cloud_run_s_probes() -> None:
    """Ready for the first request, alive afterwards; patient, and within what Cloud Run allows."""
    _, one = container("cloudrun.yaml")
    startup, liveness = one["startupProbe"], one["livenessProbe"]
    assert startup["httpGet"]["path"] == "/readyz"
    assert startup["periodSeconds"] * startup["failureThreshold"] <= 240
    assert liveness["httpGet"]["path"] == "/healthz"
    assert liveness["timeoutSeconds"] >= serving.TIMEOUT
    for probe in (startup, liveness):
        assert probe["timeoutSeconds"] <= probe["periodSeconds"]
        assert probe["httpGet"]["port"] == one["ports"][0]["containerPort"]


@pytest.mark.parametrize("name", ["cloudrun.yaml", "cloudrun-setup.yaml"])
def test_cloud_run_s_secrets_are_references(name: str) -> None:
    """What is secret stands in Secret Manager; the administrator's is the setup's alone."""
    _, one = container(name)
    secret = {setting["name"] for setting in one["env"] if "valueFrom" in setting}
    expected = {
        "cloudrun.yaml": {"VIBELOOM_DATABASE_URL", "VIBELOOM_JOB_TOKEN"},
        "cloudrun-setup.yaml": {"VIBELOOM_DATABASE_URL", "DATABASE_URL"},
    }
    assert secret == expected[name]


@pytest.mark.parametrize("there", [False, True], ids=["new", "there already"])
def test_the_script_makes_each_job_or_corrects_it(tmp_path: Path, there: bool) -> None:
    """Name, cron line and address of every job reach gcloud, whichever way."""
    said = tmp_path / "said"
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(
        "#!/bin/sh\n"
        f'[ "$3" = describe ] && exit {0 if there else 1}\n'
        f'for word in "$@"; do printf "%s\\t" "$word"; done >>{said}; echo >>{said}\n'
    )
    gcloud.chmod(0o755)
    settings = {"PROJECT": "p", "REGION": "r", "URL": "https://x.test/", "VIBELOOM_JOB_TOKEN": "t"}
    subprocess.run(
        ["bash", schedules.SCRIPT],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", **settings},
        check=True,
    )
    asked = [line.rstrip("\t").split("\t") for line in said.read_text().splitlines()]
    verb, headers = ("update", "--update-headers") if there else ("create", "--headers")
    assert asked == [
        [
            *("scheduler", "jobs", verb, "http", f"vibeloom-{job.name.replace('_', '-')}"),
            *("--project", "p", "--location", "r"),
            *("--schedule", job.cron, "--time-zone", "Etc/UTC"),
            *("--uri", f"https://x.test/v1/jobs/{job.name}", "--http-method", "POST"),
            *(headers, "Authorization=Bearer t", "--attempt-deadline", "60s"),
        ]
        for job in JOBS.values()
    ]
