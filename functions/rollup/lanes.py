"""Time that adds up: from a person's events to disjoint, attributed segments. Pure.

A *mark* is a point or a span in whole seconds of Unix time. Marks become four lanes:

| lane | is |
|---|---|
| human | spans, and pauses of at most the timeout between marks, of all machines together |
| agent | per session: from a prompt or a sign of the agent to its next sign, likewise |
| both | human ∩ agent, attributed as the human lane is; says what of that the agent lane shares |
| waiting | per session: from the agent's last sign to the prompt that follows within `MAX_WAIT` |

A lane is a union: what happens twice at once counts once. Each instant belongs to the mark that
began last; so the seconds of any grouping sum to the lane's total. Everything is local: an instant
depends on nothing that is further away than `REACH`.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from functions.core.kinds import BY_NAME, KINDS

MAX_SPAN = 12 * 3_600  # s; only the last part of a longer span counts
MAX_WAIT = 4 * 3_600  # s, half a working day: somebody who answers later was away
MAX_TIMEOUT = 2 * 3_600  # s; what a profile may set
REACH = MAX_SPAN + 2 * MAX_TIMEOUT  # s; below the shortest day, so a neighbouring day is enough

HUMAN, AGENT, BOTH, WAITING = "human", "agent", "both", "waiting"
LANES = (HUMAN, AGENT, BOTH, WAITING)
PROMPT = "prompt"  # a person's point that also opens an agent's turn

# Kinds that are a sign of life.
SIGNS = tuple(kind.name for kind in KINDS if kind.actor)
_DETAILS = {
    "Bash": "running",
    "Edit": "editing",
    "Glob": "reading",
    "Grep": "reading",
    "MultiEdit": "editing",
    "NotebookEdit": "editing",
    "NotebookRead": "reading",
    "Read": "reading",
    "Task": "delegating",
    "TodoWrite": "planning",
    "WebFetch": "researching",
    "WebSearch": "researching",
    "Write": "editing",
    "compile": "building",
    "debug": "debugging",
}


class Sign(NamedTuple):
    """What of an event of one of the kinds in `SIGNS` matters here."""

    kind: str
    at: int  # s, when it occurred
    session: str
    project: str
    language: str
    detail: str  # the tool, the editor's action, or the category that the event names itself
    duration: int  # s


class Mark(NamedTuple):
    """A sign of life from `start` to `end` (s, the same for a point)."""

    start: int
    end: int
    actor: str  # human, agent or prompt
    session: str
    project: str
    language: str
    category: str


class Segment(NamedTuple):
    """Time of one lane from `start` up to, not including, `end` (s), and what it went into.

    In the lane both, `project`, `language` and `category` are those of the human lane. There
    `same_project` says that the agent lane has the same project at that time; so do the other two.
    """

    lane: str
    start: int
    end: int
    project: str
    language: str
    category: str
    same_project: bool = False
    same_language: bool = False
    same_category: bool = False

    @property
    def key(self) -> "Key":
        """All but its time."""
        return Key(self.lane, *self[3:])


class Key(NamedTuple):
    """What the seconds of a day are summed by: a `Segment` without its time."""

    lane: str
    project: str
    language: str
    category: str
    same_project: bool = False
    same_language: bool = False
    same_category: bool = False

    def counts_in(self, grouping: str) -> bool:
        """Whether this time belongs to its group of `grouping` (project, language or category).

        In the lane both it does only where human and agent were at work on the same group. Every
        other grouping has all of it.
        """
        if self.lane != BOTH or grouping not in ("project", "language", "category"):
            return True
        return bool(getattr(self, f"same_{grouping}"))


Interval = tuple[int, int]
Totals = Counter[Key]


def mark(sign: Sign) -> Mark:
    """The mark of an event. It is known when what it tells is over, so a span ends at `at`."""
    kind = BY_NAME[sign.kind]
    category = _DETAILS.get(sign.detail, kind.category)
    if kind.detail == "category":
        category = sign.detail or kind.category
    return Mark(
        start=sign.at - min(sign.duration, MAX_SPAN),
        end=sign.at,
        actor=kind.actor or HUMAN,
        session=sign.session,
        project=sign.project,
        language=sign.language,
        category=category,
    )


def segments(marks: Iterable[Mark], timeout: int) -> list[Segment]:
    """The segments of all lanes, each lane in order of time and without overlaps.

    `timeout` (s) is the longest pause that still joins. Order and duplicates do not matter.
    """
    ordered = sorted(set(marks))
    people = [each for each in ordered if each.actor != AGENT]
    human = _attributed(HUMAN, _joined(people, timeout), _anchors(people, timeout))
    busy, waits, signs = _turns(ordered, timeout)
    agent = _attributed(AGENT, _union(busy), _anchors(signs, timeout))
    waiting = _attributed(
        WAITING, _union([(each.start, each.end) for each in waits]), _anchors(waits, timeout)
    )
    both = _shared(human, agent)
    return [*human, *agent, *both, *waiting]


def stretches(marks: Iterable[Mark], timeout: int) -> list[Interval]:
    """The human sessions: unbroken stretches; a lone point is one of no length."""
    return _joined(sorted(each for each in set(marks) if each.actor != AGENT), timeout)


def clipped(found: Iterable[Segment], start: int, end: int) -> list[Segment]:
    """What of the segments lies between `start` and `end` (s)."""
    return [
        each._replace(start=max(each.start, start), end=min(each.end, end))
        for each in found
        if each.start < end and each.end > start
    ]


def totals(found: Iterable[Segment]) -> Totals:
    """Seconds by `Key`."""
    seconds: Totals = Counter()
    for each in found:
        seconds[each.key] += each.end - each.start
    return seconds


def daily_totals(found: Iterable[Segment], days: Sequence[Interval]) -> list[Totals]:
    """`totals` of each of `days`, which are in order and disjoint (s; the end is not included)."""
    seconds: list[Totals] = [Counter() for _ in days]
    begins = [start for start, _ in days]
    for each in found:
        index = max(bisect_right(begins, each.start) - 1, 0)
        while index < len(days) and begins[index] < each.end:
            spent = min(each.end, days[index][1]) - max(each.start, begins[index])
            if spent > 0:
                seconds[index][each.key] += spent
            index += 1
    return seconds


def _joined(ordered: Sequence[Mark], timeout: int) -> list[Interval]:
    """What the marks, by start, cover together with the pauses of at most `timeout`."""
    found: list[Interval] = []
    for each in ordered:
        if found and each.start - found[-1][1] <= timeout:
            found[-1] = (found[-1][0], max(found[-1][1], each.end))
        else:
            found.append((each.start, each.end))
    return found


def _union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same instants, in order, disjoint; none that is empty."""
    found: list[Interval] = []
    for start, end in sorted(each for each in intervals if each[0] < each[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _turns(ordered: Sequence[Mark], timeout: int) -> tuple[list[Interval], list[Mark], list[Mark]]:
    """When agents were busy, when they waited for a prompt, and the marks that say with what."""
    sessions: defaultdict[str, list[Mark]] = defaultdict(list)
    for each in ordered:
        if each.actor != HUMAN:
            sessions[each.session].append(each)
    busy: list[Interval] = []
    waits: list[Mark] = []
    signs: list[Mark] = []
    for events in sessions.values():
        # A prompt and a sign in the same second: the prompt came first.
        events.sort(key=lambda each: (each.start, each.actor != PROMPT, each))
        busy += [(each.start, each.end) for each in events if each.actor == AGENT]
        signs += [each for each in events if each.actor == AGENT]
        done = events[0].end  # so far, everything in this session
        for last, following in pairwise(events):
            done = max(done, last.end)
            pause = following.start - done
            if pause <= 0:
                continue
            if following.actor == AGENT and pause <= timeout:
                busy.append((done, following.start))
                if last.actor == PROMPT:
                    signs.append(last._replace(category="thinking"))
            elif following.actor == PROMPT and last.actor == AGENT and pause <= MAX_WAIT:
                waits.append(last._replace(start=done, end=following.start, category=WAITING))
    return busy, waits, signs


def _anchors(marks: Iterable[Mark], timeout: int) -> list[Mark]:
    """The marks by when they begin to decide; of the same second the one that names most is last.

    One without a language has the last one that its project had, at most `timeout` ago.
    """
    ordered = sorted(
        marks,
        key=lambda each: (
            each.start,
            each.project != "",
            each.language != "",
            each.project,
            each.language,
            each.category,
        ),
    )
    spoken: dict[str, tuple[int, str]] = {}
    found = []
    for each in ordered:
        anchor = each
        if each.language:
            spoken[each.project] = (each.start, each.language)
        elif each.project in spoken and each.start - spoken[each.project][0] <= timeout:
            anchor = Mark(*each[:5], spoken[each.project][1], each.category)
        found.append(anchor)
    return found


def _attributed(lane: str, cover: Sequence[Interval], anchors: Sequence[Mark]) -> list[Segment]:
    """`cover` cut where another mark begins to decide."""
    found: list[Segment] = []
    index = 0
    for start, end in cover:
        while index < len(anchors) and anchors[index].start <= start:
            index += 1
        at = start
        while index < len(anchors) and anchors[index].start < end:
            _append(found, lane, at, anchors[index].start, anchors[index - 1])
            at = anchors[index].start
            index += 1
        _append(found, lane, at, end, anchors[index - 1])
    return found


def _append(found: list[Segment], lane: str, start: int, end: int, anchor: Mark) -> None:
    _join(found, Segment(lane, start, end, anchor.project, anchor.language, anchor.category))


def _join(found: list[Segment], following: Segment) -> None:
    """Adds `following`; where nothing but time tells it from the last one, they become one."""
    if following.start >= following.end:
        return
    if found and found[-1].end == following.start and found[-1][3:] == following[3:]:
        found[-1] = found[-1]._replace(end=following.end)
    else:
        found.append(following)


def _shared(human: Sequence[Segment], agent: Sequence[Segment]) -> list[Segment]:
    """When both were at work: what the human lane has, and whether the agent lane has the same."""
    found: list[Segment] = []
    index = 0
    for each in human:
        while index < len(agent) and agent[index].end <= each.start:
            index += 1
        ahead = index
        while ahead < len(agent) and agent[ahead].start < each.end:
            other = agent[ahead]
            _join(
                found,
                Segment(
                    BOTH,
                    max(each.start, other.start),
                    min(each.end, other.end),
                    each.project,
                    each.language,
                    each.category,
                    same_project=each.project == other.project,
                    same_language=each.language == other.language,
                    same_category=each.category == other.category,
                ),
            )
            ahead += 1
    return found
