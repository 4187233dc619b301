"""`vibeloom usage`: what it asks, the tables to the character, and JSON that stays as it is."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.unit.client import figures
from tests.unit.client.command import Command
from tests.unit.client.conftest import Env
from tests.unit.client.figures import BEDROCK, HAIKU, OPUS, UNKNOWN, Figures
from tests.unit.client.loopback import Loopback
from vibeloom import usage, usage_table
from vibeloom.server import Server
from vibeloom.usage import Asked, By, Report

NOW = datetime(2026, 11, 20, 9, 50, tzinfo=UTC)
TODAY = date(2026, 11, 20)
TABLES = Path(__file__).parent / "usage_tables"
CLIENT = Path(__file__).parents[3] / "clients" / "python"

DAYS = figures.tokens_page(
    figures.tokens("2026-11-14", OPUS, 1_459_421, 9_296, 7_853, 226_584_123, cost=7.24),
    figures.tokens("2026-11-14", HAIKU, 1_421, 996, 853, 584, cost=0.004),
    figures.tokens("2026-11-15", BEDROCK, 9_421, 9_296, 7_853, 226_584, cost=1.24),
    figures.tokens("2026-11-15", UNKNOWN, 9, 9, cost=None, unpriced=3),
    figures.tokens("2026-11-20", UNKNOWN, 12, 1, cost=None, unpriced=1, calls=1),
)
SESSIONS = figures.sessions_page(
    figures.session(
        *("6f1f0f2a-7d55-4a0e-9d4b-0c5a54a1c0de", "tidewatch-工程", "2026-11-15T09:26:53Z"),
        *(1_459_421, 9_296, 7_853, 226_584_123),
        cost=7.24,
        models=[OPUS, HAIKU],
    ),
    figures.session("idle", "loom", "2026-11-14T10:00:00Z", models=[]),
    figures.session(
        "7b2", None, "2026-11-14T09:26:53Z", 421, 96, cost=None, unpriced=4, models=[UNKNOWN]
    ),
    pending_days=2,
)
ACTIVE = figures.block(
    *("2026-11-20T07:00:00Z", "2026-11-20T12:00:00Z", 100_000, 21_440, 0, 0),
    last="2026-11-20T09:45:00Z",
    cost=4.2,
    burn_rate={
        "tokens_per_minute": 1_104.0,
        "tokens_per_minute_uncached": 900.5,
        "cost_usd_per_hour": 2.31,
    },
    projection={"tokens": 264_960, "cost_usd": 9.1, "remaining_minutes": 130},
)
BLOCKS = figures.blocks_answer(
    figures.block(
        *("2026-11-14T10:00:00Z", "2026-11-14T15:00:00Z", 421, 96, 3, 4),
        last="2026-11-14T12:30:00Z",
        cost=7.24,
        unpriced=1,
        models=[OPUS, UNKNOWN],
    ),
    figures.block("2026-11-14T17:30:00Z", "2026-11-20T07:00:00Z", calls=0),
    ACTIVE,
)
ANSWERS = {"tokens": DAYS, "sessions": SESSIONS, "blocks": BLOCKS}


@pytest.fixture
def vibeloom(env: Env, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, with a token that the server knows."""
    server.always = Figures(ANSWERS)
    return Command({**env, "VIBELOOM_TOKEN": "secret-token"}, monkeypatch)


@pytest.fixture
def report(server: Loopback) -> Callable[..., Report]:
    """The answer to a question, read from the server."""

    def ask(by: By, answers: dict[str, Any] = ANSWERS) -> Report:
        server.always = Figures(answers)
        with Server(f"{server.url}/v1", "secret-token") as asked:
            return usage.ask(asked, by, Asked(), TODAY)

    return ask


def drawn(report: Report, width: int = 80, breakdown: bool = False) -> list[str]:
    """The lines of the table, without colours and without blanks at their ends."""
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    console.print(usage_table.draw(report, console, breakdown, NOW))
    file = console.file
    assert isinstance(file, io.StringIO)
    lines = file.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    return [line.rstrip() for line in lines]


