"""Every setting of the monitor and the command line: the only place that reads the environment.

A value is looked up as `VIBELOOM_…`, then as the `VIBETEA_…` name that an existing monitor uses,
then in `monitor.json` (what `vibeloom monitor register` remembered), then the default. An empty
variable counts as not set.
"""

import base64
import json
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from vibeloom.errors import SettingError

MAX_BATCH = 1_000  # events; the server refuses more in one request
_EXTENSION = re.compile(r"\.?[A-Za-z0-9_+#-]{1,16}")
_SOURCE_ID = re.compile(r"[\x20-\x7e]{1,128}")  # it travels in a header: printable ASCII


@dataclass(frozen=True)
class Setting:
    """One documented setting; the README's table must name each of them."""

    name: str
    vibetea: str | None
    accepts: str


URL = Setting("VIBELOOM_URL", "VIBETEA_SUPABASE_URL", "an http:// or https:// address")
TOKEN = Setting("VIBELOOM_TOKEN", None, "an access token")
SOURCE_ID = Setting(
    "VIBELOOM_SOURCE_ID", "VIBETEA_SOURCE_ID", "1 to 128 printable ASCII characters"
)
KEY_PATH = Setting("VIBELOOM_KEY_PATH", "VIBETEA_KEY_PATH", "a directory")
CLAUDE_DIR = Setting(
    "VIBELOOM_CLAUDE_DIR", "VIBETEA_CLAUDE_DIR", "a directory, or several with commas between"
)
CLAUDE_CONFIG_DIR = "CLAUDE_CONFIG_DIR"  # Claude Code's own; several with commas between
BUFFER_SIZE = Setting(
    "VIBELOOM_BUFFER_SIZE", "VIBETEA_BUFFER_SIZE", "a whole number of events, 1 or more"
)
BASENAME_ALLOWLIST = Setting(
    "VIBELOOM_BASENAME_ALLOWLIST",
    "VIBETEA_BASENAME_ALLOWLIST",
    "file extensions with commas between, such as .rs,.ts",
)
BATCH_INTERVAL = Setting(
    "VIBELOOM_BATCH_INTERVAL_SECS",
    "VIBETEA_SUPABASE_BATCH_INTERVAL_SECS",
    "a whole number of seconds, 1 or more",
)
RETRY_LIMIT = Setting(
    "VIBELOOM_RETRY_LIMIT", "VIBETEA_SUPABASE_RETRY_LIMIT", "a whole number from 1 to 10"
)
REST_URL = Setting(
    "VIBELOOM_REST_URL", None, "a Supabase project's address, such as https://x.supabase.co"
)
REST_KEY = Setting(
    "VIBELOOM_REST_KEY", None, "the project's publishable key, or its legacy anon key"
)
REST_JWT = Setting("VIBELOOM_REST_JWT", None, "the access token of a sign-in (a JWT)")
ALL_SETTINGS = (
    URL,
    TOKEN,
    SOURCE_ID,
    KEY_PATH,
    CLAUDE_DIR,
    BUFFER_SIZE,
    BASENAME_ALLOWLIST,
    BATCH_INTERVAL,
    RETRY_LIMIT,
    REST_URL,
    REST_KEY,
    REST_JWT,
)


@dataclass(frozen=True)
class Endpoint:
    """Where signed batches go: a Vibeloom server, or a VibeTea-style functions base."""

    base: str  # without a trailing slash; ends in /v1 for a Vibeloom server
    vibeloom: bool

    @property
    def ingest(self) -> str:
        """The address that batches are posted to."""
        return f"{self.base}/ingest"


@dataclass(frozen=True)
class Settings:
    """What the environment and `monitor.json` say, checked once."""

    home: Path  # keys, spool and monitor.json
    claude_dirs: tuple[Path, ...]  # where Claude Code keeps its `projects`
    claude_dirs_are_named: bool  # by a setting; otherwise one of them is enough
    source: str
    endpoint: Endpoint | None
    token: str | None
    buffer_size: int  # events
    allowlist: frozenset[str] | None  # lower case with the dot; None lets every file name pass
    batch_interval: int  # seconds
    retry_limit: int  # tries of one flush

    @property
    def project_folders(self) -> tuple[Path, ...]:
        """The folders whose session logs are watched; they need not be there."""
        return tuple(folder / "projects" for folder in self.claude_dirs)

    @property
    def absent_folders(self) -> tuple[Path, ...]:
        """Those of `project_folders` that should be there and are not."""
        absent = tuple(folder for folder in self.project_folders if not folder.is_dir())
        if self.claude_dirs_are_named or len(absent) == len(self.claude_dirs):
            return absent
        return ()

    @property
    def spool(self) -> Path:
        """The SQLite file in which events wait."""
        return self.home / "spool.sqlite3"


