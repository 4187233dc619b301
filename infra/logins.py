"""A login of its own for each room, for functions that have a process to themselves, as on Lambda.

    python -m infra.logins 'postgresql://{login}:{password}@HOST:6543/postgres?sslmode=require'

DATABASE_URL is an administrator's address of the migrated database. Each room's role gets a new
password, and standard output a line `room<TAB>address`, to be piped to where secrets are kept. A
room that logs in as itself can do what the room needs, whatever runs in its process.
"""

import os
import secrets
import sys
from collections.abc import Iterator

import psycopg

from functions.core.room import rooms
from infra.local.database import set_password

PASSWORD_BYTES = 24  # 192 bits


def make(admin_url: str, pattern: str) -> Iterator[tuple[str, str]]:
    """Gives each room's role a new password; the room, and where it logs in."""
    for room in rooms():
        login = f"vibeloom_{room.name}"
        password = secrets.token_hex(PASSWORD_BYTES)
        set_password(admin_url, login, password)
        yield room.name, pattern.replace("{login}", login).replace("{password}", password)


def main(arguments: list[str]) -> int:
    """The command line."""
    admin_url = os.environ.get("DATABASE_URL")
    if len(arguments) != 1 or not all(part in arguments[0] for part in ("{login}", "{password}")):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    if not admin_url:
        sys.stderr.write("error: set DATABASE_URL to an administrator's address\n")
        return 1
    try:
        for room, address in make(admin_url, arguments[0]):
            sys.stdout.write(f"{room}\t{address}\n")
    except psycopg.Error as error:
        sys.stderr.write(f"error: {error.diag.message_primary or error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
