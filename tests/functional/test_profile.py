"""`/v1/me`: what people set about themselves."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from functions.accounts.profile import UnknownTimezone
from tests.support import Api, Database, Registered, change_profile


@pytest.fixture
def sign_up(database: Database) -> Callable[..., str]:
    """Makes an account with a handle and returns a token of its own."""
    from functions.accounts import tokens
    from functions.accounts.models import NewToken
    from functions.core.actor import User

    def make(handle: str | None = None, *scopes: str) -> str:
        account = database.value("insert into profiles (handle) values (%s) returning id", handle)
        if handle is not None:
            database.rows("insert into handles (handle, owner_id) values (%s, %s)", handle, account)
        new = NewToken(name="t", scopes=list(scopes or ("profile:read", "profile:write")))
        return tokens.issue(User(account), new, datetime.now(UTC)).token

    return make


def change(api: Api, token: str, body: object, **headers: str) -> Any:
    return api("PATCH", "/v1/me", body, token=token, headers=headers)


def test_a_new_account_has_the_defaults(api: Api, owner_token: str, database: Database) -> None:
    """UTC, a quarter of an hour, events kept for ever, shown to nobody."""
    answer = api("GET", "/v1/me", token=owner_token)
    [stored] = database.rows("select id, created_at from profiles")
    assert answer.status == 200
    assert answer.json == {
        "id": str(stored["id"]),
        "handle": None,
        "email": "owner@localhost",
        "timezone": "UTC",
        "idle_timeout_minutes": 15,
        "retention_months": None,
        "effective_retention_months": None,
        "leaderboard_opt_in": False,
        "purged_before": None,
        "created_at": stored["created_at"].isoformat().replace("+00:00", "Z"),
    }


def test_changes_stay_and_leave_the_rest_alone(api: Api, owner_token: str) -> None:
    """A PATCH changes what it names; null takes a handle or a limit away."""
    before = api("GET", "/v1/me", token=owner_token).json
    wanted = {
        "handle": "ada",
        "timezone": "Asia/Kathmandu",
        "idle_timeout_minutes": 120,
        "retention_months": 24,
        "leaderboard_opt_in": True,
    }
    assert change(api, owner_token, wanted).json == before | wanted | {
        "effective_retention_months": 24
    }
    assert change(api, owner_token, {"idle_timeout_minutes": 5}).json == before | wanted | {
        "effective_retention_months": 24,
        "idle_timeout_minutes": 5,
    }
    emptied = {"handle": None, "retention_months": None, "leaderboard_opt_in": False}
    after = change(api, owner_token, emptied)
    assert after.json == before | {"timezone": "Asia/Kathmandu", "idle_timeout_minutes": 5}
    assert change(api, owner_token, {}).json == after.json
    assert api("GET", "/v1/me", token=owner_token).json == after.json


@pytest.mark.parametrize(
    "body",
    [
        {"timezone": "Mars/Olympus"},
        {"timezone": "UTC+3"},
        {"timezone": "asia/kathmandu"},
        {"timezone": "../etc/passwd"},
        {"timezone": "Europe"},
        {"timezone": ""},
        {"timezone": None},
        {"timezone": "\0"},
        {"timezone": "UTC\n"},
        {"timezone": "posix/UTC"},
        {"timezone": "PDT"},
        {"timezone": "\ud800"},
        {"idle_timeout_minutes": 0},
        {"idle_timeout_minutes": 121},
        {"idle_timeout_minutes": None},
        {"idle_timeout_minutes": "15"},
        {"retention_months": 0},
        {"retention_months": 1_201},
        {"leaderboard_opt_in": None},
        {"leaderboard_opt_in": "yes"},
        {"leaderboard_opt_in": True},
        {"handle": "a"},
        {"handle": "Ada"},
        {"handle": "ada lovelace"},
        {"handle": "ada\n"},
        {"email": "eve@example.org"},
        {"purged_before": "2026-01-01T00:00:00Z"},
        {"is_deployment_owner": True},
        [],
    ],
)
def test_what_is_not_valid_changes_nothing(api: Api, owner_token: str, body: object) -> None:
    """422 that names the field; zones are IANA names, and an opt-in needs a handle to show."""
    before = api("GET", "/v1/me", token=owner_token).json
    answer = change(api, owner_token, body)
    assert (answer.status, answer.error) == (422, "invalid_field"), answer.text
    assert api("GET", "/v1/me", token=owner_token).json == before


def test_a_handle_belongs_to_one_account(
    api: Api, owner_token: str, sign_up: Callable[..., str]
) -> None:
    """409 for the second; one's own again is harmless."""
    sign_up("grace")
    answer = change(api, owner_token, {"handle": "grace", "timezone": "Asia/Tokyo"})
    assert (answer.status, answer.error) == (409, "handle_taken")
    assert api("GET", "/v1/me", token=owner_token).json["timezone"] == "UTC"
    for _ in range(2):
        assert change(api, owner_token, {"handle": "ada"}).status == 200


