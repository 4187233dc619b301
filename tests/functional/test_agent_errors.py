"""Failed commands of agents are errors beside those of terminals; runs count by program."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from functions.rollup import failures
from functions.rollup.failures import Failure, Key, Run
from functions.rollup.recompute import recompute_failures
from tests.functional.test_grafana import COLUMNS, LOGIN, WORK, check_shape, reader
from tests.grafana import Asked, expand, panels
from tests.sums import delete_events
from tests.support import Api, Database, Registered, examples, register_source, run_job

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
PERIOD = "from=2026-11-10&to=2026-11-11"
SESSION = "11111111-2222-4333-8444-555555555555"


def call(monitor: Registered, minute: float, success: Any = True, **payload: Any) -> dict[str, Any]:
    """A completed Bash call of an agent's; a payload of None leaves the field out."""
    fields = {
        "type": "tool",
        "sessionId": SESSION,
        "tool": "Bash",
        "status": "completed",
        "context": None,
        "project": "loom",
        "program": "cargo test",
        "success": success,
    } | payload
    sent = {name: value for name, value in fields.items() if value is not None or name == "context"}
    return monitor.event(
        type="tool", timestamp=(NOON + timedelta(minutes=minute)).isoformat(), payload=sent
    )


def failure(monitor: Registered, minute: float, **payload: Any) -> dict[str, Any]:
    """One that failed."""
    return call(monitor, minute, False, **{"errorClass": "test_failure"} | payload)


def asked(api: Api, token: str, more: str = "") -> Any:
    answer = api("GET", f"/v1/query/errors?{PERIOD}{more}", token=token)
    assert answer.status == 200, answer.text
    return answer.json


def figures(
    introduced: int, fixed: int, seconds: float | None, runs: int, failed: int
) -> dict[str, Any]:
    """The figures of a group whose fixes all took `seconds`."""
    return {
        "introduced": introduced,
        "fixed": fixed,
        "unresolved": introduced - fixed,
        "success_rate": fixed / introduced if introduced else None,
        "median_fix_seconds": seconds,
        "mean_fix_seconds": seconds,
        "runs": runs,
        "failed_runs": failed,
        "run_success_rate": (runs - failed) / runs if runs else None,
    }


def test_a_failure_and_its_fix(api: Api, laptop: Registered, owner_token: str) -> None:
    """The same program succeeds in the session seven minutes later: fixed, with that time."""
    events = [
        failure(laptop, 0),
        failure(laptop, 2),
        call(laptop, 7),
        call(laptop, 8, program="git push"),
        laptop.event(
            type="terminal",
            timestamp=NOON.isoformat(),
            payload={"command": "make", "exit_code": 2, "project": "loom"},
        ),
    ]
    assert laptop.send(api, events).status == 200
    found = asked(api, owner_token)
    assert found["totals"] == figures(2, 1, 420.0, 5, 3)
    assert found["by_program"] == [
        {"program": "cargo test"} | figures(1, 1, 420.0, 3, 2),
        {"program": None} | figures(1, 0, None, 1, 1),
        {"program": "git push"} | figures(0, 0, None, 1, 0),
    ]
    assert found["by_lane"] == [
        {"lane": "agent"} | figures(1, 1, 420.0, 4, 2),
        {"lane": "human"} | figures(1, 0, None, 1, 1),
    ]
    assert [(row["class"], row["fixed"]) for row in found["by_class"]] == [
        ("compile", 0),
        ("test_failure", 1),
    ]
    assert found["pending_days"] == 0


@pytest.mark.parametrize(
    "other",
    [
        {"sessionId": "99999999-2222-4333-8444-555555555555"},
        {"project": "kiln"},
        {"program": "cargo build"},
        {"program": None},
        {"status": "started"},
        {"success": None},
        {"success": "true"},
    ],
    ids=str,
)
def test_what_fixes_nothing(
    api: Api, laptop: Registered, owner_token: str, other: dict[str, Any]
) -> None:
    """A success of another session, project or program, or what is no success."""
    laptop.send(api, [failure(laptop, 0), call(laptop, 7, **other)])
    totals = asked(api, owner_token)["totals"]
    assert (totals["introduced"], totals["fixed"], totals["unresolved"]) == (1, 0, 1)


