"""Which prices the seed holds: the package genai-prices, read model by model.

Its rules match names by their beginnings; a price is looked up by the whole name. So the names are
spelled out here: those that a rule mentions, and those under which OpenRouter offers a maker's
model (the list's own rules say which model that is).
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

BEGINNING = date(2000, 1, 1)  # of a price that the list gives no first day
MODES: dict[str, dict[str, str]] = {
    "standard": {},
    "fast": {"speed": "fast"},
    "batch": {"processing": "batch"},
    "priority": {"service_tier": "priority"},
    "flex": {"service_tier": "flex"},
}
COLUMNS = ("input", "output", "cache_read", "cache_write", "cache_write_1h")

MAKERS = (
    "anthropic", "openai", "google", "x-ai", "deepseek", "mistral", "moonshotai", "zai", "minimax",
    "cohere",
)  # fmt: skip
CLOUD = "aws"
# The market has what a maker's own list lacks (Qwen has none), under the maker's name there.
MARKET = "openrouter"
MARKET_MAKERS = {
    "anthropic": "anthropic", "openai": "openai", "google": "google", "x-ai": "x-ai",
    "deepseek": "deepseek", "mistralai": "mistral", "moonshotai": "moonshotai", "z-ai": "zai",
    "minimax": "minimax", "cohere": "cohere", "qwen": "", "meta-llama": "", "xiaomi": "",
}  # fmt: skip
NO_TEXT = re.compile(
    r"image|banana|audio|realtime|transcribe|voice|voxtral|whisper|tts|ocr|embed|live|moderation"
    r"|sonic|robotics|titan|lyria|veo|rerank"
)

# What the list lacks. Each says where it is written; drop it when the list has it.
# Fast mode of Opus 4.6 and 4.7 is $30 in, $150 out: Anthropic's pages of fast mode of February and
# April 2026, and ccusage 20.0.24 (six times).
FAST_FACTORS = {"claude-opus-4-6": Decimal(6), "claude-opus-4-7": Decimal(6)}
# Sonnet 4 asked the same as Sonnet 4.5 for prompts over 200,000 tokens: LiteLLM 1.110.2,
# `input_cost_per_token_above_200k_tokens` of its Bedrock names; ccusage 20.0.24.
PRICED_AS = {"claude-sonnet-4-0": "claude-sonnet-4-5"}
# Other names of a model: Mythos is Fable's twin (LiteLLM 1.110.2 has the same prices), Gemini's
# command line asks for its Pro with its own tools.
ALSO_NAMED = {
    "claude-fable-5": ("claude-mythos-5",),
    "claude-fable-5-1": ("claude-mythos-5-1",),
    "gemini-3.1-pro-preview": ("gemini-3.1-pro-preview-customtools",),
}
# Models of agents that LiteLLM 1.110.2 has at these prices: in, out, read from the cache.
EXTRA = {
    "gemini-4-hydrogen": ("google", "1.5", "7.5", "0.075"),
    "devstral-latest": ("mistral", "0.4", "2", "0.04"),
    "devstral-medium-latest": ("mistral", "0.4", "2", "0.04"),
    "mistral-vibe-cli-latest": ("mistral", "1.5", "7.5", "0.15"),
    "grok-build-latest": ("x-ai", "2", "6", "0.3"),
    "qwen3.8-max": ("qwen", "2", "6", "0.25"),
    "glm-5-code": ("zai", "1.2", "5", "0.3"),
}
# Open weights for which Bedrock asks what their maker asks: LiteLLM 1.110.2.
BEDROCK_AS_MAKER = (
    "minimax.minimax-m2", "minimax.minimax-m2.1", "minimax.minimax-m2.5",
    "moonshot.kimi-k2-thinking", "moonshotai.kimi-k2-thinking", "moonshotai.kimi-k2.5",
    "zai.glm-4.7", "zai.glm-5",
)  # fmt: skip
# The list has batch prices from the day on which somebody looked them up (October 2026). These
# makers gave the discount before, so that day's proportion holds for the prices of earlier days.
BATCH_FROM_THE_START = ("anthropic", "openai", "google", "mistral")
HALF = (Decimal("0.5"),) * len(COLUMNS)  # Message Batches, also of models that the list has retired

Row = tuple[tuple[Decimal, ...], Decimal]  # per million tokens as in COLUMNS, per thousand searches


class Price(NamedTuple):
    """One row of model_prices, but for its names."""

    mode: str
    effective_from: date
    above_tokens: int
    usd: tuple[Decimal, ...]  # per million tokens, in the order of COLUMNS
    web_search: Decimal  # per thousand


class Listed(NamedTuple):
    """One model: who asks these prices, and the names that it is looked up by, in lower case."""

    provider: str
    names: tuple[str, ...]
    prices: tuple[Price, ...]


@cache
def listed_models() -> tuple[Listed, ...]:
    """The text models of MAKERS, Bedrock and the market; the first one of a name counts."""
    return (*_listed_models(),)


def _listed_models() -> Iterator[Listed]:
    for maker in MAKERS:
        provider = _provider(maker)
        for model in provider.models:
            if _is_text(model) and (maker == "anthropic" or "claude" not in model.id):
                names = (*_names(provider, model), *ALSO_NAMED.get(model.id, ()))
                yield Listed(maker, names, _prices(maker, model))
    for model in _provider(CLOUD).models:
        if _is_text(model):
            yield from _of_cloud(model)
    for name in BEDROCK_AS_MAKER:
        found = listed_model(name.partition(".")[2])
        assert found is not None, name  # noqa: S101 - the list has lost a model of this table
        yield Listed(CLOUD, (name,), _prices(*found))
    for name, (provider, *usd) in EXTRA.items():
        given, out, read = map(Decimal, usd)
        price = Price("standard", BEGINNING, 0, (given, out, read, given, given), Decimal(0))
        yield Listed(provider, (name,), (price,))
    for model in _provider(MARKET).models:
        if _is_text(model):
            yield from _of_market(model)


def listed_model(name: str) -> tuple[str, Any] | None:
    """The maker of a model of this name, and the list's entry that its prices come from."""
    for maker in MAKERS:
        if model := _provider(maker).find_model(name):
            return maker, model
    return None


