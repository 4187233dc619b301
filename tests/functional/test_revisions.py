"""Events with a revision: each once per owner, the highest revision holds, and the sums follow."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from functions.accounts.models import NewToken
from functions.accounts.tokens import issue
from functions.core.actor import User
from tests.sums import assert_exact
from tests.support import Api, Database, Registered, event_id, register_source

AT = datetime(2026, 11, 2, 10, 7, tzinfo=UTC)
MODEL = "claude-opus-4-5-20251101"


@pytest.fixture
def desktop(api: Api, owner_token: str) -> Registered:
    """A second monitor of the same owner."""
    return register_source(api, owner_token, "desktop")


@pytest.fixture
def stranger(api: Api, database: Database) -> Registered:
    """Somebody else's monitor."""
    person = database.value("insert into profiles (email) values ('eve@example.org') returning id")
    new = NewToken(name="t", scopes=["sources:read", "sources:write"])
    token = issue(User(person), new, datetime.now(UTC)).token
    return register_source(api, token, "elsewhere")


def usage(
    source: Registered, name: str, revision: int, output: int, minutes: int = 0, **changes: Any
) -> dict[str, Any]:
    """One record of a message, as a monitor tells it."""
    return source.event(
        id=name,
        type="token_usage",
        timestamp=(AT + timedelta(minutes=minutes)).isoformat(),
        revision=revision,
        payload={"model": MODEL, "project": "loom", "inputTokens": 3, "outputTokens": output},
        **changes,
    )


def stored(database: Database) -> list[tuple[str, int]]:
    """Hour and minute, and output, of each stored event."""
    rows = database.rows("select occurred_at, tokens_output from events order by id, source_id")
    return [(f"{row['occurred_at'].astimezone(UTC):%H:%M}", row["tokens_output"]) for row in rows]


def summed(database: Database, table: str = "token_sums") -> tuple[int, int]:
    """Calls and output tokens of the sums."""
    [row] = database.rows(
        f"select coalesce(sum(calls), 0) as calls, coalesce(sum(tokens_output), 0) as output"
        f" from {table}"
    )
    return int(row["calls"]), int(row["output"])


