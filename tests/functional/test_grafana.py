"""Every panel's SQL on sample data, as the read-only login, against the query room's answers."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from infra.local import postgres
from tests.grafana import Asked, Panel, expand, panels, variables
from tests.grafana_sample import fill
from tests.support import Api, Database, fresh_process, run_job

LOGIN = "vibeloom_grafana"
DAYS = "from=2026-11-01&to=2026-11-10"
WORK = Asked(
    datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 10, 23, 59, 59, 999_000, tzinfo=UTC), {}
)
PANELS = {(panel.dashboard, panel.title): panel for panel in panels()}

Rows = list[dict[str, Any]]


@contextmanager
def reader(database: Database, login: str = LOGIN) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A connection as Grafana makes it: the login itself, with the settings that it brings."""
    with psycopg.connect(
        database.admin_url, user=login, autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


@pytest.fixture(scope="module")
def template(server: postgres.Server, template: str) -> Iterator[str]:
    """A database with the sample in it, for each test of this file to clone."""
    name = "template_grafana"
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f"create database {name} template {template}")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VIBELOOM_DATABASE_URL", server.url(name, "vibeloom_functions"))
            fresh_process()
            fill(Database(server.url(name), server.url(name, "vibeloom_functions")))
        fresh_process()
        yield name
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def login(database: Database) -> Iterator[None]:
    """The role may log in and sees everybody, as an operator would have it."""
    database.rows(f"alter role {LOGIN} login")
    database.rows("insert into dashboards.readers (role_name) values (%s)", LOGIN)
    yield
    database.rows(f"alter role {LOGIN} nologin")


@dataclass(frozen=True)
class Sample:
    """What is in the database, and how to ask about it."""

    owner: str
    other: str
    day: Callable[..., Rows]
    health: Callable[..., Rows]


@pytest.fixture
def sample(database: Database, login: None) -> Sample:
    """Questions as the login asks them, about the owner unless they name people."""
    people = {row["handle"]: str(row["id"]) for row in database.rows("select * from profiles")}

    def asking(dashboard: str, asked: Asked) -> Callable[..., Rows]:
        def ask(title: str, people: tuple[str, ...] = (people["ada"],), **changes: Any) -> Rows:
            chosen = {**asked.variables, "owner": people}
            asking = replace(asked, variables=chosen, **changes)
            with reader(database) as connection:
                target = PANELS[dashboard, title].target
                return connection.execute(expand(target["rawSql"], asking)).fetchall()

        return ask

    now = datetime.now(UTC)
    sources = {"source": ("laptop", "desk", "studio's")}
    hours = Asked(now - timedelta(hours=3), now + timedelta(hours=1), sources)
    return Sample(people["ada"], people["mira"], asking("work", WORK), asking("ingest", hours))


# What each panel answers with; for `time_series` Grafana makes a series of each name or metric.
SERIES, WIDE = ["time", "metric", "value"], "time"
COLUMNS = {
    ("work", "Human time"): ["Human time"],
    ("work", "Agent time"): ["Agent time"],
    ("work", "Errors fixed by now"): ["Errors fixed by now"],
    ("work", "Mean time to fix"): ["Mean time to fix"],
    ("work", "AI tokens"): ["AI tokens"],
    ("work", "AI cost"): ["AI cost"],
    ("work", "Activity by day and hour"): SERIES,
    ("work", "Coding time by language"): SERIES,
    ("work", "Agent time by language"): SERIES,
    ("work", "Errors introduced and fixed"): [WIDE, "introduced", "fixed"],
    ("work", "Errors by class"): ["class", "introduced", "fixed", "still open", "mean time to fix"],
    ("work", "AI tokens per day"): [WIDE, "input", "output", "cache read", "cache write"],
    ("work", "AI cost per day"): SERIES,
    ("work", "Models"): [
        *("provider", "model", "calls", "input", "output", "cache read", "cache write"),
        *("cost", "unpriced calls"),
    ],
    ("ingest", "Last batch"): ["Last batch"],
    ("ingest", "Silent monitors"): ["Silent monitors"],
    ("ingest", "Duplicates"): ["Duplicates"],
    ("ingest", "Roll-up lag"): ["Roll-up lag"],
    ("ingest", "Days to refresh"): ["Days to refresh"],
    ("ingest", "Events received"): [WIDE, "new", "duplicates"],
    ("ingest", "Batches by monitor"): SERIES,
    ("ingest", "Delivery lag"): [WIDE, "median", "95th percentile"],
    ("ingest", "Days that wait"): ["day", "waits for", "changed before"],
    ("ingest", "Monitors"): [
        *("monitor", "state", "last seen", "silent for", "expected every"),
        *("batches", "events", "duplicates"),
    ],
    ("ingest", "Scheduled jobs"): [
        *("job", "since last success", "last run", "outcome", "took", "runs", "failures"),
    ],
}


