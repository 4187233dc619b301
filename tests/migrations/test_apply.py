"""The migration runner on a real Postgres, with files of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import psycopg
import pytest

from infra.local import postgres
from migrations import apply as runner
from migrations.apply import MigrationError, apply, pending

ROOT = Path(__file__).resolve().parents[2]
HISTORY = "select version, name, statements from supabase_migrations.schema_migrations order by 1"
numbers = count()


@pytest.fixture
def url(server: postgres.Server) -> str:
    """An empty database."""
    name = f"apply_{next(numbers)}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    return server.url(name)


Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a migration's file."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def exists(url: str, name: str) -> bool:
    return rows(url, f"select to_regclass('{name}') is not null") == [(True,)]


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def start_runner(url: str, directory: Path) -> subprocess.Popen[str]:
    """The runner in a process of its own."""
    code = "import sys, pathlib; from migrations.apply import apply; "
    code += "print(*apply(sys.argv[1], pathlib.Path(sys.argv[2])))"
    return subprocess.Popen(
        [sys.executable, "-c", code, url, str(directory)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_files_are_applied_oldest_first_and_recorded_as_the_cli_records_them(
    url: str, write: Write, tmp_path: Path
) -> None:
    """Statements are stored trimmed, without semicolons and with the comments before them."""
    write("20260102000000_add_b.sql", "alter table a add column b int;\n")
    write(
        "20260101000000_create_a.sql",
        "-- Why.\ncreate table a (x int);\n\ncomment on table a\nis ';';\n",
    )
    progress: list[str] = []
    assert apply(url, tmp_path, progress.append) == ["20260101000000", "20260102000000"]
    assert rows(url, HISTORY) == [
        (
            "20260101000000",
            "create_a",
            ["-- Why.\ncreate table a (x int)", "comment on table a\nis ';'"],
        ),
        ("20260102000000", "add_b", ["alter table a add column b int"]),
    ]
    assert progress == ["applying 20260101000000_create_a.sql", "applying 20260102000000_add_b.sql"]


def test_what_is_applied_is_not_applied_again(url: str, write: Write, tmp_path: Path) -> None:
    """A second run has nothing to do, and a later file alone is what a third does."""
    write("20260101000000_create_a.sql", "create table a ()")
    assert apply(url, tmp_path) == ["20260101000000"]
    assert apply(url, tmp_path) == []
    write("20260102000000_create_b.sql", "create table b ()")
    assert apply(url, tmp_path) == ["20260102000000"]


def test_pending_changes_nothing(url: str, write: Write, tmp_path: Path) -> None:
    """Asking what is pending makes not even the table of what is applied."""
    write("20260101000000_create_a.sql", "create table a ()")
    assert pending(url, tmp_path) == ["20260101000000"]
    assert rows(url, "select 1 from pg_namespace where nspname = 'supabase_migrations'") == []
    apply(url, tmp_path)
    assert pending(url, tmp_path) == []


def test_a_failing_statement_leaves_nothing_of_its_file(
    url: str, write: Write, tmp_path: Path
) -> None:
    """The files before it stay; the error names file, line and what Postgres said."""
    write("20260101000000_create_a.sql", "create table a ()")
    write(
        "20260102000000_create_b.sql",
        "create table b (x int);\n\n-- a mistake:\nselect\n    x,\n    nowhere\nfrom b;\n",
    )
    with pytest.raises(MigrationError) as caught:
        apply(url, tmp_path)
    assert str(caught.value).startswith(
        '20260102000000_create_b.sql:6: column "nowhere" does not exist'
    )
    assert (exists(url, "a"), exists(url, "b")) == (True, False)
    assert [row[0] for row in rows(url, HISTORY)] == ["20260101000000"]


def test_an_error_without_a_position_names_the_statements_line(
    url: str, write: Write, tmp_path: Path
) -> None:
    """Comments before a statement do not count as its line."""
    write("20260101000000_break.sql", "select 1;\n/* why */\n-- how\ndrop table nowhere;\n")
    with pytest.raises(MigrationError, match=r"^20260101000000_break\.sql:4: table \"nowhere\""):
        apply(url, tmp_path)


def test_an_error_at_commit_names_its_file(url: str, write: Write, tmp_path: Path) -> None:
    """A deferred constraint fails when the transaction ends, and leaves nothing either."""
    write(
        "20260101000000_defer.sql",
        "create table a (x int primary key);\n"
        "create table b (x int references a deferrable initially deferred);\n"
        "insert into b values (1);\n",
    )
    with pytest.raises(MigrationError, match=r"^20260101000000_defer\.sql: .*foreign key"):
        apply(url, tmp_path)
    assert not exists(url, "a")


def test_a_changed_file_is_refused_by_name(url: str, write: Write, tmp_path: Path) -> None:
    """What is applied is immutable; nothing pending is applied on top of a changed past."""
    write("20260101000000_create_a.sql", "create table a (x int);")
    apply(url, tmp_path)
    write("20260101000000_create_a.sql", "create table a (x bigint);")
    write("20260102000000_create_b.sql", "create table b ();")
    with pytest.raises(MigrationError, match=r"20260101000000_create_a\.sql was changed"):
        apply(url, tmp_path)
    assert not exists(url, "b")


@pytest.mark.parametrize(
    "recorded",
    [
        ["-- Why.\ncreate table a (x int)", "select 1"],
        ["-- Why.\r\ncreate table a (x int);", "select 1;\n"],
        ["-- Why.\ncreate table a (x int);\nselect 1"],
        None,
    ],
    ids=["as the CLI cuts it", "untrimmed", "uncut", "marked by hand"],
)
def test_a_record_of_the_cli_counts_as_ours(
    url: str, write: Write, tmp_path: Path, recorded: list[str] | None
) -> None:
    """However a record was cut and trimmed, and even without statements, its file is applied."""
    write("20260101000000_create_a.sql", "-- Why.\ncreate table a (x int);\n\nselect 1;\n")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(runner.CREATE_HISTORY)
        connection.execute(runner.RECORD, ("20260101000000", "create_a", recorded))
    assert pending(url, tmp_path) == []


def test_a_table_of_an_early_cli_is_understood(url: str, write: Write, tmp_path: Path) -> None:
    """The columns statements and name came later; a table without them is read and extended."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema supabase_migrations")
        connection.execute("create table supabase_migrations.schema_migrations (version text)")
        connection.execute(
            "insert into supabase_migrations.schema_migrations values ('20260101000000')"
        )
    write("20260101000000_create_a.sql", "create table a ()")
    write("20260102000000_create_b.sql", "create table b ()")
    assert apply(url, tmp_path) == ["20260102000000"]


