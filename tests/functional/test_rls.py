"""Row-level security as a table: who sees and changes what. Each line fails without its policy."""

import json
from dataclasses import dataclass

import psycopg
import pytest

from tests.support import Api, Database, Registered, as_role

OWN = "own"  # rows, and all of them of the account itself
NONE = "none"
ALL = "all"  # rows of others, too
DENIED = "denied"


@dataclass(frozen=True)
class Row:
    """What one role finds in one table: own rows, none, or no access at all."""

    table: str
    owner: str
    stranger: str
    anon: str = DENIED
    ingest: str = DENIED
    policy: str | None = None  # None for a table that is closed to everybody
    under: str | None = None  # for a view: the table whose policy it stands on


MATRIX = (
    Row("profiles", OWN, OWN, policy="profiles_select_owner"),  # a stranger sees their own
    Row("sources", OWN, NONE, policy="sources_select_owner"),
    Row("source_keys", OWN, NONE, policy="source_keys_select_owner"),
    Row("key_challenges", DENIED, DENIED),
    Row("source_names", DENIED, DENIED),
    Row("public_keys", DENIED, DENIED),
    Row("token_hashes", DENIED, DENIED),
    Row("handles", DENIED, DENIED),
    Row("deployment", DENIED, DENIED),
    Row("access_tokens", OWN, NONE, policy="access_tokens_select_owner"),
    Row("batches", OWN, NONE, policy="batches_select_owner"),
    Row("events", OWN, NONE, policy="events_select_owner"),
    Row("event_versions", OWN, NONE, policy="event_versions_select_owner"),
    Row("project_names", OWN, NONE, policy="project_names_select_owner"),
    Row("event_kinds", ALL, ALL, policy="event_kinds_select_everybody"),
    Row("model_prices", ALL, ALL, policy="model_prices_select_everybody"),
    Row("price_lists", ALL, ALL, policy="price_lists_select_everybody"),
    Row("event_sums", OWN, NONE, policy="event_sums_select_owner"),
    Row("token_sums", OWN, NONE, policy="token_sums_select_owner"),
    Row("activity_sums", OWN, NONE, policy="activity_sums_select_owner"),
    Row("event_days", OWN, NONE, policy="event_days_select_owner"),
    Row("token_days", OWN, NONE, policy="token_days_select_owner"),
    Row("dirty_days", OWN, NONE, policy="dirty_days_select_owner"),
    Row("error_episodes", OWN, NONE, policy="error_episodes_select_owner"),
    Row("agent_runs", OWN, NONE, policy="agent_runs_select_owner"),
    Row("errors_daily", OWN, NONE, policy="error_episodes_select_owner", under="error_episodes"),
    Row("mv_errors_fixed", OWN, NONE, policy="error_episodes_select_owner", under="error_episodes"),
    Row("mv_emotions", OWN, NONE, policy="events_select_owner", under="events"),
    Row("time_daily", OWN, NONE, policy="time_daily_select_owner"),
    Row("session_daily", OWN, NONE, policy="session_daily_select_owner"),
    Row("mv_time_by_language", OWN, NONE, policy="time_daily_select_owner", under="time_daily"),
    Row("token_daily", OWN, NONE, policy="token_sums_select_owner", under="token_sums"),
    Row("mv_token_usage", OWN, NONE, policy="token_sums_select_owner", under="token_sums"),
    Row("job_runs", DENIED, DENIED),
    Row("work_items", DENIED, DENIED),
    Row("purge_receipts", OWN, NONE, policy="purge_receipts_select_owner"),
    Row("leaderboards", OWN, NONE, policy="leaderboards_select_owner"),
    Row("leaderboard_members", OWN, NONE, policy="leaderboard_members_select_owner"),
)
ACTORS = {
    "owner": "authenticated",
    "stranger": "authenticated",
    "anon": "anon",
    "ingest": "vibeloom_ingest",
}
# Where it is not owner_id.
WHOSE = {
    "profiles": "id",
    "event_kinds": "null",
    "model_prices": "null",
    "price_lists": "null",
    "job_runs": "null",
}


# A table is not granted; a view that unites tables is not even writable.
REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)
# A column to try to change, where it is not owner_id.
SET = {
    "profiles": "email",
    "event_kinds": "kind",
    "model_prices": "provider",
    "price_lists": "source",
    "job_runs": "name",
}


