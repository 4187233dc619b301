-- Counting and its undoing. Two statements in a row matter: the second has a newer snapshot than the
-- locks of the first, so a deletion that committed before the lock is seen, and one that comes later
-- waits for the lock and finds its batch counted. Then the sums of an owner are taken, in the order of
-- their ids: whoever changes them is alone, and nobody waits for a batch while holding them.

create function public.mark_dirty_days(p_owner_id uuid, p_first timestamptz, p_last timestamptz)
returns void
language sql
set search_path = ''
as $$
    insert into public.dirty_days as d (owner_id, day)
    select
        p.id,
        days.day::date
    from public.profiles as p
    cross join lateral pg_catalog.generate_series(
        ((p_first - interval '1 hour') at time zone p.timezone)::date,
        ((p_last + interval '1 hour') at time zone p.timezone)::date,
        interval '1 day'
    ) as days (day)
    where p.id = p_owner_id
    order by days.day
    on conflict (owner_id, day) do update set marked_at = clock_timestamp();
$$;

create function public.lock_sums(p_owner_ids uuid [])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_owner_id uuid;
begin
    for v_owner_id in
        select distinct o.id from unnest(p_owner_ids) as o (id) order by o.id
    loop
        perform pg_catalog.pg_advisory_xact_lock(
            pg_catalog.hashtextextended('vibeloom.sums ' || v_owner_id::text, 0)
        );
    end loop;
end
$$;

create function public.count_batches(p_limit integer default 500, p_owner_id uuid default null)
returns table (batches bigint, events bigint)
language plpgsql
security definer
set search_path = ''
-- The planner cannot know how few groups there are and would sort every row; hashing is 3 × faster.
set enable_sort = off
set enable_incremental_sort = off
set work_mem = '16MB'
set hash_mem_multiplier = 16
as $$
declare
    v_batches bigint [];
    v_owners uuid [];
    v_first timestamptz;
    v_last timestamptz;
