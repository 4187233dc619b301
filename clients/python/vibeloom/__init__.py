"""The Python side of Vibeloom: a monitor that sends metadata, and commands that read it back."""

__version__ = "0.1.0"
