"""Fetches the figures of the status line and writes them where it reads them.

Started by `vibeloom.statusline` in a process of its own. What goes wrong is written down as well:
nobody looks at this process.
"""

import json
import os
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from vibeloom import settings
from vibeloom.errors import Refused, ServerError, VibeloomError
from vibeloom.server import Server
from vibeloom.settings import Settings
from vibeloom.statusline import FORMAT, account, cache_path, read
from vibeloom.usage import active_block

LONGEST = 50.0  # seconds; the claim on fetching lasts a little longer


def main() -> None:
    """Fetch once; a server that answers one byte a second does not keep it for ever."""
    overdue = threading.Timer(LONGEST, os._exit, (1,))
    overdue.daemon = True
    overdue.start()
    refresh(settings.load(), time.time())


def refresh(configured: Settings, now: float) -> dict[str, Any]:
    """Ask the server and write the file; without an answer, the last figures stay, with a reason.

    Raises `OSError` if the file cannot be written.
    """
    before = read(configured) or {"today": None, "block": None, "figures_at": now}
    document: dict[str, Any] = {
        "format": FORMAT,
        "account": account(configured),
        "asked_at": now,
        "figures_at": now,
        "problem": None,
    }
    try:
        document |= _ask(configured)
    except VibeloomError as problem:
        document |= {name: before.get(name) for name in ("today", "block", "figures_at")}
        document["problem"] = _reason(problem)
    place(cache_path(configured.home), document)
    return document


def _ask(configured: Settings) -> dict[str, Any]:
    base = configured.endpoint.base if configured.endpoint else ""
    with Server(base, configured.token) as server:
        today = server.get("/query/tokens", {"days": 1, "group": "model", "limit": 1})
        blocks = server.get("/query/blocks", {"days": 1})
    try:
        return {"today": _today(today), "block": _block(active_block(blocks))}
    except (KeyError, TypeError, ValueError) as problem:
        raise ServerError(
            f"the server's answer is not understood ({problem}); it is of another version"
        ) from None


def _today(answer: Mapping[str, Any]) -> dict[str, Any]:
    totals = answer["totals"]
    return {
        "ends_at": datetime.fromisoformat(answer["period"]["to"]).timestamp(),
        "cost_usd": totals["cost_usd"],
        "unpriced": int(totals["unpriced"]),
    }


def _block(block: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if block is None:
        return None
    rate = block["burn_rate"]
    return {
        "ends_at": datetime.fromisoformat(block["ends_at"]).timestamp(),
        "cost_usd": block["cost_usd"],
        "unpriced": int(block["unpriced"]),
        "tokens_per_minute": None if rate is None else float(rate["tokens_per_minute"]),
    }


def _reason(problem: VibeloomError) -> str:
    """The problem in a few words: the line is short, `vibeloom usage` says the whole."""
    if not isinstance(problem, Refused):
        return str(problem).partition("(")[0].strip()
    if problem.status in (401, 403):
        return "the access token is not accepted; set VIBELOOM_TOKEN"
    return str(problem)


def place(path: Path, document: Mapping[str, Any]) -> None:
    """Write the file for its owner alone, at once: a reader sees the old one or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
