"""The price list: every spelling of a model, every mode and length of prompt, as it says."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from genai_prices import Usage
from genai_prices.data import providers
from genai_prices.types import TimeOfDateConstraint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from migrations import price_list, prices
from tests.support import Api, Database, Registered

DAY = date(2026, 8, 2)
COST = """
    select public.usage_cost(
        public.find_price(%(model)s, %(day)s, public.price_mode(%(payload)s)),
        public.token_count(%(payload)s -> 'inputTokens'),
        public.token_count(%(payload)s -> 'outputTokens'),
        public.token_count(%(payload)s -> 'cacheReadTokens'),
        public.token_count(%(payload)s -> 'cacheCreationTokens'),
        %(payload)s
    )
"""


def cost(database: Database, model: str, day: date = DAY, **payload: Any) -> Decimal | None:
    """What such a call costs."""
    with psycopg.connect(database.admin_url) as connection:
        return _cost(connection, model, day, payload)


def _cost(
    connection: psycopg.Connection[Any], model: str, day: date, payload: dict[str, Any]
) -> Decimal | None:
    values = {"model": model, "day": day, "payload": Jsonb(payload)}
    row = connection.execute(COST, values).fetchone()
    assert row is not None
    found: Decimal | None = row[0]
    return found


# US dollars of a million tokens in, without a long prompt's price: makers' lists of August 2026.
A_MILLION_IN: dict[str, int | str] = {
    "claude-opus-4-6": 5,
    "claude-sonnet-4-6": 3,
    "claude-opus-4-7": 5,
    "claude-opus-5": 5,
    "claude-sonnet-5": 2,
    "claude-3-opus-20240229": 15,
    "claude-3-haiku-20240307": "0.25",
    "claude-3-5-haiku-20241022": "0.8",
    "claude-3-5-sonnet-v2@20241022": 3,
    "anthropic.claude-3-5-sonnet-20241022-v2:0": 3,
    "anthropic.claude-opus-4-5-20251101-v1:0": 5,
    "us.anthropic.claude-opus-4-5-20251101-v1:0": "5.5",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0[1m]": "3.3",
    "us.anthropic.claude-mythos-5": 11,
    "in.anthropic.claude-opus-5": "5.5",
    "us.anthropic.claude-3-5-haiku-20241022-v1:0": "0.8",
    "bedrock/us-east-1/anthropic.claude-opus-4-8": "5.5",
    "arn:aws:bedrock:us-east-1:000000000000:inference-profile/eu.anthropic.claude-opus-4-8": "5.5",
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0": "0.25",
    "claude-opus-4-6@default": 5,
    "vertex_ai/claude-opus-4-5@default": 5,
    "projects/p/locations/global/publishers/anthropic/models/claude-opus-4-5@20251101": 5,
    "claude-sonnet-4-5-thinking-20250929": 3,
    "anthropic/claude-3.7-sonnet:thinking": 3,
    "anthropic/claude-opus-4.6-fast": 30,
    "vercel_ai_gateway/anthropic/claude-opus-4.5": 5,
    "claude-opus-4-8(high)": 5,
    " Claude-Opus-4-8 ": 5,
    "eu.anthropic.claude-haiku-4-5-20251001-v1:0": "1.1",
    "global.anthropic.claude-opus-4-5-20251101-v1:0": 5,
    "bedrock/us.anthropic.claude-opus-4-5-20251101-v1:0": "5.5",
    "claude-opus-4-5@20251101": 5,
    "vertex_ai/claude-opus-4-5@20251101": 5,
    "anthropic/claude-opus-4.5": 5,
    "openrouter/anthropic/claude-opus-4.5": 5,
    "claude-4.5-opus": 5,
    "claude-opus-4-5-latest": 5,
    "claude-sonnet-4-20250514": 3,
    "claude-opus-4-20250514": 15,
    "claude-opus-4-1-20250805": 15,
    "claude-opus-4-8[1m]": 5,
    "claude-fable-5": 10,
    "claude-haiku-4-5": 1,
    "claude-haiku-4-5-20251001-thinking": 1,
    "gpt-5.2-codex": "1.75",
    "openai/gpt-5.2-codex": "1.75",
    "gpt-5-2025-08-07": "1.25",
    "o4-mini": "1.1",
    "GLM-4.6": "0.6",
    "openrouter/z-ai/glm-4.6": "0.6",
    "kimi-k2-0905-preview": "0.6",
    "MiniMax-M2": "0.3",
    "deepseek-chat": "0.27",
    "grok-code-fast-1": "0.2",
    "azure/gpt-5.2-codex": "1.75",
    "openai.gpt-5.6-sol": "5.5",
    "global.openai.gpt-5.6-sol": 5,
    "gpt-5.6-sol-2026-07-13": 5,
    "gemini-2.5-pro-preview-05-06": "1.25",
    "gemini/gemini-2.5-flash-lite-preview-09-2025": "0.1",
    "gemini-3.1-pro-preview-customtools": 2,
    "models/gemini-3-pro-preview": 2,
    "qwen3-coder-plus": "0.65",
    "qwen/qwen3-coder:free": 0,
    "qwen.qwen3-coder-480b-a35b-v1:0": "0.45",
    "zai.glm-4.7": "0.6",
    "moonshotai.kimi-k2.5": "0.6",
    "moonshotai.kimi-k3": "3.3",
    "kimi-k2-thinking": "0.6",
    "glm-5-code": "1.2",
    "mistral-vibe-cli-latest": "1.5",
    "deepseek-v4-pro": "0.435",
}

# The models of ../shared/cases/17-model-names-and-prices: a million tokens in, on 2 August 2026.
CASE_17: dict[str, int | str] = {
    "claude-opus-4-6": 5,
    "claude-sonnet-4-6": 3,
    "claude-opus-4-7": 5,
    "claude-opus-5": 5,
    "claude-sonnet-5": 2,
    "claude-3-opus-20240229": 15,
    "claude-3-haiku-20240307": "0.25",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": "6.6",
    "anthropic.claude-opus-4-5-20251101-v1:0": 5,
    "claude-opus-4-5@20251101": 5,
    "claude-sonnet-4-5": 6,
    "claude-sonnet-4-20250514": 6,
    "claude-opus-4-20250514": 15,
    "claude-opus-4-1-20250805": 15,
    "claude-3-5-haiku-20241022": "0.8",
    "anthropic/claude-opus-4.5": 5,
    "claude-opus-4-8[1m]": 5,
    "claude-fable-5": 10,
    "qwen3-coder-plus": "0.65",
    "kimi-k2-0905-preview": "0.6",
    "GLM-4.6": "0.6",
    "MiniMax-M2": "0.3",
    "deepseek-chat": "0.27",
    "gpt-5.2-codex": "1.75",
    "gemini-3-pro-preview": 4,
    "o4-mini": "1.1",
    "claude-sonnet-4-5-20250929-thinking": 6,
    "claude-haiku-4-5": 1,
}


@pytest.mark.parametrize("model", A_MILLION_IN)
def test_every_spelling_of_a_model_has_its_price(model: str, database: Database) -> None:
    """As makers, Bedrock, Vertex, OpenRouter and proxies write it; a cloud's region has its own."""
    assert cost(database, model, inputTokens=100_000) == Decimal(A_MILLION_IN[model]) / 10


