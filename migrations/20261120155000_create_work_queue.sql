-- The work queue: everything that runs outside a request is an item here, one owner's each. An item is
-- enqueued in the transaction of the change that makes it necessary, taken for a lease, and gone when it
-- is done. One that keeps failing stays as a dead letter until an operator looks at it.

create table public.work_items (
    id bigint generated always as identity,
    -- No reference: an installation that is spread over machines keeps the queue on the coordinator.
    owner_id uuid not null,
    task text not null,
    args jsonb not null default '{}',
    due_at timestamptz not null default now(),
    turn bigint not null default 0,
    attempts integer not null default 0,
    lease_until timestamptz,
    failed_at timestamptz,
    error text,
    constraint work_items_identity primary key (id),
    constraint work_items_task_name check (task ~ '^[a-z][a-z0-9_]{0,63}$'),
    constraint work_items_args_size check (jsonb_typeof(args) = 'object' and length(args::text) <= 1000),
    constraint work_items_error_length check (length(error) <= 500),
    constraint work_items_one_state check (lease_until is null or failed_at is null)
)
-- Rows are updated and deleted much more often than they stay.
with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

revoke all on public.work_items from public, anon, authenticated;
revoke all on sequence public.work_items_id_seq from public, anon, authenticated;
grant select, update, delete on public.work_items to service_role;
alter table public.work_items enable row level security;

-- Each index has a condition of its own that one query states, so that the planner takes it for that query
-- and no other, also while the statistics are old: a queue fills faster than it is analyzed.
-- The order in which items are taken.
create index work_items_turn on public.work_items (turn, id) where failed_at is null;
-- The first item of a lane: one task of one owner.
create index work_items_lane on public.work_items (owner_id, task, id) where failed_at is null and id > 0;
-- The same item again, waiting or dead.
create index work_items_same on public.work_items (owner_id, task, args) where lease_until is null;
-- An owner's last turn.
create index work_items_share on public.work_items (owner_id, turn) where failed_at is null and turn >= 0;
-- At most one item of a lane runs.
create unique index work_items_running on public.work_items (owner_id, task) where lease_until is not null;

comment on table public.work_items is
'Work that runs outside a request, one owner''s each: it waits, is leased, or is a dead letter.';
comment on column public.work_items.args is 'Ids and dates, no data: an operator sees them.';
comment on column public.work_items.turn is
'The place in the order of taking: an owner''s n-th waiting item stands behind everybody''s first n - 1.';
comment on column public.work_items.attempts is 'How often it was taken since it last made progress.';
comment on column public.work_items.lease_until is
'Somebody works on it. After this moment they are taken for dead, and the item is taken again.';
comment on column public.work_items.failed_at is 'When it failed for the last time: a dead letter.';
comment on column public.work_items.error is 'The kind of the last failure, never its message.';

