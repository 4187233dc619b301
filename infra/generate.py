"""`python -m infra.generate [--check]` writes what follows from the rooms and the schedule.

That is the rooms' parts of the AWS templates, one set of requirements a room, the schedules of
Supabase and of Cloud Scheduler, and the OpenAPI document. With `--check` nothing is written; the
exit code says whether everything is as it would be written.
"""

import argparse
import importlib
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from functions.core.room import Room, rooms
from functions.schedule import JOBS
from infra.alarms import rooms as alarms
from infra.blocks import with_blocks
from infra.container import schedules as cloud_scheduler
from infra.supabase import schedules as pg_cron
from sam import rooms as stack

ROOT = Path(__file__).parents[1]
OPENAPI = "functions/front/openapi.json"
CORE = ("aws-lambda-powertools", "pydantic", "psycopg[binary]", "aiosql")  # what core imports


def generated(root: Path = ROOT) -> dict[str, str]:
    """Each generated file, relative to `root`, as it should be given what stands there now."""
    jobs = list(JOBS.values())
    found = {
        "sam/template.yaml": stack.blocks(rooms(), jobs),
        "infra/alarms/cloudwatch.yaml": alarms.blocks(rooms()),
        "requirements/gateway.txt": {"every room": _every_room()},
        "supabase/schedules.sql": {"jobs": pg_cron.rows(jobs)},
    }
    texts = {name: with_blocks((root / name).read_text(), parts) for name, parts in found.items()}
    pins = _pins((root / "requirements/constraints.txt").read_text())
    texts |= {f"requirements/{room.name}.txt": requirements(room, pins) for room in rooms()}
    texts["infra/container/cloud-scheduler.sh"] = cloud_scheduler.script(jobs)
    texts[OPENAPI] = document()
    return texts


def requirements(room: Room, pins: Mapping[str, str]) -> str:
    """What the function `room` needs, in the versions of constraints.txt."""
    lines = [f"# What the function `{room.name}` needs; made from its room.py."]
    lines += ["-c constraints.txt"]
    lines += [f"{library}=={pins[_plain(library)]}" for library in (*CORE, *room.libraries)]
    return "\n".join(lines) + "\n"


def _every_room() -> str:
    return "".join(f"-r {room.name}.txt\n" for room in rooms())


def _pins(constraints: str) -> dict[str, str]:
    lines = (line.partition("==") for line in constraints.splitlines() if "==" in line)
    return {_plain(name): version for name, _, version in lines}


def _plain(requirement: str) -> str:
    """The library's name as all spellings of it are compared (PEP 503), without extras."""
    return re.sub(r"[-_.]+", "-", requirement.partition("[")[0]).lower()


def document() -> str:
    """The OpenAPI document of all rooms: a line for each path and for each schema."""
    from functions.core import openapi  # noqa: PLC0415 (the doors need settings: see `main`)

    merged = openapi.merge([importlib.import_module(room.module).app for room in rooms()])
    return _lines(merged, split=("paths", "components", "schemas")) + "\n"


def _lines(value: Mapping[str, Any], split: Sequence[str]) -> str:
    """`value` as JSON with a line for each key; so are the objects that `split` names."""
    parts = [
        f"{json.dumps(key)}: "
        + (_lines(item, split) if key in split else json.dumps(item, ensure_ascii=False))
        for key, item in value.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}"


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """0 when everything below `root` is as it should be, now or already."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check: bool = parser.parse_args(arguments).check
    os.environ.setdefault("VIBELOOM_DATABASE_URL", "postgresql://nobody@/nowhere")  # nobody asks it
    stale = {
        name: text
        for name, text in generated(root).items()
        if not (root / name).exists() or (root / name).read_text() != text
    }
    for name, text in stale.items():
        if check:
            print(f"{name} is not up to date: run python -m infra.generate", file=sys.stderr)
        else:
            (root / name).write_text(text)
            print(f"{name} written")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