@pytest.mark.parametrize(
    "model",
    [
        "gpt-5-turbo", "claude-opus-4-5-ultra", "claude", "gpt", "other", "other:claude", "",
        "arn:aws:bedrock:us-east-1:000000000000:application-inference-profile/abc",
        "my/claude-opus-4-5x", "claude-opus-4-5-20251101-20251101", "<synthetic>", "/", "us.",
        "ollama/qwen3-coder", "groq/openai/gpt-oss-120b", "zai-org/GLM-4.6", "together_ai/glm-4.6",
        "qwen.qwen3-coder-next", "qwen3-coder-plus-ultra", "glm-4.6-thinking", "glm-4.6:free",
        "claude-opus-4-5:free", "kimi-k2-0905-preview-v1:0", "gemini-3-pro-preview-tts", "a/b/",
        "claude-sonnet", "anthropic.claude-v1:0", "gpt-5-codex-20250101-x",
    ],
)  # fmt: skip
def test_a_price_is_never_guessed(model: str, database: Database) -> None:
    """What is not listed has no price, however much its name looks like a listed one."""
    assert cost(database, model, inputTokens=1_000) is None


@pytest.mark.parametrize("model", CASE_17)
def test_a_million_tokens_cost_what_the_list_asks(model: str, database: Database) -> None:
    """Sonnet 4 and 4.5 and Gemini 3 Pro ask double for a prompt of a million tokens."""
    assert cost(database, model, inputTokens=1_000_000) == Decimal(CASE_17[model])


