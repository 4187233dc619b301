"""Failures of one owner, computed anew from a dirty day on, until nothing changes any more.

The stored failures of a stretch of time are *right* when they are what `fold` makes of its raw
events, given the failures that were open at its beginning. A late or deleted event makes only its
own day wrong. `recompute_failures` makes the days right that it is asked for. Then it goes on,
window by window, until the failures that are open are those that are stored as open: from there on,
nothing depends on the change. So once each dirty day is recomputed, in any order, all stretches are
right.

It also counts the runs of agents' programs, but only of the days that it is asked for: a count
depends on nothing outside its day.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from functions.core import db, sql
from functions.core.actor import Room
from functions.core.db import Connection
from functions.rollup import failures
from functions.rollup.failures import Failure, Key, Open, Run

WINDOW = timedelta(days=31)  # of raw events at once, beyond the days that are asked for

queries = sql.load(__file__, "failures.sql")


def recompute_failures(owner: UUID, first: date, last: date) -> None:
    """Makes the failures of `owner` right for the days `first` to `last`, both included.

    Days are of the owner's zone. One transaction; may be run again, and twice at once. What lies
    before `profiles.purged_before` is kept as it is: the events that it came from are gone.
    """
    with db.transaction(Room("rollup", "failures are the house's to write")) as connection:
        queries.lock_failures(connection, owner=owner)
        stretch = queries.find_stretch(connection, owner=owner, first=first, last=last)
        if stretch is None or stretch[0] >= stretch[1]:  # no such account; all of it is purged
            return
        _replay(connection, owner, *stretch)


def _replay(connection: Connection, owner: UUID, since: datetime, until: datetime) -> None:
    carried = _stored_open(connection, owner, since)
    last_moment: datetime | None = queries.find_last_moment(connection, owner=owner)
    found: list[Failure] = []
    now_open = _without_ends(carried)
    start, end = since, until
    runs = _runs(connection, owner, start, end)
    _count(connection, owner, since, until, runs)
    while True:
        settled, now_open = failures.fold(now_open, runs)
        found += settled
        if last_moment is None or end > last_moment:
            found += now_open.values()
            break
        stored = _stored_open(connection, owner, end)
        if _without_ends(stored) == now_open:
            found += stored.values()
            break
        start, end = end, end + WINDOW
        runs = _runs(connection, owner, start, end)
    to_the_end = last_moment is None or end > last_moment
    rows = queries.find_failures(
        connection, owner=owner, since=since, until=None if to_the_end else end
    )
    before = {_failure(row) for row in rows}
    after = {failure for failure in found if failure.opened_at >= since}
    _delete(connection, owner, before - after)
    _insert(connection, owner, after - before)
    known = {failure.key: failure.fixed_at for failure in carried.values()}
    _update(
        connection,
        owner,
        [
            failure
            for failure in found
            if failure.opened_at < since and failure.fixed_at != known[failure.key]
        ],
    )


def _failure(row: Sequence[Any]) -> Failure:
    project, command_sha256, *others = row
    return Failure(Key(project, bytes(command_sha256)), *others)


def _stored_open(connection: Connection, owner: UUID, moment: datetime) -> Open:
    """What is stored as open just before `moment`, with the ends that it has later."""
    rows = queries.find_open_failures(connection, owner=owner, moment=moment)
    return {failure.key: failure for failure in map(_failure, rows)}


def _without_ends(still_open: Open) -> Open:
    return {key: replace(failure, fixed_at=None) for key, failure in still_open.items()}


def _runs(connection: Connection, owner: UUID, since: datetime, until: datetime) -> list[Run]:
    rows = queries.find_runs(connection, owner=owner, since=since, until=until)
    return [Run(*row) for row in rows]


def _count(
    connection: Connection, owner: UUID, since: datetime, until: datetime, runs: Iterable[Run]
) -> None:
    """Writes how often agents ran which program from `since` to `until`."""
    counted = failures.count(runs, since)
    queries.delete_agent_runs(connection, owner=owner, since=since, until=until)
    if counted:
        queries.insert_agent_runs(
            connection,
            owner=owner,
            quarters=[place.quarter for place in counted],
            sources=[place.source_id for place in counted],
            projects=[place.project for place in counted],
            programs=[place.program for place in counted],
            runs=[number for number, _ in counted.values()],
            failed=[failed for _, failed in counted.values()],
        )


def _delete(connection: Connection, owner: UUID, changed: Collection[Failure]) -> None:
    if changed:
        queries.delete_failures(connection, owner=owner, **_identities(changed))


def _insert(connection: Connection, owner: UUID, changed: Collection[Failure]) -> None:
    if changed:
        queries.insert_failures(
            connection,
            owner=owner,
            **_identities(changed),
            projects=[failure.key.project for failure in changed],
            commands=[failure.key.command_sha256 for failure in changed],
            classes=[failure.failure_class for failure in changed],
            fixed=[failure.fixed_at for failure in changed],
            lanes=[failure.lane for failure in changed],
            programs=[failure.program for failure in changed],
        )


def _update(connection: Connection, owner: UUID, changed: Collection[Failure]) -> None:
    if changed:
        queries.update_fixes(
            connection,
            owner=owner,
            **_identities(changed),
            fixed=[failure.fixed_at for failure in changed],
        )


def _identities(changed: Collection[Failure]) -> dict[str, list[object]]:
    return {
        "opened": [failure.opened_at for failure in changed],
        "sources": [failure.source_id for failure in changed],
        "events": [failure.event_id for failure in changed],
    }