def check_shape(panel: Panel, rows: Rows) -> None:
    """What the data source needs to make a picture of these rows."""
    assert rows, panel.title
    assert list(rows[0]) == COLUMNS[panel.dashboard, panel.title]
    assert all(any(row[name] is not None for row in rows) for name in rows[0]), panel.title
    if panel.kind == "stat":
        assert len(rows) == 1, panel.title
    if panel.target["format"] == "time_series":
        for earlier, later in pairwise(rows):  # Grafana refuses a series that is not in order
            assert earlier["time"] <= later["time"], panel.title
        for row in rows:
            assert isinstance(row["time"], datetime | Decimal | float)
            for name, value in row.items():
                kind = str if name == "metric" else int | float | Decimal
                assert name == "time" or value is None or isinstance(value, kind), panel.title


def test_every_panel_answers_the_read_only_login(sample: Sample) -> None:
    """Each panel gets the rows and columns that it draws from the statement Grafana would send."""
    assert set(COLUMNS) == set(PANELS)
    for (dashboard, title), panel in PANELS.items():
        asking = sample.day if dashboard == "work" else sample.health
        check_shape(panel, asking(title))
        assert asking(title, people=(sample.owner, sample.other)), title


def test_every_variable_has_options(sample: Sample, database: Database) -> None:
    """The people that the login sees, by handle, and their monitors, whatever their names are."""
    asked = replace(WORK, variables={"owner": (sample.owner, sample.other)})
    found = {}
    with reader(database) as connection:
        for dashboard, variable in variables():
            rows = connection.execute(expand(variable["query"], asked)).fetchall()
            found[dashboard, variable["name"]] = [tuple(row.values()) for row in rows]
    people = [("ada", sample.owner), ("mira", sample.other)]
    assert found == {
        ("work", "owner"): people,
        ("ingest", "owner"): people,
        ("ingest", "source"): [("desk",), ("laptop",), ("studio's",)],
    }


def summed(rows: Rows, *by: str) -> dict[tuple[Any, ...], float]:
    """`value` summed by those columns; a time counts as its date."""
    sums: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        key = tuple(f"{row[name]:%F}" if name == "time" else row[name] for name in by)
        sums[key] += row["value"]
    return {key: float(value) for key, value in sums.items() if value}


def test_time_is_what_the_query_room_says(sample: Sample, api: Api, owner_token: str) -> None:
    """Hours by day and by language, of days in Kathmandu, to the second."""
    panel = {
        lane: f"{name} time by language" for lane, name in (("human", "Coding"), ("agent", "Agent"))
    }
    run_job("refresh_days")
    for lane, title in panel.items():
        rows = sample.day(title)
        for by, key in (("day", "time"), ("language", "metric")):
            answer = api("GET", f"/v1/query/time?{DAYS}&by={by}", token=owner_token).json
            assert answer["pending_days"] == 0
            assert summed(rows, key) == pytest.approx(
                {
                    (item["name"] or "not named",): item[lane] / 3600
                    for item in answer["items"]
                    if item[lane]
                }
            )
        [total] = sample.day(title.split()[0].replace("Coding", "Human") + " time")
        assert float(*total.values()) == pytest.approx(answer["totals"][lane] / 3600)
    days = {day for (day,) in summed(sample.day(panel["human"]), "time")}
    assert {"2026-11-02", "2026-11-03", "2026-11-04"} <= days  # the 4th begins on the 3rd in UTC


