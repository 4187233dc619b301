"""`GET /v1/query/errors`, and the views over errors and emotions."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.rollup import failures
from functions.rollup.failures import Run
from tests.support import Api, Database, Registered, as_role, register_source

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
STORY: list[tuple[int, str, str | None, int]] = [
    # minutes after noon, command, project, exit code
    (0, "make", "loom", 2),
    (1, "cargo test", "loom", 101),
    (2, "make", "kiln", 0),
    (10, "make", "loom", 2),
    (30, "make", "loom", 0),
    (31, "carg doc", None, 127),
    (61, "cargo test", "loom", 0),
    (24 * 60, "make", "loom", 2),
    (24 * 60 + 10, "make", "loom", 0),
]


def story(monitor: Registered, lines: list[tuple[int, str, str | None, int]]) -> list[Any]:
    """Signed events of a story."""
    return [
        monitor.event(
            type="terminal",
            timestamp=(NOON + timedelta(minutes=minute)).isoformat(),
            payload={"command": command, "exit_code": code, "project": project},
        )
        for minute, command, project, code in lines
    ]


PERIOD = "from=2026-11-10&to=2026-11-11"


def figures(
    introduced: int,
    fixed: int,
    unresolved: int,
    median: float | None = None,
    mean: float | None = None,
) -> dict[str, Any]:
    return {
        "introduced": introduced,
        "fixed": fixed,
        "unresolved": unresolved,
        "success_rate": (introduced - unresolved) / introduced if introduced else None,
        "median_fix_seconds": median,
        "mean_fix_seconds": mean,
    }


def with_runs(found: dict[str, Any], runs: int, failed: int) -> dict[str, Any]:
    rate = (runs - failed) / runs
    return found | {"runs": runs, "failed_runs": failed, "run_success_rate": rate}


def test_the_answer(api: Api, laptop: Registered, owner_token: str) -> None:
    """Totals, classes, projects and days of a story that can be told on one's fingers."""
    assert laptop.send(api, story(laptop, STORY)).status == 200
    answer = api("GET", f"/v1/query/errors?{PERIOD}", token=owner_token)
    assert answer.status == 200, answer.text
    assert answer.json == {
        "period": {
            "from": "2026-11-10T00:00:00+00:00",
            "to": "2026-11-12T00:00:00+00:00",
            "timezone": "UTC",
        },
        "totals": with_runs(figures(4, 3, 1, 1800.0, 2000.0), 9, 5),
        "by_class": [
            {"class": "compile"} | figures(2, 2, 0, 1200.0, 1200.0),
            {"class": "missing_dependency"} | figures(1, 0, 1),
            {"class": "test_failure"} | figures(1, 1, 0, 3600.0, 3600.0),
        ],
        "by_program": [{"program": None} | with_runs(figures(4, 3, 1, 1800.0, 2000.0), 9, 5)],
        "by_lane": [{"lane": "human"} | with_runs(figures(4, 3, 1, 1800.0, 2000.0), 9, 5)],
        "by_project": [
            {"project": "loom"} | with_runs(figures(3, 3, 0, 1800.0, 2000.0), 7, 4),
            {"project": None} | with_runs(figures(1, 0, 1), 1, 1),
            {"project": "kiln"} | with_runs(figures(0, 0, 0), 1, 0),
        ],
        "by_day": [
            {"day": "2026-11-10"} | with_runs(figures(3, 2, 1, 2700.0, 2700.0), 7, 4),
            {"day": "2026-11-11"} | with_runs(figures(1, 1, 0, 600.0, 600.0), 2, 1),
        ],
        "pending_days": 0,
    }


def test_each_answer_is_of_its_moment(api: Api, laptop: Registered, owner_token: str) -> None:
    """In any order of arrival, one command a batch, every answer is what the events so far say."""
    lines = STORY.copy()
    random.Random(5).shuffle(lines)
    for count, line in enumerate(lines, 1):
        assert laptop.send(api, story(laptop, [line])).status == 200
        totals = api("GET", f"/v1/query/errors?{PERIOD}", token=owner_token).json["totals"]
        known = [
            Run(NOON + timedelta(minutes=m), UUID(int=1), "", project or "", command, code != 0)
            for m, command, project, code in sorted(lines[:count], key=lambda one: one[0])
        ]
        fixed, still_open = failures.fold({}, known)
        assert (totals["introduced"], totals["fixed"], totals["unresolved"], totals["runs"]) == (
            len(fixed) + len(still_open),
            len(fixed),
            len(still_open),
            count,
        )


