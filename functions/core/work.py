"""The work queue: what runs outside a request, one owner's at a time.

`enqueue(owner, task, args, at)` of the database adds an item inside the transaction of the change;
`drain` takes items and runs them. Between two statements of the queue's no transaction is open, so
a task may call somebody over the network.
"""

import functools
import math
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from functions.core import db, sql
from functions.core.actor import Room
from functions.core.errors import ApiError
from functions.core.observability import logger

TURN = 10.0  # s that a task should take at most, before others have a turn
LEASE = 900.0  # s; Lambda's longest run, and longer than a turn and a worker's transaction


@functools.cache
def _queries() -> Any:
    return sql.load(__file__, "work.sql")  # not at the start, which is a batch's cold start


@dataclass(frozen=True)
class Budget:
    """How long work may go on; whoever runs it says so."""

    stop: float = math.inf  # s of the monotonic clock
    stopping: Callable[[], bool] = lambda: False  # whether this process was told to end

    @classmethod
    def of(cls, seconds: float, stopping: Callable[[], bool] = lambda: False) -> "Budget":
        """From now on for `seconds`."""
        return cls(time.monotonic() + seconds, stopping)

    def is_spent(self) -> bool:
        """Whether nothing new should be begun."""
        return time.monotonic() >= self.stop or self.stopping()

    def turn(self) -> "Budget":
        """What of it one item may use."""
        return Budget(min(self.stop, time.monotonic() + TURN), self.stopping)


Run = Callable[[UUID, Mapping[str, Any], Budget], bool]


@dataclass(frozen=True)
class Task:
    """A kind of work. `run(owner, args, budget)` says whether more of it remains.

    It begins nothing new when the budget is spent; what remains has another turn after everybody
    else's. It may run twice, and is tried again when it raises: `attempts` times, after pauses
    that double from `pause` to `longest_pause` (s).
    """

    name: str
    run: Run
    attempts: int = 8
    pause: float = 60.0
    longest_pause: float = 6 * 3_600.0

    def pause_after(self, attempts: int) -> float | None:
        """Seconds until the next attempt; None if that was the last one."""
        if attempts >= self.attempts:
            return None
        return min(self.pause * 2.0 ** (attempts - 1), self.longest_pause)


class Item(NamedTuple):
    """Something taken from the queue, until `lease`."""

    id: int
    owner: UUID
    task: str
    args: Mapping[str, Any]
    attempts: int  # this one included
    lease: datetime  # what finishing it has to name


class Row(NamedTuple):
    """What an operator sees of an item."""

    id: int
    task: str
    owner_id: UUID
    args: Mapping[str, Any]
    attempts: int
    due_at: datetime
    lease_until: datetime | None
    failed_at: datetime | None
    error: str | None


class Drained(NamedTuple):
    """What a drain did, and whether it left off because its budget was spent."""

    done: int = 0
    failed: int = 0
    more: bool = False


def drain(tasks: Iterable[Task], budget: Budget) -> Drained:
    """Runs what is due of `tasks` until nothing is, or the budget is spent."""
    by_name = {task.name: task for task in tasks}
    done = failed = 0
    while not budget.is_spent():
        item = _take(list(by_name))
        if item is None:
            return Drained(done, failed)
        if _run(by_name[item.task], item, budget.turn()):
            done += 1
        else:
            failed += 1
    return Drained(done, failed, more=True)


def _take(names: list[str]) -> Item | None:
    with db.transaction(Room("work", "work is everybody's until it is taken")) as connection:
        rows = list(_queries().take_work(connection, tasks=names, seconds=LEASE))
    return Item(*rows[0]) if rows else None


def _run(task: Task, item: Item, budget: Budget) -> bool:
    """Whether the item could be run; its failure is written down and goes no further."""
    if item.attempts > task.attempts:
        # Whoever ran it the last time never came back, and so did those before.
        _fail(item, "LeaseExpired", None)
        return False
    try:
        more = task.run(item.owner, item.args, budget)
    except Exception as error:  # noqa: BLE001 (one owner's trouble is one owner's)
        pause = task.pause_after(item.attempts)
        logger.error(
            "task failed",
            task=item.task,
            owner=str(item.owner),
            attempts=item.attempts,
            dead=pause is None,
            cause=describe(error),
            where=where(error),
        )
        _fail(item, describe(error), pause)
        return False
    with db.transaction(Room("work", "whoever did it takes it off the queue")) as connection:
        _queries().finish_work(connection, id=item.id, lease=item.lease, more=more)
    return True


def _fail(item: Item, error: str, pause: float | None) -> None:
    with db.transaction(Room("work", "an item that failed is put back")) as connection:
        _queries().fail_work(connection, id=item.id, lease=item.lease, error=error, seconds=pause)


def listed(dead: bool, most: int = 1_000) -> list[Row]:
    """Dead letters, and unless only these are asked for, what waits or runs."""
    with db.transaction(Room("work", "an operator looks after the queue")) as connection:
        return [Row(*row) for row in _queries().list_work(connection, dead=dead, most=most)]


def retry(number: int) -> bool:
    """Makes an item due now, as if it had never been tried. False: there is none that waits."""
    with db.transaction(Room("work", "an operator looks after the queue")) as connection:
        return bool(_queries().retry_work(connection, id=number))


def drop(number: int) -> bool:
    """Deletes an item. False: there is none that waits or is dead."""
    with db.transaction(Room("work", "an operator looks after the queue")) as connection:
        return bool(_queries().drop_work(connection, id=number))


def describe(error: BaseException) -> str:
    """The kind of an error and of what caused it. Never a message: these quote rows."""
    names: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(names) < 4:
        name = type(seen).__name__
        if isinstance(seen, psycopg.Error) and seen.sqlstate:
            constraint = seen.diag.constraint_name
            name += f" {seen.sqlstate}" + (f" {constraint}" if constraint else "")
        names.append(name)
        # The database's error is the context of ours, which hides its text from tracebacks.
        seen = seen.__cause__ or (seen.__context__ if isinstance(seen, ApiError) else None)
    return " from ".join(names)


def where(error: BaseException) -> list[str]:
    """The lines of code that an error came through, the last ones, without any value."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