def test_a_higher_revision_replaces_what_was_stored(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A correction moves the event and lowers or raises the sums."""
    name = event_id()
    assert laptop.send(api, usage(laptop, name, 1, 500)).json["inserted"] == 1
    assert laptop.send(api, usage(laptop, name, 2, 40, minutes=90)).json["inserted"] == 1
    assert stored(database) == [("11:37", 40)]
    assert summed(database) == (1, 40)
    assert summed(database, "token_days") == (1, 40)
    assert_exact(database)


@pytest.mark.parametrize("revision", [1, 2])
def test_a_lower_or_equal_revision_changes_nothing(
    api: Api, laptop: Registered, database: Database, revision: int
) -> None:
    """A snapshot that comes late is not stored, and the answer says so."""
    name = event_id()
    laptop.send(api, usage(laptop, name, 2, 40))
    answer = laptop.send(api, usage(laptop, name, revision, 500, minutes=90))
    assert answer.json == {
        "inserted": 0,
        "message": "Successfully processed 1 events (1 duplicates skipped)",
    }
    assert stored(database) == [("10:07", 40)]


def test_the_same_on_two_machines_counts_once(
    api: Api, laptop: Registered, desktop: Registered, database: Database
) -> None:
    """An owner's sources tell the same thing once; the one that knows more holds."""
    name = event_id()
    laptop.send(api, usage(laptop, name, 1, 100))
    assert desktop.send(api, usage(desktop, name, 1, 100)).json["inserted"] == 0
    assert summed(database) == (1, 100)
    assert desktop.send(api, usage(desktop, name, 5, 640)).json["inserted"] == 1
    assert laptop.send(api, usage(laptop, name, 3, 200)).json["inserted"] == 0
    assert summed(database) == (1, 640)
    assert database.value("select source_id::text from events") == desktop.id


def test_nobody_suppresses_or_corrects_another_owner_s_events(
    api: Api, laptop: Registered, stranger: Registered, database: Database
) -> None:
    """Ids are an owner's own: an equal one of somebody else is another event."""
    name = event_id()
    stranger.send(api, usage(stranger, name, 9, 1))
    assert laptop.send(api, usage(laptop, name, 1, 100)).json["inserted"] == 1
    assert stranger.send(api, usage(stranger, name, 10, 2)).json["inserted"] == 1
    assert sorted(output for _, output in stored(database)) == [2, 100]


def test_a_batch_may_hold_several_revisions(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Of one id only the highest revision of the batch is stored, wherever it stands."""
    name, other = event_id(), event_id()
    batch = [
        usage(laptop, name, 2, 20),
        usage(laptop, name, 7, 70, minutes=1),
        usage(laptop, name, 7, 71, minutes=2),
        usage(laptop, name, 1, 10, minutes=1),
        usage(laptop, other, 1, 5),
        laptop.event(timestamp=AT.isoformat()),
    ]
    assert laptop.send(api, batch).json["inserted"] == 3
    rows = database.rows("select tokens_output as n from events where tokens_output is not null")
    assert sorted(row["n"] for row in rows) == [5, 70]
    again = [usage(laptop, name, 6, 60), usage(laptop, name, 8, 80), usage(laptop, other, 1, 5)]
    assert laptop.send(api, again).json["inserted"] == 1
    assert summed(database) == (2, 85)


def test_events_without_a_revision_are_their_source_s(
    api: Api, laptop: Registered, desktop: Registered, database: Database
) -> None:
    """Monitors that know no revisions are served as before: by source, id and time."""
    event = laptop.event(timestamp=AT.isoformat())
    for source in (laptop, desktop):
        assert source.send(api, event | {"source": source.name}).json["inserted"] == 1
        assert source.send(api, [event | {"source": source.name}]).json["inserted"] == 0
    assert database.value("select count(*) from events") == 2
    assert database.value("select count(*) from event_versions") == 0


def test_what_was_deleted_or_purged_does_not_come_back(
    api: Api, laptop: Registered, database: Database
) -> None:
    """Neither an old log nor a correction brings a deleted event back into the sums."""
    name = event_id()
    laptop.send(api, usage(laptop, name, 1, 100))
    database.rows("delete from dirty_days")
    database.rows("select purge_events(id, 1, '2027-06-01') from profiles")
    assert database.value("select count(*) from events") == 0
    for revision in (1, 2):
        answer = laptop.send(api, usage(laptop, name, revision, 200 + revision))
        assert answer.json["inserted"] == 0
    assert summed(database) == (1, 100)


@pytest.mark.parametrize("revision", [-1, 2**63, "1", 1.0, True, None, [1]])
def test_a_revision_is_a_whole_number(api: Api, laptop: Registered, revision: object) -> None:
    """Anything but an integer from 0 to 2^63 - 1 is refused by name."""
    answer = laptop.send(api, usage(laptop, event_id(), 0, 1) | {"revision": revision})
    assert (answer.status, answer.error) == (400, "invalid_event")
    assert "revision" in answer.message or "64 bits" in answer.message


@pytest.mark.parametrize("seed", range(4))
def test_any_order_ends_the_same(
    api: Api, laptop: Registered, desktop: Registered, database: Database, seed: int
) -> None:
    """Writers on two machines and repeated batches at once: the last revisions stay."""
    chance = random.Random(seed)
    names = [event_id() for _ in range(30)]
    told = [
        (name, revision, chance.randrange(1, 1_000), chance.randrange(0, 3_000))
        for name in names
        for revision in range(4)
    ]
    final = {name: output for name, revision, output, _ in told if revision == 3}
    jobs: list[tuple[Registered, list[Any]]] = []
    for source in (laptop, desktop):
        order = told * 2
        chance.shuffle(order)
        for start in range(0, len(order), 16):
            part = order[start : start + 16]
            jobs.append((source, [usage(source, *each[:3], minutes=each[3]) for each in part]))
    chance.shuffle(jobs)

    def work(number: int) -> None:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            for index in range(number, len(jobs), 3):
                source, events = jobs[index]
                while True:
                    try:
                        connection.execute(
                            "select bulk_insert_events(owner_id, id, %s::jsonb, sha256(%s), %s)"
                            " from source_keys where id = %s",
                            (
                                Jsonb(events),
                                f"{seed} {index}".encode(),
                                b"x" * 64,
                                source.key_id,
                            ),
                        )
                        break
                    except psycopg.errors.SerializationFailure:
                        continue

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    rows = database.rows("select id, tokens_output as n from events")
    assert {row["id"]: row["n"] for row in rows} == final
    assert summed(database) == (30, sum(final.values()))
    assert summed(database, "token_days") == (30, sum(final.values()))
    assert_exact(database)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("loom", "loom"),
        ("-home-ada-code-my-app", "my-app"),
        ("C--Users-Ada-my-app", "my-app"),
        ("-home-ada-beta", "beta"),
        ("-Users-ada-code-beta", "code-beta"),
        ("-", "-"),
        ("-p", "-p"),
        ("my-app", "my-app"),
    ],
)
def test_one_project_has_one_name(
    api: Api, laptop: Registered, database: Database, sent: str, kept: str
) -> None:
    """A monitor that names directories and one that names projects mean the same project."""
    laptop.send(api, laptop.event(payload={"project": "my-app"}))
    laptop.send(api, laptop.event(payload={"project": "app"}))
    laptop.send(api, laptop.event(payload={"project": sent}, type="activity"))
    assert database.value("select project from events where kind = 'activity'") == kept
