"""What the migrations add up to, as one file to read: `migrations/schema.sql`.

    python -m infra.local.schema write     # after a new migration
    python -m infra.local.schema check     # exit code 1 if the file is another

The file is Postgres' own dump of a database that has just been migrated: tables, functions,
policies, grants and comments, without rows.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from infra.local import postgres
from infra.local.binaries import embedded
from migrations.apply import apply

FILE = Path(__file__).parents[2] / "migrations/schema.sql"
BOOTSTRAP = Path(__file__).with_name("bootstrap.sql")
SCHEMAS = ("public", "dashboards")  # `partitions` has the months of the day on which it is made
HEAD = """\
-- What the migrations add up to. Written by `python -m infra.local.schema write`; a test compares.
-- To be read, never to be run.
"""


def dump(url: str) -> str:
    """The schema of the database at `url`, without what differs between servers and days."""
    command = [str(embedded() / "pg_dump"), "--schema-only", "--no-owner", f"--dbname={url}"]
    command += [f"--schema={name}" for name in SCHEMAS]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    text = text[text.index("CREATE SCHEMA") :]  # before it are the client's settings
    text = re.sub(r"^(--.*|\\.*|SET .*|SELECT pg_catalog\.set_config.*)\n", "", text, flags=re.M)
    return HEAD + "\n" + re.sub(r"\n{2,}", "\n\n", text).strip() + "\n"


def current() -> str:
    """The file as it should be, from a database made for the purpose."""
    with tempfile.TemporaryDirectory(prefix="vl-") as home:
        server = postgres.start(Path(home) / "pg", postgres.THROWAWAY)
        try:
            with psycopg.connect(server.url(), autocommit=True) as admin:
                admin.execute(BOOTSTRAP.read_text())
            apply(server.url())
            return dump(server.url())
        finally:
            server.stop()


def main(arguments: list[str]) -> int:
    """The command line."""
    if arguments not in (["write"], ["check"]):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    found = current()
    if arguments == ["write"]:
        FILE.write_text(found)
    elif not FILE.is_file() or FILE.read_text() != found:
        sys.stderr.write("error: run `python -m infra.local.schema write`\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
