"""What a monitor knows about itself, for people and for programs."""

from collections import Counter
from typing import Any

from rich.table import Table
from rich.text import Text

from vibeloom import keys
from vibeloom.errors import KeyFileError
from vibeloom.settings import Settings
from vibeloom.spool import Spool

SHOWN = 5  # refused events for people; a program gets a hundred


def gather(settings: Settings) -> dict[str, Any]:
    """Everything `vibeloom monitor status` says."""
    public_key, key_problem = None, None
    try:
        public_key = keys.load(settings.home).public_key
    except KeyFileError as problem:
        key_problem = str(problem)
    endpoint = settings.endpoint
    document: dict[str, Any] = {
        "directory": str(settings.home),
        "source": settings.source,
        "url": endpoint.ingest if endpoint else None,
        "keyPresent": public_key is not None,
        "keyProblem": key_problem,
        "publicKey": public_key,
        "watching": [str(folder) for folder in settings.project_folders],
        "absent": [str(folder) for folder in settings.absent_folders],
    }
    spool = Spool.open_to_read(settings.spool)
    if spool is None:
        return {**document, **_EMPTY}
    try:
        return {**document, **_spooled(spool)}
    finally:
        spool.close()


_EMPTY: dict[str, Any] = {
    "waiting": 0,
    "acknowledged": 0,
    "setAside": 0,
    "setAsideEvents": [],
    "logsTracked": 0,
    "unknownLines": 0,
    "overLongLines": 0,
    "untimedLines": 0,
    "lastBatch": None,
    "lastError": None,
}


def _spooled(spool: Spool) -> dict[str, Any]:
    batch_at, error_at = spool.fact("last_batch_at"), spool.fact("last_error_at")
    return {
        "waiting": spool.depth(),
        "acknowledged": spool.number("acknowledged"),
        "setAside": spool.set_aside_count(),
        "setAsideEvents": [
            {"id": event.id, "timestamp": event.timestamp, "reason": event.reason, "at": event.at}
            for event in spool.set_aside()
        ],
        "logsTracked": spool.logs_tracked(),
        "unknownLines": spool.number("unknown_lines"),
        "overLongLines": spool.number("over_long_lines"),
        "untimedLines": spool.number("untimed_lines"),
        "lastBatch": {"at": batch_at, "events": spool.number("last_batch_events")}
        if batch_at
        else None,
        "lastError": {"at": error_at, "message": spool.fact("last_error")} if error_at else None,
    }


def draw(status: dict[str, Any]) -> Table:
    """The same for people, 80 columns wide."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    key = (
        Text("present", style="green")
        if status["keyPresent"]
        else Text(status["keyProblem"], "red")
    )
    table.add_row("Key", key)
    table.add_row("Source", Text(status["source"]))
    table.add_row("Server", Text(status["url"] or "none yet; run `vibeloom monitor register`"))
    table.add_row("Directory", Text(status["directory"]))
    for index, folder in enumerate(status["watching"]):
        words = Text(folder)
        if folder in status["absent"]:
            words.append(" (not there)", style="yellow")
        table.add_row("" if index else "Watching", words)
    table.add_row("", Text(f"{status['logsTracked']:,} logs read"))
    table.add_row(
        "Events",
        Text(
            f"{status['waiting']:,} waiting, {status['acknowledged']:,} acknowledged, "
            f"{status['setAside']:,} set aside"
        ),
    )
    table.add_row(
        "Lines",
        Text(
            f"{status['unknownLines']:,} unknown, {status['overLongLines']:,} too long, "
            f"{status['untimedLines']:,} without a time"
        ),
    )
    batch, error = status["lastBatch"], status["lastError"]
    table.add_row(
        "Last batch", f"{batch['events']:,} events at {batch['at']}" if batch else "none yet"
    )
    settled = error and batch and batch["at"] > error["at"]
    if error:
        words = Text(f"{error['message']} ({error['at']}{', settled since' if settled else ''})")
        words.stylize("dim" if settled else "red")
        table.add_row("Last error", words)
    for index, (reason, count) in enumerate(_reasons(status)):
        table.add_row("Set aside" if index == 0 else "", Text(f"{count:,} × {reason}", "yellow"))
    if status["setAside"]:
        table.add_row("", Text("`vibeloom monitor requeue` sends them once more", "dim"))
    return table


def _reasons(status: dict[str, Any]) -> list[tuple[str, int]]:
    return Counter(event["reason"] for event in status["setAsideEvents"]).most_common(SHOWN)
