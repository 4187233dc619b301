"""`vibeloom …` as a test runs it."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.unit.client.conftest import Env
from vibeloom.cli import app


class Command:
    """`vibeloom …` in this process, with an environment of its own."""

    def __init__(self, env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("TZ", "UTC")
        self._runner = CliRunner()

    def __call__(self, *arguments: str) -> Result:
        """Run it."""
        return self._runner.invoke(app, list(arguments))

    def json(self, *arguments: str) -> Any:
        """Run it for its JSON."""
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def fails(self, *arguments: str) -> str:
        """Run it for its one line of error."""
        result = self(*arguments)
        assert result.exit_code == 1, result.output
        assert result.stdout == ""
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        return result.stderr
