"""`python -m sam build`: the artefacts for Lambda, and a table of them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sam import build, sources
from sam.target import HOST, MACHINES, BuildError, Target, lambda_target


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds; 1 if something is in the way of an artefact that can be shipped."""
    asked = _parser().parse_args(arguments)
    console = Console(soft_wrap=True)
    target: Target = HOST if asked.host else lambda_target(asked.arch)
    rooms = asked.room or sources.rooms()
    try:
        artefacts = build.build(rooms, target, asked.out, console.print)
    except BuildError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, soft_wrap=True)
        return 1
    console.print(table(artefacts, target))
    for artefact in artefacts:
        print(f"{artefact.sha256}  {asked.out / artefact.room}.zip")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sam")
    commands = parser.add_subparsers(required=True, metavar="build")
    command = commands.add_parser("build", help="one artefact per room, for Lambda")
    command.add_argument(
        "--room", action="append", choices=sources.rooms(), help="only this one; may be repeated"
    )
    for_what = command.add_mutually_exclusive_group()
    for_what.add_argument("--arch", default="arm64", choices=MACHINES, help="default: arm64")
    for_what.add_argument(
        "--host", action="store_true", help="for the Python that runs this, with its libraries"
    )
    command.add_argument("--out", type=Path, default=Path("build"), help="default: build")
    return parser


def table(artefacts: Sequence[build.Artefact], target: Target) -> Table:
    """Sizes beside their limits."""
    drawn = Table(title=f"Artefacts for {target.name}", title_justify="left")
    drawn.add_column("room")
    for heading in ("libraries", "unzipped", "limit", "zip"):
        drawn.add_column(heading, justify="right")
    for artefact in artefacts:
        drawn.add_row(
            artefact.room,
            str(artefact.libraries),
            _megabytes(artefact.unzipped),
            _megabytes(artefact.limit),
            _megabytes(artefact.zipped or 0),
        )
    return drawn


def _megabytes(size: int) -> str:
    return f"{size / build.MEGABYTE:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
