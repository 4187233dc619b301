"""Cutting a file into statements, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrations.statements import UnterminatedError, line_of, split

WHOLE = [
    "select ';'",
    "select 'it''s;'",
    r"select E'\';', e'a\\'",
    r"select '\'",
    "select U&'d\\0061t;'",
    'select 1 as "a;""b"',
    "select $$;$$",
    "select $a$ ; $$ ; $b$ ; $a$",
    "select $ö$;$ö$",
    "select a$b, c$d$e, $1",
    "select 1 -- ; it's\n",
    "select /* ; /* ' */ ; */ 1",
    "create rule r as on insert to a do also (select 1; select 2)",
    "do $$ begin perform 1; end; $$",
    "create function f() returns int language sql begin atomic select 1; select 2; end",
    "create or replace procedure p() begin atomic select case when true then 1 end; end",
    "create function f() returns int language sql as 'select 1; select 2'",
    'create table atomic (begin int, "end" int)',
    "create function f() returns int return 1 /* begin atomic */",
]


@pytest.mark.parametrize("statement", WHOLE)
def test_no_statement_is_cut_in_the_middle(statement: str) -> None:
    """Quotes, comments, parentheses and function bodies hide their semicolons."""
    assert [part.sql for part in split(f"{statement};select 2;")] == [statement.strip(), "select 2"]


@given(st.lists(st.sampled_from(WHOLE), min_size=1))
def test_statements_in_any_order_are_told_apart(statements: list[str]) -> None:
    """What one statement opens, it closes: no neighbour changes where another ends."""
    cut = [part.sql for part in split(";\n".join(statements) + ";")]
    assert cut == [statement.strip() for statement in statements]


PIECES = st.sampled_from([*"'\"$;()\\\n aE", "$$", "$a$", "--", "/*", "*/", "begin atomic", "end"])


@given(st.lists(PIECES | st.text(max_size=3)).map("".join))
def test_the_parts_are_the_text(text: str) -> None:
    """Nothing is lost or made up, in any input, and only one error is ever raised."""
    try:
        parts = split(text)
    except UnterminatedError:
        return
    assert "".join(part.text for part in parts) == text
    for part in parts:
        assert text[part.offset :].startswith(part.text)
        assert part.offset <= part.start <= part.offset + len(part.text)


def test_a_statement_knows_its_first_words_and_line() -> None:
    """Space and comments before it are its own, but not where it begins."""
    text = "select 1;\n-- why\n\nCREATE OR REPLACE view v as select 1;\n-- end\n"
    _, view, end = split(text)
    assert (view.words, line_of(text, view.start)) == (("create", "or", "replace", "view"), 4)
    assert (end.sql, end.empty, view.empty) == ("-- end", True, False)
