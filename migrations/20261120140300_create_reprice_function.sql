-- Prices that were added or corrected later reach the events that are stored, and the sums over them.

-- First the events, then their batches, then the sums: the order of a deletion. With the batches locked
-- nobody counts them, so `counted_at` says whether the old cost stands in the sums; prices do not
-- change meanwhile. Batches that arrive meanwhile are not touched: they were priced on arrival.
create function public.reprice_events(p_from timestamptz, p_to timestamptz)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_batches bigint [];
    v_owners uuid [];
    v_changed bigint;
begin
    lock table public.model_prices in share row exclusive mode;

    select coalesce(array_agg(distinct s.batch_id), '{}'), array_agg(distinct s.owner_id)
    into v_batches, v_owners
    from (
        select
            e.batch_id,
            e.owner_id
        from public.events as e
        where
            e.occurred_at >= p_from
            and e.occurred_at < p_to
            and e.tokens_input is not null
            and e.cost_usd is distinct from public.price_tokens(
                e.model, e.occurred_at,
                e.tokens_input, e.tokens_output, e.tokens_cache_read, e.tokens_cache_write
            )
        for update
    ) as s;
    perform b.id
    from public.batches as b
    where b.id = any(v_batches)
    order by b.id
    for update;
    perform public.lock_sums(v_owners);

    with priced as materialized (
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
        cross join lateral (
            select
                public.price_tokens(
                    e.model, e.occurred_at,
                    e.tokens_input, e.tokens_output, e.tokens_cache_read, e.tokens_cache_write
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

    adjusted_models as (
        update public.token_hourly as h
        set cost_usd = h.cost_usd + s.usd, unpriced = h.unpriced + s.unpriced
        from models as s
        where
            (h.owner_id, h.hour, h.quarter, h.source_id, h.provider, h.model, h.project)
            = (s.owner_id, s.hour, s.quarter, s.source_id, s.provider, s.model, s.project)
    )

    select count(*) into v_changed
    from changed as c;
    return v_changed;
end
$$;

revoke all on function public.reprice_events(timestamptz, timestamptz) from public;
grant execute on function public.reprice_events(timestamptz, timestamptz) to service_role;

comment on function public.reprice_events(timestamptz, timestamptz) is
'Brings the cost of the events in the range, and of the roll-ups, to the prices that are listed now;
returns how many events changed. Events that retention has purged keep what they cost.';
