"""Named statements from a room's `queries.sql`, with aiosql's notation."""

from pathlib import Path
from typing import Any

import aiosql


def load(room: str) -> Any:
    """The statements beside the module file `room` (pass `__file__`): aiosql's `Queries`."""
    return aiosql.from_path(Path(room).with_name("queries.sql"), "psycopg")
