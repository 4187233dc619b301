"""Which room answers which path: the map behind the gateway."""

import functools

from functions.core.room import rooms
from functions.schedule import JOBS

__all__ = ["room_of", "routes"]


@functools.cache
def routes() -> dict[str, str]:
    """Each prefix and the module that answers it and everything below it."""
    jobs = {f"/v1/jobs/{job.name}": f"functions.{job.room}.handler" for job in JOBS.values()}
    return {path: room.module for room in rooms() for path in room.paths} | jobs


def room_of(path: str) -> str | None:
    """The module that answers `path`: the one with the longest prefix."""
    while path:
        if path in routes():
            return routes()[path]
        path = path.rpartition("/")[0]
    return None
