"""`vibeloom usage --check`: where the logs and the server differ, and what the command says."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.client import figures, logs
from tests.unit.client.command import Command
from tests.unit.client.conftest import Env
from tests.unit.client.figures import HAIKU, OPUS, Document, Figures
from tests.unit.client.loopback import Answer, Loopback, Request
from tests.unit.client.test_usage_check import message
from vibeloom import keys, settings

ROW = figures.tokens("2026-09-14", OPUS, 3, 50, 9, 700, calls=1)


class Account:
    """A server with one day's counts, in the zone that it is asked for."""

    def __init__(self, *rows: Document, timezone: str = "UTC") -> None:
        self.rows = rows
        self.timezone = timezone
        self.questions: list[dict[str, str]] = []

    def __call__(self, request: Request) -> Answer | None:
        """The zone and its today for the first question, the counts for the others."""
        asked = figures.asked(request)
        self.questions.append(asked)
        page = figures.tokens_page(*self.rows)
        page["period"] = {
            "from": "2026-09-15T00:00:00+00:00",
            "to": "2026-09-16T00:00:00+00:00",
            "timezone": asked.get("tz", self.timezone),
        }
        return Figures({"tokens": page})(request)


@pytest.fixture
def account(server: Loopback) -> Account:
    """A server that has counted the message of the log once."""
    server.always = made = Account(ROW)
    return made


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with one message."""
    return logs.write(tmp_path / "claude" / "projects" / "p" / "a.jsonl", message())


@pytest.fixture
def vibeloom(env: Env, account: Account, log: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, on a machine with that log."""
    return Command({**env, "VIBELOOM_TOKEN": "secret-token"}, monkeypatch)


def check(vibeloom: Command, *arguments: str) -> dict[str, Any]:
    """The JSON, whose `equal` must agree with the exit code."""
    import json

    result = vibeloom("usage", "--check", "--json", *arguments)
    assert result.stderr == ""
    document: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if document["equal"] else 1)
    return document


def measures(*figures: int) -> dict[str, int]:
    names = ("calls", "tokens_input", "tokens_output", "tokens_cache_write", "tokens_cache_read")
    return dict(zip(names, figures, strict=True))


def test_equal(vibeloom: Command, tmp_path: Path) -> None:
    """Exit code 0, and what was compared."""
    assert check(vibeloom) == {
        "equal": True,
        "from": "2026-09-14",
        "to": "2026-09-15",
        "timezone": "UTC",
        "source": None,
        "folders": [str(tmp_path / "claude" / "projects")],
        "absent": [],
        "logs": 1,
        "damaged_lines": 0,
        "unfinished_logs": 0,
        "unreadable": {},
        "waiting": 0,
        "set_aside": 0,
        "totals": {
            "local": measures(1, 3, 50, 9, 700),
            "server": measures(1, 3, 50, 9, 700),
        },
        "differences": [],
        "hints": [],
    }
    shown = vibeloom("usage", "--check")
    assert (shown.exit_code, shown.stdout.splitlines()) == (
        0,
        [
            "2026-09-14 to 2026-09-15, days in UTC: equal",
            "  1 log here: 1 call, 762 tokens",
            "  the server: 1 call, 762 tokens",
        ],
    )


def test_what_differs(vibeloom: Command, log: Path) -> None:
    """Each day and model that differs, each count of it, and what to do about it."""
    logs.write(log, message("msg_2", output=1_000), message("msg_3", 5, 7, HAIKU))
    document = check(vibeloom)
    assert document["differences"] == [
        {
            "day": "2026-09-14",
            "model": HAIKU,
            "local": measures(1, 3, 7, 9, 700),
            "server": measures(0, 0, 0, 0, 0),
        },
        {
            "day": "2026-09-14",
            "model": OPUS,
            "local": measures(2, 6, 1_050, 18, 1_400),
            "server": measures(1, 3, 50, 9, 700),
        },
    ]
    [hint] = document["hints"]
    assert "run `vibeloom monitor run --once`, then check again" in hint
    shown = vibeloom("usage", "--check").stdout.splitlines()
    assert max(map(len, shown)) <= 80
    assert [line.split() for line in shown if "output" in line] == [
        ["output", "7", "0", "-7"],
        ["output", "1,050", "50", "-1,000"],
    ]
    assert "2 of 2 rows differ" in shown[0]


def test_the_server_has_more(vibeloom: Command, account: Account) -> None:
    """Other machines' tokens are said to be normal, and how to leave them out."""
    account.rows = (ROW, figures.tokens("2026-09-14", HAIKU, 9, calls=1))
    document = check(vibeloom)
    assert [each["model"] for each in document["differences"]] == [HAIKU]
    assert "--source" in document["hints"][0]
    assert "source" not in account.questions[-1]
    narrowed = check(vibeloom, "--source", "laptop")
    assert account.questions[-1]["source"] == "laptop"
    assert "has more of laptop" in narrowed["hints"][0]
    account.rows = ()
    assert "another machine sent first" in check(vibeloom, "--source", "laptop")["hints"][0]


