"""The functions behind a transaction pooler, as on Supabase: Postgres 17, one server connection.

Everybody shares that connection, so whatever a transaction left on it the next person would have.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from functions.core import db, errors
from functions.core.actor import User
from infra.local import postgres
from migrations import apply
from tests import pooled_client, pooler, supabase_project, tools
from tests.conftest import LOGIN
from tests.e2e.stack_fixture import environment
from tests.support import fresh_process, throwaway_postgres

ROOT = Path(__file__).resolve().parents[2]
ADA = UUID("00000000-0000-4000-8000-000000000001")
BOB = UUID("00000000-0000-4000-8000-000000000002")
TIMES = 150  # transactions of each process
NOBODY = (LOGIN, LOGIN, "none", "", "0 0 0 0", 0)
WHO = f"""
    select
        current_user::text, session_user::text, current_setting('role'),
        coalesce(current_setting('request.jwt.claims', true), ''),
        {pooled_client.LIMITS}, (select count(*) from pg_prepared_statements)
"""
# Who may see what; accounts and tokens, batches in, sums, answers and jobs, also at once.
CORE = {
    "test_db": [],
    "test_rls": [
        "test_who_reads_what",
        "test_who_executes_what",
        "test_nobody_writes_past_the_functions",
        "test_claims_decide_nothing_but_identity",
        "test_partitions_are_closed",
    ],
    "test_accounts": [
        "test_registering_a_source",
        "test_the_limit_of_two_holds_under_concurrency",
        "test_a_token_is_shown_once_and_kept_as_a_hash",
        "test_another_account_s_ids_are_not_found",
    ],
    "test_ingest": [
        "test_a_batch_is_stored_once",
        "test_what_is_stored",
        "test_keys_rotate_without_a_gap",
        "test_revocation_waits_for_a_batch_under_way",
        "test_concurrent_batches_with_the_same_events",
    ],
    "test_sums": [
        "test_what_is_stored_is_summed",
        "test_writers_of_the_same_sums_lose_nothing",
        "test_a_writer_killed_half_way_changes_nothing",
    ],
    "test_query": [
        "test_the_answer_is_the_contract",
        "test_the_edge_is_exact_to_the_microsecond",
        "test_strangers_see_their_own_nothing",
    ],
    "test_jobs": ["test_the_schedule_runs_a_job"],
    "test_round_trips": [],
    "test_work": [
        "test_no_change_is_missed_by_a_run_that_began_before_it",
        "test_an_owner_who_always_fails_stops_nobody",
        "test_a_worker_that_died_is_replaced_after_its_lease",
        "test_whoever_lost_the_lease_changes_nothing",
        "test_no_transaction_is_open_while_a_task_runs",
    ],
    "test_isolation": ["test_a_purge_that_takes_long_lets_others_go_on"],
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Server]:
    """The Postgres that Supabase runs, whose databases are projects'."""
    with throwaway_postgres(tools.postgres_17()) as server:
        supabase_project.make_each_new_database_one(server)
        yield server


@pytest.fixture(scope="module")
def transaction_pooler(cluster: postgres.Server) -> Iterator[pooler.Pooler]:
    """Its transaction pooler, with one server connection for all."""
    with pooler.running(cluster, cluster.data.parent / "one", (LOGIN,)) as running:
        yield running


@pytest.fixture(scope="module")
def deployed(cluster: postgres.Server) -> str:
    """The name of a database with all migrations and two people."""
    with psycopg.connect(cluster.url(), autocommit=True) as admin:
        admin.execute("create database deployed")
    apply.apply(cluster.url("deployed"))
    with psycopg.connect(cluster.url("deployed"), autocommit=True) as admin:
        admin.execute(f"alter role {LOGIN} login")
        admin.execute(
            "insert into public.profiles (id, email) values (%s, 'ada@x.org'), (%s, 'bob@x.org')",
            (ADA, BOB),
        )
    return "deployed"