@dataclass(frozen=True)
class Project:
    """A Supabase project, and who reads from it."""

    rest_url: str  # ends in /rest/v1
    key: str  # tells the project who its client is; opens nothing by itself
    jwt: str  # tells Postgres who asks


def _refuse(variable: str, value: str, setting: Setting) -> SettingError:
    return SettingError(f"{variable}: {value!r} is not accepted; give {setting.accepts}")


def _lookup(env: Mapping[str, str], setting: Setting) -> tuple[str, str] | None:
    for variable in (setting.name, setting.vibetea):
        value = env.get(variable, "").strip() if variable else ""
        if variable and value:
            return variable, value
    return None


def _directory(env: Mapping[str, str], setting: Setting, default: str) -> Path:
    variable, value = _lookup(env, setting) or (setting.name, default)
    return _path(variable, value, setting)


def _path(variable: str, value: str, setting: Setting) -> Path:
    try:
        path = Path(value).expanduser()
        if path.exists() and not path.is_dir():
            raise _refuse(variable, value, setting)
    except (RuntimeError, ValueError, OSError):
        raise _refuse(variable, value, setting) from None
    return path


def _named_claude_dirs(env: Mapping[str, str]) -> tuple[Path, ...]:
    """The folders that a setting names, or none.

    Claude Code itself writes to CLAUDE_CONFIG_DIR.
    """
    own = env.get(CLAUDE_CONFIG_DIR, "").strip()
    found = _lookup(env, CLAUDE_DIR) or ((CLAUDE_CONFIG_DIR, own) if own else None)
    if found is not None:
        variable, value = found
        names = [name.strip() for name in value.split(",") if name.strip()]
        if not names:
            raise _refuse(variable, value, CLAUDE_DIR)
        return tuple(dict.fromkeys(_path(variable, name, CLAUDE_DIR) for name in names))
    return ()