def test_no_name_no_price(database: Database) -> None:
    """A call that names no model is not looked up as anything."""
    assert database.value("select find_price(null, '2026-01-01', 'standard')") is None


def test_writes_that_live_an_hour_cost_twice_the_input(database: Database) -> None:
    """A million one-hour writes of Opus 4.5 are $10, of five minutes $6.25, and both add up."""
    model = "claude-opus-4-5-20251101"
    spent: dict[str, Any] = {
        "inputTokens": 10,
        "outputTokens": 100,
        "cacheCreationTokens": 1_000_000,
    }
    assert cost(database, model, **spent, cacheCreation1hTokens=1_000_000) == Decimal("10.00255")
    assert cost(database, model, **spent) == Decimal("6.25255")
    assert cost(database, model, **spent, cache_creation_1h_tokens=400_000) == Decimal("7.75255")
    assert cost(database, model, **spent, cacheCreation1hTokens=5_000_000) == Decimal("10.00255")


def test_modes_and_searches_have_their_prices(database: Database) -> None:
    """Fast mode, batches and web searches, where an event names them."""
    spent: dict[str, Any] = {"inputTokens": 1_000_000, "outputTokens": 1_000_000}
    assert cost(database, "claude-opus-4-8", **spent) == 30
    assert cost(database, "claude-opus-4-8", **spent, speed="fast") == 60
    assert cost(database, "claude-opus-4-6", **spent, speed="fast") == 180
    assert cost(database, "claude-opus-4-8", **spent, serviceTier="batch") == 15
    assert cost(database, "claude-opus-4-8", **spent, service_tier="batch") == 15
    assert cost(database, "claude-opus-4-8", **spent, serviceTier="standard") == 30
    assert cost(database, "claude-opus-4-8", **spent, webSearches=3) == Decimal("30.03")
    opus_3 = cost(database, "claude-3-opus-20240229", **spent, serviceTier="batch")
    assert opus_3 == Decimal("45")
    # Opus 4.5 has no fast mode on the list: the price is the standard one.
    assert cost(database, "claude-opus-4-5", inputTokens=1_000_000, speed="fast") == 5


def test_a_long_prompt_makes_a_request_dearer(database: Database) -> None:
    """By what each request sends, caches included; the sums of several requests decide nothing."""
    model, day = "claude-sonnet-4-5-20250929", date(2025, 12, 2)
    assert cost(database, model, day, inputTokens=200_000) == Decimal("0.6")
    assert cost(database, model, day, inputTokens=300_000, outputTokens=1_000) == Decimal("1.8225")
    assert cost(database, model, day, cacheReadTokens=200_001) == Decimal("0.1200006")
    two = [[100_000, 10, 50_000, 0, 0], [50_000, 20, 120_000, 30_000, 0]]
    totals: dict[str, Any] = {
        "inputTokens": 150_000,
        "outputTokens": 30,
        "cacheReadTokens": 170_000,
        "cacheCreationTokens": 30_000,
    }
    short = (3 * 150_000 + 15 * 30 + Decimal("0.3") * 170_000 + Decimal("3.75") * 30_000) / 10**6
    assert cost(database, model, day, **totals, requests=two) == short
    assert cost(database, model, day, **totals) == 2 * short - Decimal("7.5") * 30 / 10**6
    wrong = [[1, 1, 1, 1, 1]]  # not what the totals say: the totals count
    assert cost(database, model, day, **totals, requests=wrong) == cost(
        database, model, day, **totals
    )


