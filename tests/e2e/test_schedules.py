"""The schedule of a Supabase project: what pg_cron would call, called, and really posted.

pg_cron, pg_net and the vault are not at hand. Small stand-ins with their functions' signatures
note what they are asked to do; the test then does it: the file runs unchanged, its commands run,
and what pg_net would post is posted to the gateway.
"""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from functions.schedule import JOBS
from tests.e2e.stack_fixture import ROOT, Gateway, Stack, running_gateway
from tests.support import Answer, Registered, register_source

TOKEN = "runs the jobs: thirty-two characters".replace(" ", "-")
HOUSEKEEPING = {
    "vibeloom_forget_runs": (
        "29 4 * * *",
        "delete from cron.job_run_details where end_time < now() - interval '7 days'",
    )
}

# Names, arguments, defaults and columns are those of pg_cron 1.6, pg_net 0.20 and the vault 0.3.
STAND_INS = {
    "pg_cron": """
        create schema cron;
        create table cron.job (
            jobid bigserial primary key, schedule text not null, command text not null,
            username text not null default current_user, active boolean not null default true,
            jobname text, unique (jobname, username)
        );
        create table cron.job_run_details (runid bigserial primary key, end_time timestamptz);
        create function cron.schedule(job_name text, schedule text, command text) returns bigint
        language sql strict as $$
            insert into cron.job (jobname, schedule, command) values ($1, $2, $3)
            on conflict (jobname, username)
            do update set schedule = excluded.schedule, command = excluded.command
            returning jobid
        $$;
        create function cron.unschedule(job_id bigint) returns boolean language sql strict as $$
            delete from cron.job where jobid = $1 returning true
        $$;
        create function cron.unschedule(job_name text) returns boolean language sql strict as $$
            delete from cron.job where jobname = $1 returning true
        $$;
    """,
    "pg_net": """
        create schema net;
        create table net.http_request_queue (
            id bigserial, method text not null, url text not null, headers jsonb not null,
            body bytea, timeout_milliseconds integer not null
        );
        create function net.http_post(
            url text, body jsonb default '{}'::jsonb, params jsonb default '{}'::jsonb,
            headers jsonb default '{"Content-Type": "application/json"}'::jsonb,
            timeout_milliseconds integer default 5000
        ) returns bigint language sql as $$
            insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
            values ('POST', $1, $4, convert_to($2::text, 'UTF8'), $5)
            returning id
        $$;
    """,
    "supabase_vault": """
        create table vault.secrets (name text unique, secret text not null);
        create view vault.decrypted_secrets as
        select name, secret, secret as decrypted_secret from vault.secrets;
        create function vault.create_secret(
            new_secret text, new_name text default null, new_description text default '',
            new_key_id uuid default null
        ) returns uuid language sql as $$
            insert into vault.secrets (name, secret) values ($2, $1) returning gen_random_uuid()
        $$;
    """,
}
CONTROL = "default_version = '1'\nrelocatable = false\nschema = {schema}\n"
SCHEMAS = {"pg_cron": "pg_catalog", "pg_net": "pg_catalog", "supabase_vault": "vault"}


