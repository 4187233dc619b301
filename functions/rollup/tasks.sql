-- name: enqueue_refreshes()$
-- An owner whose profile somebody holds is left for the next hour, so that nobody waits for it.
with dirty as materialized (
    select p.id
    from public.profiles as p
    where
        exists (select from public.dirty_days as d where d.owner_id = p.id)
        or exists (
            select from public.batches as b
            where b.owner_id = p.id and b.counted_at is null
        )
    for key share skip locked
)

select count(*) filter (where public.enqueue('refresh_days', d.id)) from dirty as d;

-- name: enqueue_purges(months, now)$
-- As above. A day of grace covers every zone; which events go is purge_events' to decide.
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
    for key share of p skip locked
)

select count(*) filter (where public.enqueue('purge_expired', x.id)) from expired as x;
