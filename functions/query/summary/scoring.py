"""The productivity score: five parts from 0 to 100, and their weighted mean. Pure arithmetic."""

from dataclasses import dataclass

from functions.query.summary.models import LeftOut, Part, PartName, Score

WEIGHTS: dict[PartName, int] = {
    "focus": 30,
    "consistency": 25,
    "errors_fixed": 20,
    "learning": 10,
    "plan_completion": 15,
}
FULL_WEEK = 5 / 7  # of the days: nobody is asked to work on weekends
FULL_LEARNING = 0.15  # of human time: about six hours of a forty-hour week

NOT_FILTERED = "not known for a part of the events; ask without filters"
NOT_COMPUTED = "the daily figures of the period are being computed; ask again later"


@dataclass(frozen=True)
class Time:
    """Human time of a period, in seconds."""

    seconds: int
    in_main_projects: int  # each day's time in the project that had most of that day
    researching: int | None  # None: no time was ever recorded as research


@dataclass(frozen=True)
class Fixes:
    """Failures that began in a period, and how many of them are fixed."""

    introduced: int
    fixed: int


def score(active_days: int, days: int, time: Time | str, fixes: Fixes | str) -> Score:
    """The score of `days` days, `active_days` of them with events.

    For `time` and `fixes` a text says why there are none.
    """
    found: dict[PartName, float | str] = {
        "focus": _focus(time),
        "consistency": _consistency(active_days, days),
        "errors_fixed": _failures_fixed(fixes),
        "learning": _learning(time),
        "plan_completion": "no plans are kept",
    }
    parts = [
        Part(name=name, value=round(value, 1), weight=WEIGHTS[name])
        for name, value in found.items()
        if not isinstance(value, str)
    ]
    weight = sum(part.weight for part in parts)
    return Score(
        value=round(sum(part.value * part.weight for part in parts) / weight) if parts else None,
        parts=parts,
        left_out=[
            LeftOut(name=name, reason=value)
            for name, value in found.items()
            if isinstance(value, str)
        ],
    )


def _focus(time: Time | str) -> float | str:
    if isinstance(time, str):
        return time
    if time.seconds == 0:
        return "no human time in the period"
    return 100 * time.in_main_projects / time.seconds


def _consistency(active_days: int, days: int) -> float | str:
    if active_days == 0 or days <= 0:
        return "no events in the period"
    return min(100.0, 100 * active_days / (days * FULL_WEEK))


def _failures_fixed(fixes: Fixes | str) -> float | str:
    if isinstance(fixes, str):
        return fixes
    if fixes.introduced == 0:
        return "no failures of commands in the period"
    return 100 * fixes.fixed / fixes.introduced


def _learning(time: Time | str) -> float | str:
    if isinstance(time, str):
        return time
    if time.seconds == 0 or time.researching is None:
        return "no time is recorded as research in the period"
    return min(100.0, 100 * time.researching / (time.seconds * FULL_LEARNING))