@pytest.mark.parametrize(
    ("day", "usd"), [(date(2026, 3, 12), 3), (date(2026, 3, 13), "1.5"), (date(2024, 1, 1), 3)]
)
def test_prices_have_their_days(day: date, usd: str, database: Database) -> None:
    """Opus 4.6 asked double for long prompts until 13 March 2026, in each mode and cloud."""
    model = "claude-opus-4-6"
    spent: dict[str, Any] = {"inputTokens": 300_000}
    assert cost(database, model, day, **spent) == Decimal(usd)
    assert cost(database, model, day, **spent, serviceTier="batch") == Decimal(usd) / 2
    assert cost(database, model, day, **spent, speed="fast") == Decimal(usd) * 6
    regional = "us.anthropic.claude-opus-4-6-v1"
    assert cost(database, regional, day, **spent) == Decimal(usd) * Decimal("1.1")


@pytest.mark.parametrize(
    ("model", "day", "usd"),
    [
        ("deepseek-chat", date(2025, 3, 1), "0.27"),  # dearer for 16 of 24 hours
        ("deepseek-v4-pro", date(2026, 8, 16), "0.435"),  # flat, before prices by the hour
        ("deepseek-v4-pro", date(2026, 8, 17), "0.66"),  # cheaper for 17 of 24 hours
        ("deepseek-v4-flash", date(2026, 9, 10), "0.15"),
    ],
)
def test_prices_by_the_hour_are_those_of_most_of_the_day(
    model: str, day: date, usd: str, database: Database
) -> None:
    """DeepSeek's price of the fewer hours, off-peak or peak, is not anybody's whole day."""
    assert cost(database, model, day, inputTokens=1_000_000) == Decimal(usd)


def test_open_weights_on_bedrock_cost_what_bedrock_asks(database: Database) -> None:
    """Neither the maker's nor the market's price, and a global profile is not a region's."""
    spent: dict[str, Any] = {"inputTokens": 1_000_000}
    day = date(2026, 11, 20)
    assert cost(database, "moonshotai/kimi-k3", day, **spent) == 3
    assert cost(database, "us.moonshotai.kimi-k3", day, **spent) == Decimal("3.3")
    assert cost(database, "global.zai.glm-5.3", day, **spent) == Decimal("1.68")
    assert cost(database, "us.zai.glm-5.3", day, **spent) == Decimal("1.848")
    assert cost(database, "glm-5.3", day, **spent) == Decimal("1.4")


def _drawn() -> Iterator[tuple[str, Any, datetime, dict[str, int], str]]:
    dice = random.Random(8)
    makers = [provider for provider in providers if provider.id in price_list.MAKERS]
    models = [(provider.id, model) for provider in makers for model in provider.models]
    for maker, model in dice.choices(models, k=1_200):
        moment = datetime.combine(date(2025, 6, 1), time(12, 15), UTC)
        day = moment + timedelta(days=dice.randrange(540))
        write = dice.choice((0, dice.randrange(200_000)))
        tokens = {
            "input": dice.randrange(150_000),
            "output": dice.randrange(60_000),
            "read": dice.choice((0, dice.randrange(400_000))),
            "write": write,
            "hour": dice.choice((0, dice.randrange(write + 1))),
            "searches": dice.choice((0, dice.randrange(9))),
        }
        mode = dice.choice(("standard", "standard", "fast", "batch", "flex"))
        if not price_list.is_supplied(maker, model, mode):
            yield maker, model, day, tokens, mode