def test_a_fix_of_another_month_and_machine(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """An error belongs to the source and day where it began, its fix to the day of the fix."""
    desk = register_source(api, owner_token, "desk")
    laptop.send(api, story(laptop, [(-40 * 24 * 60, "make", "loom", 1)]))
    before = "from=2026-10-01&to=2026-10-01"
    first = api("GET", f"/v1/query/errors?{before}", token=owner_token).json["totals"]
    assert (first["introduced"], first["unresolved"], first["success_rate"]) == (1, 1, 0.0)
    desk.send(api, story(desk, [(0, "make", "loom", 0)]))
    first = api("GET", f"/v1/query/errors?{before}", token=owner_token).json["totals"]
    assert (first["introduced"], first["unresolved"], first["success_rate"]) == (1, 0, 1.0)
    for source, fixed, runs in (("laptop", 1, 0), ("desk", 0, 1), ("nobody", 0, 0)):
        found = api("GET", f"/v1/query/errors?{PERIOD}&source={source}", token=owner_token).json
        totals = found["totals"]
        assert (totals["introduced"], totals["fixed"], totals["runs"]) == (0, fixed, runs)
    found = api("GET", f"/v1/query/errors?{PERIOD}&project=kiln", token=owner_token).json
    assert (found["totals"]["fixed"], found["by_project"]) == (0, [])
    desk.send(api, story(desk, [(1, "make", None, 1)]))
    found = api("GET", f"/v1/query/errors?{PERIOD}&project=", token=owner_token).json
    assert [(row["project"], row["introduced"], row["runs"]) for row in found["by_project"]] == [
        (None, 1, 1)
    ]


def test_days_are_of_the_zone(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """Noon in UTC is the next day in Auckland; the profile's zone counts where none is named."""
    laptop.send(api, story(laptop, STORY[:1]))
    for zone, expected in (
        ("Pacific/Auckland", "2026-11-11"),
        ("Asia/Kathmandu", "2026-11-10"),
        ("Europe/Berlin", "2026-11-10"),
    ):
        found = api("GET", f"/v1/query/errors?{PERIOD}&tz={zone}", token=owner_token).json
        assert [day["day"] for day in found["by_day"]] == [expected]
        assert found["period"]["timezone"] == zone
    database.rows("update profiles set timezone = 'Pacific/Auckland'")
    found = api("GET", f"/v1/query/errors?{PERIOD}", token=owner_token).json
    assert [day["day"] for day in found["by_day"]] == ["2026-11-11"]
    assert [str(row["day"]) for row in database.rows("select day from errors_daily")] == [
        "2026-11-11"
    ]


def test_the_sums_of_every_grouping_are_the_totals(
    api: Api, laptop: Registered, owner_token: str
) -> None:
    """However many projects, classes and days, and whichever zone."""
    chance = random.Random(3)
    lines = [
        (chance.randrange(3_000), f"{verb} {n}", chance.choice(("a", "b", None)), n % 3)
        for n, verb in enumerate(chance.choices(("make", "pytest", "x"), k=300))
        for _ in range(3)
    ]
    changed = [(m, c, p, chance.choice((0, code))) for m, c, p, code in lines]
    assert laptop.send(api, story(laptop, changed)).status == 200
    calls = [
        laptop.event(
            timestamp=(NOON + timedelta(minutes=chance.randrange(3_000))).isoformat(),
            payload={
                "status": "completed",
                "project": chance.choice(("a", "b")),
                "sessionId": str(number % 5),
                "success": success,
                **chance.choice(({"program": "pytest"}, {"program": "make"}, {})),
                **({} if success else {"errorClass": chance.choice(("compile", "timeout"))}),
            },
        )
        for number in range(300)
        for success in [chance.random() < 0.5]
    ]
    assert laptop.send(api, calls).status == 200
    found = api(
        "GET", "/v1/query/errors?from=2026-11-09&to=2026-11-13&tz=Asia/Kathmandu", token=owner_token
    ).json
    assert found["totals"]["introduced"] > 20
    for grouping in ("by_class", "by_program", "by_lane", "by_project", "by_day"):
        for name in ("introduced", "fixed", "unresolved"):
            assert sum(row[name] for row in found[grouping]) == found["totals"][name]
    for grouping in ("by_program", "by_lane", "by_project", "by_day"):
        for name in ("runs", "failed_runs"):
            assert sum(row[name] for row in found[grouping]) == found["totals"][name]
    assert found["totals"]["introduced"] == found["totals"]["fixed"] + found["totals"]["unresolved"]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("days=0", "invalid_range"),
        ("from=2026-11-11&to=2026-11-10", "invalid_range"),
        ("from=yesterday", "invalid_range"),
        ("from=2026-11-10T00:01:00Z", "invalid_range"),
        ("tz=Mars/Olympus", "invalid_timezone"),
        ("language=rust", "invalid_filter"),
        ("project=%00", "invalid_filter"),
    ],
)
def test_what_cannot_be_asked(api: Api, owner_token: str, query: str, error: str) -> None:
    """400 with what would be accepted."""
    answer = api("GET", f"/v1/query/errors?{query}", token=owner_token)
    assert (answer.status, answer.error) == (400, error)


