"""Every setting: where it comes from, what it accepts, and that it is documented."""

import json
import re
import socket
from pathlib import Path

import pytest

from vibeloom import settings
from vibeloom.errors import SettingError
from vibeloom.settings import ALL_SETTINGS, Endpoint, Settings

README = Path(__file__).parents[3] / "clients" / "python" / "README.md"
PACKAGE = README.parent / "vibeloom"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_defaults(home: Path) -> None:
    """Nothing set is a working monitor without a server."""
    assert settings.load({}) == Settings(
        home=home / ".vibeloom",
        claude_dirs=(home / ".claude", home / ".config" / "claude"),
        claude_dirs_are_named=False,
        source=socket.gethostname(),
        endpoint=None,
        token=None,
        buffer_size=1_000,
        allowlist=None,
        batch_interval=60,
        retry_limit=3,
    )


def test_a_vibetea_environment_works_unchanged(home: Path) -> None:
    """Somebody who comes from VibeTea changes nothing but the command."""
    env = {
        "VIBETEA_SUPABASE_URL": "https://x.supabase.co/functions/v1/",
        "VIBETEA_SOURCE_ID": "studio",
        "VIBETEA_KEY_PATH": "~/.vibetea",
        "VIBETEA_CLAUDE_DIR": str(home / "logs"),
        "VIBETEA_BUFFER_SIZE": "50",
        "VIBETEA_BASENAME_ALLOWLIST": " rs, .TS ,,d.ts",
        "VIBETEA_SUPABASE_BATCH_INTERVAL_SECS": "5",
        "VIBETEA_SUPABASE_RETRY_LIMIT": "10",
    }
    env["VIBETEA_BASENAME_ALLOWLIST"] = " rs, .TS ,,"
    loaded = settings.load(env)
    assert loaded == Settings(
        home=home / ".vibetea",
        claude_dirs=(home / "logs",),
        claude_dirs_are_named=True,
        source="studio",
        endpoint=Endpoint("https://x.supabase.co/functions/v1", vibeloom=False),
        token=None,
        buffer_size=50,
        allowlist=frozenset({".rs", ".ts"}),
        batch_interval=5,
        retry_limit=10,
    )
    assert loaded.endpoint is not None
    assert loaded.endpoint.ingest == "https://x.supabase.co/functions/v1/ingest"


@pytest.mark.parametrize(
    ("url", "ingest"),
    [
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787/v1/ingest"),
        ("http://127.0.0.1:8787/", "http://127.0.0.1:8787/v1/ingest"),
        ("https://loom.example/v1", "https://loom.example/v1/ingest"),
        ("https://loom.example/functions/v1/", "https://loom.example/functions/v1/ingest"),
        ("https://[::1]:8787", "https://[::1]:8787/v1/ingest"),
    ],
)
def test_a_server_root_becomes_its_ingest_address(home: Path, url: str, ingest: str) -> None:
    """With or without /v1 and a trailing slash, batches go to the same place."""
    endpoint = settings.load({"VIBELOOM_URL": url}).endpoint
    assert endpoint is not None
    assert (endpoint.ingest, endpoint.vibeloom) == (ingest, True)