def test_costs_are_those_of_the_list(database: Database) -> None:
    """Some hundred calls cost in SQL what the list's own package calculates, to the last digit."""
    compared: Counter[str] = Counter()
    with psycopg.connect(database.admin_url) as connection:
        for maker, model, moment, tokens, mode in _drawn():
            listed = model.get_prices(moment, price_list.MODES[mode] or None)
            by_the_hour = isinstance(model.prices, list) and any(
                isinstance(each.constraint, TimeOfDateConstraint) for each in model.prices
            )
            if by_the_hour or price_list.listed_model(model.id) != (maker, model):
                continue
            if listed.input_mtok is None or listed.output_mtok is None or not listed_rows(model):
                continue
            usage = {
                "input_tokens": tokens["input"] + tokens["read"] + tokens["write"],
                "output_tokens": tokens["output"],
                "cache_read_tokens": tokens["read"],
                "cache_write_tokens": tokens["write"],
                "web_searches": tokens["searches"],
            }
            if listed.cache_write_1h_mtok is not None:
                usage["cache_write_1h_tokens"] = tokens["hour"]
            expected = listed.calc_price(Usage(**usage))["total_price"]
            payload: dict[str, Any] = {
                "inputTokens": tokens["input"],
                "outputTokens": tokens["output"],
                "cacheReadTokens": tokens["read"],
                "cacheCreationTokens": tokens["write"],
                "cacheCreation1hTokens": tokens["hour"],
                "webSearches": tokens["searches"],
                "speed": "fast" if mode == "fast" else "standard",
                "serviceTier": mode if mode in ("batch", "flex") else "standard",
            }
            found = _cost(connection, model.id, moment.date(), payload)
            assert found is not None, model.id
            assert abs(found - expected) < Decimal("1e-9"), (model.id, moment, mode, tokens)
            compared[mode] += 1
    assert compared.total() > 400
    assert min(compared[mode] for mode in ("standard", "fast", "batch", "flex")) > 0


