"""The schema's conventions, and the partitions' life."""

import re
from datetime import UTC, datetime

import psycopg
import pytest

from infra.local import postgres
from migrations import apply
from tests.conftest import BOOTSTRAP
from tests.support import Api, Database, Registered, run_job

PINNED = {'search_path=""', "search_path=pg_catalog, pg_temp"}


def test_functions_are_closed_and_pinned(database: Database) -> None:
    """A comment, nobody has it by default, and a search path unless its body is bound when made."""
    rows = database.rows(
        "select p.proname as name, p.proconfig as settings, obj_description(p.oid) as comment,"
        " p.prosqlbody is not null and not p.prosecdef as is_bound,"
        " coalesce(p.proacl::text, '{=X/') as acl"
        " from pg_proc as p where p.pronamespace = 'public'::regnamespace"
    )
    assert len(rows) >= 9
    for row in rows:
        assert row["is_bound"] or PINNED & set(row["settings"] or []), row["name"]
        assert row["comment"], row["name"]
        assert "{=X/" not in row["acl"], f"{row['name']} may be executed by anybody"
        assert ",=X/" not in row["acl"], f"{row['name']} may be executed by anybody"


def test_tables_are_described_and_their_policies_named(database: Database) -> None:
    """Comments on tables; policies are <table>_<command>_<who>, to a role, one per command."""
    tables = database.rows(
        "select c.relname as name, obj_description(c.oid) as comment from pg_class as c"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
    )
    assert all(row["comment"] for row in tables)
    policies = database.rows("select * from pg_policies where schemaname = 'public'")
    for row in policies:
        assert row["policyname"].startswith(f"{row['tablename']}_{row['cmd'].lower()}_")
        assert row["roles"] != "{public}"
        # What is the same for everybody, or what a room does for everybody.
        shared = row["policyname"].endswith(
            ("_everybody", "_work", "_rollup", "_sources", "_front")
        )
        for condition in (row["qual"], row["with_check"]):
            if condition is not None:
                assert ("( SELECT auth.uid() AS uid)" in condition) != shared
    seen = [(row["tablename"], row["cmd"], str(row["roles"])) for row in policies]
    assert len(seen) == len(set(seen))


def test_policy_columns_and_foreign_keys_are_indexed(database: Database) -> None:
    """Whatever a policy compares or a deletion follows has an index that begins with it."""
    unindexed = database.rows(
        "select c.conrelid::regclass::text as table_name, a.attname as column_name"
        " from pg_constraint as c"
        " join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]"
        " where c.contype = 'f' and c.connamespace = 'public'::regnamespace and not exists ("
        " select from pg_index as i where i.indrelid = c.conrelid and i.indkey[0] = a.attnum)"
    )
    assert unindexed == []


def test_constraints_have_names_of_ours(database: Database) -> None:
    """A check, unique or primary key that errors are mapped by is named on purpose."""
    rows = database.rows(
        "select conname as name, conrelid::regclass::text as table_name from pg_constraint"
        " where connamespace = 'public'::regnamespace and contype in ('c', 'u') and conrelid <> 0"
    )
    assert all(row["name"].startswith(row["table_name"]) for row in rows)


def test_partitions_cover_two_years_back_and_two_months_ahead(server: postgres.Server) -> None:
    """The migrations make 27 months and a default for what is older; a second run makes nothing."""
    url = server.url("all_months")
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("create database all_months")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(BOOTSTRAP.read_text())
    apply.apply(url)
    database = Database(admin_url=url, functions_url=url)
    names = [
        row["name"]
        for row in database.rows(
            "select c.relname as name from pg_inherits as i"
            " join pg_class as c on c.oid = i.inhrelid"
            " where i.inhparent = 'public.events'::regclass order by 1"
        )
    ]
    now = datetime.now(UTC)
    assert len(names) == 28
    assert f"events_{now:%Y_%m}" in names
    assert f"events_{now.year - 2}_{now:%m}" in names
    assert "events_default" in names
    assert database.value("select make_event_partitions()") == 0


def test_rows_of_the_default_partition_move_home(
    api: Api, laptop: Registered, database: Database
) -> None:
    """An event older than the partitions is kept, found again, and moves when its month is made."""
    old = laptop.event(timestamp="2022-05-01T00:00:00Z")
    assert laptop.send(api, [old, laptop.event()]).json["inserted"] == 2
    place = "select tableoid::regclass::text from events where occurred_at < '2023-01-01'"
    assert database.value(place) == "partitions.events_default"
    made = database.value("select make_event_partitions('2022-05-15', 0, 1)")
    assert made == 2
    assert database.value(place) == "partitions.events_2022_05"
    assert laptop.send(api, [old, laptop.event()]).json["inserted"] == 1
    assert database.value("select count(*) from events") == 3
    assert database.value(
        "select relrowsecurity from pg_class where oid = 'partitions.events_2022_05'::regclass"
    )


def test_the_job_makes_partitions_as_the_functions_login(database: Database) -> None:
    """The daily job works without being the owner of the tables."""

    database.rows("drop table partitions.events_default")
    database.rows("create table partitions.events_default partition of public.events default")
    run_job("make_partitions")
    assert database.value("select to_regclass('partitions.events_2025_01') is not null")


@pytest.mark.parametrize("version", ["17"])
def test_no_syntax_of_a_newer_postgres(version: str) -> None:
    """Supabase runs 17: nothing that only 18 knows."""
    from pathlib import Path

    newer = ("uuidv7(", "virtual", "without overlaps", "period ", "returning old", "returning new")
    for file in (Path(__file__).parents[2] / "migrations").glob("2*.sql"):
        text = re.sub(r"--.*|'[^']*'", "", file.read_text().lower())
        assert not [word for word in newer if word in text], (
            f"{file.name} needs more than {version}"
        )
