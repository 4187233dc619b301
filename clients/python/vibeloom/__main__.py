"""Where `vibeloom` begins: the status line is answered before anything else is imported."""

import sys

# What the short way understands; everything else, --help too, goes through the command line.
STATUS_LINE = (["statusline"], ["statusline", "--color"])


def main() -> None:
    """Run the command that the arguments name."""
    if sys.argv[1:] in STATUS_LINE:
        from vibeloom import statusline  # noqa: PLC0415 - no other command needs it

        statusline.show(colour="--color" in sys.argv)
        return
    from vibeloom.cli import app  # noqa: PLC0415 - typer takes longer than a status line may

    app(prog_name="vibeloom")


if __name__ == "__main__":
    main()
