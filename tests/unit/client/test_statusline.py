"""`vibeloom statusline`: the line, what it costs, and the process that renews its figures."""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client import figures
from tests.unit.client.command import Command
from tests.unit.client.conftest import Env
from tests.unit.client.figures import Figures
from tests.unit.client.loopback import Answer, Loopback, Request
from vibeloom import settings, statusline, statusline_refresh

CLIENT = Path(__file__).parents[3] / "clients" / "python"
DEADLINE = 20.0  # seconds; reached only when something is broken
NOW = 1_795_168_200.0  # 2026-11-20T09:50:00Z
HOUR = 3_600.0
FETCHING = "vibeloom: fetching the first figures"

TOKENS = figures.tokens_page(totals=figures.counts(1, cost=4.31))
RATE = {
    "tokens_per_minute": 1_104.0,
    "tokens_per_minute_uncached": 900.5,
    "cost_usd_per_hour": 2.31,
}
BLOCK = figures.block(
    *("2026-11-20T07:00:00Z", "2026-11-20T12:00:00Z", 5),
    last="2026-11-20T09:45:00Z",
    cost=1.2,
    burn_rate=RATE,
    projection={"tokens": 9, "cost_usd": 2.0, "remaining_minutes": 130},
)
GAP = figures.block("2026-11-15T01:00:00Z", "2026-11-20T07:00:00Z", calls=0)
ANSWERS = {"tokens": TOKENS, "blocks": figures.blocks_answer(GAP, BLOCK)}


@pytest.fixture
def env(env: Env, server: Loopback) -> Env:
    """A machine with a server and a token."""
    server.always = Figures(ANSWERS)
    return {**env, "VIBELOOM_TOKEN": "secret-token"}


