"""5,000 owners whose days are to be computed, three of them with trouble, and two workers."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from tests.bench.figures import Figure, at_least, at_most
from tests.e2e.stack_fixture import Stack

OWNERS = 5_000
ALONE = 500  # of them, before there is any trouble
MANY_DAYS = 1_000  # of one owner
WORKERS = 2
HOUR = 3_600.0  # s; the schedule enqueues everybody once an hour
DISTURBED = 1.5  # an owner's time with three troublemakers over the time without

# An hour at an editor on one day of this year; `first` and `last` are numbers of owners.
FILL = (
    """
    insert into public.profiles (id, email)
    select gen_random_uuid(), 'bench-' || n || '@localhost'
    from generate_series({first}, {last}) as n
    """,
    """
    insert into public.sources (owner_id, name)
    select p.id, p.email from public.profiles as p
    where p.email like 'bench-%%' and not exists (
        select from public.sources as s where s.owner_id = p.id
    )
    """,
    """
    insert into public.source_keys (source_id, owner_id, public_key)
    select s.id, s.owner_id, sha256(s.name::bytea) from public.sources as s
    where s.name like 'bench-%%'
    on conflict do nothing
    """,
    """
    insert into public.batches (
        owner_id, source_id, key_id, body_sha256, signature, events, inserted,
        first_occurred_at, last_occurred_at
    )
    select k.owner_id, k.source_id, k.id, k.public_key, decode(repeat('00', 64), 'hex'), 12, 12,
        now(), now()
    from public.source_keys as k
    inner join public.sources as s on k.source_id = s.id
    where s.name like 'bench-%%'
    on conflict do nothing
    """,
    """
    insert into public.events
        (owner_id, source_id, id, occurred_at, kind, project, payload, batch_id)
    select s.owner_id, s.id, 'evt_' || lpad(n::text, 20, '0'),
        date_trunc('day', now()) - interval '3 days' + n * interval '5 minutes', 'editor', 'loom',
        '{"action": "edit", "file": "a.rs"}', b.id
    from public.sources as s
    inner join public.batches as b on b.source_id = s.id
    cross join generate_series(1, 12) as n
    where s.name like 'bench-%%' and not exists (
        select from public.events as e where e.owner_id = s.owner_id
    )
    """,
    """
    insert into public.dirty_days (owner_id, day)
    select e.owner_id, (e.occurred_at at time zone 'UTC')::date
    from public.events as e
    inner join public.profiles as p on e.owner_id = p.id
    where p.email like 'bench-%%' and not exists (
        select from public.time_daily as t where t.owner_id = p.id
    )
    group by 1, 2
    on conflict do nothing
    """,
)
# {failing}, {slow}, {large}: three of the owners.
TROUBLE = """
    insert into public.dirty_days (owner_id, day)
    select '{large}', current_date - n from generate_series(1, {days}) as n
    on conflict do nothing;
    create function public.bench_trouble() returns trigger language plpgsql as $$
    begin
        if new.owner_id = '{failing}' then
            raise exception 'bench';
        end if;
        perform pg_sleep(5);
        return new;
    end $$;
    create trigger bench_trouble before insert on public.time_daily
    for each row when (new.owner_id in ('{failing}', '{slow}'))
    execute function public.bench_trouble()
"""
LEFT = """
    select count(distinct owner_id) from public.dirty_days
    where owner_id not in ('{failing}', '{slow}', '{large}')
"""
LARGE_LEFT = "select count(*) from public.dirty_days where owner_id = '{large}'"


def measure(stack: Stack, say: Callable[[str], None]) -> Iterator[Figure]:
    """How long everybody's days take, without and with owners who make trouble."""
    fill(stack, 1, ALONE, say)
    say(f"computing the days of {ALONE:,} owners")
    alone = drain(stack, "select count(distinct owner_id) from public.dirty_days")
    fill(stack, ALONE + 1, OWNERS, say)
    trouble = {
        name: stack.database.value(f"select id from profiles where email = 'bench-{n}@localhost'")
        for n, name in enumerate(("failing", "slow", "large"), ALONE + 1)
    }
    stack.database.rows(TROUBLE.format(**trouble, days=MANY_DAYS))
    say(f"computing the days of {OWNERS - ALONE:,} owners, three of them with trouble")
    left: list[int] = []
    look = LARGE_LEFT.format(**trouble)
    disturbed = drain(
        stack, LEFT.format(**trouble), lambda: left.append(stack.database.value(look))
    )
    ordinary = OWNERS - ALONE - 3
    yield Figure("owners' days, two workers", ordinary / disturbed, "owners/s")
    name = f"{ordinary:,} owners' days beside a failing, a slow and a large one"
    yield at_most(name, disturbed, "s", HOUR)
    ratio = (disturbed / ordinary) / (alone / ALONE)
    yield at_most("an owner's time with the three over without", ratio, "×", DISTURBED)
    done = MANY_DAYS - left[0]
    yield at_least("days of the large one by then", done, "days", 1, f"of {MANY_DAYS:,}")
    failed = stack.database.value("select count(*) from public.work_items where error is not null")
    yield at_most("owners whose task failed", failed, "owners", 1)


def fill(stack: Stack, first: int, last: int, say: Callable[[str], None]) -> None:
    """Makes the owners with these numbers, with a day to be computed."""
    say(f"making {last - first + 1:,} owners")
    for statement in FILL:
        stack.database.rows(statement.replace("{first}", str(first)).replace("{last}", str(last)))
    stack.database.rows("vacuum (analyze) public.events, public.dirty_days, public.time_daily")


def drain(stack: Stack, left: str, done: Callable[[], object] = lambda: None) -> float:
    """Seconds until nobody whom `left` counts has a dirty day; calls `done` then.

    Ends when the workers have emptied the queue.
    """
    environment = {**os.environ, "VIBELOOM_DATABASE_URL": stack.database.functions_url}
    began = time.monotonic()
    stack.database.rows("select public.enqueue(owner_id, 'refresh_days') from public.dirty_days")
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "functions.work", "drain"],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        for _ in range(WORKERS)
    ]
    while stack.database.value(left):
        time.sleep(0.2)
    took = time.monotonic() - began
    done()
    for worker in workers:
        worker.wait()
    return took
