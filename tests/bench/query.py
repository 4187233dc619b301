"""`GET /v1/query?days=30` over HTTP, for somebody with many events."""

import statistics
import time
from collections.abc import Callable, Iterator

from tests.bench.figures import Figure
from tests.e2e.stack_fixture import Stack
from tests.support import register_source

SIZES = (100_000, 1_000_000)  # events of one owner, in the last 30 days
SOURCES = ("studio", "laptop", "phone")
REQUESTS = 30

FILL = """
    insert into public.events
        (owner_id, source_id, id, occurred_at, kind, project, language, payload, batch_id)
    select
        s.owner_id,
        s.id,
        'evt_' || lpad(n::text, 20, '0'),
        now() - make_interval(secs => random() * 30 * 24 * 60 * 60),
        'tool',
        'loom',
        'python',
        '{"tool": "Read", "project": "loom", "language": "python"}',
        0
    from generate_series(%s::integer, %s::integer) as n
    inner join public.sources as s on s.name = (%s::text [])[1 + n %% 3]
"""


def measure(stack: Stack, say: Callable[[str], None]) -> Iterator[Figure]:
    """The figures of query, from the smaller table to the larger one."""
    for name in SOURCES:
        register_source(stack.gateway, stack.token, name)
    have = 0
    for size in SIZES:
        say(f"making {size - have:,} events")
        stack.database.rows(FILL, have + 1, size, list(SOURCES))
        stack.database.rows("vacuum (analyze) public.events")
        have = size
        say(f"{REQUESTS} queries over {size:,} events")
        yield Figure(
            f"query of 30 days, {size:,} events, p50",
            statistics.median(ask(stack, size) for _ in range(REQUESTS)),
            "ms",
            note=f"{len(SOURCES)} sources, {REQUESTS} requests",
        )


def ask(stack: Stack, size: int) -> float:
    """Milliseconds of one request that counts everything."""
    began = time.perf_counter()
    answer = stack.gateway("GET", "/v1/query?days=30", token=stack.token)
    elapsed = (time.perf_counter() - began) * 1_000
    counted = sum(hour["eventCount"] for hour in answer.json["aggregates"])
    assert 0 <= size - counted < size / 1_000, answer  # the oldest have just passed 30 days
    return elapsed
