"""The truth about the sums: what a recount of the events says, and the one way to delete events."""

import json
from collections import Counter

from tests.support import Database

MEASURES = """
    count(*)::bigint as events,
    count(*) filter (where e.is_error)::bigint as errors,
    count(e.tokens_input)::bigint as calls,
    count(*) filter (where e.tokens_input is not null and e.cost_usd is null)::bigint as unpriced,
    coalesce(sum(e.tokens_input), 0)::bigint as tokens_input,
    coalesce(sum(e.tokens_output), 0)::bigint as tokens_output,
    coalesce(sum(e.tokens_cache_read), 0)::bigint as tokens_cache_read,
    coalesce(sum(e.tokens_cache_write), 0)::bigint as tokens_cache_write,
    coalesce(sum(e.cost_usd), 0) as cost_usd
"""
QUARTER = "date_bin('15 minutes', e.occurred_at, 'epoch') as quarter_at"
DAY = "(e.occurred_at at time zone p.folded_timezone)::date as day"
EVENT_KEY = """
    e.source_id, e.kind, coalesce(e.project, '') as project, coalesce(e.language, '') as language
"""
CALL_KEY = """
    e.source_id, coalesce(e.provider, '') as provider, coalesce(e.model, '') as model,
    coalesce(e.project, '') as project
"""
RECOUNTS = {
    "event_sums": (QUARTER, EVENT_KEY, 6, ()),
    "event_days": (DAY, EVENT_KEY, 6, ()),
    "token_sums": (QUARTER, CALL_KEY, 6, ("events", "errors")),
    "token_days": (DAY, CALL_KEY, 6, ("events", "errors")),
    "activity_sums": (QUARTER, "e.source_id", 3, None),
}


def recount(database: Database, table: str) -> Counter[str]:
    """What `table` would have if it were made from the events at this moment."""
    when, key, keys, left_out = RECOUNTS[table]
    calls = "where e.tokens_input is not null" if table.startswith("token") else ""
    groups = ", ".join(str(number) for number in range(1, keys + 1))
    rows = database.rows(
        f"select e.owner_id, {when}, {key}, {MEASURES} from events as e"
        f" join profiles as p on e.owner_id = p.id {calls} group by {groups}"
    )
    for row in rows:
        for name in left_out or ():
            del row[name]
        if left_out is None:
            for name in set(row) - {"owner_id", "quarter_at", "source_id", "events"}:
                del row[name]
    return _multiset(rows)


def assert_exact(database: Database) -> None:
    """Every table of sums has what a recount of the events has, row by row, and no other row."""
    for table in RECOUNTS:
        assert _multiset(database.rows(f"select * from {table}")) == recount(database, table), table


def delete_events(database: Database, where: str = "true", *parameters: object) -> int:
    """Deletes the events that `where` selects and takes them out of the sums."""
    [row] = database.rows(
        "select coalesce(sum(delete_events(e.owner_id, e.times, e.sources, e.ids)), 0)::integer"
        " as deleted from (select owner_id, array_agg(occurred_at) as times,"
        " array_agg(source_id) as sources, array_agg(id) as ids"
        f" from events where {where} group by owner_id) as e",
        *parameters,
    )
    return int(row["deleted"])


def _multiset(rows: list[dict[str, object]]) -> Counter[str]:
    """Rows without an order; numerics without trailing zeros, so that 1.50 is 1.5."""
    return Counter(
        json.dumps(
            {
                name: format(value.normalize(), "f") if hasattr(value, "normalize") else str(value)
                for name, value in sorted(row.items())
            }
        )
        for row in rows
    )