DERIVED = (
    "insert into error_episodes select owner_id, occurred_at, source_id, id, 'loom', sha256('x'),"
    " 'other', null from events where owner_id = %s limit 1",
    "insert into event_versions select owner_id, id, 1, occurred_at, source_id"
    " from events where owner_id = %s limit 1",
    "insert into project_names (owner_id, name) values (%s, 'harp')",
    "insert into agent_runs values (%s, now(), gen_random_uuid(), '', 'cargo test', 1, 0)",
    "insert into time_daily values (%s, '2026-11-04', 'human', '', '', '', 1)",
    "insert into session_daily values"
    " (%s, '2026-11-04', 'human', '1', '', now(), now(), 1, '{}', 0, 0, 0, 0, 0)",
    "insert into purge_receipts (owner_id, first_occurred_at, last_occurred_at, events, digest)"
    " values (%s, now(), now(), 1, sha256('x'))",
    "select enqueue(%s, 'refresh_days')",
    "insert into leaderboards (owner_id, name, code_sha256) values (%s, 'us', sha256('x'))",
    "insert into leaderboard_members (owner_id, leaderboard_id)"
    " select owner_id, id from leaderboards where owner_id = %s",
)


@dataclass(frozen=True)
class People:
    """Two accounts; the owner has one row in every table."""

    owner: str
    stranger: str

    def subject(self, actor: str) -> str | None:
        return {"owner": self.owner, "stranger": self.stranger}.get(actor)


@pytest.fixture
def people(api: Api, laptop: Registered, database: Database, owner_token: str) -> People:
    """One row of the owner's in every table."""
    usage = {"model": "claude-sonnet-4", "inputTokens": 1}
    feeling = {"emotion": "smile", "score": 1.0, "trigger": "editor"}
    events = [
        laptop.event(type="token_usage", payload=usage),
        laptop.event(type="emotion", payload=feeling),
    ]
    assert laptop.send(api, events).status == 200
    api("POST", "/v1/sources/challenge", token=owner_token)
    owner = str(database.value("select id from profiles"))
    for statement in DERIVED:  # what jobs would have made by and by
        database.rows(statement, owner)
    stranger = str(database.value("insert into profiles default values returning id"))
    return People(owner, stranger)


def outcome(database: Database, people: People, actor: str, table: str) -> str:
    """What `actor` finds: whose rows, if any."""
    whose = WHOSE.get(table, "owner_id")
    with as_role(database, ACTORS[actor], people.subject(actor)) as connection:
        try:
            rows = connection.execute(f"select {whose}::text from {table}").fetchall()
        except psycopg.errors.InsufficientPrivilege:
            return DENIED
    if not rows:
        return NONE
    return OWN if {owner for (owner,) in rows} == {people.subject(actor)} else ALL


@pytest.mark.parametrize("actor", ACTORS)
def test_who_reads_what(database: Database, people: People, actor: str) -> None:
    """Owners read their own, nobody reads another's, the ingest role reads nothing."""
    found = {row.table: outcome(database, people, actor, row.table) for row in MATRIX}
    assert found == {row.table: getattr(row, actor) for row in MATRIX}


@pytest.mark.parametrize("row", [row for row in MATRIX if row.policy], ids=lambda row: row.table)
def test_each_row_depends_on_its_policy(database: Database, people: People, row: Row) -> None:
    """Without the policy the owner sees nothing; without row-level security a stranger sees all."""
    database.rows(f"drop policy {row.policy} on {row.under or row.table}")
    assert outcome(database, people, "owner", row.table) == NONE
    if row.under:
        return  # a view has no security of its own to switch off
    database.rows(f"alter table {row.table} disable row level security")
    assert outcome(database, people, "stranger", row.table) == ALL


@pytest.mark.parametrize("actor", ACTORS)
def test_nobody_writes_past_the_functions(database: Database, people: People, actor: str) -> None:
    """No table may be written by any role that a client can have."""
    for row in MATRIX:
        for statement in (
            f"insert into {row.table} default values",
            f"update {row.table} set {SET.get(row.table, 'owner_id')} = null",
            f"delete from {row.table}",
        ):
            with (
                as_role(database, ACTORS[actor], people.subject(actor)) as connection,
                pytest.raises(REFUSED),
            ):
                connection.execute(statement)


def test_every_table_is_in_the_matrix(database: Database) -> None:
    """A table or view without a line here is a failure; a view reads as whoever asks."""
    tables = database.rows(
        "select c.relname as name,"
        " c.relrowsecurity or 'security_invoker=true' = any(c.reloptions) as secured"
        " from pg_class as c"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')"
    )
    assert {row["name"] for row in tables} == {row.table for row in MATRIX}
    assert all(row["secured"] for row in tables)


