"""The monitor: watch, collect, deliver, until told to stop; or all of it once."""

import signal
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import watchfiles

from vibeloom import keys
from vibeloom.collect import Collector, Tally
from vibeloom.deliver import Courier
from vibeloom.errors import SettingError, Undelivered
from vibeloom.lock import exclusive
from vibeloom.pump import Clock, Pump, flush
from vibeloom.settings import Endpoint, Settings
from vibeloom.spool import Spool

TICK = 500  # milliseconds between two looks at the clock
LAST_SCAN = 3.0  # seconds; a long backlog is read on by the next run, the flush must have its turn
POLL = 5.0  # seconds between two scans where the system cannot notify
RESCAN = 15.0  # seconds; finds what the system's notifications missed, such as logs behind links
Say = Callable[[str], None]


class Stop:
    """Two requests to stop: the first lets the flush finish, the second cuts its waiting short."""

    def __init__(self) -> None:
        self.requested = threading.Event()
        self.impatient = threading.Event()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """A signal came."""
        del number, frame
        (self.impatient if self.requested.is_set() else self.requested).set()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Listen to SIGINT and SIGTERM."""
        before = {number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass(frozen=True)
class Report:
    """What one run has done."""

    collected: int  # events
    sent: int  # events
    set_aside: int  # events
    waiting: int  # events
    unreadable: dict[str, str]  # logs, with the reason
    error: str | None = None


@dataclass(frozen=True)
class _Works:
    """Everything a run needs, opened."""

    spool: Spool
    collector: Collector
    courier: Courier
    clock: Clock
    stop: Stop


def needed_endpoint(settings: Settings) -> Endpoint:
    """Where to send, or what to do when nobody has said."""
    if settings.endpoint is None:
        raise SettingError(
            "no server is known; run `vibeloom monitor register`, or set VIBELOOM_URL"
        )
    return settings.endpoint


@contextmanager
def _open(settings: Settings) -> Iterator[_Works]:
    endpoint = needed_endpoint(settings)
    signer = keys.load(settings.home)
    stop = Stop()
    clock = replace(Clock(), sleep=stop.impatient.wait)
    with exclusive(settings.home), stop.on_signals():
        spool = Spool.open(settings.spool)
        courier = Courier(endpoint, settings.source, signer, spool, clock.now)
        try:
            yield _Works(spool, Collector(settings, spool), courier, clock, stop)
        finally:
            courier.close()
            spool.close()


def run_once(settings: Settings, say: Say) -> Report:
    """Collect what is new and deliver everything that waits."""
    with _open(settings) as works:
        _say_what_is_absent(settings, say)
        collected = 0
        for tally in works.collector.scan():
            collected += tally.events
            if works.stop.requested.is_set():
                break
        return _final_flush(works, settings, say, collected)


def run(settings: Settings, say: Say) -> Report:
    """Watch, collect and deliver until SIGINT or SIGTERM, then flush."""
    with _open(settings) as works:
        pump = Pump(
            works.courier,
            works.spool,
            works.clock,
            settings.buffer_size,
            settings.batch_interval,
            say,
        )
        _say_what_is_absent(settings, say)
        collected = 0
        told = 0
        for changed in _changes(settings.project_folders, works.stop.requested, works.clock):
            scan = works.collector.scan() if changed is None else works.collector.read(changed)
            for tally in _until_stopped(scan, works.stop):
                collected += tally.events
                pump.step()
            while pump.step() and not works.stop.requested.is_set():
                pass
            if works.courier.sent > told and not works.spool.holds_at_least(1):
                say(f"{works.courier.sent - told} events sent")
                told = works.courier.sent
        say("stopping: what is left is sent now")
        last_moment = works.clock.monotonic() + LAST_SCAN
        for tally in works.collector.scan():
            collected += tally.events
            if works.stop.impatient.is_set() or works.clock.monotonic() > last_moment:
                break
        return _final_flush(works, settings, say, collected)


def _until_stopped(scan: Iterator[Tally], stop: Stop) -> Iterator[Tally]:
    for tally in scan:
        yield tally
        if stop.requested.is_set():
            return


def _final_flush(works: _Works, settings: Settings, say: Say, collected: int) -> Report:
    error = None
    try:
        flush(works.courier, works.spool, works.clock, settings.retry_limit, say)
    except Undelivered as problem:
        error = str(problem)
    return Report(
        collected=collected,
        sent=works.courier.sent,
        set_aside=works.courier.refused,
        waiting=works.spool.depth(),
        unreadable=dict(works.collector.unreadable),
        error=error,
    )


def _say_what_is_absent(settings: Settings, say: Say) -> None:
    for folder in settings.absent_folders:
        say(
            f"{folder} is not there: no session has been written, or VIBELOOM_CLAUDE_DIR or"
            " CLAUDE_CONFIG_DIR names another place"
        )


def _changes(
    roots: Sequence[Path], stop: threading.Event, clock: Clock
) -> Iterator[list[Path] | None]:
    """The logs that changed, nothing at each tick, and None when all of them must be looked at."""
    while not stop.is_set():
        yield None
        if not _there(roots):
            stop.wait(TICK / 1_000)  # no session has ever been written
            continue
        try:
            yield from _watch(roots, stop, clock)
        except OSError:
            # The system has no more watches to give, or a folder went away: looking again will
            # do.
            stop.wait(POLL)


def _there(roots: Sequence[Path]) -> dict[Path, int]:
    """The folders that are there, with what tells one from its successor."""
    found = {}
    for root in roots:
        with suppress(OSError):
            status = root.stat()
            if stat.S_ISDIR(status.st_mode):
                found[root] = status.st_ino
    return found


def _watch(
    roots: Sequence[Path], stop: threading.Event, clock: Clock
) -> Iterator[list[Path] | None]:
    """Watch the folders that are there, until these are others or the stop."""
    began = _there(roots)
    scanned = clock.monotonic()
    yield None  # what was written between the last scan and the start of the watch
    for changes in watchfiles.watch(
        *began,
        watch_filter=None,
        debounce=TICK,
        step=50,
        rust_timeout=TICK,
        yield_on_timeout=True,
        stop_event=stop,
        ignore_permission_denied=True,
    ):
        paths = sorted(
            {Path(path) for change, path in changes if change != watchfiles.Change.deleted}
        )
        logs = [path for path in paths if path.suffix == ".jsonl"]
        # a folder may arrive with its logs inside, which nobody reports
        if len(logs) < len(paths) or clock.monotonic() - scanned >= RESCAN:
            scanned = clock.monotonic()
            yield None
        else:
            yield logs
        if _there(roots) != began:
            return
