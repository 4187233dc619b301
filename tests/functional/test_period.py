"""Where periods and days begin: as Postgres cuts them, whatever Python knows of the zone."""

import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from functions.core.actor import User
from functions.core.parameters import ZONE
from functions.query import period
from functions.query.models import Asked
from functions.query.parameters import InvalidRange, InvalidTimezone
from functions.query.period import Period
from tests.support import Api, Database, Registered, examples, fresh_process

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
DATES = st.dates(
    date(2012, 1, 1), date(2060, 1, 1)
)  # before that some clocks went back past midnight

Find = Callable[..., Period]


@pytest.fixture
def find(database: Database, owner_token: str) -> Find:
    """What the owner's words mean."""
    user = User(database.value("select id from profiles"))

    def found(**asked: Any) -> Period:
        with period.reading(user, Asked.model_validate(asked), NOW) as (_, span):
            return span

    return found


def move_to(database: Database, zone: str) -> None:
    """The owner now lives in `zone`."""
    database.rows("update profiles set timezone = %s", zone)


def test_the_default_is_thirty_days_of_the_callers_zone(database: Database, find: Find) -> None:
    """In Kathmandu it is tomorrow already, and that day is the last."""
    move_to(database, "Asia/Kathmandu")
    found = find()
    assert (found.first_day, found.last_day, found.days, found.today) == (
        date(2026, 10, 23),
        date(2026, 11, 21),
        30,
        date(2026, 11, 21),
    )
    assert found.since == datetime(2026, 10, 22, 18, 15, tzinfo=UTC)
    assert found.answer().model_dump() == {
        "from": "2026-10-23T00:00:00+05:45",
        "to": "2026-11-22T00:00:00+05:45",
        "timezone": "Asia/Kathmandu",
    }
    assert find(days="30") == found
    assert find(until="2026-11-21") == found


def test_days_are_included_and_instants_are_not(find: Find) -> None:
    """`to` as a day ends with that day; as an instant it ends before it."""
    day = find(since="2026-11-01", until="2026-11-01")
    at_once = find(since="2026-11-01t05:45:00+05:45", until="2026-11-02T00:00:00Z")
    assert at_once == day
    assert (day.since, day.until, day.days) == (
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 11, 2, tzinfo=UTC),
        1,
    )


def test_its_own_zone_wins(database: Database, find: Find) -> None:
    """`tz` counts before the profile's; daily figures are of days of the profile's."""
    move_to(database, "Europe/Berlin")
    for asked, zone, own in (
        ({"days": "1"}, "Europe/Berlin", True),
        ({"days": "1", "tz": "Europe/Berlin"}, "Europe/Berlin", True),
        ({"days": "1", "tz": "Asia/Kathmandu"}, "Asia/Kathmandu", False),
        ({"since": "2026-11-20T00:00:00Z"}, "Europe/Berlin", False),
    ):
        found = find(**asked)
        assert (found.zone, found.is_of_own_days) == (zone, own)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-20", 24)]
)
def test_a_day_is_as_long_as_its_clock_says(find: Find, day: str, hours: int) -> None:
    """23 and 25 hours where clocks change; the period before has whole days all the same."""
    found = find(since=day, until=day, tz="Europe/Berlin")
    assert found.until - found.since == timedelta(hours=hours)
    before = found.previous
    assert (before.until, before.since.isoformat()[10:19]) == (found.since, "T00:00:00")


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("Asia/Beirut", "2026-03-29", "2026-03-29T01:00:00+03:00"),  # has no midnight
        ("America/Havana", "2025-11-02", "2025-11-02T00:00:00-04:00"),  # has two
        ("Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00"),  # follows the 29th
        ("America/Scoresbysund", "2026-03-29", "2026-03-29T00:00:00-01:00"),  # 23:00 is skipped
    ],
)
def test_odd_midnights(find: Find, zone: str, day: str, start: str) -> None:
    """A day begins with its first instant, wherever the clock stands then."""
    assert find(since=day, until=day, tz=zone).answer().since == start


def test_the_period_before_an_hour_is_the_hour_before(find: Find) -> None:
    """Instants have a length in time, also across a clock change."""
    for now in ("2026-11-20T10:00:00Z", "2026-10-25T01:00:00Z"):
        since = datetime.fromisoformat(now)
        until = since + timedelta(days=2, hours=1)
        found = find(since=now, until=f"{until:%Y-%m-%dT%H:%M:%SZ}", tz="Europe/Berlin")
        assert found.previous.since == since - timedelta(days=2, hours=1)
        assert found.previous.until == since


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "2026-11-20", "until": "2026-11-19"},
        {"since": "2026-11-20T10:00:00Z", "until": "2026-11-20T10:00:00Z"},
        {"since": "2027-11-20"},
        {
            "since": "2011-12-30",
            "until": "2011-12-30",
            "tz": "Pacific/Apia",
        },  # there was no such day
    ],
)
def test_an_end_that_is_not_after_the_beginning(find: Find, asked: dict[str, str]) -> None:
    """Refused with what would be accepted."""
    with pytest.raises(InvalidRange, match="before to"):
        find(**asked)


