"""The rights of rooms: which role may do what to which table, and nothing else."""

from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from infra import logins
from tests.support import (
    Api,
    Database,
    Registered,
    as_role,
    fresh_process,
    register_source,
    run_job,
)

VERBS = {"s": "SELECT", "i": "INSERT", "u": "UPDATE", "d": "DELETE"}

# Role by table by verb. A capital letter is a right on some columns only.
RIGHTS = {
    "vibeloom_functions": {},
    "vibeloom_member": {
        "profiles": "siU",
        "handles": "sid",
        "access_tokens": "sid",
        "token_hashes": "sid",
        "sources": "siU",
        "source_keys": "siU",
        "source_names": "siU",
        "public_keys": "si",
        "key_challenges": "sid",
        "leaderboards": "SiUd",
        "leaderboard_members": "sid",
    },
    "vibeloom_door": {},
    "vibeloom_work": {"work_items": "sUd"},
    "vibeloom_ingest": {},
    "vibeloom_query": {},
    "vibeloom_rollup": {
        "profiles": "sU",
        "events": "s",
        "event_kinds": "s",
        "dirty_days": "sUd",
        "time_daily": "sid",
        "session_daily": "sid",
        "error_episodes": "siud",
        "agent_runs": "sid",
    },
    "vibeloom_accounts": {},
    "vibeloom_sources": {"key_challenges": "sd"},
    "vibeloom_leaderboards": {},
    "vibeloom_front": {"job_runs": "s"},
}
# What a role may become: its own rights, and what a request in its room needs.
BECOMES = {
    "vibeloom_functions": set(RIGHTS) - {"vibeloom_functions"} | {"anon", "authenticated"},
    "vibeloom_ingest": {"vibeloom_member", "vibeloom_door"},
    "vibeloom_query": {
        "anon",
        "authenticated",
        "vibeloom_member",
        "vibeloom_door",
        "vibeloom_rollup",
        "vibeloom_work",  # through the roll-up
    },
    "vibeloom_rollup": {"vibeloom_work"},
    **{
        f"vibeloom_{room}": {"anon", "authenticated", "vibeloom_member", "vibeloom_door"}
        for room in ("accounts", "sources", "leaderboards")
    },
    **{f"vibeloom_{room}": set() for room in ("member", "door", "work", "front")},
}


@pytest.mark.parametrize("role", RIGHTS)
def test_the_matrix_of_rights(database: Database, role: str) -> None:
    """Room by table by verb, from the catalog: what is not in the table above, a room cannot do."""
    rows = database.rows(
        "select c.relname as name, v.verb,"
        " has_table_privilege(%s, c.oid, v.verb) as whole,"
        " v.verb <> 'DELETE' and has_any_column_privilege(%s, c.oid, v.verb) as part"
        " from pg_class as c cross join unnest(%s::text[]) as v (verb)"
        " where c.relnamespace in ('public'::regnamespace, 'dashboards'::regnamespace,"
        " 'partitions'::regnamespace) and c.relkind in ('r', 'p', 'v')",
        role,
        role,
        list(VERBS.values()),
    )
    found: dict[str, str] = {}
    for letter, verb in VERBS.items():
        for row in rows:
            if row["verb"] == verb and (row["whole"] or row["part"]):
                right = letter if row["whole"] else letter.upper()
                found[row["name"]] = found.get(row["name"], "") + right
    assert found == RIGHTS[role]


@pytest.mark.parametrize("role", RIGHTS)
def test_every_right_stands_on_a_policy(database: Database, role: str) -> None:
    """And every policy of the role on a right: no row is open because nobody thought of it."""
    rows = database.rows(
        "select tablename as name, cmd from pg_policies where schemaname = 'public'"
        " and %s = any(roles)",
        role,
    )
    policies = {(row["name"], row["cmd"]) for row in rows}
    rights = {
        (table, VERBS[letter.lower()]) for table, verbs in RIGHTS[role].items() for letter in verbs
    }
    assert policies == rights


@pytest.mark.parametrize("role", BECOMES)
def test_what_a_role_may_become(database: Database, role: str) -> None:
    """Never `service_role`, never a superuser, and no other room."""
    rows = database.rows(
        "select r.rolname as name from pg_roles as r"
        " where r.rolname <> %s and pg_has_role(%s, r.oid, 'SET')",
        role,
        role,
    )
    assert {row["name"] for row in rows} == BECOMES[role]
    assert database.rows(
        "select rolsuper, rolbypassrls, rolinherit, rolcreaterole from pg_roles where rolname = %s",
        role,
    ) == [{"rolsuper": False, "rolbypassrls": False, "rolinherit": False, "rolcreaterole": False}]


