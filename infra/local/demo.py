"""The demonstration: a week of samples through the real monitor to a heatmap and its cost."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from infra.local.samples import write_sample_sessions
from infra.local.settings import ROOT
from infra.local.stack import Stack, StackError

SOURCE = "demo-laptop"
CLIENT = ROOT / "clients" / "python"


def show(stack: Stack, token: Path, console: Console) -> None:
    """Replay the samples, draw the heatmap and the costs; what fails is said, the stack serves on.

    A second time the monitor has its key, and the spool knows what was sent: only new days go out.
    """
    secret = token.read_text().strip()
    home = stack.settings.home / "demo"
    home.mkdir(mode=0o700, exist_ok=True)
    write_sample_sessions(home / "claude", datetime.now(UTC))
    console.print(f"\nSample sessions of a week, replayed as {SOURCE}:", soft_wrap=True)
    try:
        if not (home / "key.priv").exists():
            _client(stack, secret, "monitor", "init")
        _client(stack, secret, "monitor", "register", "--url", stack.settings.url)
        _client_aloud(stack, secret, "monitor", "run", "--once")
        _client_aloud(stack, secret, "heatmap", "--url", stack.settings.url)
        _client_aloud(stack, secret, "usage", "--daily", "--days", "7")
    except StackError as error:
        console.print(f"the demonstration failed: {error}", markup=False, soft_wrap=True)
    console.print("\nAsk it yourself, with this access token:", soft_wrap=True)
    console.print(
        f"  curl -H 'Authorization: Bearer {secret}' '{stack.settings.url}/v1/query?days=7'",
        markup=False,
        soft_wrap=True,
    )


def _client(stack: Stack, token: str, *arguments: str) -> None:
    """Run a command of the client. Raises StackError with its complaint."""
    done = subprocess.run(  # noqa: S603
        _command(arguments),
        env=_environment(stack, token),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        complaint = (done.stderr or done.stdout).strip()
        raise StackError(f"`vibeloom {' '.join(arguments[:2])}` says: {complaint}")


def _client_aloud(stack: Stack, token: str, *arguments: str) -> None:
    """Run a command of the client on this terminal, in its colours and width."""
    sys.stdout.flush()
    done = subprocess.run(  # noqa: S603
        _command(arguments),
        env=_environment(stack, token),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        raise StackError(f"`vibeloom {' '.join(arguments[:2])}` failed; it said why above")


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "vibeloom.cli", *arguments]


def _environment(stack: Stack, token: str) -> dict[str, str]:
    """The client's settings; the token goes this way because everybody may list arguments."""
    home = stack.settings.home / "demo"
    return {
        **stack.environment,
        "PYTHONPATH": str(CLIENT),
        "VIBELOOM_URL": stack.settings.url,
        "VIBELOOM_TOKEN": token,
        "VIBELOOM_KEY_PATH": str(home),
        "VIBELOOM_SOURCE_ID": SOURCE,
        "VIBELOOM_CLAUDE_DIR": str(home / "claude"),
    }
