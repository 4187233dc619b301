"""The spool keeps all or nothing, privately, and explains itself when it cannot."""

import json
import os
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.unit.client import logs
from tests.unit.client.conftest import Collected
from vibeloom import lock
from vibeloom.collect import Collector
from vibeloom.errors import SpoolBusy, SpoolError
from vibeloom.events import Event
from vibeloom.settings import Settings
from vibeloom.spool import Spool

EVENT = Event("evt_1", 0, "2026-09-14T09:26:53.000000Z", "activity", {"type": "activity"})


def test_events_and_offset_are_one_transaction(
    collect: Collected, log: Path, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure after the events and before the offset leaves neither."""
    logs.write(log, logs.prompt(), logs.answer())

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "save_log", fail)
        with pytest.raises(KeyboardInterrupt):
            list(Collector(configured, collect.spool).scan())
    assert (collect.spool.depth(), collect.spool.logs_tracked()) == (0, 0)
    assert len(collect()) == 3


def test_only_its_owner_reads_the_spool(spool: Spool, configured: Settings) -> None:
    """The spool and what SQLite puts beside it are 0600."""
    with spool.transaction():
        spool.add(EVENT)
    files = sorted(configured.home.glob("spool.sqlite3*"))
    assert {path.name: path.stat().st_mode & 0o777 for path in files} == {
        "spool.sqlite3": 0o600,
        "spool.sqlite3-shm": 0o600,
        "spool.sqlite3-wal": 0o600,
    }


def test_the_same_event_waits_once(spool: Spool) -> None:
    """A correction takes the place of what waits."""
    for revision in (1, 2):
        with spool.transaction():
            spool.add(replace(EVENT, revision=revision))
    [waiting] = spool.oldest(10)
    assert json.loads(waiting.body)["revision"] == 2


def test_a_full_disk_is_one_clear_line(collect: Collected, log: Path) -> None:
    """No room in the spool is an error that says so, and nothing is lost when there is room."""
    pages = 40
    collect.spool._db.execute(f"pragma max_page_count = {pages}")
    logs.write(
        log, *(logs.prompt(f"2026-09-14T09:{n // 60:02d}:{n % 60:02d}Z") for n in range(900))
    )
    with pytest.raises(SpoolError, match=r"full.*free some space"):
        collect()
    assert collect.spool.depth() == 0
    collect.spool._db.execute("pragma max_page_count = 1000000")
    assert len(collect()) == 901


@pytest.mark.parametrize(
    "content", [b"this is no database" * 100, b"SQLite format 3\0" + b"x" * 4000]
)
def test_a_damaged_spool_is_one_clear_line(configured: Settings, content: bytes) -> None:
    """Rubbish in place of the spool is an error that says what to do."""
    configured.spool.write_bytes(content)
    with pytest.raises(SpoolError, match="move it away"):
        Spool.open(configured.spool)


def test_a_newer_spool_is_left_alone(configured: Settings) -> None:
    """A spool that a later version wrote is not touched."""
    Spool.open(configured.spool).close()
    database = sqlite3.connect(configured.spool)
    database.execute("pragma user_version = 99")
    database.close()
    with pytest.raises(SpoolError, match="newer"):
        Spool.open(configured.spool)


def test_a_spool_in_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    """A directory that went away is an error that names the setting."""
    with pytest.raises(SpoolError, match="VIBELOOM_KEY_PATH"):
        Spool.open(tmp_path / "nowhere" / "spool.sqlite3")


def test_looking_at_a_spool_makes_none(configured: Settings) -> None:
    """Status asks for a spool that is not there and leaves it so."""
    assert Spool.open_to_read(configured.spool) is None
    assert not configured.spool.exists()


def test_the_lock_holds_one_monitor(configured: Settings) -> None:
    """The second is refused, and after the first has ended it is not."""
    with (
        lock.exclusive(configured.home),
        pytest.raises(SpoolBusy),
        lock.exclusive(configured.home),
    ):
        pass
    with lock.exclusive(configured.home):
        assert os.stat(configured.home / "spool.lock").st_mode & 0o777 == 0o600
