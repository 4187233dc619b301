"""List prices of models: from the package genai-prices into one SQL file, and onto stored events.

    python -m migrations.prices write      # a seed migration from the installed list
    python -m migrations.prices check      # exit code 1 if the newest seed is of another list
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
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

FOLDER = Path(__file__).parent
SOURCE = "genai-prices"
BEGINNING = date(2000, 1, 1)  # of a price that the list gives no first day
MODES: dict[str, dict[str, str]] = {
    "standard": {},
    "fast": {"speed": "fast"},
    "batch": {"processing": "batch"},
    "priority": {"service_tier": "priority"},
    "flex": {"service_tier": "flex"},
}
# Makers' own lists; then clouds that ask more; then a market, for makers without a list.
MAKERS = (
    "anthropic", "openai", "google", "x-ai", "deepseek", "mistral", "moonshotai", "zai", "minimax",
    "cohere",
)  # fmt: skip
MARKET = "openrouter"
MARKET_MAKERS = ("qwen/", "z-ai/", "moonshotai/", "minimax/", "deepseek/", "meta-llama/", "xiaomi/")

# What the list has no row for. Source: LiteLLM 1.110.2, model_prices_and_context_window.json,
# `provider_specific_entry: {"fast": 6.0}`.
FAST_FACTORS = {"claude-opus-4-6": Decimal(6), "claude-opus-4-7": Decimal(6)}
# Message Batches have always been half price; the list models them from a later day on.
HALF_PRICED = ("anthropic",)

COLUMNS = ("input", "output", "cache_read", "cache_write", "cache_write_1h")


class Price(NamedTuple):
    """One row of model_prices, but for its spelling."""

    mode: str
    effective_from: date
    above_tokens: int
    usd: tuple[Decimal, ...]  # per million tokens, in the order of COLUMNS
    web_search: Decimal  # per thousand


class Listed(NamedTuple):
    """One model of the list."""

    provider: str
    names: tuple[str, ...]  # as the list writes it, in lower case
    prices: tuple[Price, ...]


def listed_models() -> Iterator[Listed]:
    """The models that coding agents use, in the order in which a name is looked up."""
    from genai_prices.data import providers  # noqa: PLC0415 - a tool of the build

    by_id = {provider.id: provider for provider in providers}
    for maker in MAKERS:
        for model in by_id[maker].models:
            yield Listed(maker, _names(model), tuple(_prices(maker, model)))
    for model in by_id["aws"].models:
        if model.id.startswith("regional."):
            name = model.id.removeprefix("regional.").partition(".")[2]
            names = tuple(f"regional.{each}" for each in _without_version(name))
            yield Listed("aws", names, tuple(_prices("aws", model)))
    for model in by_id[MARKET].models:
        if model.id.startswith(MARKET_MAKERS):
            name = model.id.partition("/")[2].lower()
            yield Listed(MARKET, (name,), tuple(_prices(MARKET, model)))


def listed_model(name: str) -> Any:
    """The list's entry that a maker's model of this name has its price from, if it has one."""
    from genai_prices.data import providers  # noqa: PLC0415 - a tool of the build

    by_id = {provider.id: provider for provider in providers}
    for maker in MAKERS:
        for model in by_id[maker].models:
            if name in _names(model):
                return model
    return None


def _names(model: Any) -> tuple[str, ...]:
    """The id, and what the list's own rules name; a rule of a pattern names nothing."""
    from genai_prices import types  # noqa: PLC0415 - a tool of the build

    names = [model.id.lower(), model.id.lower().removesuffix("-latest")]
    clauses = [model.match]
    for clause in clauses:
        if isinstance(clause, types.ClauseOr):
            clauses.extend(clause.or_)
        elif isinstance(clause, types.ClauseEquals):
            names.append(clause.equals.lower())
        elif isinstance(clause, types.ClauseStartsWith):
            names.append(clause.starts_with.lower().rstrip("-@"))
    return tuple(dict.fromkeys(name for name in names if name))


def _without_version(name: str) -> tuple[str, ...]:
    """claude-x-20250929-v1:0 is looked up with and without its version and date."""
    plain = re.sub(r"-v[0-9]+(:[0-9]+)?$", "", name)
    return tuple(dict.fromkeys((plain, re.sub(r"-20[0-9]{6}$", "", plain))))


