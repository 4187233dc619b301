"""What a person can set for the local stack: the only place here that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class SettingsError(Exception):
    """A setting cannot be used; the message names it."""


@dataclass(frozen=True)
class Settings:
    """Where the stack lives and listens; README.md has the table."""

    port: int
    home: Path
    workers: int
    database_url: str | None  # an administrator's, of a Postgres that is not ours to start
    functions_url: str | None  # used untouched if it is set
    environment: Mapping[str, str]  # what children inherit

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        return f"http://127.0.0.1:{self.port}"


# Not for children: the administrator's address, and what would change the server behind our back.
WITHHELD = ("DATABASE_URL", "DEBUG", "FUNCTION_USE_ASGI", "GUNICORN_CMD_ARGS")


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in this environment. Raises SettingsError."""
    home = Path(environment.get("VIBELOOM_HOME") or ROOT / ".vibeloom").expanduser()
    return Settings(
        port=_number(environment, "PORT", 8787, 65_535),
        home=home.absolute(),
        workers=_number(environment, "WORKERS", 2, 64),
        database_url=environment.get("DATABASE_URL") or None,
        functions_url=environment.get("VIBELOOM_DATABASE_URL") or None,
        environment={k: v for k, v in environment.items() if k not in WITHHELD},
    )


def _number(environment: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise SettingsError(f"{name}={text}: give a whole number from 1 to {most}")
    return int(text)
