"""The whole way beside ccusage: logs, monitor, server, `/v1/query/tokens`; equal to the cent."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local.samples import write_sample_sessions
from tests import ccusage_report
from tests.e2e.people import Person, newcomer
from tests.e2e.stack_fixture import Stack
from tests.session_logs import Record, history, line
from tests.unit.client.test_ccusage import answer

NOW = datetime(2026, 9, 16, 15, 30, tzinfo=UTC)
CENT = 0.01
MILLION = 1_000_000


@pytest.fixture
def person(stack: Stack, tmp_path: Path) -> Person:
    """Somebody with no events."""
    return newcomer(stack, tmp_path / "person")


def _compare(person: Person, claude_dir: Path) -> float:
    """What all of it cost, after both agreed on tokens and costs."""
    person.feed(claude_dir)
    theirs = ccusage_report.daily(claude_dir)
    assert person.tokens() == theirs.tokens
    # Half a cent: neither of two equal sums is rounded, but theirs is made of doubles.
    assert person.costs() == pytest.approx(theirs.costs, rel=1e-9, abs=CENT / 2)
    _, _, cost = person.totals()
    assert cost == pytest.approx(theirs.cost, rel=1e-9, abs=CENT / 2)
    return theirs.cost


def test_the_samples_cost_what_ccusage_says(person: Person, tmp_path: Path) -> None:
    """The dollar figure of `make run` is the one that ccusage prints for the same folder."""
    write_sample_sessions(tmp_path / "claude", NOW)
    assert _compare(person, tmp_path / "claude") > 10


@pytest.mark.parametrize("seed", range(100, 104))
def test_generated_sessions_cost_what_ccusage_says(
    person: Person, tmp_path: Path, seed: int
) -> None:
    """Streams, side chains, forks, cache writes of an hour, advisors, six models."""
    made = history(random.Random(seed), sessions=8, turns=8)
    made.write(tmp_path / "claude")
    assert _compare(person, tmp_path / "claude") > 0.1
    assert person.tokens() == made.truth.tokens()


@dataclass(frozen=True)
class PricedDifferently:
    """A row of the README's table about money, by its first words, and a call that shows it."""

    row: str
    record: Record
    ours: float | None  # US dollars
    theirs: float


def _call(model: str = "claude-opus-4-8", **usage: object) -> Record:
    return answer(model=model, usage={"input_tokens": 0, "output_tokens": 0} | usage)


PRICED_DIFFERENTLY = [
    PricedDifferently(
        "a batch",
        _call(output_tokens=MILLION, service_tier="batch"),
        ours=12.5,
        theirs=25.0,
    ),
    PricedDifferently(
        "web searches",
        _call(input_tokens=MILLION, server_tool_use={"web_search_requests": 100}),
        ours=6.0,
        theirs=5.0,
    ),
    PricedDifferently(
        "a long prompt",
        _call("claude-sonnet-4-5-20250929", input_tokens=300_000, output_tokens=100_000),
        ours=0.3 * 6 + 0.1 * 22.5,
        theirs=0.2 * 3 + 0.1 * 6 + 0.1 * 15,
    ),
    PricedDifferently(
        "a cost in the log",
        _call(input_tokens=MILLION) | {"costUSD": 1.23},
        ours=5.0,
        theirs=1.23,
    ),
    PricedDifferently(
        "a model without a price",
        _call("acme-1", input_tokens=MILLION),
        ours=None,
        theirs=0.0,
    ),
]


@pytest.mark.parametrize("shown", PRICED_DIFFERENTLY, ids=lambda shown: shown.row)
def test_a_price_differs_as_the_readme_says(
    person: Person, tmp_path: Path, shown: PricedDifferently
) -> None:
    """What either of the two takes for the same call."""
    log = tmp_path / "claude" / "projects" / "p" / "a.jsonl"
    log.parent.mkdir(parents=True)
    log.write_bytes(line(shown.record))
    person.feed(tmp_path / "claude")
    _, _, cost = person.totals()
    assert cost == (None if shown.ours is None else pytest.approx(shown.ours))
    assert ccusage_report.daily(tmp_path / "claude").cost == pytest.approx(shown.theirs)


def test_regions_and_fast_mode_cost_the_same(person: Person, tmp_path: Path) -> None:
    """A cloud's regional surcharge and the price of fast mode are on both lists."""
    records = [
        answer(
            message=f"msg_{number}",
            requestId=f"req_{number}",
            model=model,
            usage={"input_tokens": 100_000, "output_tokens": 50_000, **more},
        )
        for number, (model, more) in enumerate(
            [
                ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", {}),
                ("global.anthropic.claude-opus-4-5-20251101-v1:0", {}),
                ("claude-opus-4-5@20251101", {}),
                ("claude-opus-4-8", {"speed": "fast"}),
            ]
        )
    ]
    log = tmp_path / "claude" / "projects" / "p" / "a.jsonl"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"".join(line(record) for record in records))
    person.feed(tmp_path / "claude")
    _, _, cost = person.totals()
    assert cost == pytest.approx(ccusage_report.daily(tmp_path / "claude").cost)
