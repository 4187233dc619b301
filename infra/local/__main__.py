"""`python -m infra.local serve` and `python -m infra.local run`."""

import argparse
import contextlib
import sys

from rich.console import Console

from infra.local.access_token import ensure_token
from infra.local.settings import SettingsError, read
from infra.local.stack import Stack, serve


def main() -> int:
    """Run the stack until Ctrl-C; 0 then, 1 if it could not start."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="the stack")
    commands.add_parser("run", help="the stack, and a week of sample sessions through it")
    command = parser.parse_args().command
    console = Console(highlight=False)

    def say(line: str) -> None:
        # A closed terminal or pipe must not keep the stack from stopping what it started.
        with contextlib.suppress(OSError, SystemExit):  # rich makes a broken pipe a SystemExit
            console.print(line, markup=False, soft_wrap=True)

    def introduce(stack: Stack) -> None:
        token = ensure_token(stack)
        if command == "run":
            from infra.local import demo  # noqa: PLC0415 - serving needs no samples

            demo.show(stack, token, console)
        home = stack.settings.home
        say(f"\nVibeloom answers at {stack.settings.url}")
        say(f"  logs   {home}/gateway.log, worker.log, postgres.log")
        say(f"  token  {token}")
        say("  stop   Ctrl-C\n")

    try:
        return serve(read(), say, introduce)
    except SettingsError as error:
        say(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