def test_partitions_are_closed(database: Database, people: People) -> None:
    """Nobody goes around the parent: partitions have row-level security and no grants."""
    database.rows("select make_event_partitions()")
    partitions = database.rows(
        "select c.relname as name, c.relrowsecurity as secured from pg_class as c"
        " where c.relnamespace = 'partitions'::regnamespace and c.relkind = 'r'"
    )
    assert len(partitions) == 28
    assert all(row["secured"] for row in partitions)
    for actor, role in ACTORS.items():
        with (
            as_role(database, role, people.subject(actor)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("select from partitions.events_default")


EXECUTABLE = {
    "anon": set[str](),
    "authenticated": {
        "day_start",  # a calculation: it reads no table
        *("event_cells", "token_cells", "has_folded_days", "is_of_folded_days"),
    },
    "vibeloom_ingest": {
        "find_source_keys",
        "bulk_insert_events",
        "make_event_partitions",
        "note_job_run",
    },
    "vibeloom_functions": set[str](),
    "vibeloom_grafana": set[str](),
}


@pytest.mark.parametrize("role", EXECUTABLE)
def test_who_executes_what(database: Database, role: str) -> None:
    """The ingest role has its few; what a client can call reads as the client and never writes."""
    rows = database.rows(
        "select p.proname as name, p.prosecdef as as_owner, p.provolatile <> 'v' as reads_only"
        " from pg_proc as p where p.pronamespace = 'public'::regnamespace"
        " and has_function_privilege(%s, p.oid, 'execute')",
        role,
    )
    assert {row["name"] for row in rows} == EXECUTABLE[role]
    if role != "vibeloom_ingest":
        assert all(row["reads_only"] and not row["as_owner"] for row in rows)


@dataclass(frozen=True)
class Call:
    """What one role finds when it calls a function: how many rows, or no access at all."""

    text: str
    policy: str
    table: str
    owner: int | str
    stranger: int | str = 0
    anon: int | str = DENIED
    ingest: int | str = DENIED


PERIOD = "'2000-01-01Z', '2100-01-01Z', 'UTC'"
CALLS = (
    Call(f"event_cells({PERIOD}, true)", "event_days_select_owner", "event_days", 2),
    Call(f"event_cells({PERIOD}, false)", "event_sums_select_owner", "event_sums", 2),
    Call(f"token_cells({PERIOD})", "token_days_select_owner", "token_days", 1),
    Call(
        f"token_cells({PERIOD.replace('UTC', 'Asia/Tokyo')})",
        "token_sums_select_owner",
        "token_sums",
        1,
    ),
)


def found_by(database: Database, people: People, actor: str, call: Call) -> int | str:
    """How many rows `actor` gets."""
    with as_role(database, ACTORS[actor], people.subject(actor)) as connection:
        try:
            return len(connection.execute(f"select * from {call.text}").fetchall())
        except psycopg.errors.InsufficientPrivilege:
            return DENIED


@pytest.mark.parametrize("actor", ACTORS)
def test_who_calls_what(database: Database, people: People, actor: str) -> None:
    """Cells are of the caller's own events, of days as of quarters; others may not call."""
    found = {call.text: found_by(database, people, actor, call) for call in CALLS}
    assert found == {call.text: getattr(call, actor) for call in CALLS}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.table)
def test_each_call_depends_on_a_policy(database: Database, people: People, call: Call) -> None:
    """Without the policy the owner gets nothing; without row-level security a stranger gets all."""
    database.rows(f"drop policy {call.policy} on {call.table}")
    assert found_by(database, people, "owner", call) == 0
    database.rows(f"alter table {call.table} disable row level security")
    assert found_by(database, people, "stranger", call) == call.owner


def test_whose_days_are_folded_is_the_caller_s(database: Database, people: People) -> None:
    """A zone that only somebody else's days are cut in is no zone of one's own days."""
    database.rows("update profiles set folded_timezone = 'Asia/Tokyo' where id = %s", people.owner)
    asked = (
        "select has_folded_days('Asia/Tokyo'), is_of_folded_days('2026-11-01T15:00Z',"
        " '2026-11-02T15:00Z', 'Asia/Tokyo'), is_of_folded_days('2026-11-01T15:00Z',"
        " '2026-11-02T15:15Z', 'Asia/Tokyo')"
    )
    for actor, expected in (("owner", (True, True, False)), ("stranger", (False, False, False))):
        with as_role(database, ACTORS[actor], people.subject(actor)) as connection:
            assert connection.execute(asked).fetchone() == expected


def test_claims_decide_nothing_but_identity(database: Database, people: People) -> None:
    """Empty claims, or a role inside them, see nothing."""
    with psycopg.connect(database.functions_url, prepare_threshold=None) as connection:
        for claims in ("", "{}", '{"role": "service_role"}'):
            connection.execute(
                "select set_config('role', 'authenticated', true),"
                " set_config('request.jwt.claims', %s, true)",
                (claims,),
            )
            assert connection.execute("select * from events").fetchall() == []
            connection.rollback()
        connection.execute(
            "select set_config('role', 'authenticated', true),"
            " set_config('request.jwt.claims', %s, true)",
            (json.dumps({"sub": people.owner}),),
        )
        assert len(connection.execute("select * from events").fetchall()) == 2
        connection.rollback()
