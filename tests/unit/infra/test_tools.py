"""`make tools`: what it says where something cannot be had, and what it would fetch."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import tools

ROOT = Path(__file__).resolve().parents[3]
# What the script needs to say anything at all; no npm, no apt-get.
LOCK_FILES = [
    f"{folder}/package-lock.json" for folder in ("supabase", "tests/ccusage", "tests/api_clients")
]
REQUIREMENTS = "tests/api_clients/requirements.txt"
PROGRAMS = ["bash", "cat", "chmod", "cksum", "cut", "dirname", "id", "mkdir", "rm", "touch"]


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout on a machine with next to nothing installed."""
    for file in ("infra/tools.sh", REQUIREMENTS, *LOCK_FILES):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "bin").mkdir()
    for name in PROGRAMS:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def run(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "bin/bash", checkout / "infra/tools.sh"],
        env={"PATH": str(checkout / "bin"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_cannot_be_had_is_named(bare: Path) -> None:
    """On a laptop that is no error: the tests that need it are skipped."""
    done = run(bare)
    assert done.returncode == 0, done.stderr
    assert "the Supabase CLI, Deno, Postgres 17: no npm; install Node.js 20" in done.stderr
    assert "ccusage: no npm; install Node.js 20 or newer" in done.stderr
    assert "openapi-fetch, Spectral: no npm; install Node.js 20 or newer" in done.stderr
    assert "openapi-python-client: no python3; install Python 3.11 or newer" in done.stderr
    assert "pgbouncer: this is no Debian; install pgbouncer" in done.stderr
    assert "promtool: this is no Debian; install prometheus" in done.stderr


def test_in_ci_it_is_an_error(bare: Path) -> None:
    """There nothing may be skipped."""
    done = run(bare, CI="true")
    assert done.returncode == 1
    assert "no npm; install Node.js" in done.stderr


def test_a_tool_that_is_there_is_not_fetched(bare: Path) -> None:
    """Whoever installed it keeps theirs."""
    for name in ("pgbouncer", "promtool"):
        (bare / "bin" / name).symlink_to(str(shutil.which("true")))
    said = run(bare).stderr
    assert "no npm;" in said
    assert "pgbouncer" not in said
    assert "promtool" not in said


def test_a_missing_tool_fails_in_ci_and_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the word that gets it."""
    tools.require("bread", found=True)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no bread: `make tools` gets it"):
        tools.require("bread", found=False)
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no bread: `make tools` gets it"):
        tools.require("bread", found=False)


@pytest.mark.parametrize("file", LOCK_FILES)
def test_the_lock_file_names_versions_and_hashes_and_no_addresses(file: str) -> None:
    """Whoever has a mirror of the registry uses it; what comes is checked all the same."""
    text = (ROOT / file).read_text()
    assert '"resolved"' not in text
    wanted = json.loads((ROOT / file).with_name("package.json").read_text())
    packages = json.loads(text)["packages"]
    for kind in ("devDependencies", "optionalDependencies"):
        for name, version in wanted.get(kind, {}).items():
            assert packages[f"node_modules/{name}"]["version"] == version
            assert packages[f"node_modules/{name}"]["integrity"].startswith("sha512-")


def test_the_tools_from_pypi_are_pinned() -> None:
    """With all that they need, so that the same ones are there tomorrow."""
    lines = (ROOT / REQUIREMENTS).read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert len(pins) > 20
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+", pin) for pin in pins)


def test_the_ccusage_that_tests_run_is_checked(bare: Path) -> None:
    """Its program stands in a package of the platform, which the lock file knows by its hash."""
    packages = json.loads((bare / "tests/ccusage/package-lock.json").read_text())["packages"]
    program = packages["node_modules/@ccusage/ccusage-linux-x64"]
    assert program["integrity"].startswith("sha512-")
    assert program["version"] == packages["node_modules/ccusage"]["version"]
