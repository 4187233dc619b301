"""sam/lint without AWS' tools: what it says where they cannot be had, and what it asks of them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# A stand-in for python3: makes an environment whose pip does as it is told and whose tools only
# write down how they were called.
PYTHON = """#!/bin/sh
[ "$2" = venv ] || exit 1
mkdir -p .venv-sam/bin
printf '#!/bin/sh\\necho "$*" >> pip-calls\\nexit {pip}\\n' > .venv-sam/bin/python
for tool in cfn-lint sam; do
    printf '#!/bin/sh\\necho "%s $*" >> calls\\nenv >> environment\\nexit {lint}\\n' $tool \\
        > .venv-sam/bin/$tool
done
chmod +x .venv-sam/bin/*
"""


class Checkout:
    """The script and the pins, with a Python that is not one."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "sam").mkdir()
        (home / "requirements").mkdir()
        shutil.copy(ROOT / "sam/lint", home / "sam")
        shutil.copy(ROOT / "requirements/sam.txt", home / "requirements")

    def lint(
        self, *, pip: int = 0, lint: int = 0, ci: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Runs it; `pip` and `lint` are what those exit with."""
        python = self.home / "python"
        python.write_text(PYTHON.format(pip=pip, lint=lint))
        python.chmod(0o755)
        return subprocess.run(
            [str(self.home / "sam/lint")],
            env={"PATH": os.environ["PATH"], "PYTHON": str(python), "CI": ci, "AWS_PROFILE": "me"},
            capture_output=True,
            text=True,
            check=False,
        )

    def read(self, name: str) -> list[str]:
        return (self.home / name).read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_both_templates_are_checked_by_both_tools(checkout: Checkout) -> None:
    """And a second time without another installation."""
    assert checkout.lint().returncode == 0
    assert checkout.lint().returncode == 0
    both = "sam/template.yaml infra/alarms/cloudwatch.yaml"
    assert checkout.read("calls")[:3] == [
        f"cfn-lint -- {both}",
        "sam validate --lint --template-file sam/template.yaml",
        "sam validate --lint --template-file infra/alarms/cloudwatch.yaml",
    ]
    assert len(checkout.read("pip-calls")) == 1


def test_no_account_is_used(checkout: Checkout) -> None:
    """Neither credentials nor telemetry nor anything in the home directory."""
    checkout.lint()
    found = set(checkout.read("environment"))
    assert {"AWS_ACCESS_KEY_ID=none", "AWS_SECRET_ACCESS_KEY=none"} <= found
    assert {"AWS_DEFAULT_REGION=eu-central-1", "SAM_CLI_TELEMETRY=0"} <= found
    assert not any(line.startswith("AWS_PROFILE=") for line in found)


def test_a_finding_is_an_error(checkout: Checkout) -> None:
    """Whoever runs it."""
    assert checkout.lint(lint=4).returncode == 4


def test_without_a_network_it_says_so(checkout: Checkout) -> None:
    """And is no reason to stop on a laptop."""
    done = checkout.lint(pip=1)
    assert done.returncode == 0
    assert "not checked, because AWS' tools cannot be installed into .venv-sam" in done.stderr
    assert not (checkout.home / "calls").exists()


def test_in_ci_that_is_an_error(checkout: Checkout) -> None:
    """A check that did not run is not a check that passed."""
    done = checkout.lint(pip=1, ci="true")
    assert done.returncode == 1
    assert "not checked" in done.stderr


def test_an_installation_that_was_broken_off_is_done_again(checkout: Checkout) -> None:
    """The stamp comes last."""
    checkout.lint(pip=1)
    assert checkout.lint().returncode == 0
    assert len(checkout.read("pip-calls")) == 2
    assert len(checkout.read("calls")) == 3


def test_a_new_pin_is_installed(checkout: Checkout) -> None:
    """The stamp is of the pins' content."""
    checkout.lint()
    with (checkout.home / "requirements/sam.txt").open("a") as pins:
        pins.write("another==1\n")
    checkout.lint()
    assert len(checkout.read("pip-calls")) == 2
