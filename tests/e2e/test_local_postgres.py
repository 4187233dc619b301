"""The embedded Postgres: nothing that an earlier run left behind may block the next start."""

import contextlib
import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest

from infra.local import postgres
from infra.local.postgres import THROWAWAY, PostgresError, Server, start

pytestmark = pytest.mark.deployment("infra/local")


@pytest.fixture
def data() -> Iterator[Path]:
    """Where a data directory may be made; what runs there is stopped."""
    with tempfile.TemporaryDirectory(prefix="vibeloom-pg-") as place:
        data = Path(place) / "pg"
        try:
            yield data
        finally:
            Server(data, data).stop()


def value(server: Server, query: str) -> object:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


def kill(server: Server) -> None:
    """kill -9 of the postmaster and everything below it."""
    postmaster = psutil.Process(server.pid)
    family = [postmaster, *postmaster.children(recursive=True)]
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # a short-lived worker
            process.kill()
    psutil.wait_procs(family, timeout=10)


def test_it_is_private_durable_and_speaks_utf8_in_utc(data: Path) -> None:
    """No TCP, a directory that nobody else enters, fsync on, the locale that all systems share."""
    server = start(data)
    query = """
        select concat_ws(' ', current_setting('listen_addresses'), current_setting('fsync'),
            current_setting('synchronous_commit'), current_setting('timezone'), datlocale,
            pg_encoding_to_char(encoding))
        from pg_database
        where datname = current_database()
    """
    assert value(server, query) == " on on UTC C.UTF-8 UTF8"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert psutil.Process(server.pid).net_connections("inet") == []


def test_settings_may_make_it_faster_for_tests(data: Path) -> None:
    """What a test does not need to survive, it does not wait for."""
    assert value(start(data, THROWAWAY), "select current_setting('fsync')") == "off"


def test_a_running_server_is_adopted(data: Path) -> None:
    """The supervisor was killed, its Postgres was not: the same one is used."""
    first = start(data, THROWAWAY)
    assert start(data, THROWAWAY).pid == first.pid


def test_stop_ends_it_and_may_be_repeated(data: Path) -> None:
    """No process, no socket, and no pid afterwards."""
    server = start(data, THROWAWAY)
    pid = server.pid
    server.stop()
    server.stop()
    assert not psutil.pid_exists(pid)
    assert not (data / ".s.PGSQL.5432").exists()
    with pytest.raises(PostgresError, match="no Postgres runs"):
        _ = server.pid


@pytest.mark.parametrize(
    "content",
    ["", "no number", str(os.getpid()), f"{os.getppid()}\nsomewhere\n", "1\n", "999999999\n"],
    ids=["empty", "garbage", "half-written", "foreign", "init", "nobody"],
)
def test_whatever_stands_in_a_stale_pid_file_it_starts(data: Path, content: str) -> None:
    """A number that is in use again is not taken for the old server."""
    server = start(data)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("create table kept (x int)")
    kill(server)
    (data / "postmaster.pid").write_text(content)
    (data / ".s.PGSQL.5432.lock").write_text(content)
    assert value(start(data), "select to_regclass('kept')::text") == "kept"


def test_backends_of_a_killed_postmaster_do_not_block_the_start(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 of the postmaster alone leaves processes that still hold the shared memory."""
    monkeypatch.setattr(postgres, "SETTLE_SECONDS", 0.5)
    server = start(data, THROWAWAY)
    with contextlib.closing(psycopg.connect(server.url())) as connection:
        os.kill(connection.info.backend_pid, signal.SIGSTOP)  # it cannot notice
        os.kill(server.pid, signal.SIGKILL)
        assert value(start(data, THROWAWAY), "select 1") == 1


def test_a_server_that_does_not_answer_is_replaced(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A postmaster that hangs is provably ours, so it is ended rather than waited for."""
    monkeypatch.setattr(postgres, "SETTLE_SECONDS", 0.5)
    hanging = start(data, THROWAWAY).pid
    os.kill(hanging, signal.SIGSTOP)
    said: list[str] = []
    server = start(data, THROWAWAY, said.append)
    assert server.pid != hanging
    assert any("does not answer" in line for line in said)


def test_half_an_initdb_does_not_count(data: Path) -> None:
    """A first start that was cut off left only its draft, which the next one throws away."""
    draft = data.with_name(".pg.initdb")
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    assert value(start(data, THROWAWAY), "select 1") == 1
    assert not draft.exists()


def test_two_starts_at_once_share_one_server(data: Path) -> None:
    """The second waits for the first and adopts what it started."""
    with ThreadPoolExecutor() as pool:
        servers = list(pool.map(lambda _: start(data, THROWAWAY), range(3)))
    assert len({server.pid for server in servers}) == 1


def test_data_of_another_major_version_is_a_clear_error(data: Path) -> None:
    """It says which version wrote the data and what to do about it."""
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n")
    with pytest.raises(PostgresError, match=r"written by Postgres 15, .*pg_dump 15"):
        start(data)


def test_somebody_elses_directory_is_not_touched(data: Path) -> None:
    """A directory with other things in it is refused, not initialised over."""
    data.mkdir()
    (data / "thesis.txt").write_text("x")
    with pytest.raises(PostgresError, match="holds no Postgres data"):
        start(data)
    assert [path.name for path in data.iterdir()] == ["thesis.txt"]


def test_a_long_path_gets_a_short_private_socket_directory(data: Path) -> None:
    """A socket's path has at most 107 bytes; the directory is ours alone, and goes at the end."""
    deep = data.parent / ("d" * 60) / ("e" * 60) / "pg"
    server = start(deep, THROWAWAY)
    try:
        assert len(os.fsencode(server.sockets)) < 60
        assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700
        assert value(server, "select 1") == 1
    finally:
        server.stop()
    assert not server.sockets.exists()


def test_a_short_directory_that_somebody_else_made_is_refused(data: Path) -> None:
    """Whoever owns the directory could put his own server's socket there."""
    deep = data.parent / ("d" * 60) / ("e" * 60) / "pg"
    server = start(deep, THROWAWAY)
    server.stop()
    server.sockets.mkdir(mode=0o777)
    server.sockets.chmod(0o777)
    try:
        with pytest.raises(PostgresError, match="not a private directory of ours"):
            start(deep, THROWAWAY)
    finally:
        server.sockets.rmdir()


def test_a_start_that_fails_shows_the_servers_last_words(data: Path) -> None:
    """The end of the log says more than an exit code."""
    with pytest.raises(PostgresError, match="unrecognized configuration parameter"):
        start(data, {**THROWAWAY, "no_such_setting": "1"})
