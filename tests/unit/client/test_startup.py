"""A command imports what it needs: the start is what everybody waits for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.client import figures
from tests.unit.client.conftest import Env
from tests.unit.client.figures import Figures
from tests.unit.client.loopback import Loopback

CLIENT = Path(__file__).parents[3] / "clients" / "python"

# What takes long to import, and the commands that do without.
NETWORK = {"httpx", "httpcore", "h11", "anyio", "ssl", "vibeloom.server"}
CRYPTOGRAPHY = {"nacl", "_cffi_backend", "vibeloom.keys"}
WATCHING = {"watchfiles", "vibeloom.monitor", "vibeloom.collect", "vibeloom.pump"}
SPOOL = {"sqlite3", "msgspec", "vibeloom.spool", "vibeloom.entries", "vibeloom.events"}
TERMINAL = {"typer", "rich", "click", "shellingham", "vibeloom.cli", "vibeloom.console"}
ELSE = {"asyncio", "multiprocessing", "postgrest", "vibeloom.rows", "subprocess", "email"}

WITHOUT = {
    "statusline": NETWORK | CRYPTOGRAPHY | WATCHING | SPOOL | TERMINAL | ELSE,
    "--help": NETWORK | CRYPTOGRAPHY | WATCHING | SPOOL | {"vibeloom.settings", "postgrest"},
    "monitor version": NETWORK | CRYPTOGRAPHY | WATCHING | SPOOL | {"vibeloom.settings"},
    "monitor status": NETWORK | WATCHING | {"postgrest", "multiprocessing"},
    "monitor requeue": NETWORK | WATCHING | {"postgrest", "multiprocessing"},
    "usage": CRYPTOGRAPHY | WATCHING | SPOOL | {"postgrest", "multiprocessing"},
    "usage --json": CRYPTOGRAPHY | WATCHING | SPOOL | {"vibeloom.usage_table"},
    "heatmap": CRYPTOGRAPHY | WATCHING | SPOOL | {"postgrest", "multiprocessing"},
}


@pytest.fixture
def env(env: Env, server: Loopback, tmp_path: Path) -> Env:
    """A machine that has everything but a spool."""
    home = tmp_path / "home"
    home.mkdir()
    server.always = Figures({"tokens": figures.tokens_page(figures.tokens("2026-11-14", "m", 1))})
    return {**os.environ, **env, "VIBELOOM_TOKEN": "secret-token", "PYTHONPATH": str(CLIENT)}


def imported(env: Env, *arguments: str) -> set[str]:
    """The modules that a command imports, without those that the interpreter begins with."""

    def names(*command: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *command],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
        )
        lines = done.stderr.splitlines()
        assert not any("Traceback" in line for line in lines), done.stderr
        return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time")}

    return names("-m", "vibeloom", *arguments) - names("-c", "pass")


@pytest.mark.parametrize("command", WITHOUT)
def test_what_a_command_does_without(env: Env, server: Loopback, command: str) -> None:
    """None of these modules is imported on the way to the command's end."""
    if command == "heatmap":
        server.always = lambda _: (200, {"aggregates": []}, {})
    if command == "statusline":  # figures are there, so that none are fetched
        _remember_figures(env)
    found = imported(env, *command.split())
    roots = {name.partition(".")[0] for name in found}
    assert (found | roots) & WITHOUT[command] == set()


def _remember_figures(env: Env) -> None:
    import time

    from vibeloom import settings, statusline_refresh

    before = statusline_refresh.refresh(settings.load(env), time.time())
    assert before["asked_at"]


@pytest.mark.parametrize("module", ["vibeloom", "vibeloom.cli"])
def test_both_modules_are_the_command(env: Env, module: str) -> None:
    """`python -m vibeloom` and `python -m vibeloom.cli` are the installed command."""
    done = subprocess.run(
        [sys.executable, "-m", module, "monitor", "version"],
        env=env,
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.startswith("vibeloom ")
    help_text = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        env=env,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert "Usage: vibeloom [OPTIONS]" in help_text


def test_the_entry_point_is_the_short_way() -> None:
    """The installed command begins where nothing is imported yet."""
    import tomllib

    project = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"vibeloom": "vibeloom.__main__:main"}


def test_the_package_itself_imports_nothing(env: Env) -> None:
    """Whoever imports `vibeloom` pays for `rest` when it is used; what is not there is an error."""
    code = (
        "import sys; before = set(sys.modules); import vibeloom;"
        " new = set(sys.modules) - before; assert new == {'vibeloom'}, new;"
        " from vibeloom import rest; assert rest.__module__ == 'vibeloom.rows';"
        " assert not hasattr(vibeloom, 'nothing')"
    )
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