def test_an_applied_version_without_a_file_is_refused(
    url: str, write: Write, tmp_path: Path
) -> None:
    """A checkout that is behind the database must not go on."""
    write("20260101000000_create_a.sql", "create table a ()")
    late = write("20260102000000_create_b.sql", "create table b ()")
    apply(url, tmp_path)
    late.unlink()
    with pytest.raises(MigrationError, match=r"without a file here: 20260102000000"):
        apply(url, tmp_path)


def test_a_file_older_than_the_newest_applied_is_refused_unless_asked_for(
    url: str, write: Write, tmp_path: Path
) -> None:
    """Out of order is an error that names the file, as with the CLI; --include-all allows it."""
    write("20260102000000_create_b.sql", "create table b ()")
    apply(url, tmp_path)
    write("20260101000000_create_a.sql", "create table a ()")
    with pytest.raises(MigrationError, match=r"20260101000000_create_a\.sql.*--include-all"):
        apply(url, tmp_path)
    assert apply(url, tmp_path, include_all=True) == ["20260101000000"]


@pytest.mark.parametrize(
    "name",
    ["create_a.sql", "2026_create_a.sql", "20260101000000.sql", "20260101000000_A.sql", "x.SQL"],
)
def test_a_bad_file_name_is_refused(write: Write, tmp_path: Path, name: str) -> None:
    """The CLI would skip such a file without a word that anybody reads."""
    write(name, "select 1")
    with pytest.raises(MigrationError, match=name):
        runner.read(tmp_path)


def test_two_files_of_one_version_are_refused(write: Write, tmp_path: Path) -> None:
    """Which one a record means could not be told."""
    write("20260101000000_a.sql", "select 1")
    write("20260101000000_b.sql", "select 1")
    with pytest.raises(MigrationError, match=r"_a\.sql and 20260101000000_b\.sql"):
        runner.read(tmp_path)


@pytest.mark.parametrize("text", ["select 'it;\n", "\n\nselect $a$ $b$;", "select 1; /* /* */"])
def test_an_unterminated_quote_is_refused_with_its_line(
    write: Write, tmp_path: Path, text: str
) -> None:
    """Nothing of a file that cannot be cut is executed."""
    write("20260101000000_a.sql", text)
    line = 3 if text.startswith("\n") else 1
    with pytest.raises(MigrationError, match=rf"^20260101000000_a\.sql:{line}: unterminated"):
        runner.read(tmp_path)


