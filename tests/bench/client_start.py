"""What a person waits for: the start of `vibeloom`, beside that of the interpreter alone."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.figures import Figure, at_most
from tests.e2e.stack_fixture import ROOT, environment
from vibeloom import settings, statusline, statusline_refresh

RUNS = 15
MOST_LINE = 150.0  # ms, of a status line
COMMANDS = {"vibeloom statusline": ["statusline"], "vibeloom --help": ["--help"]}


def measure(say: Callable[[str], None]) -> Iterator[Figure]:
    """The median of each start in a fresh process; the first run is left out, it makes the .pyc."""
    with tempfile.TemporaryDirectory(prefix="vl-bench-") as folder:
        env = environment(
            VIBELOOM_KEY_PATH=folder,
            VIBELOOM_URL="http://127.0.0.1:9",
            VIBELOOM_TOKEN="nobody's",
            PYTHONPATH=str(ROOT / "clients" / "python"),
        )
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        _remember_figures(env)
        say("starting vibeloom")
        bare = _median(env, ["-c", "pass"])
        yield Figure("python -c pass", bare, "ms", note=f"median of {RUNS}")
        for label, arguments in COMMANDS.items():
            took = _median(env, ["-m", "vibeloom", *arguments])
            note = f"median of {RUNS}, {took / bare:.1f} × the bare interpreter"
            if arguments == ["statusline"]:
                yield at_most(label, took, "ms", MOST_LINE, note)
            else:
                yield Figure(label, took, "ms", note=note)


def _remember_figures(env: dict[str, str]) -> None:
    """Figures that stay fresh: a line that starts a process to fetch some is another matter."""
    configured = settings.load(env)
    document = {
        "format": statusline.FORMAT,
        "account": statusline.account(configured),
        "asked_at": time.time(),
        "figures_at": time.time(),
        "problem": None,
        "today": {"ends_at": time.time() + 3_600, "cost_usd": 4.31, "unpriced": 0},
        "block": None,
    }
    statusline_refresh.place(statusline.cache_path(Path(configured.home)), document)


def _median(env: dict[str, str], arguments: list[str]) -> float:
    """Milliseconds."""

    def once() -> float:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return (time.perf_counter() - began) * 1_000

    once()
    return statistics.median(once() for _ in range(RUNS))
