"""`GET /v1/query/tokens`: by day, week or month, grouped, and the models that have no price."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from functions.query.tokens import tokens
from tests.support import Answer, Api, Registered

OPUS, HAIKU = "claude-opus-4-5", "claude-haiku-4-5"  # 5 and 1 US dollars per million read
MILLION = 1_000_000
PERIOD = "from=2026-09-28&to=2026-11-15"

Ask = Callable[[str], Answer]


@pytest.fixture
def ask(api: Api, owner_token: str) -> Ask:
    """The owner's question about those weeks."""
    return lambda query: api("GET", f"/v1/query/tokens?{PERIOD}&{query}", token=owner_token)


def send(api: Api, monitor: Registered, *calls: tuple[str, str | None, str]) -> None:
    """A call of a million tokens for each (instant, model, project)."""
    batch = [
        monitor.event(
            timestamp=moment,
            type="token_usage",
            payload={
                "model": model,
                "provider": "anthropic",
                "input_tokens": MILLION,
                "project": project,
            },
        )
        for moment, model, project in calls
    ]
    assert monitor.send(api, batch).status == 200


def autumn(api: Api, monitor: Registered) -> None:
    """Calls of two models in two projects and three months."""
    send(
        api,
        monitor,
        ("2026-09-30T10:00:00Z", OPUS, "loom"),
        ("2026-10-01T10:00:00Z", OPUS, "loom"),
        ("2026-10-04T10:00:00Z", HAIKU, "loom"),
        ("2026-10-05T10:00:00Z", OPUS, "web"),
        ("2026-11-02T10:00:00Z", "unheard-of", "web"),
    )


def shown(answer: Answer, *names: str) -> list[tuple[Any, ...]]:
    """Those columns of each row."""
    assert answer.status == 200
    return [tuple(item[name] for name in names) for item in answer.json["items"]]


def test_months_and_models_combine(api: Api, laptop: Registered, ask: Ask) -> None:
    """A row for each month and model, over all projects; what has no price has no cost."""
    autumn(api, laptop)
    answer = ask("by=month&group=model")
    assert (answer.json["by"], answer.json["group"]) == ("month", "model")
    assert answer.json["items"] == [
        row("2026-09-01", OPUS, calls=1, cost_usd=5.0),
        row("2026-10-01", HAIKU, calls=1, cost_usd=1.0),
        row("2026-10-01", OPUS, calls=2, cost_usd=10.0),
        row("2026-11-01", "unheard-of", calls=1, cost_usd=None, unpriced=1),
    ]


def row(day: str, model: str, calls: int, cost_usd: float | None, unpriced: int = 0) -> Any:
    return {
        "day": day,
        "provider": "anthropic",
        "model": model,
        "project": None,
        "calls": calls,
        "tokens_input": calls * MILLION,
        "tokens_output": 0,
        "tokens_cache_read": 0,
        "tokens_cache_write": 0,
        "cost_usd": cost_usd,
        "unpriced": unpriced,
    }


def test_weeks_begin_on_monday_and_projects_sum_models(
    api: Api, laptop: Registered, ask: Ask
) -> None:
    """By week and project; by month and nothing else; by day and everything, as ever."""
    autumn(api, laptop)
    assert shown(ask("by=week&group=project"), "day", "project", "model", "calls") == [
        ("2026-09-28", "loom", None, 3),
        ("2026-10-05", "web", None, 1),
        ("2026-11-02", "web", None, 1),
    ]
    assert shown(ask("by=month&group=none"), "day", "provider", "calls", "cost_usd") == [
        ("2026-09-01", None, 1, 5.0),
        ("2026-10-01", None, 3, 11.0),
        ("2026-11-01", None, 1, None),
    ]
    assert ask("").json == ask("by=day&group=detail").json
    assert shown(ask(""), "day", "model", "project")[0] == ("2026-09-30", OPUS, "loom")


