"""One monitor per spool: a lock on a file beside it, which dies with the process."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vibeloom.errors import SpoolBusy, SpoolError


def take(handle: int) -> None:
    """Lock an open file for this process alone, or raise `OSError` at once if another has it."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - exists on Windows alone

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 - does not exist on Windows

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """Hold the spool's lock, or raise `SpoolBusy`."""
    path = home / "spool.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise SpoolError(
            f"{path} cannot be written ({problem.strerror}); fix its permissions or set "
            "VIBELOOM_KEY_PATH to another directory"
        ) from None
    try:
        try:
            take(handle)
        except OSError:
            raise SpoolBusy(
                f"another monitor is at work on the spool in {home}; stop it, or give this one "
                "its own directory with VIBELOOM_KEY_PATH"
            ) from None
        yield
    finally:
        os.close(handle)
