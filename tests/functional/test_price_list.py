"""The price list: every spelling of a model, each mode and length of prompt, as its source says."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from genai_prices import Usage
from genai_prices.data import providers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from migrations import prices
from tests.support import Database

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
    "eu.anthropic.claude-haiku-4-5-20251001-v1:0": "1.1",
    "global.anthropic.claude-opus-4-5-20251101-v1:0": 5,
    "bedrock/us.anthropic.claude-opus-4-5-20251101-v1:0": "5.5",
    "claude-opus-4-5@20251101": 5,
    "vertex_ai/claude-opus-4-5@20251101": 5,
    "vertex_ai/claude-opus-4-5@default": 5,
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
        "my/claude-opus-4-5x", "claude-opus-4-5-20251101-20251101",
    ],
)  # fmt: skip
def test_a_price_is_never_guessed(model: str, database: Database) -> None:
    """What is not listed has no price, however much its name looks like a listed one."""
    assert cost(database, model, inputTokens=1_000) is None


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
    """Opus 4.6 asked double for long prompts until 13 March 2026."""
    assert cost(database, "claude-opus-4-6", day, inputTokens=300_000) == Decimal(usd)


def _drawn() -> Iterator[tuple[Any, Any, datetime, dict[str, int], str]]:
    dice = random.Random(8)
    of_agents = [provider for provider in providers if provider.id in prices.MAKERS]
    models = [(provider, model) for provider in of_agents for model in provider.models]
    for provider, model in dice.choices(models, k=600):
        moment = datetime.combine(date(2025, 6, 1), time(12, 15), UTC)
        day = moment.fromtimestamp(moment.timestamp() + dice.randrange(540) * 86_400, UTC)
        write = dice.choice((0, dice.randrange(200_000)))
        tokens = {
            "input": dice.randrange(150_000),
            "output": dice.randrange(60_000),
            "read": dice.choice((0, dice.randrange(400_000))),
            "write": write,
            "hour": dice.choice((0, dice.randrange(write + 1))),
        }
        yield provider, model, day, tokens, dice.choice(("standard", "standard", "fast", "batch"))


def test_costs_are_those_of_the_list(database: Database) -> None:
    """Some hundred calls cost in SQL what the list's own package calculates, to the last digit."""
    compared = 0
    with psycopg.connect(database.admin_url) as connection:
        for provider, model, moment, tokens, mode in _drawn():
            context = prices.MODES[mode]
            listed = model.get_prices(moment, context or None)
            by_the_hour = isinstance(model.prices, list) and any(
                "Time" in type(each.constraint).__name__ for each in model.prices
            )
            name = model.id.lower()
            supplied = mode == "fast" and model.id in prices.FAST_FACTORS
            supplied |= mode == "batch" and provider.id in prices.HALF_PRICED
            if by_the_hour or supplied or prices.listed_model(name) is not model:
                continue
            if listed.input_mtok is None:
                continue
            usage = {
                "input_tokens": tokens["input"] + tokens["read"] + tokens["write"],
                "output_tokens": tokens["output"],
                "cache_read_tokens": tokens["read"],
                "cache_write_tokens": tokens["write"],
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
            }
            if mode == "fast":
                payload["speed"] = "fast"
            if mode == "batch":
                payload["serviceTier"] = "batch"
            found = _cost(connection, name, moment.date(), payload)
            assert found is not None, name
            assert abs(found - expected) < Decimal("1e-9"), (name, moment, mode, tokens)
            compared += 1
    assert compared > 300


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


def test_the_seed_is_the_installed_list(tmp_path: Path) -> None:
    """Writing the seed again gives the newest seed migration, byte for byte."""
    newest = prices.newest_seed()
    assert newest is not None
    text = newest.read_text(encoding="utf-8")
    day = date.fromisoformat(text.split("as of ")[1][:10])
    assert prices.seed(prices.listed_models(), day) == text
    assert prices.main(["check"]) == 0
    assert len(text.encode()) < 400_000


def test_a_price_of_one_s_own_holds(database: Database) -> None:
    """A list that is applied again leaves the rows that an operator wrote."""
    seed = prices.newest_seed()
    assert seed is not None
    database.rows("delete from model_prices where model = 'claude-opus-4-5' and mode = 'standard'")
    database.rows(
        "insert into model_prices values ('claude-opus-4-5', 'standard', '2000-01-01', 0, 'mine',"
        " 1, 1, 1, 1, 1, 0)"
    )
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(seed.read_bytes())
    assert cost(database, "claude-opus-4-5", inputTokens=1_000_000) == 1
    assert cost(database, "claude-opus-5", inputTokens=1_000_000) == 5


def test_repricing_is_one_command(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an address it says what to set; with one it says how many costs changed."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert prices.main(["reprice"]) == 1
    assert "DATABASE_URL" in capsys.readouterr().err
    monkeypatch.setenv("DATABASE_URL", database.admin_url)
    assert prices.main(["reprice", "--from", "2026-01-01"]) == 0
    assert capsys.readouterr().out == "0 events have another cost\n"