@pytest.fixture(scope="module")
def project(stack: Stack) -> Iterator[str]:
    """The stack's database, with extensions to be created as in a Supabase project."""
    with tempfile.TemporaryDirectory(prefix="vl-extensions-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # the server may run under another account
        extensions = home / "extension"
        extensions.mkdir()
        for name, script in STAND_INS.items():
            control = CONTROL.format(schema=SCHEMAS[name])
            (extensions / f"{name}.control").write_text(control)
            (extensions / f"{name}--1.sql").write_text(script)
        yield make_conninfo(
            stack.database.admin_url, options=f"-c extension_control_path={home}:$system"
        )


@pytest.fixture(scope="module")
def gateway_with_jobs(stack: Stack) -> Iterator[Gateway]:
    """A gateway that takes jobs from whoever has the token."""
    with running_gateway(
        stack.home, stack.functions_url, "jobs", VIBELOOM_JOB_TOKEN=TOKEN
    ) as gateway:
        yield gateway


@pytest.fixture
def connection(project: str) -> Iterator[psycopg.Connection[dict[str, object]]]:
    """A project in which nobody has scheduled anything, nor put anything into the vault."""
    with psycopg.connect(project, autocommit=True, row_factory=dict_row) as connected:
        connected.execute("drop extension if exists pg_cron, pg_net, supabase_vault")
        connected.execute("drop schema if exists cron, net, vault, schedules cascade")
        connected.execute("create extension supabase_vault")
        yield connected


Connection = psycopg.Connection[dict[str, object]]


def put_secrets(connection: Connection, base_url: str, token: str = TOKEN) -> None:
    connection.execute("select vault.create_secret(%s, 'vibeloom_base_url')", (base_url,))
    connection.execute("select vault.create_secret(%s, 'vibeloom_job_token')", (token,))


def run_file(connection: Connection) -> None:
    """As psql or the dashboard's SQL editor runs it."""
    try:
        connection.execute((ROOT / "supabase/schedules.sql").read_bytes())
    finally:
        connection.rollback()


def scheduled(connection: Connection) -> dict[object, tuple[object, object]]:
    rows = connection.execute("select jobname, schedule, command from cron.job").fetchall()
    return {row["jobname"]: (row["schedule"], row["command"]) for row in rows}


def call_all(connection: Connection) -> list[dict[str, object]]:
    """Runs every job's command as pg_cron would; what pg_net was asked to post."""
    for name, (_, command) in scheduled(connection).items():
        if name not in HOUSEKEEPING:
            connection.execute(str(command).encode())
    return connection.execute("select * from net.http_request_queue order by url").fetchall()


def post(gateway: Gateway, request: dict[str, object]) -> Answer:
    """What pg_net does with one row of its queue."""
    url, headers, body = str(request["url"]), request["headers"], request["body"]
    base = f"http://127.0.0.1:{gateway.port}"
    assert url.startswith(f"{base}/")
    assert isinstance(headers, dict)
    assert isinstance(body, bytes)
    assert request["method"] == "POST"
    return gateway.request("POST", url.removeprefix(base), body, headers)


# --- what it does -----------------------------------------------------------------------------


def test_every_job_is_scheduled_as_it_is_written(connection: Connection) -> None:
    """Names, crons and commands; a second run changes nothing, and what is no job any more goes."""
    put_secrets(connection, "https://vibeloom.example")
    run_file(connection)
    wanted = HOUSEKEEPING | {
        f"vibeloom_{job.name}": (job.cron, f"select schedules.post_job('{job.name}')")
        for job in JOBS.values()
    }
    assert scheduled(connection) == wanted
    for name in ("vibeloom_retired", "somebody_else"):
        connection.execute("select cron.schedule(%s, '* * * * *', 'select 1')", (name,))
    connection.execute("select cron.schedule('vibeloom_refresh_days', '1 1 1 1 1', 'select 1')")
    run_file(connection)
    assert scheduled(connection) == wanted | {"somebody_else": ("* * * * *", "select 1")}
    connection.execute(HOUSEKEEPING["vibeloom_forget_runs"][1].encode())


@pytest.mark.parametrize(
    ("base_url", "token", "named"),
    [
        (None, TOKEN, "vibeloom_base_url"),
        ("https://vibeloom.example", None, "vibeloom_job_token"),
        ("", TOKEN, "vibeloom_base_url"),
        ("vibeloom.example", TOKEN, "vibeloom_base_url"),
        ("https://vibeloom.example/?x", TOKEN, "vibeloom_base_url"),
        ("https://vibeloom.example", "short", "vibeloom_job_token"),
        ("https://vibeloom.example", TOKEN + "\n", "vibeloom_job_token"),
    ],
)
def test_a_missing_secret_is_named(
    connection: Connection, base_url: str | None, token: str | None, named: str
) -> None:
    """It fails whole, before anything is scheduled, and says what to put where."""
    for name, value in (("vibeloom_base_url", base_url), ("vibeloom_job_token", token)):
        if value is not None:
            connection.execute("select vault.create_secret(%s, %s)", (value, name))
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=named) as raised:
        run_file(connection)
    assert "vault.create_secret" in str(raised.value.diag.message_hint)
    made = connection.execute("select from pg_namespace where nspname in ('cron', 'schedules')")
    assert made.fetchall() == []


