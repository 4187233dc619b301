"""Which of our own files a room needs, read from the imports: its own folder, `core`, the schedule,
and what it takes from other rooms.
"""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "functions"

# Every room has the schedule, which names the jobs of all rooms. A room runs its own only, so those
# of others are not there.
ALWAYS = (f"{PACKAGE}.schedule", f"{PACKAGE}.core")
DATA = "*/room.py"  # and what each room is: core merges their scopes


def rooms(root: Path = ROOT) -> list[str]:
    """The rooms there are."""
    return sorted(file.parent.name for file in _descriptions(root))


def _descriptions(root: Path) -> list[Path]:
    """The `room.py` of each room; core's is the class."""
    return [file for file in (root / PACKAGE).glob(DATA) if file.parent.name != "core"]


def needed(room: str, root: Path = ROOT) -> list[Path]:
    """The files of `room`, relative to `root`, in order: modules, SQL and JSON beside them."""
    own = (*ALWAYS, f"{PACKAGE}.{room}")
    waiting = [module for name in own for module in _modules(name, root)]
    found: set[Path] = set()
    while waiting:
        module = waiting.pop()
        file = _file(module, root)
        if file is None or file in found:
            continue
        found.add(file)
        waiting += _parents(module)
        waiting += _imported(root / file)
    for folder in {file.parent for file in found}:
        for pattern in ("*.sql", "*.json"):
            found |= {file.relative_to(root) for file in (root / folder).glob(pattern)}
    return sorted(found | {file.relative_to(root) for file in _descriptions(root)})


def copy(files: list[Path], destination: Path, root: Path = ROOT) -> None:
    """Copies `files` below `destination`, as they are."""
    for file in files:
        (destination / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, destination / file)


def _modules(name: str, root: Path) -> Iterator[str]:
    """`name`, and if it is a package all that is in it."""
    yield name
    folder = root / Path(*name.split("."))
    for file in folder.rglob("*.py"):
        parts = file.relative_to(root).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _file(module: str, root: Path) -> Path | None:
    """The file of a module of ours, relative to `root`; None for everything else."""
    path = Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (root / candidate).is_file():
            return candidate
    return None


def _parents(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def _imported(file: Path) -> Iterator[str]:
    """What may be our modules among the imports of `file`, inside functions, too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
