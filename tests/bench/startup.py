"""What a cold start costs: the import of each room's handler, and the memory that it takes."""

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil

from tests.bench.figures import Figure, at_most
from tests.e2e.stack_fixture import ROOT, environment

HANDLERS = ("ingest", "query", "accounts", "sources", "front")
RUNS = 7
MOST_IMPORT = 250.0  # ms, of ingest
MEGABYTE = 1_000_000

# The interpreter's own start is not ours. Afterwards it waits, so that its memory can be read.
IMPORT = """
import importlib, sys, time
began = time.perf_counter()
importlib.import_module(sys.argv[1])
print((time.perf_counter() - began) * 1_000, flush=True)
sys.stdin.read()
"""


def measure(say: Callable[[str], None]) -> Iterator[Figure]:
    """The figures of each handler; the first run of each is left out, it makes the .pyc."""
    for name in HANDLERS:
        say(f"importing the handler of {name}")
        module = f"functions.{name}.handler"
        start(module)
        runs = [start(module) for _ in range(RUNS)]
        import_ms = statistics.median(milliseconds for milliseconds, _ in runs)
        label, note = f"import of {name}", f"median of {RUNS}, with .pyc"
        if name == "ingest":
            yield at_most(label, import_ms, "ms", MOST_IMPORT, note)
        else:
            yield Figure(label, import_ms, "ms", note=note)
        memory = statistics.median(size for _, size in runs) / MEGABYTE
        yield Figure(f"memory of {name}", memory, "MB", note="resident, after the import")


def start(module: str) -> tuple[float, float]:
    """Milliseconds of the import in a fresh process, and its resident memory in bytes."""
    settings = environment(VIBELOOM_DATABASE_URL="postgresql://nobody@/nowhere")
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    with subprocess.Popen(
        [sys.executable, "-c", IMPORT, module],
        cwd=ROOT,
        env=settings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        milliseconds = float(process.stdout.readline())
        memory = float(psutil.Process(process.pid).memory_info().rss)
        process.stdin.close()
    return milliseconds, memory
