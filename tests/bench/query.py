"""Roll-ups and questions for somebody with many events, beside what they would cost without."""

import statistics
import time
from collections.abc import Callable, Iterator

from tests.bench.figures import Figure, at_least, at_most
from tests.e2e.stack_fixture import Stack
from tests.support import register_source

SMALL, MIDDLE, LARGE = 100_000, 1_000_000, 5_000_000  # events of one owner in 30 days
COUNTED = 1_000_000  # events whose roll-up is timed
BATCH = 1_000  # events
SOURCES = ("studio", "laptop", "phone")
REQUESTS = 30
FLAT = 1.5  # p50 with 5 M events over p50 with 100 k
FASTER = 50.0  # than the same sums over raw rows
COUNTING = 0.5  # of a plain insert … select … group by
QUESTIONS = ("/v1/query?days=30", "/v1/query/summary?days=30")

# One project and language an hour, as people work; several kinds and machines at once.
FILL_BATCHES = """
    insert into public.batches (
        owner_id, source_id, key_id, body_sha256, signature, events, inserted,
        first_occurred_at, last_occurred_at
    )
    select s.owner_id, s.id, k.id, sha256(('bench ' || b)::bytea), decode(repeat('00', 64), 'hex'),
        {batch}, {batch}, now() - interval '30 days', now()
    from generate_series(%s::integer, %s::integer) as b
    join public.sources as s on s.name = (%s::text [])[1 + b %% 3]
    join public.source_keys as k on k.source_id = s.id
    order by b
"""
FILL_EVENTS = """
    insert into public.events
        (owner_id, source_id, id, occurred_at, kind, project, language, payload, batch_id)
    select b.owner_id, b.source_id, 'evt_' || lpad((b.id * {batch} + n)::text, 20, '0'), t.at,
        (array['tool', 'activity', 'session', 'agent'])[1 + n %% 4],
        (array['loom', 'vibe', 'vault', 'studio'])[1 + extract(hour from t.at)::integer %% 4],
        (array['python', 'sql', 'typescript'])[1 + extract(hour from t.at)::integer %% 3],
        '{{"tool": "Read"}}', b.id
    from public.batches as b
    cross join generate_series(1, {batch}) as n
    cross join lateral (
        select now() - make_interval(secs => (b.id * 7919.0 + n * 2591.7)::numeric %% 2592000) as at
    ) as t
    where b.id > %s
"""
PLAIN = """
    insert into bench_plain
    select e.owner_id, date_trunc('hour', e.occurred_at, 'UTC'),
        (extract(minute from e.occurred_at)::integer / 15)::smallint, e.source_id, e.kind,
        coalesce(e.project, ''), coalesce(e.language, ''), count(*),
        count(*) filter (where e.is_error), coalesce(sum(e.tokens_input), 0),
        coalesce(sum(e.tokens_output), 0), coalesce(sum(e.tokens_cache_read), 0),
        coalesce(sum(e.tokens_cache_write), 0), coalesce(sum(e.cost_usd), 0)
    from public.events as e where e.batch_id > %s
    group by 1, 2, 3, 4, 5, 6, 7
"""
RAW = """
    select s.name, date_trunc('hour', e.occurred_at, 'UTC'), count(*)
    from public.events as e join public.sources as s on s.id = e.source_id
    where e.owner_id = (select owner_id from public.sources where name = %s)
        and e.occurred_at >= now() - interval '30 days'
    group by 1, 2
"""


def measure(stack: Stack, say: Callable[[str], None]) -> Iterator[Figure]:
    """The figures of rollup and query, from the smaller table to the larger one."""
    for name in SOURCES:
        register_source(stack.gateway, stack.token, name)
    stack.database.rows("truncate public.events, public.batches, public.event_hourly")
    stack.database.rows("create table bench_plain (like public.event_hourly including all)")
    fill(stack, SMALL, say)
    count(stack)
    stack.database.rows("vacuum (analyze) public.event_hourly, public.batches")
    small = {question: ask(stack, question, SMALL, say) for question in QUESTIONS}
    fill(stack, MIDDLE - SMALL, say)
    count(stack)
    middle = ask(stack, QUESTIONS[0], MIDDLE, say)
    yield Figure(f"/v1/query, {MIDDLE:,} events, p50", middle, "ms")
    mark = fill(stack, COUNTED, say)
    yield from counting(stack, mark, say)
    fill(stack, LARGE - COUNTED - MIDDLE, say)
    say("counting the rest")
    count(stack)
    stack.database.rows("vacuum (analyze) public.event_hourly, public.batches")
    large = {question: ask(stack, question, LARGE, say) for question in QUESTIONS}
    raw = min(timed(lambda: stack.database.rows(RAW, SOURCES[0])) for _ in range(3))
    for question in QUESTIONS:
        name = question.partition("?")[0]
        yield Figure(f"{name}, {SMALL:,} events, p50", small[question], "ms")
        yield Figure(f"{name}, {LARGE:,} events, p50", large[question], "ms")
        yield at_most(
            f"{name}, {LARGE:,} over {SMALL:,}", large[question] / small[question], "×", FLAT
        )
    yield Figure("the same sums over raw rows", raw, "ms", note=f"{LARGE:,} events, best of 3")
    yield at_least("roll-up over raw rows", raw / large[QUESTIONS[0]], "×", FASTER)


def fill(stack: Stack, events: int, say: Callable[[str], None]) -> int:
    """Makes that many events in uncounted batches; the last batch id before them."""
    say(f"making {events:,} events")
    mark = int(stack.database.value("select coalesce(max(id), 0) from public.batches"))
    count_of = events // BATCH
    stack.database.rows(FILL_BATCHES.format(batch=BATCH), mark + 1, mark + count_of, list(SOURCES))
    stack.database.rows(FILL_EVENTS.format(batch=BATCH), mark)
    stack.database.rows("vacuum (analyze) public.events")
    return mark


def count(stack: Stack) -> None:
    """Runs the job until nothing is left."""
    while stack.database.value("select batches from public.count_batches()"):
        pass


def counting(stack: Stack, mark: int, say: Callable[[str], None]) -> Iterator[Figure]:
    """The roll-up of the batches after `mark`, beside a plain aggregation of the same rows."""
    say(f"a plain aggregation of {COUNTED:,} events")
    plain = timed(lambda: stack.database.rows(PLAIN, mark))
    say(f"the roll-up of {COUNTED:,} events")
    ours = timed(lambda: count(stack))
    note = f"{COUNTED:,} new events"
    yield Figure("roll-up", COUNTED / ours * 1_000, "events/s", note=note)
    yield Figure("insert … select … group by", COUNTED / plain * 1_000, "events/s", note=note)
    yield at_least("roll-up over plain", plain / ours, "×", COUNTING)


def ask(stack: Stack, question: str, events: int, say: Callable[[str], None]) -> float:
    """The p50 of a question over HTTP, in milliseconds."""
    say(f"{REQUESTS} × {question} over {events:,} events")
    times = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        answer = stack.gateway("GET", question, token=stack.token)
        times.append((time.perf_counter() - began) * 1_000)
        assert answer.status == 200, answer.text
        if question == QUESTIONS[0]:
            counted = sum(hour["eventCount"] for hour in answer.json["aggregates"])
            assert 0 <= events - counted < events / 100, counted  # the oldest have just passed
    return statistics.median(times)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that `work` takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1_000
