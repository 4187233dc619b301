-- Repricing with modes, lengths of prompts and what else an event's payload says: the same order of locks as
-- before (events, batches, sums). Each model, day and mode is looked up once.

create or replace function public.reprice_events(p_from timestamptz, p_to timestamptz)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_batches bigint [];
    v_owners uuid [];
    v_changed bigint;
begin
    lock table public.model_prices in share row exclusive mode;

    with offered as materialized (
        select
            d.model,
            d.day,
            d.mode,
            public.find_price(d.model, d.day, d.mode) as prices
        from (
            select distinct
                e.model,
                (e.occurred_at at time zone 'UTC')::date as day,
                public.price_mode(e.payload) as mode
            from public.events as e
            where e.occurred_at >= p_from and e.occurred_at < p_to and e.model is not null
        ) as d
    )

    select coalesce(array_agg(distinct s.batch_id), '{}'), array_agg(distinct s.owner_id)
    into v_batches, v_owners
    from (
        select
            e.batch_id,
            e.owner_id
        from public.events as e
        inner join offered as o
            on
                e.model = o.model
                and (e.occurred_at at time zone 'UTC')::date = o.day
                and public.price_mode(e.payload) = o.mode
        where
            e.occurred_at >= p_from
            and e.occurred_at < p_to
            and e.tokens_input is not null
            and e.cost_usd is distinct from public.usage_cost(
                o.prices,
                e.tokens_input, e.tokens_output, e.tokens_cache_read, e.tokens_cache_write,
                e.payload
            )
        for update of e
    ) as s;
    perform b.id
    from public.batches as b
    where b.id = any(v_batches)
    order by b.id
    for update;
    perform public.lock_sums(v_owners);

    with offered as materialized (
        select
            d.model,
            d.day,
            d.mode,
            public.find_price(d.model, d.day, d.mode) as prices
        from (
            select distinct
                e.model,
                (e.occurred_at at time zone 'UTC')::date as day,
                public.price_mode(e.payload) as mode
            from public.events as e
            where e.occurred_at >= p_from and e.occurred_at < p_to and e.model is not null
        ) as d
    ),

    priced as materialized (
        select
            e.owner_id,
            e.source_id,
            e.occurred_at,
            e.id,
            date_trunc('hour', e.occurred_at, 'UTC') as hour,
            (extract(minute from e.occurred_at at time zone 'UTC')::integer / 15)::smallint as quarter,
            e.kind,
            coalesce(e.provider, '') as provider,
            coalesce(e.model, '') as model,
            coalesce(e.project, '') as project,
            coalesce(e.language, '') as language,
            b.counted_at is not null as is_counted,
            e.cost_usd as old_usd,
            n.usd as new_usd
        from public.batches as b
        inner join public.events as e on b.id = e.batch_id
        inner join offered as o
            on
                e.model = o.model
                and (e.occurred_at at time zone 'UTC')::date = o.day
                and public.price_mode(e.payload) = o.mode
        cross join lateral (
            select
                public.usage_cost(
                    o.prices,
                    e.tokens_input, e.tokens_output, e.tokens_cache_read, e.tokens_cache_write,
                    e.payload
                ) as usd
        ) as n
        where
            b.id = any(v_batches)
            and e.occurred_at >= p_from
            and e.occurred_at < p_to
            and e.tokens_input is not null
            and e.cost_usd is distinct from n.usd
    ),

    changed as (
        update public.events as e
        set cost_usd = p.new_usd
        from priced as p
        where
            (e.source_id, e.occurred_at, e.id) = (p.source_id, p.occurred_at, p.id)
            and e.occurred_at >= p_from
            and e.occurred_at < p_to
        returning p.*
    ),

    hours as (
        select
            c.owner_id,
            c.hour,
            c.quarter,
            c.source_id,
            c.kind,
            c.project,
            c.language,
            sum(coalesce(c.new_usd, 0) - coalesce(c.old_usd, 0)) as usd
        from changed as c
        where c.is_counted
        group by c.owner_id, c.hour, c.quarter, c.source_id, c.kind, c.project, c.language
    ),

    models as (
        select
            c.owner_id,
            c.hour,
            c.quarter,
            c.source_id,
            c.provider,
            c.model,
            c.project,
            sum(coalesce(c.new_usd, 0) - coalesce(c.old_usd, 0)) as usd,
            sum((c.new_usd is null)::integer - (c.old_usd is null)::integer) as unpriced
        from changed as c
        where c.is_counted
        group by c.owner_id, c.hour, c.quarter, c.source_id, c.provider, c.model, c.project
    ),

    adjusted_hours as (
        update public.event_hourly as h
        set cost_usd = h.cost_usd + s.usd
        from hours as s
        where
            (h.owner_id, h.hour, h.quarter, h.source_id, h.kind, h.project, h.language)
            = (s.owner_id, s.hour, s.quarter, s.source_id, s.kind, s.project, s.language)
    ),

    marked as (
        select public.mark_dirty_days(o.owner_id, min(o.occurred_at), max(o.occurred_at))
        from changed as o
        where o.is_counted
        group by o.owner_id, (o.occurred_at at time zone 'UTC')::date
        order by o.owner_id
    ),

    adjusted_models as (
        update public.token_hourly as h
        set cost_usd = h.cost_usd + s.usd, unpriced = h.unpriced + s.unpriced
        from models as s
        where
            (h.owner_id, h.hour, h.quarter, h.source_id, h.provider, h.model, h.project)
            = (s.owner_id, s.hour, s.quarter, s.source_id, s.provider, s.model, s.project)
    )

    select (select count(*) from changed) + 0 * (select count(*) from marked) into v_changed;
    return v_changed;
end
$$;

comment on function public.reprice_events(timestamptz, timestamptz) is
'Brings the cost of the events in the range, and of the roll-ups, to the prices that are listed now, and has
the days computed anew; returns how many events changed. Events that retention has purged keep what they
cost. Call it for a day at a time.';
