"""What `python -m infra.generate` writes."""

import pytest

from infra import generate
from infra.blocks import NoBlock, with_blocks

FILES = generate.generated()


@pytest.mark.parametrize("name", FILES)
def test_what_is_generated_is_up_to_date(name: str) -> None:
    """Run `python -m infra.generate` when this fails."""
    assert (generate.ROOT / name).read_text() == FILES[name]


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
