"""`python -m functions.work run | list | retry ID | drop ID | drain`: the worker and the queue."""

import argparse
import json
import sys

from functions import schedule
from functions.core import work
from functions.core.config import ConfigError
from functions.core.errors import ApiError
from functions.core.work import Budget, Row


def main() -> int:
    """0 when it did what was asked."""
    parser = argparse.ArgumentParser(prog="python -m functions.work", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the schedule and the queue until SIGTERM or Ctrl-C")
    listing = commands.add_parser("list", help="show what waits, runs or is dead")
    listing.add_argument("--dead", action="store_true", help="only the dead letters")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    for name, text in (
        ("retry", "try an item again now, as if it had never been tried"),
        ("drop", "delete an item that nobody works on"),
    ):
        commands.add_parser(name, help=text).add_argument("id", type=int)
    commands.add_parser("drain", help="run what is due, then end")
    given = parser.parse_args()
    try:
        return _do(given)
    except (ApiError, ConfigError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _do(given: argparse.Namespace) -> int:
    if given.command == "run":
        from functions.work import worker

        worker.run()
    elif given.command == "list":
        for row in work.listed(given.dead):
            print(json.dumps(row._asdict(), default=str) if given.json else _line(row))
    elif given.command == "drain":
        drained = work.drain(schedule.tasks(), Budget())
        print(f"{drained.done} done, {drained.failed} failed")
    elif not (work.retry if given.command == "retry" else work.drop)(given.id):
        print(f"error: no item {given.id} waits or is dead; see `list`", file=sys.stderr)
        return 1
    return 0


def _line(row: Row) -> str:
    if row.failed_at:
        state = f"dead since {row.failed_at:%Y-%m-%d %H:%M}"
    elif row.lease_until:
        state = f"running, leased until {row.lease_until:%H:%M:%S}"
    else:
        state = f"due {row.due_at:%Y-%m-%d %H:%M}"
    error = f", {row.error}" if row.error else ""
    args = json.dumps(row.args) if row.args else ""
    return f"{row.id} {row.task} {row.owner_id} {args} {state}, {row.attempts} attempts{error}"


if __name__ == "__main__":
    sys.exit(main())