@pytest.mark.parametrize(
    ("by", "width", "breakdown", "name"),
    [
        ("day", 80, False, "day-80"),
        ("day", 120, False, "day-120"),
        ("day", 120, True, "models-120"),
        ("session", 80, False, "session-80"),
        ("block", 80, False, "block-80"),
    ],
)
def test_the_tables(
    report: Callable[..., Report], by: By, width: int, breakdown: bool, name: str
) -> None:
    """What is shown, to the character: exact figures where there is room, short ones elsewhere."""
    expected = (TABLES / f"{name}.txt").read_text(encoding="utf-8")
    assert "\n".join(drawn(report(by), width, breakdown)) + "\n" == expected


def test_months(report: Callable[..., Report]) -> None:
    """A month has the days that the server added up, under its name."""
    november = figures.tokens("2026-11-01", OPUS, 3, cost=1.0)
    december = figures.tokens("2026-12-01", OPUS, 4, cost=2.0)
    rows = report("month", {"tokens": figures.tokens_page(november, december)}).rows
    assert [(row.about, row.counts.tokens_input) for row in rows] == [
        ({"month": "2026-11"}, 3),
        ({"month": "2026-12"}, 4),
    ]


@pytest.mark.parametrize(
    ("arguments", "route", "expected"),
    [
        ("", "tokens", {"days": "30", "by": "day", "group": "model", "limit": "10000"}),
        ("--daily --days 7", "tokens", {"days": "7", "by": "day"}),
        ("--since 2026-01-31 --until 2026-02-28", "tokens", {"from": "2026-01-31"}),
        ("--until 2026-02-28", "tokens", {"to": "2026-02-28"}),
        ("--monthly --since 2025-11-01", "tokens", {"from": "2025-11-01", "by": "month"}),
        ("--project 工程 --timezone Asia/Kathmandu", "tokens", {"project": "工程"}),
        ("--timezone Asia/Kathmandu", "tokens", {"tz": "Asia/Kathmandu"}),
        ("--session", "sessions", {"days": "30", "lane": "agent", "limit": "1000"}),
        ("--session --project loom", "sessions", {"project": "loom"}),
        ("--blocks", "blocks", {"days": "7"}),
        ("--blocks --days 2", "blocks", {"days": "2"}),
    ],
)
def test_what_is_asked(
    vibeloom: Command, server: Loopback, arguments: str, route: str, expected: dict[str, str]
) -> None:
    """Each option becomes the server's parameter, and the parameters are the right route's."""
    assert vibeloom("usage", *arguments.split()).exit_code == 0
    question = server.requests[0]
    assert question.path.startswith(f"/v1/query/{route}?")
    asked = figures.asked(question)
    assert {name: asked.get(name) for name in expected} == expected


def test_a_year_of_months_is_asked_for() -> None:
    """From the first day of the month eleven months ago, so that no month is cut."""
    for today, first in (
        (date(2026, 11, 20), "2025-12-01"),
        (date(2026, 12, 31), "2026-01-01"),
        (date(2026, 1, 1), "2025-02-01"),
    ):
        assert Asked().parameters("month", today) == {"from": first}


def test_all_pages_are_read(report: Callable[..., Report], server: Loopback) -> None:
    """A day whose models stand on two pages is one row, and nothing is left out."""
    pages = {
        "": figures.tokens_page(figures.tokens("2026-11-14", OPUS, 1), following="two"),
        "two": figures.tokens_page(
            figures.tokens("2026-11-14", HAIKU, 2),
            figures.tokens("2026-11-14", OPUS, 4),
            figures.tokens("2026-11-15", HAIKU, 8),
            following="three",
        ),
        "three": figures.tokens_page(figures.tokens("2026-11-16", None, 16)),
    }
    found = report("day", {"tokens": pages})
    assert [(row.about["day"], row.models, row.counts.tokens_input) for row in found.rows] == [
        ("2026-11-14", (HAIKU, OPUS), 7),
        ("2026-11-15", (HAIKU,), 8),
        ("2026-11-16", ("(no name)",), 16),
    ]
    assert found.totals.tokens_input == 31
    assert [figures.asked(request).get("cursor") for request in server.requests] == [
        None,
        "two",
        "three",
    ]