def is_supplied(maker: str, model: Any, mode: str) -> bool:
    """Whether prices of this mode, or some of them, are not the list's own."""
    return (
        model.id in PRICED_AS
        or (mode == "fast" and model.id in FAST_FACTORS)
        or (mode == "batch" and maker in BATCH_FROM_THE_START)
    )


def _provider(name: str) -> Any:
    from genai_prices.data import providers  # noqa: PLC0415 - a tool of the build

    return next(each for each in providers if each.id == name)


def _is_text(model: Any) -> bool:
    if NO_TEXT.search(model.id.lower()):
        return False
    if model.id.endswith(":free"):
        return True
    listed = model.prices if isinstance(model.prices, list) else [model]
    return all(
        each.prices.input_mtok is not None and each.prices.output_mtok is not None
        for each in listed
    )


def _names(provider: Any, model: Any) -> tuple[str, ...]:
    """The id, and what the model's rule mentions, as far as the list leads them to this model."""
    from genai_prices import types  # noqa: PLC0415 - a tool of the build

    names = [model.id.removesuffix("-latest")]
    clauses = [model.match]
    for clause in clauses:
        if isinstance(clause, types.ClauseOr):
            clauses.extend(clause.or_)
        elif isinstance(clause, types.ClauseAnd):
            clauses.extend(clause.and_)
        elif isinstance(clause, types.ClauseEquals):
            names.append(clause.equals)
        elif isinstance(clause, types.ClauseStartsWith):
            names.append(clause.starts_with.rstrip("-@"))
    if model.id.startswith("gemini-"):  # price_names takes away the day of a preview, as in -05-20
        names.append(f"{model.id.removesuffix('-preview')}-preview")
    if provider.find_model(model.id) in (model, None):
        names.insert(0, model.id)
    return tuple(
        dict.fromkeys(
            name
            for name in map(str.lower, names)
            if "/" not in name
            and not re.search(r"-20\d\d$", name)  # half a date
            and (name == model.id.lower() or provider.find_model(name) is model)
        )
    )


