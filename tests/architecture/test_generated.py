"""What `python -m infra.generate` writes."""

import shutil
from pathlib import Path

import pytest

from infra import generate
from infra.blocks import NoBlock, with_blocks

FILES = generate.generated()


@pytest.mark.parametrize("name", FILES)
def test_what_is_generated_is_up_to_date(name: str) -> None:
    """Run `python -m infra.generate` when this fails."""
    assert (generate.ROOT / name).read_text() == FILES[name]


def test_check_names_what_is_out_of_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And changes nothing; without `--check` it is written, and then everything is as it was."""
    for name in [*FILES, "requirements/constraints.txt"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(generate.ROOT / name, tmp_path / name)
    crons = tmp_path / "supabase/schedules.sql"
    stale = crons.read_text().replace("report_health", "report_wealth")
    crons.write_text(stale)
    (tmp_path / generate.OPENAPI).unlink()
    assert (generate.main(["--check"], tmp_path), crons.read_text()) == (1, stale)
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(" ")[0] for line in said] == ["supabase/schedules.sql", generate.OPENAPI]
    assert "run python -m infra.generate" in said[0]
    assert generate.main([], tmp_path) == 0
    assert {name: (tmp_path / name).read_text() for name in FILES} == FILES
    assert generate.main(["--check"], tmp_path) == 0


def test_a_block_is_replaced_and_nothing_else() -> None:
    """Whoever edits around it loses nothing; twice makes no difference."""
    text = "a\n  # made from the rooms: b\nold\n  # made: end\nc\n"
    made = "a\n  # made from the rooms: b\nnew\n  # made: end\nc\n"
    assert with_blocks(text, {"b": "new\n"}) == with_blocks(made, {"b": "new\n"}) == made


@pytest.mark.parametrize("blocks", [{}, {"c": ""}, {"b": "", "c": ""}])
def test_a_block_that_is_missing_or_unknown_is_an_error(blocks: dict[str, str]) -> None:
    """A comment that was misspelt would leave a part as it was for ever."""
    with pytest.raises(NoBlock):
        with_blocks("# made from the rooms: b\n# made: end\n", blocks)