def test_tokens_and_cost_are_what_the_query_room_says(
    sample: Sample, api: Api, owner_token: str
) -> None:
    """By day, kind and model, and no price where there is none."""
    answer = api("GET", f"/v1/query/tokens?{DAYS}", token=owner_token).json
    kinds = ("input", "output", "cache_read", "cache_write")
    expected: dict[str, Counter[str]] = {}
    costs: Counter[tuple[str, str]] = Counter()
    for item in answer["items"]:
        day = expected.setdefault(item["day"], Counter())
        day.update({kind.replace("_", " "): item[f"tokens_{kind}"] for kind in kinds})
        if item["cost_usd"] is not None:
            costs[item["day"], item["model"]] += item["cost_usd"]
    assert {
        f"{row.pop('time'):%F}": Counter(row) for row in sample.day("AI tokens per day")
    } == expected
    assert sorted(day[-1] for day in expected) == [*"2345689"]  # each evening's call is a day later
    assert summed(sample.day("AI cost per day"), "time", "metric") == pytest.approx(dict(costs))
    [cost], [tokens] = sample.day("AI cost"), sample.day("AI tokens")
    assert float(cost["AI cost"]) == pytest.approx(answer["totals"]["cost_usd"])
    assert tokens["AI tokens"] == sum(answer["totals"][f"tokens_{kind}"] for kind in kinds)
    models = {row["model"]: row for row in sample.day("Models")}
    assert models["none-such-1"]["cost"] is None
    assert models["none-such-1"]["unpriced calls"] == 1


def test_errors_are_what_the_query_room_says(sample: Sample, api: Api, owner_token: str) -> None:
    """Begun and fixed by day, by class, and the two figures above them."""
    run_job("refresh_days")
    answer = api("GET", f"/v1/query/errors?{DAYS}", token=owner_token).json
    assert answer["totals"]["introduced"] == 9
    drawn = {
        f"{row['time']:%F}": (row["introduced"], row["fixed"])
        for row in sample.day("Errors introduced and fixed")
    }
    assert drawn == {
        item["day"]: (item["introduced"], item["fixed"])
        for item in answer["by_day"]
        if item["introduced"] or item["fixed"]
    }
    classes = {
        row.pop("class"): [None if value is None else float(value) for value in row.values()]
        for row in sample.day("Errors by class")
    }
    names = ("introduced", "fixed", "unresolved", "mean_fix_seconds")
    assert classes == {item["class"]: [item[name] for name in names] for item in answer["by_class"]}
    [share], [mean] = sample.day("Errors fixed by now"), sample.day("Mean time to fix")
    assert float(*share.values()) == pytest.approx(answer["totals"]["success_rate"])
    assert float(*mean.values()) == pytest.approx(answer["totals"]["mean_fix_seconds"])


def test_activity_is_what_the_query_room_says(sample: Sample, api: Api, owner_token: str) -> None:
    """Each hour of each day of the owner's zone, and every cell of the grid is there."""
    answer = api("GET", f"/v1/query/timeline?{DAYS}&by=hour", token=owner_token).json
    expected = {
        (item["start"][:10], item["start"][11:13]): item["events"] for item in answer["items"]
    }
    rows = sample.day("Activity by day and hour")
    assert summed(rows, "time", "metric") == expected
    assert len(rows) == 10 * 24
    assert ("2026-11-03", "00") in expected  # 18:15 UTC and later on the 2nd