create function public.enqueue(
    p_owner_id uuid, p_task text, p_args jsonb default '{}', p_at timestamptz default now()
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
    v_id bigint;
    v_postponed boolean;
begin
    -- The lock lets nobody take the waiting item before this transaction ends: a run that had begun
    -- earlier would not see what this transaction writes. An item that is just being taken is skipped.
    select
        w.id,
        w.due_at > p_at and w.attempts = 0
    into v_id, v_postponed
    from public.work_items as w
    where
        w.owner_id = p_owner_id
        and w.task = p_task
        and w.args = p_args
        and w.lease_until is null
        and w.failed_at is null
    limit 1
    for key share skip locked;
    if found then
        if v_postponed then
            update public.work_items as w
            set due_at = p_at
            where w.id = v_id;
        end if;
        return false;
    end if;

    -- Behind the owner's own items that are due by then, and not before what is worked on now.
    insert into public.work_items (owner_id, task, args, due_at, turn)
    select
        p_owner_id,
        p_task,
        p_args,
        p_at,
        greatest(
            (
                select m.turn + 1
                from public.work_items as m
                where
                    m.owner_id = p_owner_id
                    and m.failed_at is null
                    and m.turn >= 0
                    and m.due_at <= greatest(p_at, now())
                order by m.turn desc
                limit 1
            ),
            least(
                (select max(l.turn) from public.work_items as l where l.lease_until is not null),
                (
                    select n.turn
                    from public.work_items as n
                    where n.failed_at is null and n.lease_until is null
                    order by n.turn, n.id
                    limit 1
                )
            ),
            0
        );
    return true;
end
$$;

create function public.take_work(p_tasks text [], p_lease interval)
returns table (id bigint, owner_id uuid, task text, args jsonb, attempts integer, lease_until timestamptz)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
#variable_conflict use_column
declare
    v_item public.work_items;
begin
    begin
        update public.work_items as w
        set lease_until = clock_timestamp() + p_lease, attempts = w.attempts + 1
        where w.id = (
            select f.id
            from public.work_items as f
            where
                f.failed_at is null
                and f.task = any(p_tasks)
                and f.due_at <= clock_timestamp()
                and case
                    when f.lease_until is not null then f.lease_until < clock_timestamp()
                    else
                        f.id = (
                            select e.id
                            from public.work_items as e
                            where
                                e.owner_id = f.owner_id
                                and e.task = f.task
                                and e.failed_at is null
                                and e.id > 0
                            order by e.id
                            limit 1
                        )
                        and not exists (
                            select
                            from public.work_items as r
                            where
                                r.owner_id = f.owner_id
                                and r.task = f.task
                                and r.lease_until is not null
                            -- A subquery with an offset is asked row by row, not joined with all.
                            offset 0
                        )
                end
            order by f.turn, f.id
            limit 1
            for update of f skip locked
        )
        returning w.* into v_item;
    exception when unique_violation then
        -- Two took of one lane at once: an item with a lower number was committed later.
        return;
    end;
    if v_item.id is null then
        return;
    end if;
    -- What was enqueued at the same time as this one is done with it.
    delete from public.work_items as d
    where d.id in (
        select s.id
        from public.work_items as s
        where
            s.owner_id = v_item.owner_id
            and s.task = v_item.task
            and s.args = v_item.args
            and s.lease_until is null
            and s.failed_at is null
        for update skip locked
    );
    return query
    select v_item.id, v_item.owner_id, v_item.task, v_item.args, v_item.attempts, v_item.lease_until;
end
$$;

create function public.finish_work(p_id bigint, p_lease timestamptz, p_more boolean)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
    v_item public.work_items;
begin
    if p_more then
        update public.work_items as w
        set lease_until = null, attempts = 0, error = null, turn = w.turn + 1
        where w.id = p_id and w.lease_until = p_lease
        returning w.* into v_item;
    else
        delete from public.work_items as w
        where w.id = p_id and w.lease_until = p_lease
        returning w.* into v_item;
    end if;
    if v_item.id is null then
        return false;
    end if;
    delete from public.work_items as d
    where
        d.owner_id = v_item.owner_id
        and d.task = v_item.task
        and d.args = v_item.args
        and d.lease_until is null
        and d.failed_at is not null;
    return true;
end
$$;

create function public.fail_work(p_id bigint, p_lease timestamptz, p_error text, p_pause interval)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
    v_item public.work_items;
begin
    update public.work_items as w
    set
        lease_until = null,
        error = left(p_error, 500),
        due_at = clock_timestamp() + coalesce(p_pause, interval '0'),
        failed_at = case when p_pause is null then clock_timestamp() end
    where w.id = p_id and w.lease_until = p_lease
    returning w.* into v_item;
    if v_item.id is null then
        return false;
    end if;
    delete from public.work_items as d
    where
        v_item.failed_at is not null
        and d.owner_id = v_item.owner_id
        and d.task = v_item.task
        and d.args = v_item.args
        and d.lease_until is null
        and d.failed_at is not null
        and d.id <> v_item.id;
    return true;
end
$$;

create function public.work_health(p_now timestamptz default now())
returns table (waiting integer, oldest_seconds double precision, dead integer)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with alive as (
        select
            w.id,
            w.owner_id,
            w.task,
            w.due_at,
            w.lease_until
        from public.work_items as w
        where w.failed_at is null
        limit 10000
    ),

    -- What waits behind an item that pauses after a failure waits for its owner alone.
    first_of_lanes as (
        select distinct on (a.owner_id, a.task)
            a.due_at,
            a.lease_until
        from alive as a
        order by a.owner_id, a.task, a.id
    ),

    dead as (
        select w.id
        from public.work_items as w
        where w.failed_at is not null
        limit 10000
    )

    select
        (select count(*) from alive)::integer,
        greatest(extract(epoch from p_now - min(f.due_at)), 0)::double precision,
        (select count(*) from dead)::integer
    from first_of_lanes as f
    where f.lease_until is null or f.lease_until < p_now;
$$;

revoke all on function
public.enqueue(uuid, text, jsonb, timestamptz),
public.take_work(text [], interval),
public.finish_work(bigint, timestamptz, boolean),
public.fail_work(bigint, timestamptz, text, interval),
public.work_health(timestamptz)
from public, anon, authenticated;

grant execute on function public.enqueue(uuid, text, jsonb, timestamptz) to vibeloom_rollup;
grant execute on function
public.take_work(text [], interval),
public.finish_work(bigint, timestamptz, boolean),
public.fail_work(bigint, timestamptz, text, interval)
to vibeloom_work;
grant execute on function public.work_health(timestamptz) to vibeloom_front;

comment on function public.enqueue(uuid, text, jsonb, timestamptz) is
'Adds work of an owner''s, to be done after p_at and after this transaction. False if the same item waits
already; that one is then due no later than p_at, and not taken before this transaction has ended.';
comment on function public.take_work(text [], interval) is
'Leases the next item of these tasks: the lowest turn first, one of each owner and task at a time, in the
order in which they were enqueued. No row: nothing is due.';
comment on function public.finish_work(bigint, timestamptz, boolean) is
'The item is done, or has made progress and waits for another turn (p_more). False if the lease was lost.';
comment on function public.fail_work(bigint, timestamptz, text, interval) is
'The item failed: it is tried again after the pause; without a pause it is a dead letter. False if the
lease was lost.';
comment on function public.work_health(timestamptz) is
'Items that wait or run, for how long the oldest has been due, dead letters (10000: so many or more).';