def _of_market(model: Any) -> Iterator[Listed]:
    """A model of the market: the maker's own prices where its list knows the name and agrees.

    A rule of the list may be too wide: it takes claude-opus-4.6-fast for claude-opus-4.6.
    """
    vendor, _, name = model.id.lower().lstrip("~").partition("/")
    maker = MARKET_MAKERS.get(vendor)
    if not name or (maker is None and not name.endswith(":free")):
        return
    own = _provider(maker).find_model(name) if maker else None
    if maker and own is not None and _is_text(own) and _agree(own, model):
        yield Listed(maker, (name,), _prices(maker, own))
    else:
        yield Listed(MARKET, (name,), _prices(MARKET, model))


def _agree(one: Any, other: Any) -> bool:
    """Whether two entries ask the same for tokens in and out, today."""
    moment = _noon(max((BEGINNING, *_days(one), *_days(other))))
    prices = [each.get_prices(moment) for each in (one, other)]
    asked = [[_value(each.input_mtok, 0), _value(each.output_mtok, 0)] for each in prices]
    return asked[0] == asked[1]


def _of_cloud(model: Any) -> Iterator[Listed]:
    """A model of Bedrock; a Claude only where Bedrock asks something else than its maker.

    The list gives Bedrock's Claudes one price each, but they follow their maker's days and lengths
    of prompts (LiteLLM 1.110.2 has them): so the maker's prices, times what Bedrock adds.
    """
    name = re.sub(r":[0-9]+$", "", model.id.lower())
    _, is_claude, claude = name.partition("anthropic.")
    if not is_claude:
        yield Listed(CLOUD, (re.sub(r"-v1$", "", name),), _prices(CLOUD, model))
        return
    plain = re.sub(r"-v[0-9]+$", "", name)
    names = [plain, re.sub(r"-20[0-9]{6}$", "", plain)]
    prices = _prices(CLOUD, model)
    if own := _provider("anthropic").find_model(re.sub(r"-v[0-9]+$", "", claude)):
        makers = _prices("anthropic", own)
        day = max((BEGINNING, *_days(own), *_days(model)))
        asked, makers_own = model.get_prices(_noon(day)), own.get_prices(_noon(day))
        factors = {
            asked_value / own_value
            for name in COLUMNS
            if (asked_value := _value(getattr(asked, f"{name}_mtok"), 0)) is not None
            and (own_value := _value(getattr(makers_own, f"{name}_mtok"), 0))
        }
        if factors == {Decimal(1)}:
            return
        names += [plain.replace(own.id, twin) for twin in ALSO_NAMED.get(own.id, ())]
        if len(factors) == 1:
            factor = factors.pop()
            prices = tuple(
                price._replace(usd=tuple(each * factor for each in price.usd))
                for price in makers
                if price.mode in ("standard", "batch")
            )
    yield Listed(CLOUD, tuple(dict.fromkeys(names)), prices)


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _prices(provider: str, model: Any) -> tuple[Price, ...]:
    """Every price of a model, each from its first day on, as long as it is not the same again."""
    if other := PRICED_AS.get(model.id):
        model = _provider(provider).find_model(other)
    found: list[Price] = []
    held: dict[str, dict[int, Row]] = {}  # by mode, what holds until another row says otherwise
    for day in sorted({BEGINNING, *_days(model)}):
        standard = _at(model, day, {})
        for mode in MODES:
            rows = _in_mode(provider, model, day, mode, standard)
            if rows != held.get(mode, {} if mode == "standard" else standard):
                held[mode] = rows
                found += [Price(mode, day, above, *row) for above, row in rows.items()]
    return tuple(found)