def test_rows_of_projects_and_providers_are_added(vibeloom: Command, account: Account) -> None:
    """A day and a model may stand in several rows; rows without tokens are none."""
    account.rows = (
        figures.tokens("2026-09-14", OPUS, 3, 20, 9, 700, calls=0),
        figures.tokens("2026-09-14", OPUS, 0, 30, calls=1),
        figures.tokens("2026-09-14", "free", 0, calls=2),
    )
    assert check(vibeloom)["equal"]


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Kiritimati", "2026-09-14"), ("Pacific/Pago_Pago", "2026-09-13")]
)
def test_days_are_of_the_zone(
    vibeloom: Command, account: Account, log: Path, zone: str, day: str
) -> None:
    """The profile's, which the server says, or the one that is asked for."""
    log.write_bytes(logs.line(message()).replace(b"T09:", b"T03:"))
    account.rows = (figures.tokens(day, OPUS, 3, 50, 9, 700, calls=1),)
    assert check(vibeloom, "--timezone", zone)["equal"]
    assert [question["tz"] for question in account.questions] == [zone, zone]
    account.timezone = zone
    assert check(vibeloom)["timezone"] == zone
    assert account.questions[-1]["tz"] == zone


def test_a_zone_that_python_does_not_know(vibeloom: Command, account: Account) -> None:
    """It is said, with what to do."""
    account.timezone = "Mars/Olympus_Mons"
    assert "pip install tzdata" in vibeloom.fails("usage", "--check")


@pytest.mark.parametrize(
    ("arguments", "first", "last"),
    [
        ("", "2026-09-12", "2026-09-15"),
        ("--days 2", "2026-09-14", "2026-09-15"),
        ("--since 2026-09-13", "2026-09-13", "2026-09-15"),
        ("--until 2026-09-13", "2026-09-12", "2026-09-13"),
        ("--since 2026-09-01 --until 2026-09-02", "2026-09-01", "2026-09-02"),
        ("--until 2026-09-01", "2026-09-01", "2026-09-01"),
    ],
)
def test_the_period(
    vibeloom: Command, account: Account, log: Path, arguments: str, first: str, last: str
) -> None:
    """From the first day in the logs to today, or what was asked for; both sides keep to it."""
    log.write_bytes(
        b"".join(
            logs.line(message(f"msg_{day}")).replace(b"09-14T", b"09-%dT" % day)
            for day in (12, 13, 14)
        )
    )
    account.rows = ()
    document = check(vibeloom, *arguments.split())
    question = account.questions[-1]
    assert (question["from"], question["to"]) == (first, last)
    assert (document["from"], document["to"]) == (first, last)
    assert [each["day"] for each in document["differences"]] == [
        day for day in ("2026-09-12", "2026-09-13", "2026-09-14") if first <= day <= last
    ]


def test_logs_from_tomorrow(vibeloom: Command, account: Account, log: Path) -> None:
    """A clock that is fast does not hide what was written by it."""
    log.write_bytes(logs.line(message()).replace(b"09-14T", b"09-18T"))
    account.rows = (figures.tokens("2026-09-18", OPUS, 3, 50, 9, 700, calls=1),)
    assert (check(vibeloom)["to"], account.questions[-1]["to"]) == ("2026-09-18", "2026-09-18")


@pytest.mark.parametrize(
    ("status", "field", "words"),
    [
        (503, "waiting", "to be sent: `vibeloom monitor run --once` does"),
        (422, "set_aside", "refused by the server: `vibeloom monitor status` says why"),
    ],
)
def test_events_that_have_not_arrived(
    vibeloom: Command,
    account: Account,
    env: Env,
    server: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    field: str,
    words: str,
) -> None:
    """Those that wait in the spool, and those that the server refused, are hints."""
    monkeypatch.setenv("VIBELOOM_RETRY_LIMIT", "1")
    keys.create(settings.load(env).home)
    server.always = lambda _: (status, {"error": "no", "message": "no"}, {})
    vibeloom("monitor", "run", "--once")
    server.always = account
    document = check(vibeloom)
    assert document["hints"] == [f"{document[field]} events {words}"]
    assert document[field] > 1


def test_a_line_without_an_end(vibeloom: Command, log: Path) -> None:
    """The monitor waits for its end, so it is said that there is one."""
    with log.open("ab") as file:
        file.write(b'{"type": "assis')
    document = check(vibeloom)
    assert (document["unfinished_logs"], document["equal"]) == (1, True)
    assert document["hints"] == [
        "1 log with a last line that has no end yet; the monitor waits for it"
    ]


def test_no_logs(
    vibeloom: Command, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is not there is said, not silently zero."""
    monkeypatch.setenv("VIBELOOM_CLAUDE_DIR", str(tmp_path / "elsewhere"))
    document = check(vibeloom, "--since", "2026-09-14")
    assert document["absent"] == [str(tmp_path / "elsewhere" / "projects")]
    assert document["hints"][0] == f"{tmp_path / 'elsewhere' / 'projects'} is not there"
    assert "CLAUDE_CONFIG_DIR" in document["hints"][1]


def test_a_damaged_spool_is_a_hint(vibeloom: Command, env: Env) -> None:
    """The comparison does not need the spool."""
    configured = settings.load(env)
    configured.home.mkdir()
    configured.spool.write_bytes(b"not a database" * 100)
    document = check(vibeloom)
    assert document["equal"]
    assert str(configured.spool) in document["hints"][0]
