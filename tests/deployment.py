"""Leaves out the deployment suites when nothing that they cover has changed.

`pytestmark = pytest.mark.deployment("supabase", "functions/gateway.py")` names what a suite covers:
folders and files; its own file always counts. It runs if one of them differs from the merge base
with the main branch, committed or not. It always runs with `--deployment`, with the environment
variable CI, and where git cannot say what has changed.
"""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

MAIN = ("origin/main", "main")
LEFT_OUT = "unchanged since main: {}; `pytest --deployment` runs it"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deployment", action="store_true", help="run all deployment suites")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "deployment(*paths): run only when one of these files or folders changed"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skips what is left out, with the reason, so that pytest's summary counts and names it."""
    marked = [(item, mark) for item in items for mark in item.iter_markers("deployment")]
    for path in {path for _, mark in marked for path in mark.args}:
        if not (config.rootpath / path).exists():
            raise pytest.UsageError(f"a suite is marked deployment, but {path} is not there")
    if not marked or config.getoption("--deployment") or os.environ.get("CI"):
        return
    changed = changed_files(config.rootpath)
    if changed is None:
        return
    for item, mark in marked:
        own = item.path.relative_to(config.rootpath).as_posix()
        if not covers((own, *mark.args), changed):
            item.add_marker(pytest.mark.skip(LEFT_OUT.format(", ".join(mark.args))))


def covers(paths: Iterable[str], changed: Iterable[str]) -> bool:
    """Whether one of the `changed` files is one of `paths` or lies in one of them."""
    wanted = {Path(path) for path in paths}
    return any(wanted & {Path(file), *Path(file).parents} for file in changed)


def changed_files(root: Path) -> set[str] | None:
    """What differs from the merge base with the main branch; None if git cannot say."""
    if (top := _git(root, "rev-parse", "--show-toplevel")) is None or Path(top) != root.resolve():
        return None
    bases = (_git(root, "merge-base", "HEAD", branch) for branch in MAIN)
    if (base := next((found for found in bases if found), None)) is None:
        return None
    differing = _git(root, "diff", "--name-only", "--no-renames", "-z", base)
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z")
    if differing is None or new is None:
        return None
    return {name for name in (differing + new).split("\0") if name}


def _git(root: Path, *arguments: str) -> str | None:
    """What git answers, without the line's end; None if it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.rstrip("\n")