begin
    with claimed as (
        select b.id, b.owner_id, b.first_occurred_at, b.last_occurred_at
        from public.batches as b
        where b.counted_at is null and (p_owner_id is null or b.owner_id = p_owner_id)
        order by b.id
        limit p_limit
        for update skip locked
    )

    select
        array_agg(c.id), array_agg(distinct c.owner_id), min(c.first_occurred_at), max(c.last_occurred_at)
    into v_batches, v_owners, v_first, v_last
    from claimed as c;
    if v_batches is null then
        return query select 0::bigint, 0::bigint;
        return;
    end if;
    perform public.lock_sums(v_owners);

    with added as (
        insert into public.event_hourly as h (
            owner_id, hour, quarter, source_id, kind, project, language, events, errors,
            tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost_usd
        )
        select
            e.owner_id,
            date_trunc('hour', e.occurred_at, 'UTC') as hour,
            (extract(minute from e.occurred_at at time zone 'UTC')::integer / 15)::smallint as quarter,
            e.source_id,
            e.kind,
            coalesce(e.project, '') as project,
            coalesce(e.language, '') as language,
            count(*),
            count(*) filter (where e.is_error),
            coalesce(sum(e.tokens_input), 0),
            coalesce(sum(e.tokens_output), 0),
            coalesce(sum(e.tokens_cache_read), 0),
            coalesce(sum(e.tokens_cache_write), 0),
            coalesce(sum(e.cost_usd), 0)
        from public.events as e
        where
            e.batch_id = any(v_batches)
            and e.occurred_at between v_first and v_last
        group by 1, 2, 3, 4, 5, 6, 7
        on conflict on constraint event_hourly_identity do update set
            events = h.events + excluded.events,
            errors = h.errors + excluded.errors,
            tokens_input = h.tokens_input + excluded.tokens_input,
            tokens_output = h.tokens_output + excluded.tokens_output,
            tokens_cache_read = h.tokens_cache_read + excluded.tokens_cache_read,
            tokens_cache_write = h.tokens_cache_write + excluded.tokens_cache_write,
            cost_usd = h.cost_usd + excluded.cost_usd
        returning h.owner_id, h.hour
    ),

    hours as (
        select distinct a.owner_id, a.hour from added as a
    )

    insert into public.dirty_days as d (owner_id, day)
    select distinct
        o.owner_id,
        ((o.hour + edge.away) at time zone p.timezone)::date as day
    from hours as o
    inner join public.profiles as p on o.owner_id = p.id
    cross join (values (interval '-1 hour'), (interval '2 hours')) as edge (away)
    order by 1, 2
    on conflict (owner_id, day) do update set marked_at = clock_timestamp();

    insert into public.token_hourly as h (
        owner_id, hour, quarter, source_id, provider, model, project, calls,
        tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost_usd, unpriced
    )
    select
        e.owner_id,
        date_trunc('hour', e.occurred_at, 'UTC') as hour,
        (extract(minute from e.occurred_at at time zone 'UTC')::integer / 15)::smallint as quarter,
        e.source_id,
        coalesce(e.provider, '') as provider,
        coalesce(e.model, '') as model,
        coalesce(e.project, '') as project,
        count(*),
        sum(e.tokens_input),
        sum(e.tokens_output),
        sum(e.tokens_cache_read),
        sum(e.tokens_cache_write),
        coalesce(sum(e.cost_usd), 0),
        count(*) filter (where e.cost_usd is null)
    from public.events as e
    where
        e.batch_id = any(v_batches)
        and e.occurred_at between v_first and v_last
        and e.tokens_input is not null
    group by 1, 2, 3, 4, 5, 6, 7
    on conflict on constraint token_hourly_identity do update set
        calls = h.calls + excluded.calls,
        tokens_input = h.tokens_input + excluded.tokens_input,
        tokens_output = h.tokens_output + excluded.tokens_output,
        tokens_cache_read = h.tokens_cache_read + excluded.tokens_cache_read,
        tokens_cache_write = h.tokens_cache_write + excluded.tokens_cache_write,
        cost_usd = h.cost_usd + excluded.cost_usd,
        unpriced = h.unpriced + excluded.unpriced;

    update public.batches as b
    set counted_at = now()
    where b.id = any(v_batches);

    return query
    select count(*), coalesce(sum(b.inserted), 0)::bigint
    from public.batches as b
    where b.id = any(v_batches);
end
$$;

