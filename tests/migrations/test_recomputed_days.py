"""Daily figures of an earlier version: what can be computed anew is marked, the rest is right."""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from infra.local import postgres
from migrations.apply import apply

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
BOOTSTRAP = MIGRATIONS.parent / "infra/local/bootstrap.sql"
FIRST_OF_THEM = "20261125110000"

OLD = (
    "insert into profiles (id, timezone, purged_before) values"
    " ('00000000-0000-0000-0000-000000000001', 'Asia/Kathmandu', '2026-11-03T00:00Z')",
    *(
        "insert into time_daily (owner_id, day, lane, project, language, category, seconds)"
        f" values ('00000000-0000-0000-0000-000000000001', '{day}', '{lane}', '', 'rust', '', 60)"
        for day in ("2026-11-02", "2026-11-06")
        for lane in ("human", "both")
    ),
    *(
        "insert into session_daily values ('00000000-0000-0000-0000-000000000001',"
        f" '2026-11-02', {session})"
        for session in (
            "'agent', 'free', 'loom', now(), now(), 9, '{\"Read\": 3}', 5, 0, 0, 0, 0",
            "'agent', 'paid', 'loom', now(), now(), 9, '{}', 5, 0, 0, 0, 0.5",
            "'human', '1', 'loom', to_timestamp(0), to_timestamp(3600), 9, '{}', 0, 0, 0, 0, 0",
        )
    ),
)


@pytest.fixture
def upgraded(server: postgres.Server, tmp_path: Path) -> psycopg.Connection[dict[str, Any]]:
    """A database that had figures before these migrations."""
    name = "upgraded_days"
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f"create database {name}")
    with psycopg.connect(server.url(name), autocommit=True) as admin:
        admin.execute(BOOTSTRAP.read_bytes())
    for path in MIGRATIONS.glob("2*.sql"):
        if path.name < FIRST_OF_THEM:
            shutil.copy(path, tmp_path)
    apply(server.url(name), tmp_path)
    connection = psycopg.connect(server.url(name), autocommit=True, row_factory=dict_row)
    for statement in OLD:
        connection.execute(statement.encode())
    apply(server.url(name))
    return connection


def test_figures_of_an_earlier_version_stay_right(
    upgraded: psycopg.Connection[dict[str, Any]],
) -> None:
    """Days whose events are gone keep their figures, and claim nothing that was never computed."""
    with upgraded:
        marked = upgraded.execute("select day from dirty_days").fetchall()
        views = upgraded.execute("select * from mv_time_by_language order by day").fetchall()
        sessions = upgraded.execute(
            "select session, tools, project_seconds, calls, unpriced from session_daily order by 1"
        ).fetchall()
    assert [row["day"] for row in marked] == [date(2026, 11, 6)]
    for row in views:
        assert (row["both_seconds"], row["both_elsewhere_seconds"]) == (0, 60)
    assert [tuple(row.values()) for row in sessions] == [
        ("1", {}, {"loom": 3_600}, 0, 0),
        ("free", {"Read": [3, 3]}, {}, 1, 1),
        ("paid", {}, {}, 1, 0),
    ]