@pytest.mark.parametrize("content", [b"select '\xff'", b"select 'a\x00b'"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    """Postgres would cut the statement off at a NUL, and execute the half."""
    (tmp_path / "20260101000000_a.sql").write_bytes(content)
    with pytest.raises(MigrationError, match="20260101000000_a"):
        runner.read(tmp_path)


def test_only_sql_files_count(write: Write, tmp_path: Path) -> None:
    """The runner itself and the README live in the same folder."""
    write("README.md", "x")
    write("apply.py", "x")
    (tmp_path / "__pycache__").mkdir()
    assert runner.read(tmp_path) == []


def test_a_file_without_transaction_runs_statement_by_statement(
    url: str, write: Write, tmp_path: Path
) -> None:
    """`create index concurrently` works; if a statement fails, those before it stay, unrecorded."""
    write("20260101000000_create_a.sql", "create table a (x int)")
    text = "-- vibeloom: no transaction\ncreate index concurrently a_x on a (x);\n"
    write("20260102000000_index_a.sql", text)
    apply(url, tmp_path)
    assert exists(url, "a_x")
    write(
        "20260103000000_more.sql", "-- vibeloom: no transaction\ncreate table b ();\nselect 1/0;\n"
    )
    with pytest.raises(MigrationError, match=r"more\.sql:3: division by zero[\s\S]*stay done"):
        apply(url, tmp_path)
    assert exists(url, "b")
    assert pending(url, tmp_path) == ["20260103000000"]


@pytest.mark.parametrize("word", ["commit", "BEGIN", "rollback", "start transaction", "end"])
def test_a_file_may_not_end_its_own_transaction(
    url: str, write: Write, tmp_path: Path, word: str
) -> None:
    """It is refused before anything ran, or the half before `commit` would stay."""
    write("20260101000000_a.sql", f"create table a ();\n{word};\ncreate table b ();")
    with pytest.raises(MigrationError, match=r"^20260101000000_a\.sql:2: .*one transaction"):
        apply(url, tmp_path)
    assert not exists(url, "a")


def test_settings_of_one_file_do_not_reach_the_next(url: str, write: Write, tmp_path: Path) -> None:
    """A `set search_path` at the top of a file would otherwise move every later one."""
    write("20260101000000_a.sql", "create schema s; set search_path = s; set role pg_monitor;")
    write("20260102000000_b.sql", "create table b ()")
    apply(url, tmp_path)
    assert exists(url, "public.b")


def test_a_held_lock_fails_the_file_instead_of_queueing_everybody_behind_it(
    url: str, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says that a lock was in the way."""
    monkeypatch.setattr(runner, "LOCK_TIMEOUT", "50ms")
    write("20260101000000_a.sql", "create table a ()")
    apply(url, tmp_path)
    write("20260102000000_b.sql", "alter table a add column x int")
    with psycopg.connect(url) as reader:
        reader.execute("select from a")
        with pytest.raises(MigrationError, match=r"_b\.sql:1: .*lock timeout[\s\S]*try again"):
            apply(url, tmp_path)
    assert apply(url, tmp_path) == ["20260102000000"]


def test_a_second_run_says_that_it_waits_and_then_finds_the_work_done(
    url: str, write: Write, tmp_path: Path
) -> None:
    """Concurrent runs take turns on one lock."""
    write("20260101000000_a.sql", "create table a ()")
    waits = threading.Event()
    with psycopg.connect(url, autocommit=True) as other, ThreadPoolExecutor() as pool:
        other.execute("select pg_advisory_lock(%s)", (runner.LOCK_KEY,))
        run = pool.submit(
            apply, url, tmp_path, lambda line: waits.set() if "wait" in line else None
        )
        assert waits.wait(20)
        assert not exists(url, "a")
        other.execute("select pg_advisory_unlock(%s)", (runner.LOCK_KEY,))
        assert run.result(20) == ["20260101000000"]


def test_processes_at_once_apply_everything_once(url: str, write: Write, tmp_path: Path) -> None:
    """Of several real processes each version is applied by exactly one, and none fails."""
    versions = [f"2026010100000{i}" for i in range(8)]
    for version in versions:
        write(f"{version}_t.sql", f"create table t{version} ()")
    processes = [start_runner(url, tmp_path) for _ in range(3)]
    said = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert sorted(version for line in said for version in line) == versions


def test_a_killed_run_leaves_nothing_and_blocks_nobody(
    url: str, write: Write, tmp_path: Path
) -> None:
    """After kill -9 half-way neither the file's first half nor the runner's lock remains."""
    write("20260101000000_a.sql", "create table a ();\nselect pg_advisory_lock(42);\n")
    half_way = "select 1 from pg_locks where locktype = 'advisory' and not granted and objid = 42"
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("select pg_advisory_lock(42)")
        process = start_runner(url, tmp_path)
        wait_for(lambda: rows(url, half_way) != [])
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert apply(url, tmp_path) == ["20260101000000"]
    assert [row[0] for row in rows(url, HISTORY)] == ["20260101000000"]


def test_the_command_line_answers_with_exit_codes(
    url: str,
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """--check is 1 while something is pending; an error is 1 and goes to stderr."""
    monkeypatch.setattr(runner, "HERE", tmp_path)
    monkeypatch.setenv("DATABASE_URL", url)
    write("20260101000000_a.sql", "create table a ()")
    assert runner.main(["--check"]) == 1
    assert runner.main([]) == 0
    assert runner.main(["--check"]) == 0
    write("20260102000000_b.sql", "nonsense")
    assert runner.main(["--database-url", url]) == 1
    out, err = capsys.readouterr()
    assert "pending: 20260101000000" in out
    assert err.startswith("error: 20260102000000_b.sql:1: syntax error")


def test_a_database_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    """No traceback of a driver reaches a person."""
    with pytest.raises(MigrationError, match="the database says"):
        apply(f"postgresql://nobody@/nothing?host={tmp_path}", tmp_path)
