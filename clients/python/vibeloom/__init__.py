"""The Python side of Vibeloom: a monitor that sends metadata, and commands that read it back."""

from vibeloom.rows import rest

__all__ = ["__version__", "rest"]

__version__ = "0.1.0"
