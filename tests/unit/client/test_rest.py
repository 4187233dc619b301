"""What `rest()` makes of its arguments, and what it costs those who do not use it."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from vibeloom import rest, settings
from vibeloom.errors import MissingExtra, SettingError
from vibeloom.settings import Project, load_project


def token(**claims: object) -> str:
    """A JWT with these claims; nothing here looks at its signature."""
    parts: tuple[dict[str, object], ...] = ({"alg": "ES256"}, claims, {})
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )


URL = "https://x.supabase.co"
KEY = "sb_publishable_a1b2c3"
JWT = token(role="authenticated", sub="ada")
ENVIRONMENT = {
    "VIBELOOM_REST_URL": f"{URL}/",
    "VIBELOOM_REST_KEY": KEY,
    "VIBELOOM_REST_JWT": JWT,
}


def test_arguments_win_over_the_environment() -> None:
    """What is given counts, what is left out is looked up."""
    assert load_project(None, None, None, ENVIRONMENT) == Project(f"{URL}/rest/v1", KEY, JWT)
    other = token(role="authenticated", sub="bob")
    given = load_project("http://127.0.0.1:54321/rest/v1", None, other, ENVIRONMENT)
    assert given == Project("http://127.0.0.1:54321/rest/v1", KEY, other)


def test_the_legacy_anon_key_is_taken() -> None:
    """A JWT that says `anon` is as public as a publishable key."""
    key = token(role="anon", iss="supabase")
    assert load_project(None, key, None, ENVIRONMENT).key == key


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("VIBELOOM_REST_URL", value) for value in ("", "x.supabase.co", "ftp://x", "https://")),
        *(("VIBELOOM_REST_KEY", value) for value in ("", "two words", "new\nline", "naïve")),
        *(("VIBELOOM_REST_JWT", value) for value in ("", "vlm_a_token_of_ours", KEY, "a.b.c")),
        ("VIBELOOM_REST_JWT", "a.W10.c"),
        ("VIBELOOM_REST_JWT", token(role="anon")),
        ("VIBELOOM_REST_JWT", token(role="service_role")),
        ("VIBELOOM_REST_JWT", token(role=["authenticated"])),
    ],
)
def test_what_cannot_be_used_is_named(name: str, value: str) -> None:
    """The error says which setting, and what it accepts."""
    [setting] = [each for each in settings.ALL_SETTINGS if each.name == name]
    with pytest.raises(SettingError) as caught:
        load_project(None, None, None, ENVIRONMENT | {name: value})
    assert str(caught.value).startswith(f"{name}: ")
    assert setting.accepts in str(caught.value)


@pytest.mark.parametrize("key", ["sb_secret_a1b2c3", token(role="service_role")])
def test_a_key_to_everything_is_refused(key: str) -> None:
    """A secret key would read everybody's rows; the error does not repeat it."""
    with pytest.raises(SettingError, match="row-level security") as caught:
        load_project(None, key, None, ENVIRONMENT)
    assert key not in str(caught.value)


def test_the_package_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error is the command that installs it."""
    monkeypatch.setitem(sys.modules, "postgrest", None)
    with pytest.raises(MissingExtra, match=r"pip install 'vibeloom\[rest\]'"):
        rest(URL, KEY, JWT)


def test_importing_vibeloom_imports_none_of_it() -> None:
    """A monitor starts without HTTP clients that it does not use."""
    code = (
        "import sys, vibeloom; print({'postgrest', 'httpx', 'pydantic', 'yarl'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(settings.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
