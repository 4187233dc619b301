"""What an answer costs behind a pooler that is milliseconds away: transactions and round trips."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import jwt
import pytest

from functions.core import bearer, db
from functions.front.handler import _contract
from tests.support import Api, Database, Registered, fresh_process, timestamp

SECRET = "a-secret-of-thirty-two-characters"
# Each GET of the contract → its round trips: the beginning with the first statement, what was asked
# after that, and the commit.
TRIPS = {
    "/v1/events": 3,
    "/v1/events.ndjson": 3,
    "/v1/leaderboards": 2,
    "/v1/leaderboards/public": 3,
    "/v1/leaderboards/{board_id}": 4,
    "/v1/me": 2,
    "/v1/me/purges": 2,
    "/v1/query": 2,
    "/v1/query/blocks": 3,
    "/v1/query/errors": 4,
    "/v1/query/errors?days=3&project=loom": 4,
    "/v1/query/languages": 3,
    "/v1/query/projects": 3,
    "/v1/query/sessions": 4,
    "/v1/query/summary": 4,
    "/v1/query/summary?project=loom": 3,
    "/v1/query/time": 4,
    "/v1/query/time?tz=Asia/Tokyo&days=3": 5,
    "/v1/query/timeline": 3,
    "/v1/query/tokens": 3,
    "/v1/sources": 2,
    "/v1/tokens": 2,
}


class Traffic:
    """What was sent to the database."""

    transactions = 0
    snapshots = 0  # of them, those that only read, from one snapshot
    trips = 0


@contextmanager
def watched(folder: Path) -> Iterator[Traffic]:
    """Counts what this process sends on its connection, which has to be there already."""
    seen = Traffic()
    assert db._connection is not None
    with (folder / "trace").open("w+b") as file:
        db._connection.pgconn.trace(file.fileno())
        yield seen
        db._connection.pgconn.untrace()
        file.seek(0)
        # time, direction (F: from us), length, message, its contents
        sent = re.findall(r"^[^\t]+\tF\t\d+\t(\w+)(.*)", file.read().decode(), re.M)
    seen.transactions = sum('"begin' in contents for _, contents in sent)
    seen.snapshots = sum(db.READING in contents for _, contents in sent)
    seen.trips = sum(message in {"Query", "Sync"} for message, _ in sent)


@pytest.fixture
def signed_in(
    monkeypatch: pytest.MonkeyPatch, api: Api, database: Database, laptop: Registered
) -> str:
    """A sign-in of the owner, who has events of two days, some of them with errors."""
    events = [
        laptop.event(timestamp=timestamp(timedelta(days=days, minutes=ago)))
        for days in (0, 1)
        for ago in (5, 6, 7)
    ]
    assert laptop.send(api, events).status == 200
    owner: UUID = bearer.deployment_owner()
    monkeypatch.setenv("VIBELOOM_JWT_SECRET", SECRET)
    monkeypatch.setenv("VIBELOOM_OWNER_ID", str(owner))
    fresh_process()
    claims = {"sub": str(owner), "aud": "authenticated", "exp": time.time() + 600}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def test_an_answer_is_one_transaction(api: Api, signed_in: str, tmp_path: Path) -> None:
    """Each GET of the contract, once the person is known and the days are computed."""
    paths = {
        path for path, operations in json.loads(_contract())["paths"].items() if "get" in operations
    }
    assert {target.partition("?")[0] for target in TRIPS} == paths
    board = api("POST", "/v1/leaderboards", {"name": "x"}, token=signed_in).json["id"]
    seen = {}
    for target in TRIPS:
        address = target.format(board_id=board)
        first = api("GET", address, token=signed_in)
        with watched(tmp_path) as traffic:
            again = api("GET", address, token=signed_in)
        assert (first.status, again.status) == (200, 200), again.text
        assert (traffic.transactions, traffic.snapshots) == (1, 1), target
        seen[target] = traffic.trips
    assert seen == TRIPS


def test_a_token_is_one_more(api: Api, owner_token: str, tmp_path: Path) -> None:
    """It is looked up before anybody is known, in two round trips."""
    api("GET", "/v1/me", token=owner_token)
    with watched(tmp_path) as traffic:
        assert api("GET", "/v1/me", token=owner_token).status == 200
    assert (traffic.transactions, traffic.trips) == (2, 4)


def test_readiness_is_one_transaction(api: Api, tmp_path: Path) -> None:
    """It is asked every few seconds, by every load balancer."""
    api("GET", "/readyz")
    with watched(tmp_path) as traffic:
        assert api("GET", "/readyz").status == 200
    assert traffic.transactions == 1