def test_what_wins_over_what(home: Path) -> None:
    """VIBELOOM_ before VIBETEA_ before monitor.json before the default; empty is not set."""
    (home / ".vibeloom").mkdir()
    settings.remember(home / ".vibeloom", "http://remembered.example", "remembered")
    vibetea = {"VIBETEA_SUPABASE_URL": "http://tea.example", "VIBETEA_SOURCE_ID": "tea"}
    vibeloom = {"VIBELOOM_URL": "http://loom.example", "VIBELOOM_SOURCE_ID": "loom"}
    empty = {"VIBELOOM_URL": "", "VIBELOOM_SOURCE_ID": " "}
    found = [
        (loaded.source, loaded.endpoint.ingest)
        for loaded in map(settings.load, ({}, vibetea, vibetea | vibeloom, vibetea | empty))
        if loaded.endpoint
    ]
    assert found == [
        ("remembered", "http://remembered.example/v1/ingest"),
        ("tea", "http://tea.example/ingest"),
        ("loom", "http://loom.example/v1/ingest"),
        ("tea", "http://tea.example/ingest"),
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VIBELOOM_URL", "loom.example"),
        ("VIBELOOM_URL", "ftp://loom.example"),
        ("VIBELOOM_URL", "http://"),
        ("VIBELOOM_URL", "http://loom.example:port"),
        ("VIBELOOM_URL", "http://loom.example/?token=x"),
        ("VIBELOOM_URL", "http://loom .example"),
        ("VIBETEA_SUPABASE_URL", "localhost:54321"),
        ("VIBELOOM_SOURCE_ID", "naïve"),
        ("VIBETEA_SOURCE_ID", "x" * 129),
        ("VIBELOOM_BUFFER_SIZE", "0"),
        ("VIBETEA_BUFFER_SIZE", "-1"),
        ("VIBETEA_BUFFER_SIZE", "many"),
        ("VIBELOOM_BUFFER_SIZE", "1e3"),
        ("VIBELOOM_BUFFER_SIZE", "9" * 5_000),
        ("VIBELOOM_BUFFER_SIZE", "١٢"),
        ("VIBELOOM_BATCH_INTERVAL_SECS", "0"),
        ("VIBETEA_SUPABASE_BATCH_INTERVAL_SECS", "1.5"),
        ("VIBELOOM_RETRY_LIMIT", "0"),
        ("VIBETEA_SUPABASE_RETRY_LIMIT", "11"),
        ("VIBELOOM_BASENAME_ALLOWLIST", ","),
        ("VIBETEA_BASENAME_ALLOWLIST", "*.rs"),
        ("VIBELOOM_KEY_PATH", "/dev/null"),
        ("VIBELOOM_CLAUDE_DIR", "~nobody-of-that-name/logs"),
    ],
)
def test_an_invalid_value_names_its_variable(home: Path, variable: str, value: str) -> None:
    """The error says which variable, and what it accepts."""
    setting = next(each for each in ALL_SETTINGS if variable in (each.name, each.vibetea))
    with pytest.raises(SettingError) as caught:
        settings.load({variable: value})
    assert str(caught.value).startswith(f"{variable}: ")
    assert setting.accepts in str(caught.value)


@pytest.mark.parametrize("content", ["{", "[]", "\0", '{"url": "nowhere"}'])
def test_a_damaged_memory_is_an_error_that_names_it(home: Path, content: str) -> None:
    """A monitor.json that cannot be used is said to be one."""
    (home / ".vibeloom").mkdir()
    (home / ".vibeloom" / "monitor.json").write_text(content)
    with pytest.raises(SettingError, match=r"monitor\.json"):
        settings.load({})


def test_what_is_remembered_is_private_and_holds_no_token(home: Path) -> None:
    """monitor.json is 0600 and has exactly an address and a name."""
    path = settings.remember(home, "http://loom.example", "laptop")
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {"url": "http://loom.example", "source": "laptop"}


def test_every_setting_is_documented() -> None:
    """The README's table has a row for each setting, with the name that VibeTea gives it."""
    rows = README.read_text(encoding="utf-8").splitlines()
    for setting in ALL_SETTINGS:
        row = next((row for row in rows if row.startswith(f"| `{setting.name}` |")), "")
        assert row, f"{setting.name} has no row"
        assert (f"`{setting.vibetea}`" if setting.vibetea else "–") in row


def test_every_documented_variable_exists() -> None:
    """The README names no variable that nobody reads."""
    known = {each.name for each in ALL_SETTINGS} | {each.vibetea for each in ALL_SETTINGS}
    text = README.read_text(encoding="utf-8")
    assert set(re.findall(r"\b(?:VIBELOOM|VIBETEA)_[A-Z_]+", text)) <= known


def test_the_environment_is_read_in_one_module() -> None:
    """No other module looks at the environment."""
    readers = {
        path.name
        for path in PACKAGE.glob("*.py")
        if re.search(r"environ|getenv", path.read_text(encoding="utf-8"))
    }
    assert readers == {"settings.py"}
