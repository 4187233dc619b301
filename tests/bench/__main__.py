"""`python -m tests.bench`: every figure from one run on this machine, beside its limit.

Exits with 1 when a limit is missed. The figures are kept in bench.json, too.
"""

import os
import sys
import time
from pathlib import Path

os.environ["THREADS"] = "1"
os.environ.setdefault("VIBELOOM_DATABASE_URL", "postgresql://nobody@/nowhere")

from rich.console import Console

from tests.bench import client_start, figures, ingest, lambda_start, monitor, query, queue, startup
from tests.e2e.stack_fixture import running_stack

KEPT = Path("bench.json")


def main() -> int:
    """Measures, prints, keeps; 1 if a limit is missed."""
    console = Console()
    began = time.monotonic()
    found: list[figures.Figure] = []
    with console.status("importing the handlers") as status:
        found += startup.measure(status.update)
        found += lambda_start.measure(status.update)
        found += client_start.measure(status.update)
        found += monitor.measure(status.update)
        status.update("starting Postgres and the gateway")
        with running_stack() as stack:
            found += ingest.measure(stack, status.update)
            found += query.measure(stack, status.update)
            found += queue.measure(stack, status.update)
    figures.show(found, console)
    figures.write(found, KEPT)
    console.print(f"{time.monotonic() - began:.0f} s; kept in {KEPT}")
    return 1 if any(figure.passed is False for figure in found) else 0


if __name__ == "__main__":
    sys.exit(main())
