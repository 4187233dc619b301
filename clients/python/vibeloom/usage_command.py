"""`vibeloom usage`: which of its questions is asked, of what, and how the answer is printed."""
# ruff: noqa: PLC0415 - other commands start without all this

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vibeloom.console import console, print_json
from vibeloom.errors import SettingError

if TYPE_CHECKING:
    from vibeloom.server import Server
    from vibeloom.settings import Settings
    from vibeloom.usage import Asked, By

Question = Literal["daily", "monthly", "session", "blocks", "check"]


def usage(  # noqa: PLR0913, PLR0917 - one per option
    daily: Annotated[bool, typer.Option("--daily", help="By day; the default.")] = False,
    monthly: Annotated[bool, typer.Option("--monthly", help="By month.")] = False,
    session: Annotated[bool, typer.Option("--session", help="By session of an agent.")] = False,
    blocks: Annotated[
        bool, typer.Option("--blocks", help="In blocks of five hours, with the burn rate.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Recount this machine's logs and compare with the server."),
    ] = False,
    since: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The first day.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day; today by default.")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3660, help="That many days, the last is today.")
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(help="Zone of the days, such as Europe/Berlin; else the profile's."),
    ] = None,
    breakdown: Annotated[bool, typer.Option("--breakdown", help="A row for each model.")] = False,
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    source: Annotated[
        str | None, typer.Option(help="With --check: only what this source sent.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Server root; else VIBELOOM_URL.")] = None,
    token: Annotated[str | None, typer.Option(help="Access token; else VIBELOOM_TOKEN.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON for a program to read.")
    ] = False,
) -> None:
    """Show tokens and their cost, of all your machines."""
    from vibeloom import settings
    from vibeloom.server import Server, server_base
    from vibeloom.usage import Asked

    question = _question(daily=daily, monthly=monthly, session=session, blocks=blocks, check=check)
    asked = Asked(_day("--since", since), _day("--until", until), days, timezone or None, project)
    _refuse_contradictions(question, asked, breakdown, source)
    configured = settings.load()
    with Server(server_base(configured, url), token or configured.token) as server:
        if question == "check":
            _check(configured, server, asked, source, as_json)
        else:
            _report(server, question, asked, breakdown, as_json)


def _question(**given: bool) -> Question:
    """The one that was asked; by day if none was."""
    names: list[Question] = ["daily", "monthly", "session", "blocks", "check"]
    chosen = [name for name in names if given[name]] or ["daily"]
    if len(chosen) > 1:
        raise SettingError(f"--{chosen[0]} and --{chosen[1]} are two questions; give one of them")
    return chosen[0]


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:  # `20261120` is a day for Python, and none for the server
        return date.fromisoformat(text if re.fullmatch("[0-9]{4}(-[0-9]{2}){2}", text) else "")
    except ValueError:
        raise SettingError(f"{option}: {text!r} is no day; give one as 2026-11-20") from None


def _refuse_contradictions(
    question: Question, asked: "Asked", breakdown: bool, source: str | None
) -> None:
    if asked.days is not None and (asked.since or asked.until):
        raise SettingError("--days counts back from today; give it, or --since and --until")
    if asked.since and asked.until and asked.since > asked.until:
        raise SettingError("--since is after --until; give the earlier day as --since")
    if breakdown and question not in ("daily", "monthly"):
        raise SettingError(f"--{question} has no --breakdown; leave one of them out")
    if source is not None and question != "check":
        raise SettingError("--source needs --check; leave it out")
    if asked.project is not None and question in ("blocks", "check"):
        raise SettingError(f"--{question} is about all projects; leave --project out")


def _report(
    server: "Server", question: Question, asked: "Asked", breakdown: bool, as_json: bool
) -> None:
    from vibeloom.usage import ask

    by: dict[Question, By] = {
        "daily": "day",
        "monthly": "month",
        "session": "session",
        "blocks": "block",
    }
    now = datetime.now().astimezone()
    report = ask(server, by[question], asked, now.date())
    if as_json:
        print_json(report.document())
        return
    from vibeloom.usage_table import draw

    page = console()
    page.print(draw(report, page, breakdown, now))


def _check(
    configured: "Settings", server: "Server", asked: "Asked", source: str | None, as_json: bool
) -> None:
    """Exit code 1 if the two differ."""
    from vibeloom.usage_compare import compare, draw

    found = compare(configured, server, asked, source)
    if as_json:
        print_json(found.document())
    else:
        console().print(draw(found))
    if found.differences:
        raise typer.Exit(1)