@pytest.mark.parametrize(
    "name", ["Nowhere", "America", "asia/kathmandu", "PDT", "FOO3", "UTC+3", "Etc/UTC/UTC"]
)
def test_other_zones_are_refused(find: Find, name: str) -> None:
    """Also what Postgres would compute with: abbreviations, rules of one's own, another case."""
    for _ in range(2):
        with pytest.raises(InvalidTimezone):
            find(tz=name)


@given(since=st.text(), until=st.text(), days=st.text(), tz=st.text())
@settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_text_is_a_period_or_a_refusal(
    find: Find, since: str, until: str, days: str, tz: str
) -> None:
    """Nothing else comes out of the database either."""
    for asked in ({"since": since, "until": until}, {"days": days}, {"since": since, "tz": tz}):
        try:
            found = find(**asked)
        except (InvalidRange, InvalidTimezone):
            continue
        assert found.since < found.until


@given(first=DATES, length=st.integers(1, 800), number=st.integers(0, 10_000))
@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_period_is_what_postgres_cuts_into_its_days(
    find: Find, database: Database, first: date, length: int, number: int
) -> None:
    """The quarters of an hour whose date is one of the days are those between the edges."""
    zones = known_zones(database)
    zone, last = zones[number % len(zones)], first + timedelta(days=length - 1)
    found = find(since=first.isoformat(), until=last.isoformat(), tz=zone)
    assert (found.first_day, found.last_day, found.days) == (first, last, length)
    assert edges(database, zone, first, last) == (found.since, found.until)
    earlier, before = first - length * ONE_DAY, found.previous
    assert edges(database, zone, earlier, first - ONE_DAY) == (before.since, before.until)


_zones: list[str] = []


def known_zones(database: Database) -> list[str]:
    """All of Postgres' that may be asked for."""
    if not _zones:
        rows = database.rows("select name from pg_timezone_names order by name")
        _zones.extend(row["name"] for row in rows if ZONE.fullmatch(row["name"]))
    return _zones


def edges(database: Database, zone: str, first: date, last: date) -> tuple[datetime, datetime]:
    """From the first quarter whose date is one of those days to the end of the last one."""
    [row] = database.rows(
        "select min(q.at) as since, max(q.at) + interval '15 minutes' as until"
        " from generate_series(%s::timestamptz, %s::timestamptz, interval '15 minutes') as q (at)"
        " where (q.at at time zone %s)::date between %s and %s",
        datetime.combine(first - 2 * ONE_DAY, datetime.min.time(), UTC),
        datetime.combine(last + 2 * ONE_DAY, datetime.min.time(), UTC),
        zone,
        first,
        last,
    )
    return row["since"], row["until"]


DISAGREED = """
    select n.name, s.starts
    from pg_catalog.pg_timezone_names as n
    cross join lateral (select public.day_start(%(day)s::date, n.name) as starts) as s
    cross join generate_series(-12, 12) as q (number)
    cross join lateral (select s.starts + q.number * interval '15 minutes' as at) as m
    where ((m.at at time zone n.name)::date >= %(day)s::date) <> (m.at >= s.starts)
"""


@given(day=DATES)
@example(day=date(2025, 10, 26))  # the Azores repeat the first hour of this day
@example(day=date(2025, 11, 2))  # Havana this one's
@example(day=date(2026, 11, 2))  # the first that Vancouver begins an hour earlier than it used to
@example(day=date(2027, 2, 8))  # Casablanca's clocks change around Ramadan, which is reckoned ahead
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_days_begin_where_postgres_cuts_them_in_every_zone(database: Database, day: date) -> None:
    """Three hours to either side of where a day begins, each quarter is on its side."""
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute(DISAGREED, {"day": day}).fetchall() == []


