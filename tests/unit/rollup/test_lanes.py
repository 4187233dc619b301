"""Lanes: whatever comes in, time adds up."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.rollup import lanes
from functions.rollup.lanes import AGENT, BOTH, HUMAN, PROMPT, WAITING, Mark, Segment, Sign

TIMEOUT = 900
DAY = 86_400

words = st.sampled_from(["", "loom", "vibe"])


@st.composite
def marks(draw: st.DrawFn) -> Mark:
    """Any mark of some two days, around a day that begins at 0."""
    end = draw(st.integers(-DAY // 2, DAY + DAY // 2) | st.integers(-2_000, 2_000))
    length = draw(st.just(0) | st.integers(0, lanes.MAX_SPAN))
    actor = draw(st.sampled_from([HUMAN, AGENT, PROMPT]))
    return Mark(
        start=end - (0 if actor == PROMPT else length),
        end=end,
        actor=actor,
        session=draw(st.sampled_from("ab")),
        project=draw(words),
        language=draw(st.sampled_from(["", "rust", "sql"])),
        category=draw(st.sampled_from(["coding", "reading"])),
    )


many = st.lists(marks(), max_size=25)


def seconds_of(found: list[Segment], lane: str) -> set[int]:
    return {at for each in found if each.lane == lane for at in range(each.start, each.end)}


def of(found: list[Segment], lane: str) -> list[tuple[int, int, str]]:
    return [(each.start, each.end, each.project) for each in found if each.lane == lane]


def point(at: int, actor: str = HUMAN, project: str = "loom", session: str = "a") -> Mark:
    return Mark(at, at, actor, session, project, "", "coding")


@given(many, st.integers(60, lanes.MAX_TIMEOUT))
def test_each_instant_of_a_lane_has_one_owner(found: list[Mark], timeout: int) -> None:
    """Segments of a lane are in order, not empty, and never overlap; so groupings sum to totals."""
    segments = lanes.segments(found, timeout)
    for lane in lanes.LANES:
        own = [each for each in segments if each.lane == lane]
        assert all(each.start < each.end for each in own)
        assert all(a.end <= b.start for a, b in pairwise(own))
        total = sum(each.end - each.start for each in own)
        for part in ("project", "language", "category"):
            grouped: Counter[str] = Counter()
            for key, seconds in lanes.totals(own).items():
                grouped[getattr(key, part)] += seconds
            assert sum(grouped.values()) == total


@given(many, st.sampled_from([23, 24, 25]))
def test_a_lane_never_exceeds_its_day(found: list[Mark], hours: int) -> None:
    """However many marks there are, on however many machines."""
    per_lane: Counter[str] = Counter()
    day = lanes.clipped(lanes.segments(found, TIMEOUT), 0, hours * 3_600)
    for (lane, *_), seconds in lanes.totals(day).items():
        per_lane[lane] += seconds
    assert all(seconds <= hours * 3_600 for seconds in per_lane.values())


@given(many, st.randoms(use_true_random=False))
def test_order_and_duplicates_change_nothing(found: list[Mark], random: Random) -> None:
    """Late, repeated, out of order: the same marks are the same time."""
    shuffled = [*found, *found[: len(found) // 2]]
    random.shuffle(shuffled)
    assert lanes.segments(shuffled, TIMEOUT) == lanes.segments(found, TIMEOUT)


@settings(max_examples=60)
@given(many, marks())
def test_more_signs_never_shrink_a_lane(found: list[Mark], one: Mark) -> None:
    """People's signs extend the human lane, agents' the agent lane; a prompt may end a turn."""
    before = lanes.segments(found, TIMEOUT)
    after = lanes.segments([*found, one], TIMEOUT)
    assert seconds_of(before, HUMAN) <= seconds_of(after, HUMAN)
    if one.actor != PROMPT:
        assert seconds_of(before, AGENT) <= seconds_of(after, AGENT)
        assert seconds_of(before, BOTH) <= seconds_of(after, BOTH)


@settings(max_examples=60)
@given(many)
def test_both_is_where_human_and_agent_meet(found: list[Mark]) -> None:
    """Second by second."""
    segments = lanes.segments(found, TIMEOUT)
    assert seconds_of(segments, BOTH) == seconds_of(segments, HUMAN) & seconds_of(segments, AGENT)


@given(many, st.sampled_from(["project", "language", "category"]))
def test_a_groups_part_of_both_exceeds_neither_lane(found: list[Mark], grouping: str) -> None:
    """Of both, a group has at most its human and its agent seconds; the rest is elsewhere."""
    seconds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    elsewhere = 0
    totals = lanes.totals(lanes.segments(found, TIMEOUT))
    for key, spent in totals.items():
        if key.counts_in(grouping):
            seconds[getattr(key, grouping)][key.lane] += spent
        else:
            elsewhere += spent
    for of_group in seconds.values():
        assert of_group[BOTH] <= min(of_group[HUMAN], of_group[AGENT])
    for lane in lanes.LANES:
        whole = sum(spent for key, spent in totals.items() if key.lane == lane)
        rest = elsewhere if lane == BOTH else 0
        assert sum(of_group[lane] for of_group in seconds.values()) + rest == whole
    assert all(key.counts_in("day") for key in totals)


@settings(max_examples=60)
@given(many)
def test_what_both_lanes_share_is_known_second_by_second(found: list[Mark]) -> None:
    """A second of both is of the same project where the two lanes say the same, and so on."""
    segments = lanes.segments(found, TIMEOUT)
    human, agent = (
        {
            at: each[3:6]
            for each in segments
            if each.lane == lane
            for at in range(each.start, each.end)
        }
        for lane in (HUMAN, AGENT)
    )
    for each in segments:
        if each.lane != BOTH:
            assert each[6:] == (False, False, False)
            continue
        for at in range(each.start, each.end):
            assert each[3:6] == human[at]
            assert each[6:] == tuple(a == b for a, b in zip(human[at], agent[at], strict=True))


@given(many, st.integers(60, lanes.MAX_TIMEOUT), st.integers(-7_200, 7_200))
def test_an_instant_depends_on_nothing_far_away(
    found: list[Mark], timeout: int, start: int
) -> None:
    """A day computed from what is within reach of it is the day computed from everything."""
    end = start + 23 * 3_600
    near = [each for each in found if start - lanes.REACH <= each.end < end + lanes.REACH]
    whole = lanes.totals(lanes.clipped(lanes.segments(found, timeout), start, end))
    assert lanes.totals(lanes.clipped(lanes.segments(near, timeout), start, end)) == whole


@given(many, st.lists(st.integers(-DAY, 2 * DAY), min_size=2, max_size=5, unique=True))
def test_days_are_parts_of_the_whole(found: list[Mark], midnights: list[int]) -> None:
    """Cut into days, each has what a clip to it has."""
    segments = lanes.segments(found, TIMEOUT)
    days = list(pairwise(sorted(midnights)))
    assert lanes.daily_totals(segments, days) == [
        lanes.totals(lanes.clipped(segments, start, end)) for start, end in days
    ]


def test_the_reach_is_within_the_neighbouring_day() -> None:
    """A day of 23 hours is longer: recomputing the neighbours of a day is enough."""
    assert lanes.REACH < 23 * 3_600


def test_points_join_up_to_the_timeout() -> None:
    """15 minutes apart join, a second more does not; a lone point has no length."""
    segments = lanes.segments([point(0), point(900), point(1_801)], TIMEOUT)
    assert of(segments, HUMAN) == [(0, 900, "loom")]
    assert lanes.stretches([point(0), point(900), point(1_801)], TIMEOUT) == [
        (0, 900),
        (1_801, 1_801),
    ]


def test_the_most_recent_sign_decides() -> None:
    """Within a span too, until another one begins."""
    span = Mark(0, 600, HUMAN, "", "", "", "application")
    segments = lanes.segments([span, point(300, project="vibe"), point(700)], TIMEOUT)
    assert of(segments, HUMAN) == [(0, 300, ""), (300, 700, "vibe")]


def test_a_project_keeps_its_language_for_a_while() -> None:
    """A sign without a language has the last one of its project, no longer than the timeout."""
    found = [
        Mark(0, 0, HUMAN, "", "loom", "rust", "coding"),
        Mark(100, 100, HUMAN, "", "loom", "", "coding"),
        Mark(200, 200, HUMAN, "", "vibe", "", "coding"),
        Mark(950, 950, HUMAN, "", "loom", "", "coding"),
        Mark(960, 960, HUMAN, "", "loom", "", "coding"),
    ]
    assert lanes.segments(found, TIMEOUT) == [
        Segment(HUMAN, 0, 200, "loom", "rust", "coding"),
        Segment(HUMAN, 200, 950, "vibe", "", "coding"),
        Segment(HUMAN, 950, 960, "loom", "", "coding"),
    ]


def test_a_turn_begins_with_its_prompt_and_ends_with_its_last_sign() -> None:
    """What follows until the next prompt is waiting on the human, not the agent's time."""
    found = [
        point(0, PROMPT),
        point(60, AGENT),
        point(120, AGENT),
        point(420, PROMPT),
        point(430, AGENT),
    ]
    segments = lanes.segments(found, TIMEOUT)
    assert [(each.start, each.end, each.category) for each in segments if each.lane == AGENT] == [
        (0, 60, "thinking"),
        (60, 120, "coding"),
        (420, 430, "thinking"),
    ]
    assert of(segments, WAITING) == [(120, 420, "loom")]
    assert of(segments, HUMAN) == [(0, 420, "loom")]
    assert of(segments, BOTH) == [(0, 60, "loom"), (60, 120, "loom")]
    assert [each.same_category for each in segments if each.lane == BOTH] == [False, True]


