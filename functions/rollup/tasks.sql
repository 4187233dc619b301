-- name: enqueue_refreshes()$
-- Whoever waits longest comes first. Nobody's profile is locked, so nobody is waited for.
with dirty as materialized (
    select d.owner_id
    from public.dirty_days as d
    group by d.owner_id
    order by min(d.waits_since)
)

select count(*) filter (where public.enqueue(d.owner_id, 'refresh_days')) from dirty as d;

-- name: enqueue_purges(months, now)$
-- A day of grace covers every zone; which events go is purge_events' to decide.
with expired as materialized (
    select p.id
    from public.profiles as p
    where
        least(p.retention_months, :months::integer) is not null
        and exists (
            select from public.events as e
            where
                e.owner_id = p.id
                and e.occurred_at < :now::timestamptz + interval '1 day'
                - make_interval(months => least(p.retention_months, :months::integer))
        )
)

select count(*) filter (where public.enqueue(x.id, 'purge_expired')) from expired as x;
