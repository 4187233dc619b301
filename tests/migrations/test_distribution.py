"""The rules by which an engine can spread the tables over machines, by owner."""

import re

import pytest

from infra.local.schema import FILE
from tests.support import Database

DISTRIBUTE = FILE.parents[1] / "infra/citus/distribute.sql"
# One row for everybody, or what is looked up before it is known whose row it is: on every machine.
REFERENCE = {
    "deployment",
    "event_kinds",
    "handles",
    "leaderboards",
    "model_prices",
    "price_lists",
    "public_keys",
    "source_names",
    "token_hashes",
}
# The house's own, on the coordinator: whoever takes work looks at everybody's, in one order.
LOCAL = {"job_runs", "work_items"}


@pytest.fixture
def tables(database: Database) -> dict[str, str]:
    """Each table of a person's, and the column that says whose row it is."""
    rows = database.rows(
        "select c.relname as name from pg_class as c"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
    )
    names = {row["name"] for row in rows} - REFERENCE - LOCAL
    return {name: "id" if name == "profiles" else "owner_id" for name in names}


def test_every_unique_key_begins_with_the_owner(database: Database, tables: dict[str, str]) -> None:
    """A key without the owner could only be held by asking every machine."""
    rows = database.rows(
        "select c.relname as name, i.indexrelid::regclass::text as index, a.attname as column"
        " from pg_index as i join pg_class as c on c.oid = i.indrelid"
        " join pg_attribute as a on a.attrelid = c.oid and a.attnum = i.indkey[0]"
        " where c.relnamespace = 'public'::regnamespace and i.indisunique"
    )
    keys = [row for row in rows if row["name"] in tables]
    assert {row["name"] for row in keys} == set(tables)
    assert [row for row in keys if row["column"] != tables[row["name"]]] == []


def test_foreign_keys_stay_with_one_owner(database: Database, tables: dict[str, str]) -> None:
    """Both sides begin with the owner, or the other side is on every machine."""
    rows = database.rows(
        "select k.conname as name, c.relname as from_table, a.attname as from_column,"
        " f.relname as to_table, b.attname as to_column from pg_constraint as k"
        " join pg_class as c on c.oid = k.conrelid join pg_class as f on f.oid = k.confrelid"
        " join pg_attribute as a on a.attrelid = c.oid and a.attnum = k.conkey[1]"
        " join pg_attribute as b on b.attrelid = f.oid and b.attnum = k.confkey[1]"
        " where k.contype = 'f' and c.relnamespace = 'public'::regnamespace"
    )
    assert len(rows) > 10
    for row in rows:
        assert row["from_table"] in tables, row
        if row["to_table"] not in REFERENCE:
            assert row["from_column"] == tables[row["from_table"]], row
            assert row["to_column"] == tables[row["to_table"]], row


def test_no_trigger_stands_on_a_table(database: Database) -> None:
    """What a trigger would do, the function on the write path does."""
    rows = database.rows(
        "select t.tgname as name from pg_trigger as t join pg_class as c on c.oid = t.tgrelid"
        " where c.relnamespace = 'public'::regnamespace and not t.tgisinternal"
    )
    assert rows == []


def test_a_function_over_one_owner_s_rows_takes_the_owner_first(database: Database) -> None:
    """So that it can be sent to the machine that has them."""
    rows = database.rows(
        "select p.proname as name, p.proargnames as names from pg_proc as p"
        " where p.pronamespace = 'public'::regnamespace"
    )
    having = [row for row in rows if "p_owner_id" in (row["names"] or [])]
    assert len(having) > 15
    assert [row["name"] for row in having if row["names"][0] != "p_owner_id"] == []


def test_the_script_names_every_table_and_function(tables: dict[str, str]) -> None:
    """A table that it leaves out would stay on the coordinator, and its joins would fail."""
    text = DISTRIBUTE.read_text()
    distributed = dict(re.findall(r"create_distributed_table\(\s*'public\.(\w+)', '(\w+)'", text))
    assert distributed == tables
    assert set(re.findall(r"create_reference_table\('public\.(\w+)'\)", text)) == REFERENCE


def test_the_functions_of_the_script_exist(database: Database) -> None:
    """With these parameters, the owner first."""
    found = re.findall(
        r"create_distributed_function\(\s*'(public\.[^']+)', '(\w+)'", DISTRIBUTE.read_text()
    )
    assert len(found) >= 5
    for signature, parameter in found:
        names = database.value(
            "select proargnames from pg_proc where oid = %s::regprocedure", signature
        )
        assert names[0] == parameter, signature
