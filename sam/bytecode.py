"""Compiled modules beside the sources, so that a cold start does not compile.

They are never held against the source's date or hash when they are loaded: what is in an artefact
does not change.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from sam.target import BuildError, Target

TASK_ROOT = "/var/task"  # where Lambda unpacks an artefact: what tracebacks will show

_ASK = "import sys; print(sys.implementation.name, *sys.version_info[:2])"


def interpreter(target: Target) -> str | None:
    """A Python whose bytecode is the target's: the running one, or the first on the path."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    on_path = (shutil.which(f"python{target.version}", path=folder) for folder in folders)
    candidates = [sys.executable, *on_path]
    wanted = f"cpython {' '.join(map(str, target.python))}"
    return next((each for each in candidates if each and _says(each) == wanted), None)


def _says(python: str) -> str:
    """What an interpreter calls itself. A launcher with no interpreter behind it says nothing."""
    done = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip()


def compile_all(python: str, folder: Path, below: str = "") -> None:
    """Compiles everything in `folder`, which will be the folder `below` of the artefact."""
    command = [python, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(folder), "-p", f"{TASK_ROOT}/{below}", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BuildError(f"not everything compiles:\n{(done.stdout + done.stderr).strip()}")
