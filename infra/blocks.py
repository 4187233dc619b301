"""Parts of hand-written files that are generated: what stands between two comments."""

import re
from collections.abc import Mapping


class NoBlock(Exception):
    """A file lacks the comments that enclose a generated part, or has some that nothing fills."""


def fill(text: str, **values: object) -> str:
    """`text` with `@name@` replaced by the value of that name."""
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def with_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """`text` with what stands between `# made from the rooms: NAME` and `# made: end` replaced.

    In SQL, `--` stands in the place of `#`.
    Raises `NoBlock` unless the file has exactly these blocks.
    """
    pattern = re.compile(
        r"^( *(?:#|--) made from the rooms: ([a-z ]+)\n)(.*?)^( *(?:#|--) made: end\n)", re.M | re.S
    )
    found = [match[2] for match in pattern.finditer(text)]
    if sorted(found) != sorted(blocks):
        raise NoBlock(f"the blocks {sorted(blocks)} are wanted, {sorted(found)} are there")
    return pattern.sub(lambda match: match[1] + blocks[match[2]] + match[4], text)
