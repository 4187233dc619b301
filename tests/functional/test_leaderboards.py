"""Rankings: who opted in is shown by handle, place and value, and nobody else at all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from functions.leaderboards.models import Period
from functions.leaderboards.service import LeaderboardFull, TooManyLeaderboards, bounds
from tests.sums import delete_events
from tests.support import Answer, Api, Database, Registered, register_source, timestamp

SCOPES = ["profile:read", "profile:write", "sources:write"]
NOWHERE = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Person:
    """An account that may send events."""

    id: str
    token: str
    source: Registered


Meet = Callable[..., Person]


@pytest.fixture
def meet(api: Api, database: Database) -> Meet:
    """Makes an account with a handle, opted in unless told otherwise, that sent some events."""
    from functions.accounts import tokens
    from functions.accounts.models import NewToken
    from functions.core.actor import User

    def make(handle: str, events: int = 0, *, opt_in: bool = True) -> Person:
        account = database.value(
            "insert into profiles (handle, leaderboard_opt_in, email)"
            " values (%s, %s, %s) returning id",
            handle,
            opt_in,
            f"{handle}@secret.example",
        )
        new = NewToken(name="t", scopes=SCOPES)
        token = tokens.issue(User(account), new, datetime.now(UTC)).token
        person = Person(str(account), token, register_source(api, token, f"{handle}-mac"))
        if events:
            send(api, person, events)
        return person

    return make


def send(api: Api, person: Person, events: int, **fields: Any) -> None:
    """`events` events of this moment."""
    fields = {"timestamp": timestamp(timedelta(0))} | fields
    answer = person.source.send(api, [person.source.event(**fields) for _ in range(events)])
    assert answer.json["inserted"] == events


def board(api: Api, person: Person, name: str = "band") -> dict[str, Any]:
    answer = api("POST", "/v1/leaderboards", {"name": name}, token=person.token)
    assert answer.status == 201, answer.text
    made: dict[str, Any] = answer.json
    return made


def join(api: Api, person: Person, code: str) -> Answer:
    return api("POST", "/v1/leaderboards/join", {"code": code}, token=person.token)


def standings(api: Api, person: Person, board_id: str = "public", **query: Any) -> list[Any]:
    """Place, handle, value, as one page shows them."""
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    answer = api("GET", f"/v1/leaderboards/{board_id}?{asked}", token=person.token)
    assert answer.status == 200, answer.text
    return [(item["rank"], item["handle"], item["value"]) for item in answer.json["items"]]


def test_the_public_one_shows_who_opted_in(api: Api, meet: Meet) -> None:
    """Best first, equals on one place; who has nothing or did not opt in is not shown."""
    ada = meet("ada", 3)
    for handle, events in (("bob", 5), ("cyd", 3), ("dan", 1), ("eve", 0)):
        meet(handle, events)
    shy = meet("shy", 9, opt_in=False)
    expected = [(1, "bob", 5), (2, "ada", 3), (2, "cyd", 3), (4, "dan", 1)]
    assert standings(api, ada) == standings(api, shy) == expected


def test_others_see_three_things(api: Api, meet: Meet) -> None:
    """Handle, place and value; no id, address, project, model or source."""
    ada, bob = meet("ada", 2), meet("bob", 1)
    made = board(api, bob)
    join(api, ada, made["code"])
    for target in (f"/v1/leaderboards/{made['id']}", "/v1/leaderboards/public"):
        answer = api("GET", target, token=ada.token)
        assert [item.keys() for item in answer.json["items"]] == [{"rank", "handle", "value"}] * 2
        for secret in (bob.id, "secret.example", "bob-mac", "loom", "rust", bob.source.id):
            assert secret not in answer.text
    listed = api("GET", "/v1/leaderboards", token=ada.token)
    for secret in (bob.id, made["code"], "bob"):
        assert secret not in listed.text


def test_the_ranking_is_exact_to_the_last_event(api: Api, meet: Meet, database: Database) -> None:
    """An event is in the ranking as soon as its batch was taken, and out of it once deleted."""
    ada, bob = meet("ada", 2), meet("bob", 1)
    assert standings(api, ada) == [(1, "ada", 2), (2, "bob", 1)]
    send(api, bob, 2)
    assert standings(api, ada) == [(1, "bob", 3), (2, "ada", 2)]
    delete_events(database, "owner_id = %s", bob.id)
    assert standings(api, ada) == [(1, "ada", 2)]


def test_metrics_and_periods(api: Api, meet: Meet) -> None:
    """Days and hours are counted once, tokens are in and out, and the range is the period's."""
    now = datetime.now(UTC)
    ada = meet("ada")
    week, _ = bounds(Period.WEEK, now)
    month, _ = bounds(Period.MONTH, now)
    payload = {"input_tokens": 100, "output_tokens": 11, "cache_read_tokens": 5_000}
    moments = [week - timedelta(microseconds=1), week, week + timedelta(minutes=59)]
    moments += [week + timedelta(hours=1), month, month - timedelta(microseconds=1)]
    for moment in moments:
        send(api, ada, 1, timestamp=moment.isoformat(), type="token_usage", payload=payload)
    for period, start in (("week", week), ("month", month)):
        inside = [moment for moment in moments if start <= moment]
        for metric, value in {
            "events": len(inside),
            "active_days": len({moment.date() for moment in inside}),
            "active_hours": len({(moment.date(), moment.hour) for moment in inside}),
            "tokens": 111 * len(inside),
        }.items():
            shown = standings(api, ada, metric=metric, period=period)
            assert shown == [(1, "ada", value)], (metric, period)