def test_who_opted_in_keeps_a_handle(api: Api, sign_up: Callable[..., str]) -> None:
    """A handle cannot be taken away from under a leaderboard."""
    token = sign_up("ada")
    assert change(api, token, {"leaderboard_opt_in": True}).status == 200
    answer = change(api, token, {"handle": None})
    assert (answer.status, answer.error) == (422, "invalid_field")
    assert "leaderboard_opt_in" in answer.message


def test_if_match_saves_from_overwriting(api: Api, owner_token: str) -> None:
    """A change made on what somebody else changed meanwhile is 412 and changes nothing."""
    first = api("GET", "/v1/me", token=owner_token).headers["ETag"]
    second = change(api, owner_token, {"handle": "ada"}, **{"If-Match": f'"x", {first}'})
    assert second.status == 200
    assert second.headers["ETag"] != first
    stale = change(api, owner_token, {"handle": "eve"}, **{"If-Match": first})
    assert (stale.status, stale.error) == (412, "precondition_failed")
    again = api("GET", "/v1/me", token=owner_token)
    assert (again.json["handle"], again.headers["ETag"]) == ("ada", second.headers["ETag"])
    assert change(api, owner_token, {"handle": "eve"}, **{"If-Match": "*"}).status == 200


def test_accounts_have_their_own_settings(
    api: Api, owner_token: str, sign_up: Callable[..., str]
) -> None:
    """What one changes, another neither sees nor has."""
    stranger = sign_up("eve")
    before = api("GET", "/v1/me", token=owner_token).json
    change(api, stranger, {"timezone": "Asia/Tokyo", "retention_months": 1})
    assert api("GET", "/v1/me", token=owner_token).json == before
    assert api("GET", "/v1/me", token=stranger).json["handle"] == "eve"


def test_scopes(api: Api, sign_up: Callable[..., str]) -> None:
    """Reading does not allow changing, and other scopes allow neither."""
    reader, other = sign_up("reader", "profile:read"), sign_up("other", "query:read")
    assert api("GET", "/v1/me", token=reader).status == 200
    for answer in (
        change(api, reader, {}),
        api("GET", "/v1/me", token=other),
        api("GET", "/v1/me/purges", token=other),
    ):
        assert (answer.status, answer.error) == (403, "insufficient_scope")
    assert api("GET", "/v1/me").error == "missing_auth"
    assert change(api, "vlm_x", {}).error == "invalid_token"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "FOO3", "UTC+3", "asia/kathmandu"])
def test_postgres_takes_no_zone_that_it_does_not_know(
    database: Database, owner_token: str, zone: str
) -> None:
    """Not even an administrator stores one: every answer computes days with it."""
    for statement in (
        "insert into profiles (timezone) values (%s)",
        "update profiles set timezone = %s",
    ):
        with pytest.raises((psycopg.errors.InvalidParameterValue, psycopg.errors.CheckViolation)):
            database.rows(statement, zone)
    assert database.rows("select timezone from profiles") == [{"timezone": "UTC"}]


def test_every_zone_that_gets_in_can_be_computed_with(database: Database, owner_token: str) -> None:
    """All zones that Postgres lists give a local time and the beginning of a day."""
    with psycopg.connect(database.admin_url) as connection:
        known = connection.execute(
            "select count(*), count(now() at time zone z.name),"
            " count(public.day_start('2026-11-20', z.name)) from pg_timezone_names as z"
        ).fetchone()
    assert known is not None
    assert known[0] == known[1] == known[2] > 400


def test_postgres_has_the_last_word_on_zones(database: Database, owner_token: str) -> None:
    """A zone that it does not list is refused, and nothing changes."""
    refused = change_profile(database, None, handle="ada", zone="Moon/Tranquility", timeout=5)
    assert refused == UnknownTimezone.sqlstate
    assert database.rows("select handle, timezone, idle_timeout_minutes from profiles") == [
        {"handle": None, "timezone": "UTC", "idle_timeout_minutes": 15}
    ]


def test_a_new_zone_or_timeout_has_the_days_computed_anew(
    api: Api, owner_token: str, laptop: Registered, database: Database
) -> None:
    """Days with events are marked; another setting marks nothing."""
    event = laptop.event(timestamp="2026-03-09T20:00:00Z")
    assert laptop.send(api, [event]).status == 200
    for body, marked in (
        ({"retention_months": 1_200}, False),
        ({"idle_timeout_minutes": 30}, True),
        ({"timezone": "Asia/Kathmandu"}, True),
        ({"timezone": "Asia/Kathmandu", "handle": "ada"}, False),
    ):
        database.rows("delete from dirty_days")
        assert change(api, owner_token, body).status == 200
        days = {str(row["day"]) for row in database.rows("select day from dirty_days")}
        assert ("2026-03-10" if "timezone" in body else "2026-03-09") in days or not marked
        assert bool(days) == marked