def _prices(provider: str, model: Any) -> Iterator[Price]:
    days = sorted({BEGINNING, *_days(model)})
    held: dict[str, dict[int, Row]] = {}  # by mode, what holds until another row says otherwise
    for day in days:
        standard = _at(model, day, {})
        for mode, context in MODES.items():
            found = _at(model, day, context)
            if mode == "batch" and found == standard and provider in HALF_PRICED and _has(model):
                found = {above: _scaled(row, Decimal("0.5")) for above, row in standard.items()}
            if mode == "fast" and found == standard and (factor := FAST_FACTORS.get(model.id)):
                found = {above: _scaled(row, factor) for above, row in standard.items()}
            if found != held.get(mode, {} if mode == "standard" else standard):
                held[mode] = found
                for above, (usd, search) in found.items():
                    yield Price(mode, day, above, usd, search)


def _has(model: Any) -> bool:
    variants = model.price_variants or []
    return any(variant.when == MODES["batch"] for variant in variants)


def _days(model: Any) -> Iterator[date]:
    from genai_prices.types import StartDateConstraint  # noqa: PLC0415 - a tool of the build

    priced = model.prices if isinstance(model.prices, list) else []
    for each in (*priced, *(model.price_variants or [])):
        if isinstance(each.constraint, StartDateConstraint):
            yield each.constraint.start_date


Row = tuple[tuple[Decimal, ...], Decimal]


def _at(model: Any, day: date, context: dict[str, str]) -> dict[int, Row]:
    """The rows of a day by the length of the prompt; of prices by the hour the highest one."""
    moments = [
        datetime.combine(day, time(hour, minute), UTC) for hour in range(24) for minute in (15, 45)
    ]
    found = [_rows(model.get_prices(moment, context or None)) for moment in moments]
    return max(found, key=lambda rows: rows[0][0][0])


def _rows(price: Any) -> dict[int, Row]:
    starts = {0}
    for name in COLUMNS:
        starts |= {tier.start for tier in getattr(getattr(price, f"{name}_mtok"), "tiers", ())}
    return {above: _row(price, above) for above in sorted(starts)}


def _row(price: Any, above: int) -> Row:
    """Tokens of a cache without a price of their own cost what the prompt's other tokens do."""
    read = {name: _value(getattr(price, f"{name}_mtok"), above) for name in COLUMNS}
    given = read["input"] if read["input"] is not None else Decimal(0)
    write = read["cache_write"] if read["cache_write"] is not None else given
    usd = (
        given,
        read["output"] if read["output"] is not None else Decimal(0),
        read["cache_read"] if read["cache_read"] is not None else given,
        write,
        read["cache_write_1h"] if read["cache_write_1h"] is not None else write,
    )
    return usd, getattr(price, "web_searches_kcount", None) or Decimal(0)


def _value(price: Any, above: int) -> Decimal | None:
    if price is None or isinstance(price, Decimal):
        return price
    value: Decimal = price.base
    for tier in sorted(price.tiers, key=lambda each: each.start):
        if tier.start <= above:
            value = tier.price
    return value


def _scaled(row: Row, factor: Decimal) -> Row:
    usd, search = row
    return tuple(each * factor for each in usd), search


def seed(models: Iterable[Listed], listed_on: date) -> str:
    """The SQL that fills model_prices: one row a price, the first model of a name counts."""
    rows: dict[tuple[str, str, date, int], str] = {}
    taken: set[str] = set()
    for model in models:
        for name in model.names:
            if name in taken:
                continue
            taken.add(name)
            for price in model.prices:
                if price.usd[0] or price.usd[1] or name.endswith(":free"):
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
{values}
on conflict do nothing; -- a price of one's own holds
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


def reprice(url: str, first: date | None, last: date | None) -> Iterator[tuple[date, int]]:
    """Brings stored costs to the listed prices, a day a transaction; gives each day's changes.

    May be stopped and run again at any time. Days without tokens are passed over.
    """
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        range_ = connection.execute(
            "select min(hour), max(hour) from public.token_counts"
        ).fetchone()
        if range_ is None or range_[0] is None:
            return
        day = max(range_[0].astimezone(UTC).date(), first or date.min)
        end = min(range_[1].astimezone(UTC).date(), last or date.max)
        while day <= end:
            since = datetime.combine(day, time(), UTC)
            row = connection.execute(
                "select public.reprice_events(%s, %s)", (since, since + timedelta(days=1))
            ).fetchone()
            yield day, row[0] if row else 0
            day += timedelta(days=1)


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
    sys.stdout.write(f"{total:,} events have another cost\n")
    return 0


def _check() -> int:
    path = newest_seed()
    text = path.read_text(encoding="utf-8") if path else ""
    if f"of {SOURCE} {version(SOURCE)} " in text:
        return 0
    sys.stderr.write(
        f"error: the newest seed is not of {SOURCE} {version(SOURCE)}; run"
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
    sys.stdout.write(f"{path.name}: apply it, then run `python -m migrations.prices reprice`\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