def listed_rows(model: Any) -> bool:
    """Whether the seed has this model: text goes in and comes out."""
    return not price_list.NO_TEXT.search(model.id.lower())


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(-1e30, 1e30)
    | st.text(max_size=5).map(lambda text: text.replace("\0", "")),
    lambda inner: st.lists(inner, max_size=6)
    | st.dictionaries(st.sampled_from(["requests", "speed", "a"]), inner, max_size=3),
    max_leaves=20,
)  # fmt: skip
FIELDS = st.sampled_from(
    ["requests", "speed", "serviceTier", "service_tier", "webSearches", "web_searches",
     "cacheCreation1hTokens", "cache_creation_1h_tokens", "inputTokens", "outputTokens"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(payload=st.dictionaries(FIELDS, ODD, max_size=5))
def test_odd_payloads_cost_something_and_raise_nothing(
    payload: dict[str, Any], database: Database
) -> None:
    """Whatever a payload holds, a priced model's call has a cost that is not negative."""
    try:
        text = json.dumps(payload).encode("utf-8")
        text.decode()
    except UnicodeEncodeError:
        return
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute(
            "select public.usage_cost(public.find_price('claude-opus-4-5', '2026-01-01',"
            " public.price_mode(p)), 1, 2, 3, 4, p) from (select %s::jsonb as p) as t",
            (text.decode(),),
        ).fetchone()
    assert row is not None
    assert row[0] > 0


PIECES = st.lists(
    st.sampled_from(
        ["us.", "anthropic.", "bedrock/", "openrouter/", "~", "claude-", "opus-4-5", "gpt-5", "/",
         "glm-4.6", "-20251101", "@default", "-v1:0", "[1m]", ":free", "-thinking", "(",
         "arn:aws:bedrock:"]
    )
    | st.text(max_size=4).map(lambda text: text.replace("\0", "")),
    max_size=8,
).map("".join)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(model=PIECES, payload=ODD)
def test_no_name_and_no_json_raises(model: str, payload: Any, database: Database) -> None:
    """A name of anything has a price or none, and a payload need not even be an object."""
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute(
            "select cardinality(public.price_names(%s)), public.usage_cost("
            "public.find_price(%s, '2026-01-01', public.price_mode(p)), 1, 2, 3, 4, p)"
            " from (select %s::jsonb as p) as t",
            (model, model, json.dumps(payload)),
        ).fetchone()
    assert row is not None
    assert row[0] > 0
    assert row[1] is None or row[1] >= 0


def test_the_seed_is_the_installed_list() -> None:
    """Writing the seed again gives the newest seed migration, byte for byte."""
    newest = prices.newest_seed()
    assert newest is not None
    assert prices.main(["check"]) == 0
    assert len(newest.read_bytes()) < 400_000


def test_a_seed_of_another_list_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`write` makes what `check` wants; one price that differs, or no seed, is an error."""
    monkeypatch.setattr(prices, "FOLDER", tmp_path)
    assert prices.main(["check"]) == 1
    assert "migrations.prices write" in capsys.readouterr().err
    assert prices.main(["write", "--on", "2026-11-20"]) == 0
    assert prices.main(["check"]) == 0
    (path,) = tmp_path.iterdir()
    assert path.name in capsys.readouterr().out
    text = path.read_text(encoding="utf-8")
    assert "as of 2026-11-20" in text
    path.write_text(text.replace("'anthropic', 5, 25,", "'anthropic', 5, 24,"), encoding="utf-8")
    assert prices.main(["check"]) == 1


def test_the_list_is_a_tool_of_the_build() -> None:
    """What serves requests, and the client, neither import the package nor install it."""
    root = Path(__file__).parents[2]
    sources = [
        path
        for folder in ("functions", "clients/python/vibeloom", "infra", "sam")
        for path in (root / folder).rglob("*.py")
    ]
    assert not [path for path in sources if "genai_prices" in path.read_text(encoding="utf-8")]
    pinned = [
        path.name
        for path in (root / "requirements").glob("*.txt")
        if "genai-prices" in path.read_text(encoding="utf-8")
    ]
    assert sorted(pinned) == ["constraints.txt", "dev.txt"]


def test_it_is_known_which_list_was_applied(database: Database) -> None:
    """Its source, version and day can be asked for."""
    found = database.rows("select source, version, listed_on::text as day from price_lists")
    assert found == [{"source": "genai-prices", "version": "0.2.3", "day": "2026-11-25"}]


def test_a_price_of_one_s_own_holds(database: Database) -> None:
    """It is used before listed prices from its day on, also for long prompts and after a seed."""
    model = "claude-sonnet-4-5"
    spent: dict[str, Any] = {"inputTokens": 1_000_000}
    database.rows(
        "insert into model_prices values"
        " ('claude-sonnet-4-5', 'standard', '2000-01-01', 0, 'mine', 1, 1, 1, 1, 1, 0),"
        " ('claude-opus-5', 'standard', '2026-08-01', 0, 'mine', 2, 1, 1, 1, 1, 0)"
    )
    seed = prices.newest_seed()
    assert seed is not None
    for _ in range(2):
        assert cost(database, model, **spent) == 1
        assert cost(database, f"{model}-20250929", **spent) == 1
        regional = f"us.anthropic.{model}-20250929-v1:0"
        assert cost(database, regional, **spent) == Decimal("6.6")
        assert cost(database, "claude-opus-5", date(2026, 8, 1), **spent) == 2
        assert cost(database, "claude-opus-5", date(2026, 7, 31), **spent) == 5
        with psycopg.connect(database.admin_url) as connection:
            connection.execute(seed.read_bytes())


def test_repricing_is_one_command(
    api: Api,
    laptop: Registered,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It goes through the days that have tokens, says what it changed, and may be run again."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert prices.main(["reprice"]) == 1
    assert "DATABASE_URL" in capsys.readouterr().err
    monkeypatch.setenv("DATABASE_URL", database.admin_url)
    assert prices.main(["reprice"]) == 0
    assert capsys.readouterr().out == "0 events have another cost\n"
    spent = {"model": "weaver-9", "inputTokens": 1_000_000}
    events = [
        laptop.event(type="token_usage", timestamp=f"{day}T23:59:59.9Z", payload=spent)
        for day in ("2026-09-01", "2026-09-02", "2026-11-03")
    ]
    assert laptop.send(api, events).json["inserted"] == 3
    database.rows(
        "insert into model_prices values"
        " ('weaver-9', 'standard', '2026-01-01', 0, 'loomworks', 7, 1, 1, 1, 1, 0)"
    )
    assert prices.main(["reprice", "--from", "2026-09-02", "--to", "2026-09-02"]) == 0
    lines = ["2026-09-02: 1 events have another cost", "1 events have another cost"]
    assert capsys.readouterr().out.splitlines() == lines
    assert prices.main(["reprice"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-09-01: 1 events have another cost",
        "2026-11-03: 1 events have another cost",
        "2 events have another cost",
    ]
    assert database.value("select sum(cost_usd) from token_sums") == 21
    assert prices.main(["reprice"]) == 0
    assert capsys.readouterr().out == "0 events have another cost\n"
