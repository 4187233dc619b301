"""The logs that others got wrong, in ../shared/cases beside this project, and what is right."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack_fixture import ROOT

FOLDER = ROOT.parent / "shared" / "cases"


def right() -> dict[str, dict[str, Any]]:
    """`expected.json`; nothing where the folder is absent."""
    file = FOLDER / "expected.json"
    return json.loads(file.read_text()) if file.is_file() else {}


def folder(case: str, into: Path) -> Path:
    """A copy of a case's `~/.claude`; one that is made by a program is made.

    Skips the test where the folder is absent; fails it in CI, where nothing may be skipped.
    """
    if not FOLDER.is_dir():
        message = f"{FOLDER} is absent: it lies beside this project where that is developed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    copy = into / case
    shutil.copytree(FOLDER / case, copy, copy_function=shutil.copyfile)
    copy.chmod(0o755)
    if (copy / "make.py").exists():
        subprocess.run([sys.executable, "make.py"], cwd=copy, check=True)
    return copy
