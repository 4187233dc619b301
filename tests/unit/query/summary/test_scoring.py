"""The score's arithmetic."""

from hypothesis import given
from hypothesis import strategies as st

from functions.query.summary import scoring
from functions.query.summary.scoring import Fixes, Time


def test_all_parts() -> None:
    """A perfect week of somebody who also reads."""
    found = scoring.score(5, 7, Time(36_000, 27_000, 5_400), Fixes(4, 3))
    assert {part.name: part.value for part in found.parts} == {
        "focus": 75.0,
        "consistency": 100.0,
        "errors_fixed": 75.0,
        "learning": 100.0,
    }
    assert found.value == round((75 * 30 + 100 * 25 + 75 * 20 + 100 * 10) / 85)
    assert [part.name for part in found.left_out] == ["plan_completion"]


@given(
    active=st.integers(0, 400),
    days=st.integers(-1, 400),
    seconds=st.integers(0, 10**7),
    share=st.floats(0, 1),
    research=st.none() | st.floats(0, 1),
    introduced=st.integers(0, 1_000),
    fixed=st.floats(0, 1),
)
def test_a_score_is_from_0_to_100(
    active: int,
    days: int,
    seconds: int,
    share: float,
    research: float | None,
    introduced: int,
    fixed: float,
) -> None:
    """So is each part; every part is either there or left out with a reason."""
    time = Time(
        seconds, int(seconds * share), None if research is None else int(seconds * research)
    )
    found = scoring.score(active, days, time, Fixes(introduced, int(introduced * fixed)))
    names = [part.name for part in found.parts] + [part.name for part in found.left_out]
    assert sorted(names) == sorted(scoring.WEIGHTS)
    assert all(0 <= part.value <= 100 for part in found.parts)
    assert (found.value is None) == (not found.parts)
    assert found.value is None or 0 <= found.value <= 100


def test_the_weights_are_a_hundred() -> None:
    """So that a weight reads as a percentage."""
    assert sum(scoring.WEIGHTS.values()) == 100
