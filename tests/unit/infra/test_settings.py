"""What a person can set for the local stack."""

import re
from pathlib import Path

import pytest

from infra.local.settings import ROOT, SettingsError, read


def test_without_settings_everything_has_a_default() -> None:
    """`make serve` works in an empty environment."""
    settings = read({})
    assert (settings.url, settings.home, settings.workers, settings.database_url) == (
        "http://127.0.0.1:8787",
        ROOT / ".vibeloom",
        2,
        None,
    )


def test_an_empty_variable_counts_as_unset() -> None:
    """`PORT= make serve` is the default port, and an empty DATABASE_URL starts a Postgres."""
    assert read({"PORT": "", "DATABASE_URL": "", "WORKERS": "", "VIBELOOM_HOME": ""}) == read(
        {"PORT": "", "DATABASE_URL": "", "WORKERS": "", "VIBELOOM_HOME": ""}
    )
    assert read({"DATABASE_URL": ""}).database_url is None


@pytest.mark.parametrize("name", ["PORT", "WORKERS"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "99999", "²", " 8787"])
def test_a_number_that_cannot_be_used_is_named(name: str, value: str) -> None:
    """The error says which setting, what it was and what is accepted."""
    with pytest.raises(SettingsError, match=rf"^{name}={re.escape(value)}: give a whole number"):
        read({name: value})


def test_children_do_not_inherit_the_administrators_address() -> None:
    """The functions could otherwise log in past row-level security."""
    settings = read({"DATABASE_URL": "postgresql://admin@x/y", "HOME": "/home/a", "DEBUG": "1"})
    assert settings.database_url == "postgresql://admin@x/y"
    assert settings.environment == {"HOME": "/home/a"}


def test_every_setting_is_documented() -> None:
    """The README's table names each variable that settings.py reads."""
    source = (ROOT / "infra" / "local" / "settings.py").read_text()
    body = source[source.index("def read(") :]
    names = set(re.findall(r'"([A-Z][A-Z_]+)"', body))
    table = (ROOT / "infra" / "local" / "README.md").read_text()
    assert names >= {"PORT", "WORKERS", "VIBELOOM_HOME", "DATABASE_URL"}
    assert [name for name in sorted(names) if f"| `{name}` |" not in table] == []


def test_every_pin_agrees_with_the_constraints() -> None:
    """A deployable set never asks for a version that the frozen environment does not have."""
    folder = ROOT / "requirements"
    frozen = _pins(folder / "constraints.txt")
    own = folder / "sam.txt"  # AWS' tools have an environment, and pins, of their own
    asked = {
        (path.name, name): version
        for path in sorted({*folder.glob("*.txt")} - {own})
        for name, version in _pins(path).items()
    }
    assert {key: frozen.get(key[1]) for key in asked} == asked


def _pins(path: Path) -> dict[str, str]:
    """Normalised name → version; every line that is no comment or option is a pin."""
    pins = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith(("#", "-")):
            name, version = line.split("==")
            pins[re.sub(r"[-_.]+", "-", name.split("[")[0]).lower()] = version
    return pins
