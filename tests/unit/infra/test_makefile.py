"""What `make` says on a machine that lacks something; nothing is installed here."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile and the pins, and no environment yet."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )


def python(checkout: Path, script: str) -> str:
    """A stand-in for an interpreter."""
    path = checkout / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"PYTHON={path}"


def test_help_is_the_default_and_names_every_command(checkout: Path) -> None:
    """One line each."""
    listed = [line.split()[1] for line in make(checkout).stdout.splitlines()]
    assert listed == [
        *("help", "setup", "run", "serve", "tools", "test", "check", "generate", "build", "bench"),
    ]


def test_a_machine_without_python_is_told_so(checkout: Path) -> None:
    """Not that some recipe failed with 127."""
    done = make(checkout, "setup", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "error: no no-such-python; install Python 3.11 or newer" in done.stderr


def test_a_python_that_is_too_old_is_a_clear_error(checkout: Path) -> None:
    """It names the version that was found, and how to name another."""
    old = python(checkout, 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac')
    done = make(checkout, "serve", old)
    assert done.returncode != 0
    assert "error: Python 3.9.2 is too old; Vibeloom needs 3.11 or newer" in done.stderr
    assert "make PYTHON=python3.12 serve" in done.stderr


def test_a_python_without_ensurepip_is_a_clear_error(checkout: Path) -> None:
    """Debian and Ubuntu split it off; the message has the package's name."""
    bare = python(checkout, 'case "$2" in *ensurepip*) exit 1;; esac')
    done = make(checkout, "setup", bare)
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr
    assert not (checkout / ".venv").exists()


def test_an_install_is_repeated_only_when_a_pin_changes(checkout: Path) -> None:
    """A stamp per content: a second `make setup` needs no network, a new pin installs again."""
    fake = python(
        checkout,
        'case "$2" in venv) mkdir -p .venv/bin; cp "$0" .venv/bin/python;; '
        'pip) echo "pip $*" >> installs;; esac',
    )
    installs = checkout / "installs"
    make(checkout, "setup", fake)
    make(checkout, "setup", fake)
    assert len(installs.read_text().splitlines()) == 1
    with (checkout / "requirements" / "local.txt").open("a") as pins:
        pins.write("another==1\n")
    make(checkout, "setup", fake)
    assert len(installs.read_text().splitlines()) == 2