def zone_file(hours: float) -> bytes:
    """The TZif file (RFC 9636) of a zone that is always that far ahead of UTC."""
    seconds = int(hours * 3_600)
    header = b"TZif2" + bytes(15)
    counts = [0, 0, 0, 0, 1, 4]  # one type of time, four characters of its name
    block = b"".join(count.to_bytes(4, "big") for count in counts)
    block += seconds.to_bytes(4, "big", signed=True) + b"\0\0" + b"ODD\0"
    minutes = seconds // 60
    footer = f"\n<ODD>{'-' if minutes > 0 else ''}{abs(minutes) // 60}:{abs(minutes) % 60:02}\n"
    return (header + block) * 2 + footer.encode()


ODD = {"Asia/Kathmandu": 6.75, "Europe/Berlin": 2.0}  # an hour more than it is, in November


@pytest.fixture
def mislead(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Gives Python zone data of another mind."""

    def misled() -> None:
        for name, hours in ODD.items():
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(zone_file(hours))
        zoneinfo.reset_tzpath([tmp_path])
        ZoneInfo.clear_cache()

    yield misled
    zoneinfo.reset_tzpath()
    ZoneInfo.clear_cache()


def happenings(monitor: Registered) -> list[dict[str, Any]]:
    """A little of everything on both sides of two midnights of Kathmandu and of Berlin."""
    midnights = [datetime(2026, 11, 9, 18, 15, tzinfo=UTC), datetime(2026, 11, 9, 23, tzinfo=UTC)]
    found = []
    for midnight in [at + days * ONE_DAY for at in midnights for days in range(3)]:
        for minutes in (-70, -20, -10, -1, 0, 10, 55, 70):
            moment = midnight + timedelta(minutes=minutes)
            command = {"command": "make", "exit_code": int(minutes < 0), "project": "loom"}
            usage = {"model": "claude-opus-4-1", "provider": "anthropic", "input_tokens": 1_000}
            found += [
                monitor.event(timestamp=moment.isoformat(), type=kind, payload=payload)
                for kind, payload in (
                    ("terminal", command),
                    ("token_usage", usage | {"project": "web", "sessionId": "s1"}),
                    ("heartbeat", {"entity": "a.rs", "project": "loom", "language": "rust"}),
                )
            ]
    return found


QUESTIONS = (
    "/v1/query/timeline?",
    "/v1/query/timeline?by=hour&",
    "/v1/query/timeline?by=week&group=kind&",
    "/v1/query/projects?",
    "/v1/query/languages?",
    "/v1/query/tokens?",
    "/v1/query/summary?",
    "/v1/query/time?",
    "/v1/query/time?by=project&",
    "/v1/query/sessions?",
    "/v1/query/errors?",
    "/v1/events?limit=500&",
)


def answers(api: Api, token: str, tz: str) -> dict[str, Any]:
    """To each question about one day, about three, and about the last three weeks."""
    found = {}
    for question in QUESTIONS:
        for when in ("from=2026-11-10&to=2026-11-10", "from=2026-11-09&to=2026-11-11", "days=21"):
            target = f"{question}{when}{tz}"
            answer = api("GET", target, token=token)
            assert answer.status == 200, (target, answer.text)
            found[target] = answer.json
    return found


@pytest.mark.parametrize("own", [True, False], ids=["own zone", "another zone"])
@pytest.mark.parametrize("zone", ODD)
def test_answers_are_right_though_python_is_wrong_about_the_zone(
    api: Api,
    laptop: Registered,
    owner_token: str,
    database: Database,
    mislead: Callable[[], None],
    zone: str,
    own: bool,
) -> None:
    """Every answer is what it was when both agreed, also where the session's zone is that one."""
    if own:
        move_to(database, zone)
    assert laptop.send(api, happenings(laptop)).status == 200
    tz = "" if own else f"&tz={zone}"
    before = answers(api, owner_token, tz)
    database.rows(
        f"alter role vibeloom_functions in database {name_of(database)} set timezone = '{zone}'"
    )
    mislead()
    fresh_process()
    assert ZoneInfo(zone).utcoffset(NOW) == timedelta(hours=ODD[zone])
    assert answers(api, owner_token, tz) == before
    one = before[f"/v1/query/timeline?from=2026-11-10&to=2026-11-10{tz}"]
    start = datetime.fromisoformat(one["period"]["from"])
    assert start.utcoffset() == timedelta(hours=ODD[zone] - 1)
    counted = [row for row in happenings(laptop) if is_between(row, start, start + ONE_DAY)]
    assert [(row["start"], row["events"]) for row in one["items"]] == [("2026-11-10", len(counted))]


def is_between(event: dict[str, Any], since: datetime, until: datetime) -> bool:
    return since <= datetime.fromisoformat(event["timestamp"]) < until


def name_of(database: Database) -> str:
    return str(database.value("select current_database()"))