def test_an_answer_that_is_known_is_not_sent_again(
    api: Api, laptop: Registered, owner_token: str
) -> None:
    """ETag and If-None-Match; a new command is a new answer."""
    target = f"/v1/query/errors?{PERIOD}"
    laptop.send(api, story(laptop, STORY[:1]))
    tag = api("GET", target, token=owner_token).headers["ETag"]
    again = api("GET", target, token=owner_token, headers={"If-None-Match": tag})
    assert (again.status, again.text) == (304, "")
    laptop.send(api, story(laptop, STORY[4:5]))
    assert api("GET", target, token=owner_token, headers={"If-None-Match": tag}).status == 200


def test_whose_errors(api: Api, laptop: Registered, owner_token: str, database: Database) -> None:
    """No token, no answer; a stranger finds none in the answer nor in any view."""
    from functions.accounts import tokens
    from functions.accounts.models import NewToken
    from functions.core.actor import User

    laptop.send(api, story(laptop, STORY))
    target = f"/v1/query/errors?{PERIOD}"
    assert api("GET", target).error == "missing_auth"
    assert api("GET", target, token=owner_token).json["totals"]["introduced"] == 4
    eve = database.value("insert into profiles (email) values ('e@example.org') returning id")
    now = datetime.now(UTC)
    theirs = tokens.issue(User(eve), NewToken(name="t", scopes=["query:read"]), now).token
    assert api("GET", target, token=theirs).json["totals"]["runs"] == 0
    lacking = tokens.issue(User(eve), NewToken(name="t", scopes=["sources:read"]), now).token
    assert api("GET", target, token=lacking).error == "insufficient_scope"
    owner = database.value("select owner_id from deployment")
    for view, rows in (("error_episodes", 4), ("errors_daily", 4), ("mv_errors_fixed", 3)):
        for subject, expected in ((owner, rows), (eve, 0)):
            with as_role(database, "authenticated", str(subject)) as connection:
                found = connection.execute(f"select * from {view}").fetchall()
            assert len(found) == expected, (view, subject)


def test_the_views(api: Api, laptop: Registered, owner_token: str, database: Database) -> None:
    """What dashboards read: introduced is fixed and unresolved, rates and times follow."""
    laptop.send(api, story(laptop, STORY))
    api("GET", f"/v1/query/errors?{PERIOD}", token=owner_token)
    rows = database.rows(
        "select day::text, project, introduced, fixed, unresolved, success_rate::float,"
        " mean_fix_seconds::float from mv_errors_fixed order by day, project"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("2026-11-10", "", 1, 0, 1, 0.0, None),
        ("2026-11-10", "loom", 2, 2, 0, 1.0, 2700.0),
        ("2026-11-11", "loom", 1, 1, 0, 1.0, 600.0),
    ]
    by_class = Counter[str]()
    for row in database.rows("select * from errors_daily"):
        by_class[row["class"]] += row["introduced"] - row["fixed"] - row["unresolved"]
    assert by_class == {"compile": 0, "test_failure": 0, "missing_dependency": 0}


def test_emotions_by_hour_and_trigger(api: Api, laptop: Registered, database: Database) -> None:
    """Each face in its column, hours of UTC, no trigger is an empty one; nobody else sees them."""
    faces = [("smile", "Live"), ("smile", "Live"), ("fear", "Live"), ("anger", None)]
    events = [
        laptop.event(
            type="emotion",
            timestamp=NOON.isoformat(),
            payload={"emotion": emotion, "trigger": trigger, "score": 0.7},
        )
        for emotion, trigger in faces
    ]
    assert laptop.send(api, events).status == 200
    owner = database.value("select id from profiles")
    rows = (
        "select hour, trigger, smile, laugh, cry, fear, anger, neutral, events from mv_emotions"
        " order by trigger"
    )
    with as_role(database, "authenticated", str(owner)) as connection:
        assert connection.execute(rows).fetchall() == [
            (NOON, "", 0, 0, 0, 0, 1, 0, 1),
            (NOON, "Live", 2, 0, 0, 1, 0, 0, 3),
        ]
    with as_role(database, "authenticated", str(UUID(int=9))) as connection:
        assert connection.execute(rows).fetchall() == []
