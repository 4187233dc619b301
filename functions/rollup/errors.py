"""Errors of one owner, computed anew from a dirty day on, until nothing changes any more.

What is stored of a stretch of time is *right* when folding its raw events over what was open at
its beginning gives the errors that are stored, and what is stored as open at its end. A late or
deleted event makes only its own day wrong. Recomputing makes the days that are asked for right
and goes on, window by window, until what it finds open is what is stored: from there on nothing
depends on what was changed. So when each dirty day has been recomputed, in whatever order, all
stretches are right, and the whole is what a computation from nothing would be.

The runs of agents' programs are counted with it: of the days that are asked for alone, because they
depend on nothing else.
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
from functions.rollup.failures import Episode, Key, Open, Run

WINDOW = timedelta(days=31)  # of raw events at once, beyond the days that are asked for

queries = sql.load(__file__, "errors.sql")


def recompute_errors(owner: UUID, first: date, last: date) -> None:
    """Makes the errors of `owner` right for the days `first` to `last`, both included.

    Days are of the owner's zone. One transaction; may be run again, and twice at once. What lies
    before `profiles.purged_before` is kept as it is: the events that it came from are gone.
    """
    with db.transaction(Room("rollup", "error episodes are the house's to write")) as connection:
        queries.lock_errors(connection, owner=owner)
        stretch = queries.find_stretch(connection, owner=owner, first=first, last=last)
        if stretch is None or stretch[0] >= stretch[1]:  # no such account; all of it is purged
            return
        _replay(connection, owner, *stretch)


def _replay(connection: Connection, owner: UUID, since: datetime, until: datetime) -> None:
    carried = _stored_open(connection, owner, since)
    last_moment: datetime | None = queries.find_last_moment(connection, owner=owner)
    found: list[Episode] = []
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
    rows = queries.find_errors(
        connection, owner=owner, since=since, until=None if to_the_end else end
    )
    before = {_episode(row) for row in rows}
    after = {episode for episode in found if episode.opened_at >= since}
    _delete(connection, owner, before - after)
    _insert(connection, owner, after - before)
    known = {episode.key: episode.fixed_at for episode in carried.values()}
    _update(
        connection,
        owner,
        [
            episode
            for episode in found
            if episode.opened_at < since and episode.fixed_at != known[episode.key]
        ],
    )


def _episode(row: Sequence[Any]) -> Episode:
    project, command_sha256, *others = row
    return Episode(Key(project, bytes(command_sha256)), *others)


def _stored_open(connection: Connection, owner: UUID, moment: datetime) -> Open:
    """What is stored as open just before `moment`, with the ends that it has later."""
    rows = queries.find_open_errors(connection, owner=owner, moment=moment)
    return {episode.key: episode for episode in map(_episode, rows)}


def _without_ends(episodes: Open) -> Open:
    return {key: replace(episode, fixed_at=None) for key, episode in episodes.items()}


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


def _delete(connection: Connection, owner: UUID, episodes: Collection[Episode]) -> None:
    if episodes:
        queries.delete_errors(connection, owner=owner, **_identities(episodes))


def _insert(connection: Connection, owner: UUID, episodes: Collection[Episode]) -> None:
    if episodes:
        queries.insert_errors(
            connection,
            owner=owner,
            **_identities(episodes),
            projects=[episode.key.project for episode in episodes],
            commands=[episode.key.command_sha256 for episode in episodes],
            classes=[episode.error_class for episode in episodes],
            fixed=[episode.fixed_at for episode in episodes],
            lanes=[episode.lane for episode in episodes],
            programs=[episode.program for episode in episodes],
        )


def _update(connection: Connection, owner: UUID, episodes: Collection[Episode]) -> None:
    if episodes:
        queries.update_fixes(
            connection,
            owner=owner,
            **_identities(episodes),
            fixed=[episode.fixed_at for episode in episodes],
        )


def _identities(episodes: Collection[Episode]) -> dict[str, list[object]]:
    return {
        "opened": [episode.opened_at for episode in episodes],
        "sources": [episode.source_id for episode in episodes],
        "events": [episode.event_id for episode in episodes],
    }
