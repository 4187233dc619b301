"""`/readyz`: whether the database answers and has the migrations that this code needs."""

from psycopg import errors as pg

from functions.core import db, sql
from functions.core.actor import Room
from functions.core.errors import Unavailable

REMEDY = "run `python -m migrations.apply`"

queries = sql.load(__file__)


def check() -> dict[str, str]:
    """The state of the database. Raises `Unavailable` with the reason."""
    with db.transaction(Room("front", "the schema's version is not any user's data")) as connection:
        try:
            version: str | None = queries.schema_version(connection)
            is_past_row_level_security: bool = queries.is_past_row_level_security(connection)
        except pg.UndefinedFunction:
            raise Unavailable(f"The database has no schema yet: {REMEDY}.") from None
    if version is None or version < db.SCHEMA_VERSION:
        raise Unavailable(
            f"The database is at migration {version}, this code needs {db.SCHEMA_VERSION}:"
            f" {REMEDY}."
        )
    if is_past_row_level_security:
        raise Unavailable(
            "The functions log in as a role that row-level security does not bind: a superuser, or"
            " one with bypassrls. Give VIBELOOM_DATABASE_URL the role vibeloom_functions."
        )
    return {"status": "ready", "schema_version": version}