def test_a_month_is_one_of_the_zone(api: Api, laptop: Registered, ask: Ask) -> None:
    """The last hour of September in UTC is October in Kathmandu."""
    send(api, laptop, ("2026-09-30T18:15:00Z", OPUS, "loom"))
    assert shown(ask("by=month"), "day") == [("2026-09-01",)]
    assert shown(ask("by=month&tz=Asia/Kathmandu"), "day") == [("2026-10-01",)]


@pytest.mark.parametrize("by", ["day", "week", "month"])
@pytest.mark.parametrize("group", ["detail", "model", "project", "none"])
def test_every_grouping_sums_to_the_totals(
    api: Api, laptop: Registered, ask: Ask, by: str, group: str
) -> None:
    """Whatever is asked for, the rows are the totals, in pages as well."""
    random = Random(f"{by} {group}")
    start = datetime(2026, 9, 28, tzinfo=UTC)
    send(
        api,
        laptop,
        *(
            (
                (start + timedelta(minutes=random.randrange(48 * 24 * 60))).isoformat(),
                random.choice([OPUS, HAIKU, "unheard-of", None]),
                random.choice(["loom", "web", ""]),
            )
            for _ in range(40)
        ),
    )
    query = f"by={by}&group={group}"
    whole = ask(query).json
    for measure in ("calls", "tokens_input", "unpriced"):
        assert sum(item[measure] for item in whole["items"]) == whole["totals"][measure]
    cost = sum(item["cost_usd"] or 0 for item in whole["items"])
    assert cost == pytest.approx(whole["totals"]["cost_usd"])
    for item in whole["items"]:
        assert (item["cost_usd"] is None) == (item["calls"] == item["unpriced"])
    assert list(paged(ask, query)) == whole["items"]


def paged(ask: Ask, query: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        page = ask(f"{query}&limit=2{cursor}").json
        yield from page["items"]
        if page["next"] is None:
            return
        cursor = f"&cursor={page['next']}"


def test_unpriced_models_are_listed_by_name(
    api: Api, laptop: Registered, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most calls first, of the period and the filters, whatever the grouping; at most so many."""
    autumn(api, laptop)
    send(
        api,
        laptop,
        ("2026-10-10T10:00:00Z", "mystery", "loom"),
        ("2026-10-11T10:00:00Z", "mystery", "web"),
        ("2026-10-11T10:00:00Z", None, "web"),
        ("2026-08-01T10:00:00Z", "long ago", "web"),
    )

    def listed(query: str) -> list[tuple[str | None, int]]:
        return [(each["model"], each["calls"]) for each in ask(query).json["unpriced_models"]]

    everything = [("mystery", 2), (None, 1), ("unheard-of", 1)]
    assert listed("") == listed("by=month&group=none&limit=1") == everything
    assert ask("").json["unpriced_models"][0]["provider"] == "anthropic"
    assert ask("").json["totals"]["unpriced"] == 4
    assert listed("project=loom") == [("mystery", 1)]
    assert listed(f"model={OPUS}") == []
    monkeypatch.setattr(tokens, "MAX_UNPRICED", 1)
    assert listed("") == everything[:1]


@pytest.mark.parametrize(
    ("query", "error", "hint"),
    [
        ("by=year", "invalid_filter", "day, week, month"),
        ("by=hour", "invalid_filter", "day, week, month"),
        ("group=language", "invalid_filter", "detail, model, project, none"),
    ],
)
def test_what_cannot_be_answered(ask: Ask, query: str, error: str, hint: str) -> None:
    """400 says what would be accepted."""
    answer = ask(query)
    assert (answer.status, answer.error) == (400, error)
    assert hint in answer.message


def test_a_cursor_is_of_its_question(api: Api, laptop: Registered, ask: Ask) -> None:
    """A page of months does not go on as a page of days."""
    autumn(api, laptop)
    cursor = ask("by=month&group=model&limit=1").json["next"]
    answer = ask(f"by=day&group=model&limit=1&cursor={cursor}")
    assert (answer.status, answer.error) == (400, "invalid_cursor")
