"""The Python side of Vibeloom: a monitor that sends metadata, and commands that read it back."""

TYPE_CHECKING = False  # `typing` itself takes longer to import than a status line may need

__all__ = ["__version__", "rest"]

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vibeloom.rows import rest
else:

    def __getattr__(name: str) -> object:
        """Import `rest` when somebody uses it: no command does."""
        if name == "rest":
            from vibeloom.rows import rest  # noqa: PLC0415 - see above

            return rest
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
