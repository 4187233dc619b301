"""List prices of models: from the package genai-prices into one SQL file, and onto stored events.

    python -m migrations.prices write      # a seed migration from the installed list
    python -m migrations.prices check      # exit code 1 if the newest seed is another
    python -m migrations.prices reprice [--from DAY] [--to DAY]    # with DATABASE_URL

The package (MIT, Pydantic) is a tool of the build: nothing that serves requests imports it.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import psycopg

from migrations.price_list import Listed, Price, listed_models

FOLDER = Path(__file__).parent
SOURCE = "genai-prices"
DATED = re.compile(r"[-@](20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2}|latest)$")
DAYS = """
    select distinct (s.quarter_at at time zone 'UTC')::date as day, s.owner_id
    from public.token_sums as s
    where
        (%(first)s::date is null or s.quarter_at >= %(first)s::timestamp at time zone 'UTC')
        and (
            %(last)s::date is null
            or s.quarter_at < (%(last)s::date + 1)::timestamp at time zone 'UTC'
        )
    order by day, s.owner_id
"""


def seed(models: Iterable[Listed], listed_on: date) -> str:
    """The SQL that fills model_prices: one row a price, the first model of a name counts."""
    rows: dict[tuple[str, str, date, int], str] = {}
    taken: dict[str, Listed] = {}
    for model in models:
        for name in sorted(model.names, key=len):
            plain = taken.get(DATED.sub("", name))
            if name in taken or (plain is not None and plain.prices == model.prices):
                continue  # price_names finds claude-opus-4-20250514 as claude-opus-4
            taken[name] = model
            for price in model.prices:
                if any(price.usd) or name.endswith(":free"):
                    key = (name, price.mode, price.effective_from, price.above_tokens)
                    rows[key] = _sql(key, model.provider, price)
    values = ",\n".join(rows[key] for key in sorted(rows))
    return f"""\
-- List prices of {SOURCE} {version(SOURCE)} (MIT, Pydantic), as of {listed_on}. Written by
-- `python -m migrations.prices write`; see migrations/README.md.

delete from public.model_prices where is_listed;

insert into public.price_lists (source, version, listed_on)
values ('{SOURCE}', '{version(SOURCE)}', '{listed_on}')
on conflict on constraint price_lists_identity do update set applied_at = now();

insert into public.model_prices (
    model, mode, effective_from, above_tokens, provider,
    input_usd, output_usd, cache_read_usd, cache_write_usd, cache_write_1h_usd, web_search_usd,
    is_listed
)
values
{values};
"""  # noqa: S608 - a file is written, nothing is asked


def _sql(key: tuple[str, str, date, int], provider: str, price: Price) -> str:
    name, mode, day, above = key
    numbers = ", ".join(_number(each) for each in (*price.usd, price.web_search))
    quoted = name.replace("'", "''")
    return f"('{quoted}', '{mode}', '{day}', {above}, '{provider}', {numbers}, true)"


def _number(value: Decimal) -> str:
    text = f"{value.normalize():f}"
    return "0" if Decimal(text) == 0 else text


def newest_seed() -> Path | None:
    """The seed migration that was written last."""
    return max(FOLDER.glob("*_seed_model_prices*.sql"), default=None)


def write(day: date, name: str) -> Path:
    """Write the seed; gives its file."""
    path = FOLDER / name
    path.write_text(seed(listed_models(), day), encoding="utf-8")
    return path


def is_current() -> bool:
    """Whether the newest seed is, to the byte, what the installed list gives."""
    path = newest_seed()
    text = path.read_text(encoding="utf-8") if path else ""
    found = re.search(r"as of ([0-9]{4}-[0-9]{2}-[0-9]{2})\.", text)
    return found is not None and text == seed(listed_models(), date.fromisoformat(found[1]))


def reprice(url: str, first: date | None, last: date | None) -> Iterator[tuple[date, int]]:
    """Bring stored costs to the listed prices; gives each day's changes.

    It goes through the days that have tokens, oldest first, one owner's day in one transaction. It
    may be stopped and run again at any time: what is done stays done, and a day without changes
    costs little.
    """
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        days = connection.execute(DAYS, {"first": first, "last": last}).fetchall()
        for day, owners in groupby(days, key=lambda row: row[0]):
            since = datetime.combine(day, time(), UTC)
            changed = 0
            for _, owner in owners:
                row = connection.execute(
                    "select public.reprice_events(%s, %s, %s)",
                    (owner, since, since + timedelta(days=1)),
                ).fetchone()
                changed += row[0] if row else 0
            yield day, changed


def _reprice(arguments: argparse.Namespace) -> int:
    url = os.environ.get("DATABASE_URL")
    if not url:
        sys.stderr.write("error: set DATABASE_URL to an administrator's address of the database\n")
        return 1
    total = 0
    for day, changed in reprice(url, arguments.first, arguments.last):
        total += changed
        if changed:
            sys.stdout.write(f"{day}: {changed:,} events have another cost\n")
            sys.stdout.flush()
    sys.stdout.write(f"{total:,} events have another cost\n")
    return 0


def _check() -> int:
    if is_current():
        return 0
    sys.stderr.write(
        f"error: the newest seed is not what {SOURCE} {version(SOURCE)} gives; run"
        " `python -m migrations.prices write`\n"
    )
    return 1


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m migrations.prices", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="is the newest seed of the installed list?")
    writing = commands.add_parser("write", help="a seed migration from the installed list")
    writing.add_argument("--name", help="the file's name; the default is of this moment")
    writing.add_argument(
        "--on", type=date.fromisoformat, help="the list's day; the default is today"
    )
    changing = commands.add_parser("reprice", help="bring stored costs to the listed prices")
    changing.add_argument("--from", dest="first", type=date.fromisoformat, help="first day, UTC")
    changing.add_argument("--to", dest="last", type=date.fromisoformat, help="last day, UTC")
    given = parser.parse_args(arguments)
    if given.command == "check":
        return _check()
    if given.command == "reprice":
        return _reprice(given)
    now = datetime.now(UTC)
    path = write(given.on or now.date(), given.name or f"{now:%Y%m%d%H%M%S}_seed_model_prices.sql")
    sys.stdout.write(
        f"{path.name}: name it in functions/core/db.py (SCHEMA_VERSION), apply it, then run"
        " `python -m migrations.prices reprice`\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
