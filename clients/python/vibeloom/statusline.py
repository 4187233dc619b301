"""`vibeloom statusline`: one line for an agent's status bar, from a file on this machine.

It is drawn often and somebody waits for it, so nothing here asks the network and nothing heavy is
imported. The figures stand in `statusline.json`; once they are a minute old, a process that nobody
waits for (`vibeloom.statusline_refresh`) fetches new ones for the next time. Whatever is wrong is
said in the line itself: an agent shows no other output.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from vibeloom import settings
from vibeloom.errors import VibeloomError
from vibeloom.settings import Settings

FORMAT = 1  # of the file; another one is not read
FRESH = 60.0  # seconds after which new figures are fetched
CLAIM = 60.0  # seconds for which one process is trusted to fetch them
AGE_SAID = 180.0  # seconds from which the line says how old its figures are
STDIN_WAIT = 0.05  # seconds for what the agent says; it is not needed
STDIN_MOST = 1_000_000  # bytes of that
MOST_WORDS = 160  # characters of a message

# A part of the line, and how it looks where colours are asked for.
Part = tuple[str, str]
PLAIN, STRONG, WARNING, END = "", "\x1b[1m", "\x1b[33m", "\x1b[0m"

# The package's own folder comes last on the path, and `-P` keeps the working directory off it: that
# is somebody's project, and a folder called `vibeloom` in it is none of ours.
_FETCH = (
    "import sys; sys.path.append(sys.argv[1]); from vibeloom.statusline_refresh import main; main()"
)


def show(colour: bool) -> None:
    """Print the line; never fails, never waits for the network."""
    try:
        parts = line(time.time())
    except Exception as problem:  # noqa: BLE001 - an agent shows no traceback; it shows this
        parts = [
            _hint(f"a mistake in the status line ({type(problem).__name__}); please report it")
        ]
    try:
        _write(parts, colour)
    except (OSError, ValueError):
        # The reader is gone; the interpreter must not complain about that at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        _drain()
    except (OSError, ValueError):
        return  # there is nothing to read from


def line(now: float) -> list[Part]:
    """The line at `now` (Unix time).

    Starts a process that fetches new figures if these are old, unless one is at work.
    """
    try:
        configured = settings.load()
    except VibeloomError as problem:
        return [_hint(str(problem))]
    if configured.endpoint is None or not configured.endpoint.vibeloom:
        return [_hint("no server yet; set VIBELOOM_URL or run `vibeloom monitor register`")]
    if configured.token is None:
        return [_hint("no access token; set VIBELOOM_TOKEN")]
    parts = None
    age = FRESH
    if (known := read(configured)) is not None:
        try:
            parts, age = _figures(known, now), now - known["asked_at"]
        except (KeyError, TypeError, ValueError, ArithmeticError):
            parts = None  # a damaged file is replaced like one that is missing
    trouble = None if 0 <= age < FRESH else _fetch_soon(configured, now)
    if parts is None:
        return [_hint(trouble or "fetching the first figures")]
    return parts


def cache_path(home: Path) -> Path:
    """The file with the figures."""
    return home / "statusline.json"


def claim_path(home: Path) -> Path:
    """The file that says who fetches new figures, and since when."""
    return home / "statusline.lock"


def account(configured: Settings) -> str:
    """Whose figures they are: another server or token has others. The token cannot be read off."""
    base = configured.endpoint.base if configured.endpoint else ""
    return sha256(f"{base}\n{configured.token}".encode()).hexdigest()[:16]


def read(configured: Settings) -> dict[str, Any] | None:
    """The figures that were fetched last for this account."""
    try:
        document = json.loads(cache_path(configured.home).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return None
    return document if document.get("account") == account(configured) else None


def _figures(known: Mapping[str, Any], now: float) -> list[Part]:
    """Today's cost, the block, the burn rate, and what is wrong with them."""
    today, block, problem = known["today"], known["block"], known["problem"]
    if today is None:
        return [_hint(str(problem))]
    ended = now >= today["ends_at"]  # the figures are yesterday's
    parts = [("?" if ended else cost(today), STRONG), (" today", PLAIN)]
    if block is None:
        parts.append((" · no block", PLAIN))
    elif now < block["ends_at"]:
        left = duration(block["ends_at"] - now)
        parts.append((f" · block {cost(block)}, {left} left", PLAIN))
        if block["tokens_per_minute"] is not None:
            parts.append((f" · {short(block['tokens_per_minute'])} tok/min", PLAIN))
    age = now - known["figures_at"]
    if age >= AGE_SAID:
        parts += [(" · ", PLAIN), (f"{duration(age)} old", WARNING)]
    if problem:
        parts += [(" · ", PLAIN), (_words(str(problem)), WARNING)]
    return parts