def _usual_claude_dirs(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Where Claude Code writes when nobody said anything: one or the other, by its version."""
    config = env.get("XDG_CONFIG_HOME", "").strip() or "~/.config"
    return Path("~/.claude").expanduser(), Path(config, "claude").expanduser()


def _number(
    env: Mapping[str, str], setting: Setting, default: int, highest: int | None = None
) -> int:
    found = _lookup(env, setting)
    if found is None:
        return default
    variable, value = found
    # nine digits: more is a slip of the hand, and int() on a megabyte of digits is slow
    number = int(value) if re.fullmatch(r"[0-9]{1,9}", value) else 0
    if number < 1 or (highest is not None and number > highest):
        raise _refuse(variable, value, setting)
    return number


def server_base(value: str, variable: str = URL.name) -> str:
    """The `/v1` base of a server root such as `http://127.0.0.1:8787`, with or without `/v1`."""
    base = _http_address(value, variable)
    return base if base.endswith("/v1") else f"{base}/v1"


def _http_address(value: str, variable: str, setting: Setting = URL) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or re.search(r"[\s\x00-\x1f]", value):
        raise _refuse(variable, value, setting)
    return value.rstrip("/")


def _endpoint(env: Mapping[str, str], remembered: Mapping[str, str]) -> Endpoint | None:
    if value := env.get(URL.name, "").strip():
        return Endpoint(server_base(value), vibeloom=True)
    if URL.vibetea and (value := env.get(URL.vibetea, "").strip()):
        return Endpoint(_http_address(value, URL.vibetea), vibeloom=False)
    if value := remembered.get("url", ""):
        return Endpoint(server_base(value, "url in monitor.json"), vibeloom=True)
    return None


def load_project(
    url: str | None, key: str | None, jwt: str | None, env: Mapping[str, str] | None = None
) -> Project:
    """What `rest()` needs, from its arguments or the environment. Raises `SettingError`."""
    env = os.environ if env is None else env
    address = _http_address(_needed(env, REST_URL, url), REST_URL.name, REST_URL)
    key, jwt = _needed(env, REST_KEY, key), _needed(env, REST_JWT, jwt)
    if key.startswith("sb_secret_") or _role(key) == "service_role":
        raise SettingError(
            f"{REST_KEY.name}: that key goes around row-level security and would read everybody's"
            f" rows; give {REST_KEY.accepts}"
        )
    if _role(jwt) != "authenticated":  # also a key in its place, or a token of Vibeloom's own
        raise SettingError(f"{REST_JWT.name}: nobody signed in with that; give {REST_JWT.accepts}")
    return Project(address if address.endswith("/rest/v1") else f"{address}/rest/v1", key, jwt)


def _needed(env: Mapping[str, str], setting: Setting, given: str | None) -> str:
    value = (given if given is not None else env.get(setting.name, "")).strip()
    if not re.fullmatch("[!-~]+", value):  # it travels in a header or an address
        said = "not set" if not value else "has a character that cannot be sent"
        raise SettingError(f"{setting.name}: {said}; give {setting.accepts}")
    return value


def _role(token: str) -> str | None:
    """What a JWT says of itself, unverified: enough to notice a mistake, no more."""
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError, RecursionError):
        return None
    role = claims.get("role") if isinstance(claims, dict) else None
    return role if isinstance(role, str) else None


def _allowlist(env: Mapping[str, str]) -> frozenset[str] | None:
    found = _lookup(env, BASENAME_ALLOWLIST)
    if found is None:
        return None
    variable, value = found
    entries = [entry for entry in (part.strip() for part in value.split(",")) if entry]
    if not entries or not all(_EXTENSION.fullmatch(entry) for entry in entries):
        raise _refuse(variable, value, BASENAME_ALLOWLIST)
    return frozenset("." + entry.lstrip(".").lower() for entry in entries)


def _source(env: Mapping[str, str], remembered: Mapping[str, str]) -> str:
    variable, value = _lookup(env, SOURCE_ID) or (
        SOURCE_ID.name,
        remembered.get("source") or socket.gethostname(),
    )
    if not _SOURCE_ID.fullmatch(value):
        raise _refuse(variable, value, SOURCE_ID)
    return value


def _recall(path: Path) -> dict[str, str]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        raise SettingError(
            f"{path} cannot be read ({problem}); remove it, then run `vibeloom monitor register`"
        ) from None
    if not isinstance(document, dict):
        raise SettingError(f"{path} is damaged; remove it and run `vibeloom monitor register`")
    return {key: value for key, value in document.items() if isinstance(value, str)}


def remember(home: Path, url: str, source: str) -> Path:
    """Write what `monitor run` needs to `monitor.json` (0600); never an access token."""
    path = home / "monitor.json"
    draft = home / "monitor.json.new"
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"url": url, "source": source}, file, indent=2)
        file.write("\n")
    draft.replace(path)
    return path


def load(env: Mapping[str, str] | None = None, source: str | None = None) -> Settings:
    """Read every setting, or raise `SettingError` naming the variable and what it accepts.

    `source` is what the command line says, which wins over everything.
    """
    env = os.environ if env is None else env
    if source is not None:
        env = {**env, SOURCE_ID.name: source}
    home = _directory(env, KEY_PATH, "~/.vibeloom")
    remembered = _recall(home / "monitor.json")
    token = _lookup(env, TOKEN)
    named = _named_claude_dirs(env)
    return Settings(
        home=home,
        claude_dirs=named or _usual_claude_dirs(env),
        claude_dirs_are_named=bool(named),
        source=_source(env, remembered),
        endpoint=_endpoint(env, remembered),
        token=token[1] if token else None,
        buffer_size=_number(env, BUFFER_SIZE, 1_000),
        allowlist=_allowlist(env),
        batch_interval=_number(env, BATCH_INTERVAL, 60),
        retry_limit=_number(env, RETRY_LIMIT, 3, highest=10),
    )