def _in_mode(
    provider: str, model: Any, day: date, mode: str, standard: dict[int, Row]
) -> dict[int, Row]:
    rows = _at(model, day, MODES[mode])
    if rows != standard:
        return rows
    factors: tuple[Decimal, ...] | None = None
    if mode == "fast" and model.id in FAST_FACTORS:
        factors = (FAST_FACTORS[model.id],) * len(COLUMNS)
    elif mode == "batch" and provider in BATCH_FROM_THE_START:
        factors = _batch_factors(provider, model)
    if factors is None:
        return rows
    return {
        above: (tuple(round(a * b, 6) for a, b in zip(usd, factors, strict=True)), search)
        for above, (usd, search) in standard.items()
    }


def _batch_factors(provider: str, model: Any) -> tuple[Decimal, ...] | None:
    for variant in model.price_variants or ():
        if variant.when == MODES["batch"] and variant.constraint is not None:
            day = variant.constraint.start_date
            batch, standard = _at(model, day, MODES["batch"])[0][0], _at(model, day, {})[0][0]
            return tuple(a / b if b else Decimal(1) for a, b in zip(batch, standard, strict=True))
    has_caches = _at(model, BEGINNING, {})[0][0][2] != _at(model, BEGINNING, {})[0][0][0]
    return HALF if provider == "anthropic" and has_caches else None


def _days(model: Any) -> Iterator[date]:
    """The days on which prices of a model begin to hold."""
    priced = model.prices if isinstance(model.prices, list) else []
    for each in (*priced, *(model.price_variants or [])):
        if (day := getattr(each.constraint, "start_date", None)) is not None:
            yield day


def _at(model: Any, day: date, context: dict[str, str]) -> dict[int, Row]:
    """The rows of a day, by the length of the prompt.

    A few prices change by the hour (DeepSeek): the one that holds for most of the day is taken. So
    V3 costs its standard price, without the discount of its eight off-peak hours, and V4 its
    off-peak price, without what its seven peak hours on working days add.
    """
    moments = [
        datetime.combine(day, time(hour, minute), UTC) for hour in range(24) for minute in (15, 45)
    ]
    is_claude = "claude" in model.id.lower()
    prices = [model.get_prices(moment, context or None) for moment in moments]
    hours = Counter(str(vars(price)) for price in prices)
    longest = max(prices, key=lambda price: hours[str(vars(price))])
    starts = {0}
    for name in COLUMNS:
        starts |= {tier.start for tier in getattr(getattr(longest, f"{name}_mtok"), "tiers", ())}
    return {above: _row(longest, above, is_claude=is_claude) for above in sorted(starts)}


def _row(price: Any, above: int, *, is_claude: bool) -> Row:
    """Tokens of a cache without a price of their own cost what the prompt's other tokens do."""
    read = {name: _value(getattr(price, f"{name}_mtok"), above) for name in COLUMNS}
    given = read["input"] or Decimal(0)
    write = given if read["cache_write"] is None else read["cache_write"]
    hour = read["cache_write_1h"]
    if hour is None:  # Anthropic: "1-hour cache write tokens are 2 times the base input tokens"
        hour = 2 * given if is_claude and read["cache_write"] is not None else write
    usd = (
        given,
        read["output"] or Decimal(0),
        given if read["cache_read"] is None else read["cache_read"],
        write,
        hour,
    )
    return usd, getattr(price, "web_searches_kcount", None) or Decimal(0)


def _value(price: Any, above: int) -> Decimal | None:
    if price is None or isinstance(price, Decimal):
        return price
    value: Decimal = price.base
    for tier in price.tiers:
        if tier.start <= above:
            value = tier.price
    return value