def test_a_page_that_leads_to_itself(vibeloom: Command, server: Loopback) -> None:
    """A server that never comes to an end is not followed for ever."""
    page = figures.tokens_page(figures.tokens("2026-11-14", OPUS, 1), following="again")
    server.always = Figures({"tokens": page})
    assert "same page again" in vibeloom.fails("usage")


def test_json_by_day(vibeloom: Command) -> None:
    """The documented shape, in the API's words, with exact figures and all names."""
    document = vibeloom.json("usage")
    assert list(document) == ["by", "period", "items", "totals", "unpriced_models"]
    assert document["items"][1] == {
        "day": "2026-11-15",
        "models": [UNKNOWN, BEDROCK],
        "calls": 6,
        "tokens_input": 9_430,
        "tokens_output": 9_305,
        "tokens_cache_write": 7_853,
        "tokens_cache_read": 226_584,
        "tokens_total": 253_172,
        "cost_usd": 1.24,
        "unpriced": 3,
        "breakdown": [
            {
                "model": UNKNOWN,
                "calls": 3,
                "tokens_input": 9,
                "tokens_output": 9,
                "tokens_cache_write": 0,
                "tokens_cache_read": 0,
                "tokens_total": 18,
                "cost_usd": None,
                "unpriced": 3,
            },
            {
                "model": BEDROCK,
                "calls": 3,
                "tokens_input": 9_421,
                "tokens_output": 9_296,
                "tokens_cache_write": 7_853,
                "tokens_cache_read": 226_584,
                "tokens_total": 253_154,
                "cost_usd": 1.24,
                "unpriced": 0,
            },
        ],
    }
    assert document["items"][2]["cost_usd"] is None
    assert (document["by"], document["period"], document["unpriced_models"]) == (
        "day",
        figures.PERIOD,
        [UNKNOWN],
    )
    assert document["totals"]["cost_usd"] == pytest.approx(8.484)


def test_json_by_session(vibeloom: Command) -> None:
    """Sessions that used a model, the oldest first, and how many days are still to come."""
    document = vibeloom.json("usage", "--session")
    assert [item["id"][:8] for item in document["items"]] == ["7b2", "6f1f0f2a"]
    assert document["items"][1] == {
        "id": "6f1f0f2a-7d55-4a0e-9d4b-0c5a54a1c0de",
        "project": "tidewatch-工程",
        "started_at": "2026-11-15T09:26:53Z",
        "ended_at": "2026-11-15T23:26:53Z",
        "duration_seconds": 7_200,
        "complete": True,
        "models": [HAIKU, OPUS],
        "tokens_input": 1_459_421,
        "tokens_output": 9_296,
        "tokens_cache_write": 7_853,
        "tokens_cache_read": 226_584_123,
        "tokens_total": 228_060_693,
        "cost_usd": 7.24,
        "unpriced": 0,
    }
    assert (document["pending_days"], document["unpriced_models"]) == (2, [UNKNOWN])


def test_json_by_block(vibeloom: Command) -> None:
    """Blocks and gaps as the server has them; the active one says where it leads."""
    document = vibeloom.json("usage", "--blocks")
    assert [item["is_gap"] for item in document["items"]] == [False, True, False]
    active = document["items"][2]
    assert {name: active[name] for name in ACTIVE if name not in figures.counts()} == {
        name: value for name, value in ACTIVE.items() if name not in figures.counts()
    }
    assert (active["tokens_total"], active["cost_usd"], active["calls"]) == (121_440, 4.2, 3)
    assert (document["is_aligned"], document["purged_before"]) == (True, None)


def test_what_a_block_is_not_sure_of(report: Callable[..., Report]) -> None:
    """Where blocks may begin elsewhere, or were deleted, the table says so."""
    answer = figures.blocks_answer(ACTIVE, is_aligned=False, purged_before="2026-11-16T00:00:00Z")
    lines = drawn(report("block", {"blocks": answer}), 120)
    assert any("blocks may begin at other hours" in line for line in lines)
    assert any("Events before 2026-11-16T00:00:00Z were deleted" in line for line in lines)


