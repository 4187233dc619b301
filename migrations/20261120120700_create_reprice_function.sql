-- Prices that were added or corrected later reach the events that are stored, and the sums over them: one
-- owner in one transaction. Events that arrive meanwhile are priced on arrival.

create function public.reprice_events(p_owner_id uuid, p_from timestamptz, p_to timestamptz)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_changed bigint;
    v_deltas public.sum_delta [];
begin
    perform public.lock_sums(p_owner_id);

    -- Each model, day and mode is looked up once.
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
            where
                e.owner_id = p_owner_id
                and e.occurred_at >= p_from
                and e.occurred_at < p_to
                and e.model is not null
        ) as d
    ),

    priced as materialized (
        select
            e.occurred_at,
            e.source_id,
            e.id,
            e.cost_usd as old_usd,
            n.usd as new_usd
        from public.events as e
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
            e.owner_id = p_owner_id
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
            e.owner_id = p_owner_id
            and (e.occurred_at, e.source_id, e.id) = (p.occurred_at, p.source_id, p.id)
            and e.occurred_at >= p_from
            and e.occurred_at < p_to
        returning
            e.occurred_at, e.source_id, e.kind, e.project, e.language, e.provider, e.model,
            p.old_usd, p.new_usd
    ),

    deltas as (
        select
            row(
                date_bin('15 minutes', c.occurred_at, 'epoch'),
                c.source_id,
                c.kind,
                coalesce(c.project, ''),
                coalesce(c.language, ''),
                coalesce(c.provider, ''),
                coalesce(c.model, ''),
                0,
                0,
                0,
                sum((c.new_usd is null)::integer - (c.old_usd is null)::integer),
                0,
                0,
                0,
                0,
                sum(coalesce(c.new_usd, 0) - coalesce(c.old_usd, 0))
            )::public.sum_delta as delta
        from changed as c
        group by
            date_bin('15 minutes', c.occurred_at, 'epoch'), c.source_id, c.kind,
            coalesce(c.project, ''), coalesce(c.language, ''), coalesce(c.provider, ''), coalesce(c.model, '')
    )

    select (select count(*) from changed), array_agg(d.delta) into v_changed, v_deltas
    from deltas as d;
    if v_changed > 0 then
        perform public.add_to_sums(p_owner_id, v_deltas);
    end if;
    return v_changed;
end
$$;

revoke all on function public.reprice_events(uuid, timestamptz, timestamptz)
from public, anon, authenticated;
grant execute on function public.reprice_events(uuid, timestamptz, timestamptz) to service_role;

comment on function public.reprice_events(uuid, timestamptz, timestamptz) is
'Brings the cost of an owner''s events in the range, and of the sums, to the prices that are listed now, and
has the days computed anew; returns how many events changed. Events that retention has purged keep what they
cost. Call it for a day at a time.';