def test_another_machine_goes_on_with_the_session(
    api: Api, laptop: Registered, owner_token: str
) -> None:
    """A session is the same on every machine; without one, the source stands for it."""
    desk = register_source(api, owner_token, "desk")
    laptop.send(api, [failure(laptop, 0), failure(laptop, 1, sessionId=None, program="pytest")])
    desk.send(api, [call(desk, 5), call(desk, 6, sessionId=None, program="pytest")])
    found = {row["program"]: row["fixed"] for row in asked(api, owner_token)["by_program"]}
    assert found == {"cargo test": 1, "pytest": 0}
    laptop.send(api, [call(laptop, 7, sessionId=None, program="pytest")])
    found = {row["program"]: row["fixed"] for row in asked(api, owner_token)["by_program"]}
    assert found == {"cargo test": 1, "pytest": 1}
    by_source = asked(api, owner_token, "&source=desk")["totals"]
    assert (by_source["introduced"], by_source["fixed"], by_source["runs"]) == (0, 0, 2)


def test_people_and_agents_fix_their_own(api: Api, laptop: Registered, owner_token: str) -> None:
    """A command in a terminal ends no agent's error, nor the other way round."""
    terminal = {"command": "cargo test", "project": "loom"}
    laptop.send(
        api,
        [
            failure(laptop, 0),
            laptop.event(
                type="terminal",
                timestamp=(NOON + timedelta(minutes=1)).isoformat(),
                payload={**terminal, "exit_code": 0},
            ),
            laptop.event(
                type="terminal",
                timestamp=(NOON + timedelta(minutes=2)).isoformat(),
                payload={**terminal, "exit_code": 1},
            ),
        ],
    )
    assert asked(api, owner_token)["totals"]["unresolved"] == 2
    laptop.send(api, [call(laptop, 3)])
    by_lane = {row["lane"]: row["unresolved"] for row in asked(api, owner_token)["by_lane"]}
    assert by_lane == {"human": 1, "agent": 0}


def test_a_failure_without_a_program_stands_for_itself(
    api: Api, laptop: Registered, owner_token: str
) -> None:
    """Each is an error that nothing fixes; no run of a known program, so no rate has it."""
    events = [failure(laptop, minute, program=None) for minute in (0, 1, 2)]
    laptop.send(api, [*events, call(laptop, 3, program=None), call(laptop, 4)])
    found = asked(api, owner_token)
    assert found["totals"] == figures(3, 0, None, 1, 0)
    assert {row["program"]: row["introduced"] for row in found["by_program"]} == {
        None: 3,
        "cargo test": 0,
    }


def test_a_refused_call_is_no_failure(api: Api, laptop: Registered, owner_token: str) -> None:
    """No success and no class: the command never ran, or nobody knows; nothing is counted."""
    laptop.send(
        api,
        [
            call(laptop, 0, False),
            call(laptop, 1, False, errorClass=None, program=None),
            failure(laptop, 2, status="started"),
            laptop.event(payload={"tool": "Read", "status": "completed", "success": False}),
        ],
    )
    assert asked(api, owner_token)["totals"] == figures(0, 0, None, 0, 0)


@pytest.mark.parametrize("error_class", failures.CLASSES)
def test_the_class_is_the_senders(
    api: Api, laptop: Registered, owner_token: str, error_class: str
) -> None:
    """The monitor has seen what was written; no server guesses from the program."""
    laptop.send(api, [failure(laptop, 0, errorClass=error_class)])
    assert [row["class"] for row in asked(api, owner_token)["by_class"]] == [error_class]