@pytest.fixture
def known(env: Env, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The line for figures that were fetched a moment ago, changed as a test wants them."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    configured = settings.load()
    statusline_refresh.refresh(configured, NOW)
    path = statusline.cache_path(configured.home)
    first = json.loads(path.read_text())

    def line(after: float = 1.0, **changes: Any) -> str:
        document = json.loads(json.dumps(first))
        for name, value in changes.items():
            if isinstance(value, dict) and isinstance(document[name], dict):
                document[name] |= value
            else:
                document[name] = value
        path.write_text(json.dumps(document))
        return "".join(words for words, _ in statusline.line(NOW + after))

    monkeypatch.setattr(statusline, "_start", lambda _: None)
    return line


def run(
    env: Env, *arguments: str, stdin: Any = subprocess.DEVNULL, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; it must succeed and say nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "vibeloom", "statusline", *arguments],
        env={**os.environ, **env, "PYTHONPATH": str(CLIENT), "PYTHONWARNINGS": "error"},
        cwd=cwd,
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    return done


def until(condition: Callable[[], bool]) -> None:
    """Wait for another process; the length of the wait is nothing that is tested."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "the other process did not get there"
        time.sleep(0.01)


def cache(env: Env) -> Path:
    return Path(env["VIBELOOM_KEY_PATH"]) / "statusline.json"


def claim(env: Env) -> Path:
    return Path(env["VIBELOOM_KEY_PATH"]) / "statusline.lock"


@contextmanager
def silent(server: Loopback) -> Iterator[None]:
    """A server that takes questions and does not answer, until the end of the block."""
    released = threading.Event()

    def wait(_: Request) -> Answer | None:
        released.wait(DEADLINE)
        return 503, {"error": "unavailable", "message": "later"}, {}

    server.always = wait
    try:
        yield
    finally:
        released.set()


def test_the_line(known: Callable[..., str]) -> None:
    """Today's cost, the block's, how long it lasts, and how fast it is used."""
    assert known() == "$4.31 today · block $1.20, 2 h 09 m left · 1.1 k tok/min"
    assert known(after=59) == "$4.31 today · block $1.20, 2 h 09 m left · 1.1 k tok/min"


def test_no_block(known: Callable[..., str]) -> None:
    """Five quiet hours end the block; so does its end, whatever the file says."""
    assert known(block=None) == "$4.31 today · no block"
    assert known(after=130 * 60.0, figures_at=NOW + 7_799) == "$4.31 today"
    assert known(block={"tokens_per_minute": None}) == ("$4.31 today · block $1.20, 2 h 09 m left")


def test_calls_without_a_price(known: Callable[..., str]) -> None:
    """They are named, never $0.00."""
    assert known(today={"unpriced": 2}, block={"unpriced": 2}) == (
        "$4.31 + unpriced today · block $1.20 + unpriced, 2 h 09 m left · 1.1 k tok/min"
    )
    nothing = {"cost_usd": None, "unpriced": 1}
    assert known(today=nothing, block=nothing) == (
        "unpriced today · block unpriced, 2 h 09 m left · 1.1 k tok/min"
    )
    assert known(today={"cost_usd": 0.001}, block=None) == "<$0.01 today · no block"
    assert known(today={"cost_usd": 0.0}, block=None) == "$0.00 today · no block"


def test_old_figures(known: Callable[..., str]) -> None:
    """Their age is said; and yesterday's cost is not today's."""
    assert known(after=179.0).endswith("tok/min")
    assert known(after=180.0).endswith("tok/min · 3 m old")
    assert known(after=2 * HOUR).endswith(", 10 m left · 1.1 k tok/min · 2 h 00 m old")
    assert known(after=14 * HOUR) == "? today · 14 h 00 m old"
    assert known(after=240 * HOUR) == "? today · 10 d 0 h old"


def test_the_last_fetch_failed(known: Callable[..., str]) -> None:
    """What is known stays, and why it is not newer stands behind it."""
    assert known(block=None, problem="the server\x1b[2J is away") == (
        "$4.31 today · no block · the server [2J is away"
    )
    assert known(today=None, problem="no\nanswer") == "vibeloom: no answer"
    assert len(known(today=None, problem="long " * 100)) < 180


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"account": "somebody else's"},
        {"today": {"ends_at": "soon"}},
        {"today": 5},
        {"block": {"ends_at": None}},
        {"block": {"tokens_per_minute": "fast"}},
        {"figures_at": None},
        {"asked_at": "now"},
    ],
)
def test_a_file_that_says_something_else(
    known: Callable[..., str], changes: dict[str, Any]
) -> None:
    """Another version's, another account's or a damaged one is as good as none."""
    assert known(**changes) == FETCHING


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_damaged_file(env: Env, known: Callable[..., str], content: bytes) -> None:
    """It is replaced like one that is missing."""
    cache(env).write_bytes(content)
    assert statusline.line(NOW) == [(FETCHING, statusline.WARNING)]


def test_what_is_missing_is_said(
    env: Env, known: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server, one for batches alone, no token, a setting that is wrong: a hint for each."""

    def line() -> str:
        return "".join(words for words, _ in statusline.line(NOW))

    monkeypatch.setenv("VIBELOOM_RETRY_LIMIT", "99")
    assert line().startswith("vibeloom: VIBELOOM_RETRY_LIMIT: '99' is not accepted")
    monkeypatch.delenv("VIBELOOM_RETRY_LIMIT")
    monkeypatch.delenv("VIBELOOM_TOKEN")
    assert line() == "vibeloom: no access token; set VIBELOOM_TOKEN"
    monkeypatch.delenv("VIBELOOM_URL")
    no_server = "vibeloom: no server yet; set VIBELOOM_URL or run `vibeloom monitor register`"
    assert line() == no_server
    monkeypatch.setenv("VIBETEA_SUPABASE_URL", "https://x.supabase.co/functions/v1")
    assert line() == no_server


def test_a_home_that_cannot_be_used(
    env: Env, known: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where no file can be kept, the line says where."""
    (tmp_path / "link").symlink_to(tmp_path / "unplugged" / "disk")
    monkeypatch.setenv("VIBELOOM_KEY_PATH", str(tmp_path / "link"))
    [(words, _)] = statusline.line(NOW)
    assert words == f"vibeloom: {tmp_path}/link cannot be used (File exists)"


def test_another_process_fetches(env: Env, server: Loopback) -> None:
    """The first line says that figures come, the next one has them; the file is its owner's."""
    assert run(env).stdout == f"{FETCHING}\n"
    until(cache(env).exists)
    assert run(env).stdout.startswith("$4.31 today" if _is_that_day() else "? today")
    assert {request.headers["authorization"] for request in server.requests} == {
        "Bearer secret-token"
    }
    assert [request.path.partition("?")[0] for request in server.requests] == [
        "/v1/query/tokens",
        "/v1/query/blocks",
    ]
    modes = {path.name: path.stat().st_mode & 0o777 for path in cache(env).parent.iterdir()}
    assert modes == {"statusline.json": 0o600, "statusline.lock": 0o600}
    assert cache(env).parent.stat().st_mode & 0o777 == 0o700
    assert not any(b"secret" in path.read_bytes() for path in cache(env).parent.iterdir())


def _is_that_day() -> bool:
    """Whether the answers' day is not over yet, by this machine's clock."""
    return time.time() < NOW + 13 * HOUR + 600


def test_it_never_waits_for_the_network(env: Env, server: Loopback) -> None:
    """It is done while the server still keeps its answer back."""
    with silent(server):
        assert run(env).stdout == f"{FETCHING}\n"
        assert run(env).stdout == f"{FETCHING}\n"
        until(lambda: len(server.requests) == 1)
        assert not cache(env).exists()
    until(cache(env).exists)
    assert run(env).stdout == (
        "vibeloom: the server says 503 unavailable: later; try again later\n"
    )


def test_one_process_fetches(env: Env, server: Loopback) -> None:
    """Many lines drawn at once, and again and again, ask the server once."""
    with silent(server):
        lines = [threading.Thread(target=run, args=(env,)) for _ in range(8)]
        for line in lines:
            line.start()
        for line in lines:
            line.join()
        run(env)
        until(lambda: len(server.requests) >= 1)
        time.sleep(0.3)  # for those that should not come
        assert len(server.requests) == 1
    until(cache(env).exists)


def test_a_claim_ends_by_itself(
    env: Env, known: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was killed holds nobody up for longer than a minute; nor another account."""
    started: list[Path] = []
    monkeypatch.setattr(statusline, "_start", started.append)
    cache(env).unlink()

    def starts(at: float) -> bool:
        before = len(started)
        statusline.line(NOW + at)
        return len(started) > before

    assert [starts(0), starts(1), starts(59), starts(60), starts(119)] == [
        *(True, False, False, True, False)
    ]
    monkeypatch.setenv("VIBELOOM_TOKEN", "another-token")
    assert [starts(120), starts(121)] == [True, False]
    assert starts(-1_000)  # the clock was set back
    claim(env).write_bytes(b"\xff\x00 rubbish")
    assert starts(122)


def test_fresh_figures_are_not_fetched_again(
    known: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a minute nothing is started, a minute later it is."""
    started: list[Path] = []
    monkeypatch.setattr(statusline, "_start", started.append)
    known(after=59.9)
    assert started == []
    known(after=60.0)
    assert len(started) == 1


def test_failures_are_written_down(env: Env, server: Loopback) -> None:
    """A wrong token, a server of another kind or none: the figures stay, with the reason."""
    configured = settings.load(env)
    statusline_refresh.refresh(configured, NOW)
    server.always = Figures({**ANSWERS, "tokens": {"totals": 5}})
    problem = statusline_refresh.refresh(configured, NOW + 60)["problem"]
    assert problem == "the server's answer is not understood"
    server.always = lambda _: (401, {"error": "invalid_token", "message": "Expired."}, {})
    document = statusline_refresh.refresh(configured, NOW + 120)
    assert document["problem"] == "the access token is not accepted; set VIBELOOM_TOKEN"
    assert (document["today"]["cost_usd"], document["figures_at"]) == (4.31, NOW)
    assert document["asked_at"] == NOW + 120
    assert json.loads(cache(env).read_text()) == document
    away = settings.load({**env, "VIBELOOM_URL": "http://127.0.0.1:9"})
    document = statusline_refresh.refresh(away, NOW)
    assert document["problem"] == "http://127.0.0.1:9/v1/query/tokens does not answer"
    assert document["today"] is None  # another server's figures are none of this one's


def test_the_file_is_replaced_at_once(env: Env, server: Loopback) -> None:
    """A reader sees the old figures or the new ones, and no draft is left behind."""
    configured = settings.load(env)
    configured.home.mkdir()
    cache(env).symlink_to("/dev/null")
    statusline_refresh.refresh(configured, NOW)
    assert not cache(env).is_symlink()
    assert [path.name for path in configured.home.iterdir()] == ["statusline.json"]


def test_a_folder_called_vibeloom_is_not_imported(env: Env, tmp_path: Path) -> None:
    """The line is drawn in somebody's project, whose code must not run."""
    project = tmp_path / "project"
    (project / "vibeloom").mkdir(parents=True)
    for name in ("vibeloom/__init__", "vibeloom/statusline_refresh", "json", "settings"):
        (project / f"{name}.py").write_text("open('ran', 'w')\n")
    run(env, cwd=project)
    until(cache(env).exists)
    assert not (project / "ran").exists()
    assert not (cache(env).parent / "ran").exists()


def test_input_that_never_ends(env: Env) -> None:
    """An agent may hold its end of the pipe open, say nothing, or say much."""
    read, write = os.pipe()
    try:
        run(env, stdin=read)
        os.write(write, b'{"session_id": "6f1f0f2a"')
        run(env, stdin=read)
    finally:
        os.close(read)
        os.close(write)
    with Path("/dev/zero").open("rb") as endless:
        run(env, stdin=endless)


def test_what_the_agent_says_is_taken(env: Env) -> None:
    """Its document is read to the end, so that it never writes to nobody."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vibeloom", "statusline"],
        env={**os.environ, **env, "PYTHONPATH": str(CLIENT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(b" " * 300_000)  # more than a pipe holds
    assert process.communicate(timeout=DEADLINE)[0].startswith(b"vibeloom: ")
    assert process.returncode == 0


def test_output_that_is_gone(env: Env) -> None:
    """Exit code 0 and no words, when nobody reads the line."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "vibeloom", "statusline"],
        env={**os.environ, **env, "PYTHONPATH": str(CLIENT)},
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
        timeout=DEADLINE,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_colours_are_asked_for(env: Env, server: Loopback, known: Callable[..., str]) -> None:
    """Plain by default, also in ASCII; with --color, what is wrong stands out."""
    known(block=None, problem="the server is away", asked_at=time.time())
    today = "$4.31" if _is_that_day() else "?"
    assert run(env).stdout.startswith(f"{today} today · no block · ")
    shown = run(env, "--color").stdout
    assert shown.startswith(f"\x1b[1m{today}\x1b[0m today")
    assert "\x1b[33mthe server is away\x1b[0m" in shown
    in_ascii = run({**env, "PYTHONIOENCODING": "ascii"}).stdout
    assert in_ascii.startswith(f"{today} today | no block | ")


def test_our_own_mistakes_are_said_in_the_line(
    env: Env, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An agent shows no traceback."""
    monkeypatch.setattr(statusline, "line", lambda _: 1 / 0)
    statusline.show(colour=False)
    assert capsys.readouterr() == (
        "vibeloom: a mistake in the status line (ZeroDivisionError); please report it\n",
        "",
    )


def test_the_long_way_says_the_same(env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m vibeloom.cli statusline` goes through typer, which knows its --help."""
    command = Command(env, monkeypatch)
    assert command("statusline").stdout == f"{FETCHING}\n"
    assert "--color" in command("statusline", "--help").stdout
    until(cache(env).exists)


def test_it_is_quick(env: Env, known: Callable[..., str]) -> None:
    """A line costs little more than the start of the interpreter itself."""
    known(asked_at=time.time())

    def took(*arguments: str) -> float:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, **env, "PYTHONPATH": str(CLIENT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
        return time.perf_counter() - began

    took("-m", "vibeloom", "statusline")  # makes the .pyc
    pairs = [(took("-c", "pass"), took("-m", "vibeloom", "statusline")) for _ in range(9)]
    bare, line = (statistics.median(times) for times in zip(*pairs, strict=True))
    assert line <= max(4 * bare, bare + 0.06)