def test_postgrest_cannot_become_a_member(database: Database) -> None:
    """The role under which a person writes is for the functions alone."""
    assert not database.value("select pg_has_role('authenticator', 'vibeloom_member', 'SET')")


def test_a_member_touches_nobody_else_s_rows(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """Another person sees, changes and deletes nothing, and cannot write in somebody's name."""
    owner = database.value("select owner_id from deployment")
    stranger = str(uuid4())
    database.rows("insert into profiles (id) values (%s)", stranger)
    with as_role(database, "vibeloom_member", stranger) as connection:
        for table in RIGHTS["vibeloom_member"]:
            whose = "id" if table == "profiles" else "owner_id"
            rows = connection.execute(
                f"select count(*) from {table} where {whose} <> auth.uid()"
            ).fetchone()
            assert rows == (0,), table
        assert (
            connection.execute(
                "update source_keys set revoked_at = now() where owner_id = %s", (owner,)
            ).rowcount
            == 0
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "select create_access_token(%s, 'x', sha256('x'), '{query:read}', null)", (owner,)
            )
    assert database.value("select count(*) from access_tokens where owner_id = %s", stranger) == 0


def test_a_room_cannot_read_what_is_not_its_own(database: Database, laptop: Registered) -> None:
    """The one that computes days never sees a token, a key or a batch."""
    for table in ("access_tokens", "token_hashes", "source_keys", "batches", "handles"):
        with (
            as_role(database, "vibeloom_rollup") as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(f"select * from {table}")


@pytest.fixture
def log_in(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes this process one that a room has to itself, logged in as the room's own role."""
    names = dict(logins.make(database.admin_url, "{login}"))

    def switch(room: str) -> None:
        url = database.functions_url.replace("vibeloom_functions", names[room])
        monkeypatch.setenv("VIBELOOM_DATABASE_URL", url)
        fresh_process()

    return switch


def test_each_room_works_with_its_own_login(
    api: Api,
    laptop: Registered,
    owner_token: str,
    database: Database,
    log_in: Callable[[str], None],
) -> None:
    """As on Lambda: what a room needs it may do, from the first request of its process on."""
    log_in("ingest")
    assert laptop.send(api, [laptop.event()]).status == 200
    log_in("query")
    for path in ("/v1/query", "/v1/query/summary", "/v1/query/time", "/v1/events"):
        assert api("GET", path, token=owner_token).status == 200, path
    log_in("accounts")
    changed = api("PATCH", "/v1/me", {"handle": "ada", "timezone": "Asia/Tokyo"}, token=owner_token)
    assert changed.status == 200, changed.text
    token = api("POST", "/v1/tokens", {"name": "x", "scopes": ["query:read"]}, token=owner_token)
    assert token.status == 201, token.text
    assert api("DELETE", f"/v1/tokens/{token.json['id']}", token=owner_token).status == 204
    log_in("sources")
    other = register_source(api, owner_token, "desk")
    sources = api("GET", "/v1/sources", token=owner_token).json["items"]
    assert {source["name"] for source in sources} == {"laptop", "desk"}
    gone = api("DELETE", f"/v1/sources/{other.id}/keys/{other.key_id}", token=owner_token)
    assert gone.status == 204
    log_in("leaderboards")
    board = api("POST", "/v1/leaderboards", {"name": "us"}, token=owner_token)
    assert board.status == 201, board.text
    assert api("GET", f"/v1/leaderboards/{board.json['id']}", token=owner_token).status == 200
    assert api("GET", "/v1/leaderboards", token=owner_token).status == 200
    log_in("front")
    assert api("GET", "/readyz").status == 200
    log_in("rollup")
    run_job("refresh_days")
    database.rows("select enqueue(id, 'refresh_days') from profiles")
    run_job("run_tasks")
    assert database.rows("select * from work_items") == []


def test_a_room_s_login_opens_no_other_room(
    api: Api, laptop: Registered, owner_token: str, log_in: Callable[[str], None]
) -> None:
    """The process that computes days cannot store events, nor look up who is asking."""
    log_in("rollup")
    assert laptop.send(api, [laptop.event()]).status == 500
    assert api("GET", "/v1/me", token=owner_token).status == 500
    log_in("front")
    assert api("GET", "/v1/me", token=owner_token).status == 500
