"""Questions for somebody with many events, beside what they would cost without sums.

Two shapes: work as people do it, with one project and language an hour and millions of events, and
few events that scatter over many projects, where nearly every event has a row of its own in the
sums by quarter of an hour. Days of the owner's zone are read from the sums by day, days of another
zone from the quarters.
"""

import statistics
import time
from collections.abc import Callable, Iterator

from tests.bench.figures import Figure, at_least, at_most
from tests.e2e.stack_fixture import Stack
from tests.sums import RECOUNTS, assert_exact
from tests.support import register_source

SMALL, MIDDLE, LARGE = 100_000, 1_000_000, 5_000_000  # events of one owner in 30 days
SPARSE = 120_000  # heartbeats of an editor in 30 days, of 20 projects in 5 languages
BATCH = 1_000  # events
SOURCES = ("studio", "laptop", "phone")
REQUESTS = 30
FLAT = 1.5  # p50 with 5 M events over p50 with 100 k
FASTER = 50.0  # than the same sums over raw rows
FOLDED = 3.0  # a sparse timeline of another zone over one of one's own days
QUESTIONS = ("/v1/query?days=30", "/v1/query/summary?days=30", "/v1/query/timeline?days=30")
OTHER_ZONE = "&tz=Asia/Kathmandu"

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
# One project and language an hour, as people work; several kinds and machines at once.
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
FILL_SPARSE = """
    insert into public.events
        (owner_id, source_id, id, occurred_at, kind, project, language, payload, batch_id)
    select b.owner_id, b.source_id, 'evt_' || lpad((b.id * {batch} + n)::text, 20, '0'),
        now() - random() * interval '30 days', 'heartbeat', 'project ' || 1 + n %% 20,
        (array['python', 'sql', 'typescript', 'rust', 'go'])[1 + n / 20 %% 5],
        '{{"entity": "a", "is_write": true}}', b.id
    from public.batches as b
    cross join generate_series(1, {batch}) as n
    where b.id > %s
"""
# What storing a batch does, for many batches at once.
SUM = """
    select public.add_to_sums(d.owner_id, array_agg(d.delta))
    from (
        select e.owner_id, row(
            date_bin('15 minutes', e.occurred_at, 'epoch'), e.source_id, e.kind, e.project,
            e.language, '', '', count(*), 0, 0, 0, 0, 0, 0, 0, 0
        )::public.sum_delta as delta
        from public.events as e
        where e.batch_id > %s
        group by e.owner_id, date_bin('15 minutes', e.occurred_at, 'epoch'), e.source_id, e.kind,
            e.project, e.language
    ) as d
    group by d.owner_id
"""
RAW = """
    select s.name, date_trunc('hour', e.occurred_at, 'UTC'), count(*)
    from public.events as e join public.sources as s on s.id = e.source_id
    where e.owner_id = (select owner_id from public.sources where name = %s)
        and e.occurred_at >= now() - interval '30 days'
    group by 1, 2
"""


def measure(stack: Stack, say: Callable[[str], None]) -> Iterator[Figure]:
    """The figures of query, of both shapes."""
    for name in SOURCES:
        register_source(stack.gateway, stack.token, name)
    yield from dense(stack, say)
    yield from sparse(stack, say)


def dense(stack: Stack, say: Callable[[str], None]) -> Iterator[Figure]:
    """From the smaller table to the larger one: the answers cost the same."""
    clear(stack)
    fill(stack, FILL_EVENTS, SMALL, say)
    assert_exact(stack.database)
    small = {question: ask(stack, question, SMALL, say) for question in QUESTIONS}
    fill(stack, FILL_EVENTS, MIDDLE - SMALL, say)
    middle = ask(stack, QUESTIONS[0], MIDDLE, say)
    yield Figure(f"/v1/query, {MIDDLE:,} events, p50", middle, "ms")
    fill(stack, FILL_EVENTS, LARGE - MIDDLE, say)
    large = {question: ask(stack, question, LARGE, say) for question in QUESTIONS}
    raw = min(timed(lambda: stack.database.rows(RAW, SOURCES[0])) for _ in range(3))
    for question in QUESTIONS:
        name = path(question)
        yield Figure(f"{name}, {SMALL:,} events, p50", small[question], "ms")
        yield Figure(f"{name}, {LARGE:,} events, p50", large[question], "ms")
        yield at_most(
            f"{name}, {LARGE:,} over {SMALL:,}", large[question] / small[question], "×", FLAT
        )
    for question in QUESTIONS[1:]:
        other = ask(stack, question + OTHER_ZONE, LARGE, say)
        yield Figure(
            f"{path(question)} of another zone, p50", other, "ms", note=f"{LARGE:,} events"
        )
    yield Figure("the same sums over raw rows", raw, "ms", note=f"{LARGE:,} events, best of 3")
    yield at_least("sums over raw rows", raw / large[QUESTIONS[0]], "×", FASTER)


def sparse(stack: Stack, say: Callable[[str], None]) -> Iterator[Figure]:
    """Each question about days of one's own, and the same about days of another zone."""
    clear(stack)
    fill(stack, FILL_SPARSE, SPARSE, say)
    assert_exact(stack.database)
    kept = {table: stack.database.value(f"select count(*) from {table}") for table in RECOUNTS}
    note = f"{SPARSE:,} events, {kept['event_sums']:,} rows by quarter"
    own = {question: ask(stack, question, SPARSE, say) for question in QUESTIONS}
    for question in QUESTIONS:
        yield Figure(f"{path(question)}, sparse, p50", own[question], "ms", note=note)
    note = f"{kept['event_days']:,} rows by day"
    for question in QUESTIONS[1:]:
        other = ask(stack, question + OTHER_ZONE, SPARSE, say)
        yield Figure(f"{path(question)} of another zone, sparse, p50", other, "ms")
        ratio = f"{path(question)}, another zone over one's own, sparse"
        yield at_least(ratio, other / own[question], "×", FOLDED, note)


def path(question: str) -> str:
    """The question without its parameters."""
    return question.partition("?")[0]


def clear(stack: Stack) -> None:
    """No event, no sum."""
    stack.database.rows(f"truncate public.events, public.batches, {', '.join(RECOUNTS)}")


def fill(stack: Stack, events: str, count: int, say: Callable[[str], None]) -> None:
    """Stores that many events, with the statement `events`, and sums them."""
    say(f"making {count:,} events")
    mark = int(stack.database.value("select coalesce(max(id), 0) from public.batches"))
    stack.database.rows(
        FILL_BATCHES.format(batch=BATCH), mark + 1, mark + count // BATCH, list(SOURCES)
    )
    stack.database.rows(events.format(batch=BATCH), mark)
    say(f"summing {count:,} events")
    stack.database.rows(SUM, mark)
    stack.database.rows(f"vacuum (analyze) public.events, public.batches, {', '.join(RECOUNTS)}")


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
