"""The `vibeloom` command.

A command imports what it needs when it runs: the first thing that a person waits for is the start.
"""
# ruff: noqa: PLC0415

from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from vibeloom import __version__, usage_command
from vibeloom.console import print_json, say, show
from vibeloom.errors import SettingError, VibeloomError

# What our own mistakes raise; typer's exceptions are none of these and go their way.
MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


class OneLineErrors(TyperGroup):
    """Failures as one line that says what to do, and exit code 1; never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except VibeloomError as problem:
            _fail(str(problem))
        except BrokenPipeError:
            raise
        except OSError as problem:
            place = problem.filename or "the system"
            _fail(f"{place}: {problem.strerror or problem}; make it usable, then repeat")
        except MISTAKES as problem:
            _fail(
                f"a mistake in vibeloom {__version__} ({type(problem).__name__}: {problem}); "
                "nothing is lost, please report it"
            )


def _fail(message: str) -> NoReturn:
    from rich.console import Console
    from rich.text import Text

    line = Text("error: ", style="bold red").append(message, style="not bold default")
    Console(stderr=True, soft_wrap=True).print(line)
    raise typer.Exit(1)


app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Your working day as metadata: collected here, signed, and read back.",
)
monitor_app = typer.Typer(
    no_args_is_help=True,
    help="Watch session logs and send their metadata; prompts, code and commands never leave.",
)
app.add_typer(monitor_app, name="monitor")

app.command("usage")(usage_command.usage)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


@monitor_app.command()
def init(
    force: Annotated[bool, typer.Option("--force", help="Replace an existing key.")] = False,
) -> None:
    """Make the Ed25519 key that signs every batch."""
    from rich.text import Text

    from vibeloom import keys, settings

    home = settings.load().home
    signer = keys.replace(home) if force else keys.create(home)
    show(Text("A new key is in ").append(str(home), style="bold"))
    show(Text("Public key: ").append(signer.public_key, style="bold"))
    show(
        Text("Next: `vibeloom monitor register --url <server> --token <access token>`", style="dim")
    )


@monitor_app.command("register")
def register_command(
    url: Annotated[
        str | None, typer.Option(help="Server root, such as http://127.0.0.1:8787.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(help="Access token; better given as VIBELOOM_TOKEN.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="This machine's name on the server.")] = None,
    further: Annotated[
        bool, typer.Option("--add-key", help="A further key of a source that is there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make this monitor's key known to a server; remembers the address, never the token."""
    from rich.text import Text

    from vibeloom import keys, settings
    from vibeloom.register import add_key, register
    from vibeloom.server import Server, server_base

    configured = settings.load(source=source)
    base = server_base(configured, url)
    signer = keys.load(configured.home)
    with Server(base, token or configured.token) as server:
        enrol = add_key if further else register
        registration = enrol(server, signer, configured.source)
    remembered = settings.remember(configured.home, base.removesuffix("/v1"), configured.source)
    if as_json:
        print_json(
            {
                "source": registration.source,
                "publicKey": registration.public_key,
                "url": base,
                "created": registration.created,
                "rememberedIn": str(remembered),
            }
        )
        return
    word = "is registered" if registration.created else "was registered already"
    show(Text(f"Source {registration.source} {word} at {base}"))
    show(Text("Next: `vibeloom monitor run`", style="dim"))


@monitor_app.command()
def run(
    once: Annotated[
        bool, typer.Option("--once", help="Collect and send what is there, then stop.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Watch the session logs and send what happens in them."""
    from vibeloom import monitor, settings

    configured = settings.load()
    if as_json and not once:
        raise SettingError(
            "--json needs --once; a running monitor is asked with `monitor status --json`"
        )
    if once:
        report = monitor.run_once(configured, (lambda _: None) if as_json else say)
    else:
        endpoint = monitor.needed_endpoint(configured)
        watched = ", ".join(str(folder) for folder in configured.project_folders)
        say(f"watching {watched} as {configured.source} for {endpoint.base}")
        report = monitor.run(configured, say)
    if as_json:
        print_json(
            {
                "collected": report.collected,
                "sent": report.sent,
                "setAside": report.set_aside,
                "waiting": report.waiting,
                "unreadable": report.unreadable,
                "absent": [str(folder) for folder in configured.absent_folders],
                "error": report.error,
            }
        )
    for path, reason in report.unreadable.items():
        if not as_json:
            say(f"{path} cannot be read: {reason}")
    if report.error:
        raise VibeloomError(report.error)
    if not as_json:
        say(
            f"{report.collected:,} events collected, {report.sent:,} sent, "
            f"{report.set_aside:,} set aside"
        )


@monitor_app.command("status")
def status_command(as_json: Json = False) -> None:
    """Say what waits, what was refused, and how the last delivery went."""
    from vibeloom import settings, status

    gathered = status.gather(settings.load())
    if as_json:
        print_json(gathered)
    else:
        show(status.draw(gathered))


@monitor_app.command()
def requeue(as_json: Json = False) -> None:
    """Let events that the server refused wait to be sent once more."""
    from rich.text import Text

    from vibeloom import keys, settings
    from vibeloom.lock import exclusive
    from vibeloom.spool import Spool

    configured = settings.load()
    keys.prepare_home(configured.home)
    with exclusive(configured.home):
        spool = Spool.open(configured.spool)
        try:
            count = spool.requeue()
        finally:
            spool.close()
    if as_json:
        print_json({"requeued": count})
    else:
        show(Text(f"{count:,} events wait again"))


@monitor_app.command()
def version(as_json: Json = False) -> None:
    """Say which version this is."""
    from rich.text import Text

    if as_json:
        print_json({"name": "vibeloom", "version": __version__})
    else:
        show(Text(f"vibeloom {__version__}"))


@app.command("heatmap")
def heatmap_command(  # noqa: PLR0913, PLR0917 - one per option
    days: Annotated[int, typer.Option(help="7 or 30.")] = 7,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    url: Annotated[str | None, typer.Option(help="Server root; else VIBELOOM_URL.")] = None,
    token: Annotated[str | None, typer.Option(help="Access token; else VIBELOOM_TOKEN.")] = None,
    utc: Annotated[bool, typer.Option("--utc", help="Hours in UTC, not in local time.")] = False,
    as_json: Json = False,
) -> None:
    """Draw when the work happened: hours across, days down."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from rich.console import Console

    from vibeloom import heatmap, settings
    from vibeloom.server import Server, server_base

    if days not in (7, 30):
        raise SettingError(f"--days: {days} is not accepted; give 7 or 30")
    configured = settings.load()
    if token is not None:
        configured = replace(configured, token=token)
    with Server(server_base(configured, url), configured.token) as server:
        answer = server.get("/query", {"days": days} | ({"source": source} if source else {}))
    if as_json:
        print_json(answer)
        return
    picture = heatmap.arrange(answer, days, datetime.now(UTC), UTC if utc else None)
    console = Console(highlight=False)
    heading = f"The last {days} days" + (f" of {source}" if source else "")
    only_ascii = not console.encoding.lower().startswith("utf")
    console.print(heatmap.draw(picture, heading, only_ascii), soft_wrap=True)


@app.command("statusline")
def statusline_command(
    color: Annotated[
        bool, typer.Option("--color", help="Colours, also where no terminal is.")
    ] = False,
) -> None:
    """One line for an agent's status bar: today's cost, the block, the burn rate.

    It comes from a file, which a process in the background renews every minute.
    """
    from vibeloom import statusline

    statusline.show(color)


if __name__ == "__main__":
    app(prog_name="vibeloom")