def test_a_block_of_one_call_has_no_rate(report: Callable[..., Report]) -> None:
    """It is active, and nothing is promised of it."""
    only = figures.block(
        *("2026-11-20T09:00:00Z", "2026-11-20T14:00:00Z", 5),
        last="2026-11-20T09:45:00Z",
        is_active=True,
    )
    lines = drawn(report("block", {"blocks": figures.blocks_answer(only)}))
    assert any("active, 4 h 10 m left" in line for line in lines)
    assert not any("Active block" in line for line in lines)


def test_an_active_block_without_any_price(report: Callable[..., Report]) -> None:
    """Its rate and its projection are not free, either."""
    rate = {"tokens_per_minute": 5, "tokens_per_minute_uncached": 5, "cost_usd_per_hour": None}
    block = ACTIVE | {
        "cost_usd": None,
        "unpriced": 3,
        "burn_rate": rate,
        "projection": {"tokens": 900, "cost_usd": None, "remaining_minutes": 9},
    }
    answers = {"blocks": figures.blocks_answer(block), "tokens": DAYS}
    text = "\n".join(drawn(report("block", answers)))
    assert "$" not in text
    assert text.count("no price") == 5


def test_an_empty_account(vibeloom: Command, server: Loopback) -> None:
    """Nothing is an answer, with what to do next; the JSON has the same shape as ever."""
    empty = {
        "tokens": figures.tokens_page(),
        "sessions": figures.sessions_page(),
        "blocks": figures.blocks_answer(),
    }
    server.always = Figures(empty)
    for option in ("--daily", "--monthly", "--session", "--blocks"):
        shown = vibeloom("usage", option)
        assert shown.exit_code == 0, shown.output
        assert shown.stdout.startswith("No tokens (2026-11-14 to 2026-11-20, Europe/Berlin).")
        document = vibeloom.json("usage", option)
        assert (document["items"], document["unpriced_models"]) == ([], [])
        assert (document["totals"]["tokens_total"], document["totals"]["cost_usd"]) == (0, 0.0)


def test_errors_say_what_to_do(
    vibeloom: Command, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is one line: no token, a wrong one, no server, one that is away, one of another kind."""
    assert "--token or VIBELOOM_TOKEN" in vibeloom.fails("usage", "--token", "wrong")
    for option in ("--daily", "--session", "--blocks", "--check"):
        server.always = lambda _: (200, {"items": [{"day": 5}], "next": None}, {})
        assert "check" in vibeloom.fails("usage", option)
    server.always = lambda _: (400, {"error": "invalid_timezone", "message": "No zone."}, {})
    assert "No zone" in vibeloom.fails("usage", "--timezone", "Mars/Olympus")
    server.always = lambda _: (503, {"error": "unavailable", "message": "Later"}, {})
    assert "try again later" in vibeloom.fails("usage", "--session")
    assert "does not answer" in vibeloom.fails("usage", "--url", "http://127.0.0.1:9")
    monkeypatch.delenv("VIBELOOM_TOKEN")
    assert "VIBELOOM_TOKEN" in vibeloom.fails("usage")
    monkeypatch.delenv("VIBELOOM_URL")
    assert "VIBELOOM_URL" in vibeloom.fails("usage", "--token", "t")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--daily --monthly", "--daily and --monthly are two questions"),
        ("--blocks --check", "--blocks and --check are two questions"),
        ("--since 20261120", "'20261120' is no day"),
        ("--until 2026-02-30", "'2026-02-30' is no day"),
        ("--days 7 --since 2026-11-20", "--days counts back from today"),
        ("--since 2026-11-21 --until 2026-11-20", "--since is after --until"),
        ("--session --breakdown", "--session has no --breakdown"),
        ("--source laptop", "--source needs --check"),
        ("--check --project loom", "--check is about all projects"),
        ("--blocks --project loom", "--blocks is about all projects"),
    ],
)
def test_questions_that_make_no_sense(
    vibeloom: Command, server: Loopback, arguments: str, words: str
) -> None:
    """They are refused before anything is asked."""
    assert words in vibeloom.fails("usage", *arguments.split())
    assert server.requests == []


HOSTILE = "\x1b]0;gone\x07\u202e[red]工程:smile:\n\ud800é"


def test_names_do_nothing_to_the_terminal(
    vibeloom: Command, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control characters, directions, markup and half characters are shown as what they are."""
    monkeypatch.setenv("COLUMNS", "300")
    server.always = Figures(
        {
            "sessions": figures.sessions_page(
                figures.session(HOSTILE, HOSTILE, "2026-11-15T09:26:53Z", 1, models=[HOSTILE])
            )
        }
    )
    shown = vibeloom("usage", "--session").stdout
    assert {"\x1b", "\x07", "\u202e", "\ud800"} & set(shown) == set()
    assert "]0;gone��[red]工程:smile:��é" in shown


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**18),
            st.integers(0, 10**18),
            st.one_of(st.none(), st.floats(0, 10**12)),
            st.integers(0, 10**12),
            st.text(max_size=60),
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([80, 120]),
    st.booleans(),
)
def test_whatever_is_answered_fits(
    rows: list[tuple[int, int, float | None, int, str]], width: int, breakdown: bool
) -> None:
    """Huge counts, any name and any cost keep within the terminal's width."""
    parts = tuple(
        (name, usage.Counts(here, there, 0, 0, cost, unpriced, 1))
        for here, there, cost, unpriced, name in rows
    )
    names = tuple(name for name, _ in parts)
    total = usage.total(counts for _, counts in parts)
    row = usage.Row({"day": "2026-11-14"}, names, total, parts)
    drawn(Report("day", figures.PERIOD, (row,), total, names, {}), width, breakdown)