def test_everybody_is_the_sum(sample: Sample) -> None:
    """All people together are one more than the owner alone, in every panel of the work."""
    both = (sample.owner, sample.other)
    for title in ("Human time", "AI tokens", "AI cost"):
        one, other, all_ = (
            float(*sample.day(title, people=people)[0].values())
            for people in ((sample.owner,), (sample.other,), both)
        )
        assert 0 < other < all_
        assert one + other == pytest.approx(all_), title
    languages = {row["metric"] for row in sample.day("Coding time by language", people=both)}
    assert "cobol" in languages
    assert "cobol" not in {row["metric"] for row in sample.day("Coding time by language")}


def test_the_range_is_whole_days_of_the_owner(sample: Sample) -> None:
    """What is chosen as 3 to 3 November is the owner's 3 November, wherever the hours of it lie."""
    chosen = {
        "since": datetime(2026, 11, 3, tzinfo=UTC),
        "until": datetime(2026, 11, 3, 23, tzinfo=UTC),
    }
    for title in ("Activity by day and hour", "Coding time by language", "AI tokens per day"):
        rows = sample.day(title, **chosen)
        assert {f"{row['time']:%F}" for row in rows} == {"2026-11-03"}, title
    events = sum(row["value"] for row in sample.day("Activity by day and hour", **chosen))
    assert events == 13 - 5 + 5  # the day's without the end of its evening, and the 2nd's


def test_ingest_shows_what_arrived(sample: Sample) -> None:
    """New and repeated events, batches by monitor, what waits, and who is silent."""
    arrived = sample.health("Events received")
    assert sum(row["new"] for row in arrived) == 12 + 12 + 1 + 12 + 2 + 12 + 1
    assert sum(row["duplicates"] for row in arrived) == 2
    [share] = sample.health("Duplicates")
    assert float(*share.values()) == pytest.approx(2 / 54)
    assert summed(sample.health("Batches by monitor"), "metric") == {("laptop",): 4, ("desk",): 3}
    [days] = sample.health("Days to refresh")
    assert days == {"Days to refresh": 2}
    [lag], [silent] = sample.health("Roll-up lag"), sample.health("Silent monitors")
    assert 0 <= float(*lag.values()) < 60
    assert silent == {"Silent monitors": 1}
    states = {row["monitor"]: row["state"] for row in sample.health("Monitors")}
    assert states == {
        "desk": "nothing expected",
        "laptop": "nothing expected",
        "studio's": "silent",
    }
    counted = {row["monitor"]: row["batches"] for row in sample.health("Monitors")}
    assert counted == {"desk": 3, "laptop": 4, "studio's": 0}
    outcomes = {row["job"]: row["outcome"] for row in sample.health("Scheduled jobs")}
    assert outcomes == {"refresh_days": "done"}


def test_lags_are_measured_from_the_right_end(sample: Sample, database: Database) -> None:
    """Delivery: from the newest event to the arrival; refresh: since a day's first change."""
    database.rows("update batches set last_occurred_at = received_at - interval '30 s'")
    for row in sample.health("Delivery lag"):
        assert (row["median"], row["95th percentile"]) == (30, 30)
    database.rows(
        "update dirty_days set waits_since = now() - interval '2 h' where day = '2026-11-09'"
    )
    database.rows("update dirty_days set marked_at = now() - interval '60 s'")
    [lag] = sample.health("Roll-up lag")
    assert 7_200 <= float(*lag.values()) < 7_260
    longest, other = sample.health("Days that wait")
    assert [f"{row['day']:%F}" for row in (longest, other)] == ["2026-11-09", "2026-11-08"]
    assert 7_200 <= longest["waits for"] < 7_260
    assert 60 <= longest["changed before"] < 120
    assert 0 <= other["waits for"] < 60
    run_job("refresh_days")
    [lag] = sample.health("Roll-up lag")
    assert float(*lag.values()) == 0
    assert sample.health("Days that wait") == []