-- Deleting events takes them out of the sums in the same transaction, unless the deletion is a purge
-- that lets the roll-ups stay.
create function public.uncount_events()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if current_setting('vibeloom.purging', true) = 'on' then
        return null;
    end if;
    perform b.id
    from public.batches as b
    where b.id in (select g.batch_id from gone as g)
    order by b.id
    for update;
    perform public.lock_sums(array(select distinct g.owner_id from gone as g));

    update public.event_hourly as h
    set
        events = h.events - s.events,
        errors = h.errors - s.errors,
        tokens_input = h.tokens_input - s.tokens_input,
        tokens_output = h.tokens_output - s.tokens_output,
        tokens_cache_read = h.tokens_cache_read - s.tokens_cache_read,
        tokens_cache_write = h.tokens_cache_write - s.tokens_cache_write,
        cost_usd = h.cost_usd - s.cost_usd
    from (
        select
            g.owner_id,
            date_trunc('hour', g.occurred_at, 'UTC') as hour,
            (extract(minute from g.occurred_at at time zone 'UTC')::integer / 15)::smallint as quarter,
            g.source_id,
            g.kind,
            coalesce(g.project, '') as project,
            coalesce(g.language, '') as language,
            count(*) as events,
            count(*) filter (where g.is_error) as errors,
            coalesce(sum(g.tokens_input), 0) as tokens_input,
            coalesce(sum(g.tokens_output), 0) as tokens_output,
            coalesce(sum(g.tokens_cache_read), 0) as tokens_cache_read,
            coalesce(sum(g.tokens_cache_write), 0) as tokens_cache_write,
            coalesce(sum(g.cost_usd), 0) as cost_usd
        from gone as g
        inner join public.batches as b on g.batch_id = b.id
        where b.counted_at is not null
        group by 1, 2, 3, 4, 5, 6, 7
    ) as s
    where
        (h.owner_id, h.hour, h.quarter, h.source_id, h.kind, h.project, h.language)
        = (s.owner_id, s.hour, s.quarter, s.source_id, s.kind, s.project, s.language);

    update public.token_hourly as h
    set
        calls = h.calls - s.calls,
        tokens_input = h.tokens_input - s.tokens_input,
        tokens_output = h.tokens_output - s.tokens_output,
        tokens_cache_read = h.tokens_cache_read - s.tokens_cache_read,
        tokens_cache_write = h.tokens_cache_write - s.tokens_cache_write,
        cost_usd = h.cost_usd - s.cost_usd,
        unpriced = h.unpriced - s.unpriced
    from (
        select
            g.owner_id,
            date_trunc('hour', g.occurred_at, 'UTC') as hour,
            (extract(minute from g.occurred_at at time zone 'UTC')::integer / 15)::smallint as quarter,
            g.source_id,
            coalesce(g.provider, '') as provider,
            coalesce(g.model, '') as model,
            coalesce(g.project, '') as project,
            count(*) as calls,
            sum(g.tokens_input) as tokens_input,
            sum(g.tokens_output) as tokens_output,
            sum(g.tokens_cache_read) as tokens_cache_read,
            sum(g.tokens_cache_write) as tokens_cache_write,
            coalesce(sum(g.cost_usd), 0) as cost_usd,
            count(*) filter (where g.cost_usd is null) as unpriced
        from gone as g
        inner join public.batches as b on g.batch_id = b.id
        where b.counted_at is not null and g.tokens_input is not null
        group by 1, 2, 3, 4, 5, 6, 7
    ) as s
    where
        (h.owner_id, h.hour, h.quarter, h.source_id, h.provider, h.model, h.project)
        = (s.owner_id, s.hour, s.quarter, s.source_id, s.provider, s.model, s.project);

    delete from public.event_hourly as h
    using (select distinct g.owner_id, date_trunc('hour', g.occurred_at, 'UTC') as hour from gone as g) as s
    where h.owner_id = s.owner_id and h.hour = s.hour and h.events = 0;

    delete from public.token_hourly as h
    using (select distinct g.owner_id, date_trunc('hour', g.occurred_at, 'UTC') as hour from gone as g) as s
    where h.owner_id = s.owner_id and h.hour = s.hour and h.calls = 0;

    perform public.mark_dirty_days(s.owner_id, s.hour, s.hour + interval '1 hour')
    from (
        select distinct g.owner_id, date_trunc('hour', g.occurred_at, 'UTC') as hour
        from gone as g
        order by 1, 2
    ) as s;
    return null;
end
$$;

create trigger events_uncount
after delete on public.events
referencing old table as gone
for each statement execute function public.uncount_events();

revoke all on function public.mark_dirty_days(uuid, timestamptz, timestamptz) from public;
revoke all on function public.lock_sums(uuid []) from public;
revoke all on function public.count_batches(integer, uuid) from public;
revoke all on function public.uncount_events() from public;
grant execute on function public.mark_dirty_days(uuid, timestamptz, timestamptz) to service_role;
grant execute on function public.count_batches(integer, uuid) to service_role;

comment on function public.mark_dirty_days(uuid, timestamptz, timestamptz) is
'Has the daily figures of those days, and of a neighbour within the hour, computed anew.';
comment on function public.lock_sums(uuid []) is
'Whoever changes the roll-ups of these owners is alone with them until its transaction ends.';
comment on function public.count_batches(integer, uuid) is
'Counts up to p_limit uncounted batches (of one owner, or of all), each once whatever else runs.';
comment on function public.uncount_events() is
'Takes deleted events out of the roll-ups, in the transaction that deletes them.';
