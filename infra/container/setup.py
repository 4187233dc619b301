"""Prepares a database: `python -m infra.container.setup`, before each new version.

DATABASE_URL is an administrator's address, direct and not through a transaction pooler;
VIBELOOM_DATABASE_URL is where the functions will log in, with the password that they get here. What
Supabase has and a plain Postgres lacks is made where it is missing, the migrations are applied, and
the role `vibeloom_functions` is given its password. Done again, it changes nothing.
"""

import os
import sys
from collections.abc import Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict

from infra.local import database
from migrations.apply import MigrationError

UNRESTRICTED = "select rolsuper or rolbypassrls from pg_roles where rolname = session_user"


class SetupError(Exception):
    """The database cannot be prepared; the message says what to do."""


def prepare(environment: Mapping[str, str]) -> None:
    """Does all of it. Raises SetupError, MigrationError, psycopg.Error."""
    admin_url, _ = _address(environment, "DATABASE_URL")
    functions_url, password = _address(environment, "VIBELOOM_DATABASE_URL")
    if not password:
        raise SetupError("VIBELOOM_DATABASE_URL: holds no password for the functions' login")
    database.prepare(admin_url, print)
    if _login_fails(functions_url):
        database.set_password(admin_url, database.FUNCTIONS_ROLE, password)
        if cause := _login_fails(functions_url):
            raise SetupError(
                f"VIBELOOM_DATABASE_URL: {database.FUNCTIONS_ROLE} cannot log in there: {cause}"
            )


def _login_fails(url: str) -> str:
    """Why one cannot log in at this address, or nothing."""
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            [(is_unrestricted,)] = connection.execute(UNRESTRICTED).fetchall()
            if is_unrestricted:
                raise SetupError(
                    "VIBELOOM_DATABASE_URL: logs in as a superuser, or one with bypassrls:"
                    f" row-level security would bind nobody. Use {database.FUNCTIONS_ROLE}"
                )
    except psycopg.OperationalError as error:
        return str(error)
    return ""


def _address(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    """The address and its password; libpq's own complaints would quote what stands there."""
    url = environment.get(name)
    if not url:
        raise SetupError(f"{name}: not set")
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise SetupError(f"{name}: is not the address of a Postgres") from None
    if "@" in str(parts.get("host", "")):
        raise SetupError(f"{name}: an @ in the password has to be written as %40")
    return url, str(parts.get("password") or "")


def main() -> int:
    """0, or 1 with a line that says why."""
    try:
        prepare(os.environ)
    except (SetupError, MigrationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except psycopg.Error as error:
        print(f"error: DATABASE_URL: {error}", file=sys.stderr)
        return 1
    print("the database is ready")
    return 0


if __name__ == "__main__":
    sys.exit(main())