def cost(figures: Mapping[str, Any]) -> str:
    """US dollars; calls without a known price are named: they are not free."""
    if not figures["unpriced"]:
        return dollars(figures["cost_usd"] or 0.0)
    if figures["cost_usd"] is None:
        return "unpriced"
    return f"{dollars(figures['cost_usd'])} + unpriced"


def dollars(amount: float) -> str:
    """An amount in US dollars; one that is not nothing never looks like nothing."""
    return "<$0.01" if 0 < amount < 0.005 else f"${amount:,.2f}"


def duration(seconds: float) -> str:
    """Hours and minutes, or days and hours."""
    minutes = int(max(0.0, seconds) // 60)
    if minutes < 1:
        return "<1 m"
    if minutes < 60:
        return f"{minutes} m"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} m"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def short(count: float) -> str:
    """A count in few characters: 950, 1.1 k, 110 k, 2.3 M."""
    number = float(count)
    for unit in ("", " k", " M", " G"):
        if number < 999.5:
            return f"{number:.{1 if unit and number < 99.95 else 0}f}{unit}"
        number /= 1_000
    return f"{number:,.0f} T"


def _hint(words: str) -> Part:
    return f"vibeloom: {_words(words)}", WARNING


def _words(text: str) -> str:
    """One line without anything that a terminal would obey."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    words = " ".join(printable.split())
    return words if len(words) <= MOST_WORDS else words[: MOST_WORDS - 1] + "…"


def _fetch_soon(configured: Settings, now: float) -> str | None:
    """Start a process that fetches, unless one did within the last minute; says why it cannot."""
    try:
        configured.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _claim(configured, now):
            _start(configured.home)
    except OSError as problem:
        return f"{configured.home} cannot be used ({problem.strerror})"
    return None


def _claim(configured: Settings, now: float) -> bool:
    """Whether this process may fetch: nobody else did for this account within `CLAIM` seconds.

    The claim is read and written under a lock, so of many status lines one starts a process. It
    ends by itself: a process that was killed, or fails, holds nobody up for longer.
    """
    from vibeloom.lock import take  # noqa: PLC0415 - once a minute

    handle = os.open(claim_path(configured.home), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            take(handle)
        except OSError:
            return False
        mine = account(configured)
        since, _, whose = os.read(handle, 100).decode(errors="replace").partition(" ")
        if whose == mine and since.isdecimal() and 0 <= now - int(since) < CLAIM:
            return False
        os.lseek(handle, 0, os.SEEK_SET)
        os.truncate(handle, 0)
        os.write(handle, f"{int(now)} {mine}".encode())
        return True
    finally:
        os.close(handle)


def _start(home: Path) -> None:
    """Fetch in a process of its own: no terminal, no pipe, not ended together with the agent."""
    import subprocess  # noqa: PLC0415 - once a minute

    package = str(Path(__file__).resolve().parents[1])
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
        [sys.executable, "-P", "-c", _FETCH, package],
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    process.returncode = 0  # nobody waits for it; Popen would warn about that


def _write(parts: list[Part], colour: bool) -> None:
    """Print the parts; characters that the terminal cannot show become others."""
    text = "".join(f"{style}{words}{END}" if colour and style else words for words, style in parts)
    encoding = sys.stdout.encoding or "ascii"
    if not encoding.lower().startswith("utf"):
        text = text.replace("·", "|").replace("…", "...")
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stdout.flush()


def _drain() -> None:
    """Read what the agent says, so that it can finish saying it; bounded in time and size."""
    import select  # noqa: PLC0415 - the line is out by now

    if sys.platform == "win32" or sys.stdin is None or sys.stdin.isatty():
        return  # Windows cannot ask a pipe whether it has something
    handle, end, taken = sys.stdin.fileno(), time.monotonic() + STDIN_WAIT, 0
    while taken < STDIN_MOST and (left := end - time.monotonic()) > 0:
        if not select.select([handle], [], [], left)[0]:
            return
        piece = os.read(handle, 65_536)
        if not piece:
            return
        taken += len(piece)
