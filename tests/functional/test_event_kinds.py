"""The kinds of events are one registry: SQL's part of it has the same rows as Python's."""

from functions.core.kinds import KINDS
from tests.support import Database


def test_both_registries_have_the_same_rows(database: Database) -> None:
    """A kind that is added to one of them and not to the other would be stored half-known."""
    rows = database.rows(
        "select kind, coalesce(detail_field, '') as detail, coalesce(duration_field, '') as"
        " duration, error_rule, has_tokens from event_kinds"
    )
    found = {(row["kind"], row["detail"], row["duration"], row["has_tokens"]) for row in rows}
    assert found == {(kind.name, kind.detail, kind.duration, kind.has_tokens) for kind in KINDS}
    for kind in KINDS:
        assert database.value(
            "select error_rule::text is not distinct from nullif(%s, '')::jsonpath::text"
            " from event_kinds where kind = %s",
            kind.error,
            kind.name,
        ), kind.name