def test_a_secret_that_went_missing_is_named(connection: Connection) -> None:
    """A later run fails with the same words, which pg_cron keeps; nothing is posted."""
    put_secrets(connection, "https://vibeloom.example")
    run_file(connection)
    connection.execute("delete from vault.secrets where name = 'vibeloom_job_token'")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="vibeloom_job_token"):
        call_all(connection)
    assert connection.execute("select from net.http_request_queue").fetchall() == []


def test_nobody_else_may_call(connection: Connection) -> None:
    """No role that a client can have reads the secrets or posts a job."""
    put_secrets(connection, "https://vibeloom.example")
    run_file(connection)
    for role in ("anon", "authenticated", "service_role", "vibeloom_functions"):
        connection.execute(f"set role {role}".encode())
        try:
            for call in ("schedules.read_settings()", "schedules.post_job('refresh_days')"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"select * from {call}".encode())
        finally:
            connection.execute("reset role")


# --- what comes of it -------------------------------------------------------------------------


def test_what_is_posted_runs_the_job(
    stack: Stack, gateway_with_jobs: Gateway, connection: Connection
) -> None:
    """Every command leads to a request that the functions answer with 200; the work is done."""
    laptop = register_source(stack.gateway, stack.token, "laptop")
    assert laptop.send(stack.gateway, [laptop.event()]).status == 200
    put_secrets(connection, f"http://127.0.0.1:{gateway_with_jobs.port}/")
    run_file(connection)
    requests = call_all(connection)
    assert {request["timeout_milliseconds"] for request in requests} == {55_000}
    answers = [post(gateway_with_jobs, request) for request in requests]
    assert [(answer.status, answer.json) for answer in answers] == [
        (200, {"job": name, "status": "done"}) for name in sorted(JOBS)
    ]
    assert stack.database.value("select count(*) from dirty_days") == 0


def test_a_wrong_token_runs_nothing(
    stack: Stack, gateway_with_jobs: Gateway, connection: Connection
) -> None:
    """401 for each job, also where the functions have no token at all."""
    put_secrets(connection, f"http://127.0.0.1:{gateway_with_jobs.port}", TOKEN[::-1])
    run_file(connection)
    answers = [post(gateway_with_jobs, request) for request in call_all(connection)]
    assert [(a.status, a.error) for a in answers] == [(401, "invalid_token")] * len(JOBS)
    unset = stack.gateway.request(
        "POST", "/v1/jobs/refresh_days", b"{}", {"Authorization": f"Bearer {TOKEN}"}
    )
    assert unset.status in (401, 403)


def counts(stack: Stack) -> list[dict[str, object]]:
    return stack.database.rows(
        "select source_id, sum(events) as events from event_sums group by 1 order by 1"
    )


def test_posted_twice_at_once_is_once(
    stack: Stack, gateway_with_jobs: Gateway, connection: Connection
) -> None:
    """pg_net knows no order; each job, several times at the same moment, adds nothing."""
    people: list[Registered] = []
    for number in range(3):
        people.append(register_source(stack.gateway, stack.token, f"at-once-{number}"))
        for _ in range(5):
            monitor = people[-1]
            assert monitor.send(stack.gateway, [monitor.event()]).status == 200
    put_secrets(connection, f"http://127.0.0.1:{gateway_with_jobs.port}")
    run_file(connection)
    requests = call_all(connection)
    before = counts(stack)
    with ThreadPoolExecutor(6) as pool:
        for request in requests:
            answers = pool.map(lambda _, same=request: post(gateway_with_jobs, same), range(4))
            assert [answer.status for answer in answers] == [200] * 4
    assert counts(stack) == before
    stored = "select source_id, count(*) as events from events group by 1 order by 1"
    assert counts(stack) == stack.database.rows(stored)