HOSTILE: tuple[tuple[dict[str, Any], str | None], ...] = (
    # what is sent, and what the program is taken for
    ({"errorClass": "nuclear"}, "cargo test"),
    ({"errorClass": 7}, "cargo test"),
    ({"errorClass": {"a": ["b"]}}, "cargo test"),
    ({"errorClass": True}, "cargo test"),
    ({"errorClass": "x" * 100_000}, "cargo test"),
    ({"errorClass": ""}, "cargo test"),
    ({"errorClass": "other\ntimeout"}, "cargo test"),
    ({"errorClass": "💥"}, "cargo test"),
    ({"program": 7}, None),
    ({"program": ["cargo", "test"]}, None),
    ({"program": "x" * 100_000}, None),
    ({"program": ""}, None),
    ({"program": "/home/ada/secret/run.sh"}, None),
    ({"program": "mail ada@example.org"}, None),
    ({"program": "cargo\ntest"}, None),
    ({"program": "прога"}, None),
    ({"program": " "}, None),
    ({"sessionId": {"a": 1}}, "cargo test"),
    ({"sessionId": "s" * 100_000}, "cargo test"),
    ({"project": "p" * 100_000}, "cargo test"),
    ({"tool": "X" * 1_000}, "cargo test"),
)


def test_a_hostile_sender_stops_nothing(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """Other types, absurd lengths, unknown words: each is an `other` error, the rest is cut."""
    events = [
        failure(laptop, number, **{"errorClass": "other", "sessionId": str(number)} | load)
        for number, (load, _) in enumerate(HOSTILE)
    ]
    assert laptop.send(api, events).status == 200
    found = asked(api, owner_token)
    programs = Counter(program for _, program in HOSTILE)
    assert found["totals"]["introduced"] == len(HOSTILE)
    assert {row["program"]: row["introduced"] for row in found["by_program"]} == dict(programs)
    assert [(row["class"], row["introduced"]) for row in found["by_class"]] == [
        ("other", len(HOSTILE))
    ]
    longest = database.value("select max(length(program)) from error_episodes")
    assert longest == len("cargo test")


def test_what_comes_late_and_what_goes(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """A success that arrives late fixes; deleted, the error is open again, and the run is gone."""
    laptop.send(api, [failure(laptop, 24 * 60)])
    laptop.send(api, [failure(laptop, 0)])
    assert asked(api, owner_token)["totals"] == figures(1, 0, None, 2, 2)
    success = call(laptop, 10)
    laptop.send(api, [success])
    assert asked(api, owner_token)["totals"] == figures(2, 1, 600.0, 3, 2)
    laptop.send(api, [success])
    assert asked(api, owner_token)["totals"] == figures(2, 1, 600.0, 3, 2)
    delete_events(database, "id = %s", success["id"])
    assert asked(api, owner_token)["totals"] == figures(1, 0, None, 2, 2)


def test_what_is_purged_keeps_its_figures(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """Raw events go with retention; errors and runs of agents stay, and a later success fixes."""
    laptop.send(api, [failure(laptop, 0), call(laptop, 1, program="git push")])
    before = asked(api, owner_token)
    database.rows("update profiles set retention_months = 1")
    owner = database.value("select id from profiles")
    gone = database.value("select purge_events(%s, null, '2026-12-15')", owner)
    assert gone == 2
    database.rows("insert into dirty_days (owner_id, day) values (%s, '2026-11-10')", owner)
    assert asked(api, owner_token) == before
    assert laptop.send(api, [call(laptop, 8 * 24 * 60)]).status == 200
    assert asked(api, owner_token)["totals"]["unresolved"] == 0


def test_days_that_wait_are_said(
    api: Api, laptop: Registered, owner_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More days than one answer computes: the answer says how many are left."""
    from functions.rollup import days

    laptop.send(api, [failure(laptop, -minute * 24 * 60) for minute in range(5)])
    monkeypatch.setattr(days, "MAX_DAYS", 1)
    monkeypatch.setattr(days, "AT_ONCE", 1)
    first = asked(api, owner_token)["pending_days"]
    assert first > 0
    while (left := asked(api, owner_token)["pending_days"]) > 0:
        assert left < first
        first = left
    found = api("GET", "/v1/query/errors?from=2026-11-01&to=2026-11-11", token=owner_token).json
    assert found["totals"] == figures(1, 0, None, 5, 5)


def test_the_summary_knows_them(api: Api, laptop: Registered, owner_token: str) -> None:
    """Errors that agents fixed are part of the score."""
    laptop.send(api, [failure(laptop, 0), call(laptop, 5), failure(laptop, 6)])
    found = api("GET", f"/v1/query/summary?{PERIOD}", token=owner_token).json
    [part] = [part for part in found["score"]["parts"] if part["name"] == "errors_fixed"]
    assert part["value"] == 50.0


def test_a_correction_replaces_a_failure(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """An event that comes again with a higher revision counts as what it says last."""
    first = failure(laptop, 0) | {"revision": 1}
    laptop.send(api, [first])
    assert asked(api, owner_token)["totals"] == figures(1, 0, None, 1, 1)
    second = call(laptop, 0) | {"id": first["id"], "revision": 2}
    laptop.send(api, [second])
    assert asked(api, owner_token)["totals"] == figures(0, 0, None, 1, 0)


def test_every_work_panel_fills_from_what_a_monitor_sends(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A session with a failed command and its fix, and nothing from terminals or editors."""
    place = {"sessionId": SESSION, "project": "loom"}
    model = {"model": "claude-sonnet-4-5", "inputTokens": 1_200, "outputTokens": 340}
    usage = {**place, **model, "cacheReadTokens": 5, "cacheCreationTokens": 9}
    edit = {**place, "tool": "Edit", "status": "completed", "success": True, "context": "a.rs"}

    def event(minute: int, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        at = (NOON + timedelta(minutes=minute)).isoformat()
        return laptop.event(type=kind, timestamp=at, payload={"type": kind, **payload})

    events = [
        event(0, "session", {**place, "action": "started"}),
        event(0, "activity", place),
        event(1, "tool", {**edit, "language": "rust"}),
        failure(laptop, 3),
        event(4, "token_usage", usage),
        event(6, "activity", place),
        call(laptop, 9),
        event(10, "activity", place),
    ]
    assert laptop.send(api, events).status == 200
    run_job("refresh_days")
    owner = str(database.value("select id from profiles"))
    database.rows(f"alter role {LOGIN} login")
    database.rows("insert into dashboards.readers (role_name) values (%s)", LOGIN)
    chosen = Asked(WORK.since, WORK.until, {"owner": (owner,)})
    work = [panel for panel in panels() if panel.dashboard == "work"]
    drawn: dict[str, list[tuple[Any, ...]]] = {}
    try:
        assert len(work) == 14
        with reader(database) as connection:
            for panel in work:
                rows = connection.execute(expand(panel.target["rawSql"], chosen)).fetchall()
                check_shape(panel, rows)
                assert list(rows[0]) == COLUMNS["work", panel.title]
                drawn[panel.title] = [tuple(row.values())[-4:] for row in rows]
    finally:
        database.rows(f"alter role {LOGIN} nologin")
    assert drawn["Errors fixed by now"] == [(1,)]
    assert drawn["Mean time to fix"] == [(360,)]
    assert [row[-2:] for row in drawn["Errors introduced and fixed"]] == [(1, 1)]
    assert drawn["Errors by class"] == [(1, 1, 0, 360)]


ZONE = ZoneInfo("Asia/Kathmandu")  # days that begin at 18:15 UTC
FIRST = datetime(2026, 8, 1, tzinfo=UTC)
SOURCES = (UUID(int=1), UUID(int=2))
NUMBERS = itertools.count()
STORED = (
    "select project, command_sha256, source_id, event_id, opened_at, class, fixed_at, lane, program"
    " from error_episodes order by opened_at, source_id, event_id"
)
COUNTED = (
    "select quarter, source_id, project, program, runs, failed_runs from agent_runs"
    " order by quarter, source_id, project, program"
)
RAW = (
    "select occurred_at, source_id, id, coalesce(project, ''), kind, payload, is_error from events"
)


@pytest.fixture
def admin(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection, and one profile in Kathmandu."""
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("insert into profiles (timezone) values ('Asia/Kathmandu')")
        yield connection


def store(
    connection: psycopg.Connection[Any],
    at: datetime,
    source: UUID,
    project: str | None,
    kind: str,
    payload: dict[str, Any],
) -> None:
    """One row of `events`."""
    failed = payload.get("success") is False or payload.get("exit_code", 0) != 0
    connection.execute(
        "insert into events (owner_id, source_id, id, occurred_at, kind, project, payload,"
        " batch_id, is_error) select id, %s, %s, %s, %s, %s, %s, 0, %s from profiles",
        (source, f"evt_{next(NUMBERS):020}", at, kind, project, Jsonb(payload), failed),
    )


def run_of(row: tuple[Any, ...]) -> Run | None:
    """What a raw event says, read a second time and without SQL."""
    at, source, number, project, kind, payload, failed = row
    if kind == "terminal":
        return Run(
            at, source, number, project, payload["command"], failed, payload["exit_code"] or None
        )
    program, error_class = payload.get("program"), payload.get("errorClass")
    if payload.get("status") != "completed" or not isinstance(payload.get("success"), bool):
        return None
    if error_class is None if failed else program is None:
        return None
    return Run(
        *(at, source, number, project, "", failed),
        declared=error_class,
        lane="agent",
        named=program if isinstance(program, str) else None,
        session=payload.get("sessionId"),
    )


def from_nothing(
    connection: psycopg.Connection[Any],
) -> tuple[list[Failure], Counter[tuple[Any, ...]]]:
    """The errors and the counts that all raw events of this moment make."""
    raw = connection.execute(f"{RAW} order by occurred_at, source_id, id").fetchall()
    runs = [run for row in raw if (run := run_of(row)) is not None]
    settled, still_open = failures.fold({}, runs)
    counts = Counter[tuple[Any, ...]]()
    for run in runs:
        if run.program:
            at = run.occurred_at.astimezone(UTC)
            quarter = at - timedelta(minutes=at.minute % 15)
            counts[quarter, run.source_id, run.project, run.program, run.failed] += 1
    episodes = [*settled, *still_open.values()]
    return sorted(episodes, key=lambda e: (e.opened_at, e.source_id, e.event_id)), counts


def stored(
    connection: psycopg.Connection[Any],
) -> tuple[list[Failure], Counter[tuple[Any, ...]]]:
    """The errors and the counts that are kept."""
    episodes = [Failure(Key(row[0], row[1]), *row[2:]) for row in connection.execute(STORED)]
    counts = Counter[tuple[Any, ...]]()
    for quarter, *place, runs, failed in connection.execute(COUNTED):
        counts[quarter, *place, True] += failed
        counts[quarter, *place, False] += runs - failed
    return episodes, +counts


moments = st.integers(0, 40 * 24 * 4).map(
    lambda quarter: FIRST + quarter * timedelta(minutes=15)
) | st.integers(0, 9).map(
    lambda half_days: FIRST + timedelta(hours=18, minutes=15) + half_days * timedelta(hours=12)
)
agent_calls = st.fixed_dictionaries(
    {"status": st.sampled_from(("completed", "completed", "completed", "started"))},
    optional={
        "success": st.sampled_from((True, False, False, "no")),
        "program": st.sampled_from(("pytest", "pytest", "cargo test", "/x", 7)),
        "errorClass": st.sampled_from(("other", "timeout", "what", None)),
        "sessionId": st.sampled_from(("one", "two")),
    },
).map(lambda payload: ("tool", payload))
terminals = st.tuples(st.sampled_from(("make", "pytest -q")), st.sampled_from((0, 1))).map(
    lambda made: ("terminal", {"command": made[0], "exit_code": made[1]})
)
rows = st.tuples(
    moments,
    st.sampled_from(SOURCES),
    st.sampled_from(("loom", None)),
    agent_calls | agent_calls | terminals,
)
steps = st.lists(
    st.lists(rows, min_size=1, max_size=8).map(lambda made: ("arrive", made))
    | st.integers(1, 4).map(lambda count: ("delete", count))
    | st.sampled_from((1, 2, 100)).map(lambda count: ("recompute", count)),
    min_size=1,
    max_size=12,
)


@given(steps, st.randoms(use_true_random=False))
@settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_order_ends_at_a_computation_from_nothing(
    admin: psycopg.Connection[Any], plan: list[tuple[str, Any]], chance: random.Random
) -> None:
    """Late, early, simultaneous and deleted commands of people and agents: nothing differs."""
    admin.execute("truncate events, error_episodes, agent_runs, dirty_days")
    [(owner,)] = admin.execute("select id from profiles").fetchall()
    dirty: set[date] = set()

    def recompute(count: int) -> None:
        for first in chance.sample(sorted(dirty), min(count, len(dirty))):
            recompute_failures(owner, first, first)
            dirty.discard(first)

    for step, what in plan:
        if step == "arrive":
            for at, source, project, (kind, payload) in what:
                store(admin, at, source, project, kind, payload)
                dirty.add(at.astimezone(ZONE).date())
        elif step == "delete":
            ids = [number for (number,) in admin.execute("select id from events order by id")]
            gone = admin.execute(
                "delete from events where id = any(%s) returning occurred_at",
                (chance.sample(ids, min(what, len(ids))),),
            )
            dirty.update(at.astimezone(ZONE).date() for (at,) in gone)
        else:
            recompute(what)
    while dirty:
        recompute(len(dirty))
    assert stored(admin) == from_nothing(admin)


def test_quarters_that_midnight_cuts(admin: psycopg.Connection[Any]) -> None:
    """Where a day begins within a quarter of an hour, each of the two days counts its own part."""
    admin.execute("update profiles set timezone = 'Africa/Monrovia'")  # 44 min 30 s until 1972
    [(owner,)] = admin.execute("select id from profiles").fetchall()
    midnight = datetime(1971, 3, 2, 0, 44, 30, tzinfo=UTC)
    payload = {"status": "completed", "success": True, "program": "make", "sessionId": "s"}
    for seconds in (-200, -1, 0, 10, 29, 200):
        store(admin, midnight + timedelta(seconds=seconds), SOURCES[0], None, "tool", payload)
    for day in (date(1971, 3, 2), date(1971, 3, 1), date(1971, 3, 2)):
        recompute_failures(owner, day, day)
    found = [(quarter, runs) for quarter, *_, runs, _ in admin.execute(COUNTED)]
    assert found == [
        (datetime(1971, 3, 2, 0, 30, tzinfo=UTC), 2),
        (midnight, 3),
        (datetime(1971, 3, 2, 0, 45, tzinfo=UTC), 1),
    ]


def test_only_commands_are_read(admin: psycopg.Connection[Any]) -> None:
    """An agent's commands come from the index of them, month by month, and of no other month."""
    from functions.rollup.recompute import queries

    payload = {"status": "completed", "success": True, "program": "make"}
    store(admin, FIRST, SOURCES[0], None, "tool", payload)
    admin.execute("set enable_seqscan = off")
    [(owner,)] = admin.execute("select id from profiles").fetchall()
    asked = {"owner": owner, "since": FIRST, "until": FIRST + timedelta(days=3)}
    explained = admin.execute("explain (costs off) " + queries.find_runs.sql.rstrip(";"), asked)
    plan = "\n".join(line for (line,) in explained)
    names = admin.execute(
        "select c.relname from pg_inherits as i join pg_class as c on c.oid = i.inhrelid"
        " where i.inhparent = 'public.events_agent_runs'::regclass"
    )
    used = [name for (name,) in names if name in plan]
    assert len(used) == 1, plan
    assert "events_2026_09" not in plan