@pytest.mark.parametrize(("pause", "waited"), [(lanes.MAX_WAIT, 1), (lanes.MAX_WAIT + 1, 0)])
def test_who_answers_the_next_morning_was_not_waited_for(pause: int, waited: int) -> None:
    """Waiting ends to count after half a working day."""
    segments = lanes.segments([point(0, AGENT), point(pause, PROMPT)], TIMEOUT)
    assert len(of(segments, WAITING)) == waited


def test_sessions_wait_and_work_apart() -> None:
    """A prompt in one session ends no other session's turn, and joins nothing across sessions."""
    found = [
        point(0, AGENT, session="a"),
        point(50, PROMPT, session="b"),
        point(100, AGENT, session="a"),
        point(500, AGENT, session="c"),
    ]
    segments = lanes.segments(found, TIMEOUT)
    assert of(segments, AGENT) == [(0, 100, "loom")]
    assert of(segments, WAITING) == []


@dataclass(frozen=True)
class Case:
    """A sign and the mark that it should make: start, actor, category."""

    kind: str
    expected: tuple[int, str, str]
    detail: str = ""
    duration: int = 0


CASES = (
    Case("activity", (100_000, PROMPT, "prompting")),
    Case("editor", (100_000, HUMAN, "coding"), detail="save"),
    Case("editor", (100_000, HUMAN, "debugging"), detail="debug"),
    Case("heartbeat", (100_000, HUMAN, "writing docs"), detail="writing docs"),
    Case("browser", (99_940, HUMAN, "research"), detail="research", duration=60),
    Case("window", (100_000 - lanes.MAX_SPAN, HUMAN, "application"), duration=DAY),
    Case("terminal", (99_995, HUMAN, "terminal"), duration=5),
    Case("tool", (100_000, AGENT, "reading"), detail="Grep"),
    Case("tool", (100_000, AGENT, "tools"), detail="mcp__x__y"),
    Case("llm", (100_000, AGENT, "thinking")),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.detail}")
def test_what_a_kind_means(case: Case) -> None:
    """Spans end when the event occurred and are no longer than half a day."""
    made = lanes.mark(Sign(case.kind, 100_000, "s", "loom", "rust", case.detail, case.duration))
    start, actor, category = case.expected
    assert made == Mark(start, 100_000, actor, "s", "loom", "rust", category)