@pytest.mark.parametrize(
    ("now", "week", "month"),
    [
        ("2026-11-20T12:00:00+00:00", ("2026-11-16", "2026-11-23"), ("2026-11-01", "2026-12-01")),
        ("2026-11-15T23:59:59+00:00", ("2026-11-09", "2026-11-16"), ("2026-11-01", "2026-12-01")),
        ("2026-11-16T04:00:00+05:45", ("2026-11-09", "2026-11-16"), ("2026-11-01", "2026-12-01")),
        ("2024-02-29T00:00:00+00:00", ("2024-02-26", "2024-03-04"), ("2024-02-01", "2024-03-01")),
        ("2026-12-31T23:00:00+00:00", ("2026-12-28", "2027-01-04"), ("2026-12-01", "2027-01-01")),
    ],
)
def test_periods_are_utc(now: str, week: tuple[str, str], month: tuple[str, str]) -> None:
    """Weeks begin on Monday, months on the first, at midnight UTC."""
    moment = datetime.fromisoformat(now)
    for period, expected in ((Period.WEEK, week), (Period.MONTH, month)):
        start, end = bounds(period, moment)
        assert (start.isoformat(), end.isoformat()) == tuple(
            f"{day}T00:00:00+00:00" for day in expected
        )


def test_pages(api: Api, meet: Meet) -> None:
    """Following `next` shows everybody once, places counting through, equals included."""
    people = [meet(f"p{number}", 1 + number // 3) for number in range(7)]
    everybody = standings(api, people[0])
    seen: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        target = f"/v1/leaderboards/public?limit=2{cursor and '&cursor='}{cursor}"
        page = api("GET", target, token=people[0].token).json
        seen += [(item["rank"], item["handle"], item["value"]) for item in page["items"]]
        cursor = page["next"]
    assert seen == everybody
    assert [rank for rank, _, _ in everybody] == [1, 2, 2, 2, 5, 5, 5]


def test_a_private_one_is_for_its_members(api: Api, meet: Meet) -> None:
    """The code opens it; without it there is no such leaderboard, whatever one tries."""
    ada, bob, eve = meet("ada", 1), meet("bob", 2), meet("eve", 3)
    made = board(api, ada)
    assert made.keys() == {"id", "name", "is_owner", "created_at", "code"}
    assert (made["name"], made["is_owner"]) == ("band", True)
    assert standings(api, ada, made["id"]) == [(1, "ada", 1)]
    for _ in range(2):
        joined = join(api, bob, made["code"])
        assert joined.status == 200
        assert joined.json == {name: made[name] for name in ("id", "name", "created_at")} | {
            "is_owner": False
        }
    for person in (ada, bob):
        assert standings(api, person, made["id"]) == [(1, "bob", 2), (2, "ada", 1)]
    path = f"/v1/leaderboards/{made['id']}"
    for method, target in (
        ("GET", path),
        ("DELETE", path),
        ("POST", f"{path}/code"),
        ("DELETE", f"{path}/membership"),
        ("GET", f"/v1/leaderboards/{NOWHERE}"),
    ):
        answer = api(method, target, token=eve.token)
        assert (answer.status, answer.error) == (404, "not_found"), (method, target)
    for code in ("A" * 22, made["code"][:-1] + ("A" if made["code"][-1] != "A" else "Q")):
        assert join(api, eve, code).error == "not_found"
    names = [item["name"] for item in api("GET", "/v1/leaderboards", token=eve.token).json["items"]]
    assert names == ["Everybody"]


def test_a_member_is_not_the_owner(api: Api, meet: Meet) -> None:
    """Members neither delete a board nor see or replace its code; its owner does both."""
    ada, bob = meet("ada", 1), meet("bob", 2)
    made = board(api, ada)
    join(api, bob, made["code"])
    path = f"/v1/leaderboards/{made['id']}"
    assert api("DELETE", path, token=bob.token).error == "not_found"
    assert api("POST", f"{path}/code", token=bob.token).error == "not_found"
    listed = api("GET", "/v1/leaderboards", token=bob.token).json["items"]
    assert [(item["id"], item["is_owner"]) for item in listed] == [
        ("public", False),
        (made["id"], False),
    ]
    assert api("DELETE", path, token=ada.token).status == 204
    for person in (ada, bob):
        assert api("GET", path, token=person.token).status == 404
    assert api("DELETE", path, token=ada.token).status == 404
    assert join(api, bob, made["code"]).status == 404


def test_a_new_code_ends_the_old_one(api: Api, meet: Meet, database: Database) -> None:
    """Replaced, the old invitation opens nothing; members stay; the table has hashes only."""
    ada, bob, cyd = meet("ada", 1), meet("bob", 2), meet("cyd", 3)
    made = board(api, ada)
    join(api, bob, made["code"])
    new = api("POST", f"/v1/leaderboards/{made['id']}/code", token=ada.token)
    assert (new.status, len(new.json["code"])) == (201, 22)
    assert new.json == made | {"code": new.json["code"]}
    assert join(api, cyd, made["code"]).status == 404
    assert join(api, cyd, new.json["code"]).status == 200
    assert len(standings(api, ada, made["id"])) == 3
    [stored] = database.rows("select leaderboards::text as row from leaderboards")
    assert made["code"] not in stored["row"]
    assert new.json["code"] not in stored["row"]


def test_leaving_and_opting_out_work_at_once(api: Api, meet: Meet) -> None:
    """The next look does not show them; joining and opting in bring them back."""
    ada, bob = meet("ada", 1), meet("bob", 2)
    made = board(api, ada)
    join(api, bob, made["code"])
    path = f"/v1/leaderboards/{made['id']}/membership"
    assert api("DELETE", path, token=bob.token).status == 204
    assert api("DELETE", path, token=bob.token).status == 404
    assert standings(api, ada, made["id"]) == [(1, "ada", 1)]
    assert api("GET", f"/v1/leaderboards/{made['id']}", token=bob.token).status == 404
    assert len(standings(api, ada)) == 2
    join(api, bob, made["code"])
    opted_out = api("PATCH", "/v1/me", {"leaderboard_opt_in": False}, token=bob.token)
    assert opted_out.status == 200
    for board_id in (made["id"], "public"):
        assert standings(api, ada, board_id) == [(1, "ada", 1)]
    api("PATCH", "/v1/me", {"leaderboard_opt_in": True, "handle": "robert"}, token=bob.token)
    for board_id in (made["id"], "public"):
        assert standings(api, bob, board_id) == [(1, "robert", 2), (2, "ada", 1)]
    stays = api("DELETE", path, token=ada.token)
    assert (stays.status, stays.error) == (409, "owner_stays")


def test_whoever_is_gone_is_shown_nowhere(api: Api, meet: Meet, database: Database) -> None:
    """An account that is deleted takes its boards and its places with it."""
    ada, bob = meet("ada", 1), meet("bob", 2)
    mine, theirs = board(api, ada), board(api, bob)
    join(api, ada, theirs["code"])
    join(api, bob, mine["code"])
    while not database.value("select delete_account(%s)", bob.id):
        pass
    assert standings(api, ada) == standings(api, ada, mine["id"]) == [(1, "ada", 1)]
    assert api("GET", f"/v1/leaderboards/{theirs['id']}", token=ada.token).status == 404


def fill(database: Database, board_id: str, members: int) -> None:
    """Puts as many new people into a board."""
    database.rows(
        "with people as (insert into profiles (handle) select 'x' || n || %s"
        " from generate_series(1, %s) as n returning id)"
        " insert into leaderboard_members (leaderboard_id, owner_id) select %s, id from people",
        board_id[:8],
        members,
        board_id,
    )


def both_at_once(database: Database, first: str, second: str) -> str | None:
    """How the second call is refused that begins before the first one has committed."""
    with psycopg.connect(database.admin_url) as connection, ThreadPoolExecutor(1) as pool:
        connection.execute(first)
        later = pool.submit(database.value, second)
        wait([later], timeout=0.5)
        connection.commit()
    error = later.exception()
    return error.sqlstate if isinstance(error, psycopg.DatabaseError) else None


def test_the_last_place_is_taken_once(api: Api, meet: Meet, database: Database) -> None:
    """Two people for the last free place of 500: the second waits, and is told that it is full."""
    made = board(api, meet("ada"))
    fill(database, made["id"], 498)
    bob, cyd = meet("bob"), meet("cyd")
    refused = both_at_once(
        database,
        f"select join_leaderboard('{bob.id}', sha256('{made['code']}'))",
        f"select join_leaderboard('{cyd.id}', sha256('{made['code']}'))",
    )
    assert refused == LeaderboardFull.sqlstate
    assert database.value("select count(*) from leaderboard_members") == 500
    late = join(api, cyd, made["code"])
    assert (late.status, late.error) == (409, "leaderboard_full")
    assert join(api, bob, made["code"]).status == 200


@pytest.mark.parametrize("way", ["make", "join"])
def test_a_person_is_in_twenty_at_most(api: Api, meet: Meet, database: Database, way: str) -> None:
    """Made and joined together, also when two come at once; leaving makes room."""
    ada, bob = meet("ada"), meet("bob")
    codes = [board(api, bob)["code"] for _ in range(2)]
    for number in range(19):
        board(api, ada, f"board {number}")
    make = f"select create_leaderboard('{ada.id}', 'one more', sha256('x'))"
    enter = f"select join_leaderboard('{ada.id}', sha256('{codes[0]}'))"
    refused = both_at_once(database, make, enter if way == "join" else make.replace("x", "y"))
    assert refused == TooManyLeaderboards.sqlstate
    for answer in (
        api("POST", "/v1/leaderboards", {"name": "x"}, token=ada.token),
        join(api, ada, codes[1]),
    ):
        assert (answer.status, answer.error) == (409, "too_many_leaderboards")
    mine = api("GET", "/v1/leaderboards", token=ada.token).json
    assert (len(mine["items"]), mine["next"]) == (21, None)
    api("DELETE", f"/v1/leaderboards/{mine['items'][1]['id']}", token=ada.token)
    assert join(api, ada, codes[1]).status == 200


BAD: list[tuple[str, str, object, int, str]] = [
    ("GET", "/public?metric=money", None, 422, "invalid_field"),
    ("GET", "/public?period=century", None, 422, "invalid_field"),
    ("GET", "/public?limit=0", None, 422, "invalid_field"),
    ("GET", "/public?cursor=x", None, 400, "invalid_request"),
    ("GET", "/public?cursor=-1.ada", None, 400, "invalid_request"),
    ("GET", "/public?cursor=1.ada%00", None, 400, "invalid_request"),
    ("GET", f"/public?cursor={'9' * 41}.ada", None, 400, "invalid_request"),
    ("GET", "/mine", None, 422, "invalid_field"),
    ("POST", "", {}, 422, "invalid_field"),
    ("POST", "", {"name": ""}, 422, "invalid_field"),
    ("POST", "", {"name": "x" * 65}, 422, "invalid_field"),
    ("POST", "", {"name": "a\0b"}, 422, "invalid_field"),
    ("POST", "", {"name": "\ud800"}, 422, "invalid_field"),
    ("POST", "", {"name": "x", "is_public": True}, 422, "invalid_field"),
    ("POST", "", b"{", 400, "invalid_request"),
    ("POST", "/join", {"code": "x"}, 422, "invalid_field"),
    ("POST", "/join", {"code": "A" * 21 + "\n"}, 422, "invalid_field"),
    ("DELETE", "/public", None, 422, "invalid_field"),
    ("PUT", "/join", None, 405, "method_not_allowed"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "error"), BAD)
def test_bad_requests(
    api: Api, owner_token: str, method: str, path: str, body: object, status: int, error: str
) -> None:
    """Unreadable is 400, readable but wrong is 422."""
    answer = api(method, f"/v1/leaderboards{path}", body, token=owner_token)
    assert (answer.status, answer.error) == (status, error), answer.text


def test_scopes(api: Api, owner_token: str, meet: Meet) -> None:
    """Looking needs profile:read, everything else profile:write."""
    made = board(api, meet("ada"))
    reader, other = (
        api("POST", "/v1/tokens", {"name": "x", "scopes": [scope]}, token=owner_token).json["token"]
        for scope in ("profile:read", "query:read")
    )
    path = f"/v1/leaderboards/{made['id']}"
    assert api("GET", "/v1/leaderboards/public", token=reader).status == 200
    for method, target, body, token in (
        ("POST", "/v1/leaderboards", {"name": "x"}, reader),
        ("POST", "/v1/leaderboards/join", {"code": made["code"]}, reader),
        ("POST", f"{path}/code", None, reader),
        ("DELETE", path, None, reader),
        ("DELETE", f"{path}/membership", None, reader),
        ("GET", "/v1/leaderboards", None, other),
        ("GET", "/v1/leaderboards/public", None, other),
        ("GET", path, None, other),
    ):
        answer = api(method, target, body, token=token)
        assert (answer.status, answer.error) == (403, "insufficient_scope"), (method, target)
        assert api(method, target, body).error == "missing_auth"
