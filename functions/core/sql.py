"""Named statements from a room's `queries.sql`, with aiosql's notation."""

from pathlib import Path
from typing import Any

import aiosql


def load(room: str, name: str = "queries.sql") -> Any:
    """The statements of the file `name` beside the module file `room`: aiosql's `Queries`."""
    return aiosql.from_path(Path(room).with_name(name), "psycopg")