@given(st.integers(0, 10**16))
def test_a_short_count_is_near(count: int) -> None:
    """It is within half a percent of the count, and six characters long up to a thousand T."""
    shown = usage_table.compact(count)
    unit = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}.get(shown[-1], 1)
    assert float(shown.rstrip("kMGT").replace(",", "")) * unit == pytest.approx(count, rel=0.005)
    assert len(shown) <= 6 or count >= 10**15


def test_costs() -> None:
    """Nothing looks free that is not."""

    def shown(cost: float | None, unpriced: int = 0) -> str:
        return usage_table.cost(usage.Counts(cost_usd=cost, unpriced=unpriced))

    assert [shown(0.0), shown(0.004), shown(0.005), shown(1_234_567.891)] == [
        "$0.00",
        "<$0.01",
        "$0.01",
        "$1,234,567.89",
    ]
    assert [shown(None, 1), shown(0.0, 1), shown(0.004, 1), shown(3.0, 2)] == [
        "no price",
        "no price",
        "<$0.01+",
        "$3.00+",
    ]


@given(st.lists(st.integers(1, 10_000), max_size=30))
def test_costs_add_up(cents: list[int]) -> None:
    """The total of many small costs is exact to the cent."""
    found = usage.total(usage.Counts(cost_usd=each / 100) for each in cents)
    assert found.cost_usd is not None
    assert round(found.cost_usd * 100) == sum(cents)


def test_output_that_knows_only_ascii(vibeloom: Command) -> None:
    """A name that the output cannot hold is replaced; nothing ends in a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "vibeloom", "usage", "--session"],
        env={**os.environ, "PYTHONPATH": str(CLIENT), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
        text=True,
    )
    assert "tidewatch-??" in done.stdout
    assert done.stdout.isascii()


def test_the_readme_has_every_name(vibeloom: Command) -> None:
    """What a program may rely on is written down."""
    readme = (CLIENT / "README.md").read_text(encoding="utf-8")
    for option in ("--daily", "--monthly", "--session", "--blocks", "--check"):
        document = json.loads(vibeloom("usage", option, "--json").stdout)
        items = [item for name in ("items", "differences") for item in document.get(name, [])]
        for name in {*document, *(name for item in items for name in item)}:
            assert f"`{name}`" in readme or f'"{name}"' in readme, name