@pytest.fixture
def url(
    transaction_pooler: pooler.Pooler, deployed: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The functions' address through the pooler, and this process set up to use it."""
    address = transaction_pooler.url(deployed, LOGIN)
    monkeypatch.setenv("VIBELOOM_DATABASE_URL", address)
    fresh_process()
    yield address
    fresh_process()


def connect(url: str) -> psycopg.Connection:
    """Another client, who keeps its connection to the pooler and nothing on the server."""
    return psycopg.connect(url, autocommit=True, prepare_threshold=None)


def who(client: psycopg.Connection) -> tuple[object, ...]:
    """Who the server connection is outside of anybody's transaction."""
    return client.execute(WHO).fetchone() or ()


def process(url: str, person: UUID) -> subprocess.Popen[str]:
    """A process that works as that person, ready to begin."""
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.pooled_client", str(person), str(TIMES)],
        cwd=ROOT,
        env=environment(VIBELOOM_DATABASE_URL=url, THREADS="1"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


def _last_line(said: str) -> list[list[object]]:
    """What it found, after its log."""
    rows: list[list[object]] = json.loads(said.splitlines()[-1])
    return rows


def test_no_identity_reaches_the_next_client(url: str) -> None:
    """Two processes as two people, in turn on one connection; between them it is nobody's."""
    people = (ADA, BOB)
    processes = [process(url, person) for person in people]
    for started in processes:
        assert started.stdin is not None
        started.stdin.write("go\n")
        started.stdin.flush()
    with connect(url) as bystander:
        seen = {who(bystander) for _ in range(TIMES)}
    said = [_last_line(started.communicate(timeout=60)[0]) for started in processes]
    assert seen == {NOBODY}
    for person, rows in zip(people, said, strict=True):
        me = str(person)
        assert [row[2:] for row in rows] == [
            ["authenticated", me, "25s 28s 15s 10s", [me], number] for number in range(TIMES)
        ]
    assert len({row[1] for rows in said for row in rows}) == 1, "they shared no connection"
    order = sorted((int(str(row[0])), index) for index, rows in enumerate(said) for row in rows)
    turns = sum(one[1] != other[1] for one, other in pairwise(order))
    assert turns > TIMES / 10, "they did not work at the same time"


def test_the_pooler_itself_resets_nothing(url: str) -> None:
    """So that the test above means something: what a session sets, the next client has."""
    with connect(url) as careless, connect(url) as next_one:
        careless.execute("set statement_timeout = '7s'")
        assert who(next_one)[4] == "7s 0 0 0"
        next_one.execute("reset statement_timeout")
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as preparing:
        preparing.execute("select 1")
        with (
            psycopg.connect(url, autocommit=True, prepare_threshold=0) as other,
            pytest.raises(psycopg.errors.DuplicatePreparedStatement),
        ):
            other.execute("select 1")
        preparing.execute("deallocate all")


def test_the_connection_is_given_back_at_the_end_of_each_transaction(url: str) -> None:
    """However it ends: a client that keeps it would stop everybody else."""
    with connect(url) as bystander:
        for number in range(TIMES):
            assert db.call(User(ADA), "select %(n)s::integer", {"n": number}) == [(number,)]
            assert who(bystander) == NOBODY
            with pytest.raises(errors.InternalError):
                db.call(User(ADA), "select 1 / %(n)s::integer", {"n": 0})
            assert who(bystander) == NOBODY
            with pytest.raises(KeyError), db.transaction(User(BOB)):
                raise KeyError
            assert who(bystander) == NOBODY


def test_nothing_is_sent_after_the_commit(url: str, tmp_path: Path) -> None:
    """A flush that comes after the transaction makes a pooler lend a connection for good."""
    db.call(User(ADA), "select 1", {})
    assert db._connection is not None
    trace = tmp_path / "trace"
    with trace.open("w+b") as file:
        db._connection.pgconn.trace(file.fileno())
        db.call(User(ADA), "select 1", {})
        with db.transaction(User(ADA)) as connection:
            connection.execute("select 2")
        db._connection.pgconn.untrace()
    # time, direction, length, message, its contents
    traced = (line.split("\t", 4) for line in trace.read_text().splitlines())
    sent = [(message, *rest) for _, direction, _, message, *rest in traced if direction == "F"]
    commit = sent.index(("Query", ' "commit"'))
    begin = sent[commit + 1]
    assert begin[0] == "Parse", sent
    assert "begin" in begin[1], sent
    assert sent[-1] == sent[commit], sent


def test_a_full_pool_is_unavailable_and_passes(url: str, transaction_pooler: pooler.Pooler) -> None:
    """A caller hears 503 and may try again; nothing is stuck afterwards."""
    transaction_pooler.console("set query_wait_timeout = 1")
    try:
        with connect(url) as slow:
            db.call(User(ADA), "select 1", {})
            with slow.transaction():
                slow.execute("select 1")
                with pytest.raises(errors.Unavailable):
                    db.call(User(ADA), "select 1", {})
            assert db.call(User(ADA), "select auth.uid()", {}) == [(ADA,)]
    finally:
        transaction_pooler.console(f"set query_wait_timeout = {pooler.MAX_WAIT}")


def test_a_restart_of_postgres_under_the_pooler_is_survived(
    url: str, cluster: postgres.Server
) -> None:
    """The client's connection to the pooler stays, the one behind it is made anew."""
    assert db.call(User(ADA), "select 1", {}) == [(1,)]
    cluster.stop()
    postgres.start(cluster.data, postgres.THROWAWAY, programs=tools.postgres_17())
    assert db.call(User(ADA), "select auth.uid()", {}) == [(ADA,)]
    with connect(url) as bystander:
        assert who(bystander) == NOBODY


def test_a_restart_of_the_pooler_is_survived(url: str, transaction_pooler: pooler.Pooler) -> None:
    """While it is away a caller hears 503; afterwards nobody has to be restarted."""
    assert db.call(User(ADA), "select 1", {}) == [(1,)]
    transaction_pooler.stop()
    with pytest.raises(errors.Unavailable):
        db.call(User(ADA), "select 1", {})
    transaction_pooler.start()
    with db.transaction(User(BOB)) as connection:
        assert connection.execute("select auth.uid()").fetchone() == (BOB,)
    transaction_pooler.stop()
    transaction_pooler.start()
    assert db.call(User(ADA), "select auth.uid()", {}) == [(ADA,)]


def test_the_suite_s_core_passes_on_supabase(cluster: postgres.Server) -> None:
    """Postgres 17, a project's default privileges, and a transaction pooler, all at once."""
    home = cluster.data.parent / "two"
    with pooler.running(cluster, home, (LOGIN,), size=2) as running:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider"),
                *("--postgres", str(cluster.sockets), "--functions-url", running.url("{}", LOGIN)),
                *(
                    "::".join(["tests/functional/" + file + ".py", *name])
                    for file, names in CORE.items()
                    for name in ([[name] for name in names] or [[]])
                ),
            ],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
