"""Some days of two people for the dashboards: every panel has something to draw from it."""

from datetime import date
from typing import Any

from functions.accounts import issue_owner_token
from tests.support import Api, Database, Registered, register_source, run_job

ZONE = "Asia/Kathmandu"  # days begin at 18:15 UTC, in the middle of an hour
UNPRICED = {"provider": "elsewhere", "model": "none-such-1", "input_tokens": 70, "output_tokens": 7}

Happened = tuple[str, str, dict[str, Any]]  # when, what, payload


def fill(database: Database) -> None:
    """Two people, three monitors of the first (one of them silent), days in all stages."""
    api, token = Api(), issue_owner_token("sample")
    laptop, desk, _ = (
        register_source(api, token, name)
        for name in ("laptop", "desk", "studio's")  # a quote, for whoever forgets to escape
    )
    database.rows("update profiles set timezone = %s, handle = 'ada'", ZONE)
    database.rows(
        "update sources set expected_every_hours = 24, created_at = now() - interval '3 days'"
        " where name = 'studio''s'"
    )
    _send(api, laptop, *_session(date(2026, 11, 2), "rust", "s1"))
    sent = _send(api, laptop, *_session(date(2026, 11, 3), "python", "s2"))
    again = [*sent[:2], laptop.event(timestamp="2026-11-03T04:01:00Z")]
    assert laptop.send(api, again).json["inserted"] == 1
    _send(api, desk, *_session(date(2026, 11, 5), "rust", "s3"))
    _send(
        api,
        desk,
        ("2026-11-05T06:00:00Z", "llm", UNPRICED),
        ("2026-11-05T06:01:00Z", "terminal", {"command": "ssh farm", "exit_code": 255}),
    )
    _add_stranger(database)
    run_job("refresh_days")
    _send(api, desk, *_session(date(2026, 11, 8), "go", "s4"))
    _send(api, laptop, *_session(date(2026, 11, 9), "go", "s5")[3:4])  # and no refresh: days wait


def _send(api: Api, monitor: Registered, *events: Happened) -> list[dict[str, Any]]:
    made = [monitor.event(timestamp=at, type=kind, payload=load) for at, kind, load in events]
    assert monitor.send(api, made).status == 200
    return made


def _session(day: date, language: str, session_id: str) -> list[Happened]:
    """A day's work in UTC clocks; the evening crosses the owner's midnight (18:15 UTC)."""
    own = {"sessionId": session_id, "project": "loom"}
    edit = {"file": "a", "action": "edit", "project": "loom", "language": language}
    call = {"model": "claude-sonnet-4-5", "inputTokens": 1_200, "cacheReadTokens": 56_000}
    make = {"command": "make", "project": "loom"}
    test = {"command": "cargo test", "project": "loom"}
    return [
        (f"{day}T04:00:00Z", "editor", edit),
        (f"{day}T04:12:00Z", "activity", own),
        (f"{day}T04:13:00Z", "tool", {**own, "tool": "Edit", "language": language}),
        (f"{day}T04:16:00Z", "token_usage", {**own, **call, "outputTokens": 340}),
        (f"{day}T04:18:00Z", "terminal", {**make, "exit_code": 2}),
        (f"{day}T04:25:00Z", "terminal", {**make, "exit_code": 0}),
        (f"{day}T18:05:00Z", "editor", edit),
        (f"{day}T18:17:00Z", "editor", edit),
        (f"{day}T18:20:00Z", "emotion", {"emotion": "smile", "score": 0.9, "trigger": "editor"}),
        (f"{day}T18:25:00Z", "terminal", {**test, "exit_code": 101}),
        (f"{day}T18:30:00Z", "token_usage", {**own, **call, "cacheCreationTokens": 9}),
        (f"{day}T18:40:00Z", "terminal", {**test, "exit_code": 0}),
    ]


def _add_stranger(database: Database) -> None:
    """Somebody else with figures of the same days; straight into the tables."""
    other = str(database.value("insert into profiles (handle) values ('mira') returning id"))
    for statement in (
        "insert into time_daily values (%s, '2026-11-03', 'human', '', 'cobol', 'coding', 3600)",
        "insert into activity_sums values (%s, '2026-11-03T04:00Z', gen_random_uuid(), 5)",
        "insert into token_sums values"
        " (%s, '2026-11-03T04:00Z', gen_random_uuid(), '', 'abacus', '', 1, 0, 2, 3, 4, 5, 6)",
        "insert into error_episodes values"
        " (%s, '2026-11-03T04:00Z', gen_random_uuid(), 'e', '', sha256('x'), 'network', null)",
    ):
        database.rows(statement, other)
