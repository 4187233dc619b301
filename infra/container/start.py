"""What the image runs: `python -m infra.container.start` becomes gunicorn, which then is process 1.

PORT (8080), HOST (0.0.0.0) and WORKERS (as many as there are CPUs) steer it.
"""

import math
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from infra import serving

CGROUP = Path("/sys/fs/cgroup")


class SettingsError(Exception):
    """A setting cannot be used; the message names it."""


def cpus(cgroup: Path = CGROUP) -> int:
    """How many CPUs this container may keep busy, at least 1.

    Python knows which CPUs it may run on, but not that `--cpus 0.5` is a share of their time: that
    is the quota in `cpu.max` (cgroup 2). Begun CPUs count as whole ones.
    """
    if sys.platform == "linux":
        visible = len(os.sched_getaffinity(0))
    else:
        visible = os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return min(visible, max(1, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such cgroup, or "max": no limit
        return visible


def command(environment: Mapping[str, str]) -> list[str]:
    """The command line that serves in `environment`. Raises SettingsError."""
    port = _number(environment, "PORT", 8080, 65_535)
    workers = _number(environment, "WORKERS", cpus(), 64)
    return serving.command(f"{environment.get('HOST') or '0.0.0.0'}:{port}", workers)  # noqa: S104


def empty(directory: Path) -> None:
    """An empty directory, whatever was there: the counters of workers that are long gone."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)


def main() -> None:
    """Never returns, unless something is wrong."""
    try:
        arguments = command(os.environ)
        counters = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if counters:
            empty(Path(counters))
    except (SettingsError, OSError) as error:
        sys.exit(f"vibeloom: {error}")
    os.execv(arguments[0], arguments)  # noqa: S606 (no shell: signals reach gunicorn itself)


def _number(environment: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise SettingsError(f"{name}={text}: give a whole number from 1 to {most}")
    return int(text)


if __name__ == "__main__":
    main()
