"""How commands print: JSON for programs, text and tables for people, progress on stderr."""
# ruff: noqa: PLC0415 - JSON needs no rich

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def print_json(document: Any) -> None:
    """Print for a program, in ASCII."""
    sys.stdout.write(json.dumps(document, ensure_ascii=True, indent=2) + "\n")


def show(content: Any) -> None:
    """Print for a person."""
    from rich.console import Console
    from rich.text import Text

    # wide enough for long addresses when the output is a file, the terminal's own width otherwise
    Console(highlight=False, soft_wrap=isinstance(content, (str, Text))).print(content)


def say(message: str) -> None:
    """Print what is going on, with the time of day, on stderr."""
    from datetime import datetime

    from rich.console import Console
    from rich.text import Text

    stamp = Text(datetime.now().astimezone().strftime("%H:%M:%S "), style="dim")
    Console(stderr=True, soft_wrap=True).print(stamp.append(message, style="not dim"))


def console() -> "Console":
    """A console on which nobody's text is markup, and no character is an error."""
    from io import TextIOWrapper

    from rich.console import Console

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(highlight=False, markup=False, emoji=False)
