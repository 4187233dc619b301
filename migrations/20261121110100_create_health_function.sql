-- The figures that alarms stand on, in one row. Each is a look at the head of a partial index or stops
-- counting at ten thousand, so that the look costs milliseconds also when something is badly behind,
-- which is when it matters.

create function public.service_health(p_now timestamptz default now())
returns table (
    rollup_lag_seconds double precision,
    uncounted_batches integer,
    dirty_days integer,
    database_connections integer,
    database_connections_limit integer,
    silent_sources integer
)
language sql
stable
set search_path = ''
as $$
    with oldest as (
        select b.received_at
        from public.batches as b
        where b.counted_at is null
        order by b.id
        limit 1
    ),

    uncounted as (
        select b.id
        from public.batches as b
        where b.counted_at is null
        limit 10000
    ),

    dirty as (
        select d.day
        from public.dirty_days as d
        limit 10000
    )

    select
        coalesce((select greatest(extract(epoch from p_now - o.received_at), 0) from oldest as o), 0),
        (select count(*) from uncounted),
        (select count(*) from dirty),
        -- Places are the server's, so other databases' connections count; its own processes have no user.
        (
            select count(*)
            from pg_catalog.pg_stat_activity as a
            where a.datid is not null and a.usesysid is not null
        ),
        current_setting('max_connections')::integer
        - current_setting('superuser_reserved_connections')::integer
        - current_setting('reserved_connections')::integer,
        (
            select count(*)
            from public.sources as s
            where
                s.expected_every_hours is not null
                and coalesce(s.last_seen_at, s.created_at)
                < p_now - pg_catalog.make_interval(hours => s.expected_every_hours)
        );
$$;

revoke all on function public.service_health(timestamptz) from public, anon, authenticated;
grant execute on function public.service_health(timestamptz) to service_role;

comment on function public.service_health(timestamptz) is
'How far behind the house is: age of the oldest batch that is not counted (0: none is), batches and days
that wait (10000: so many or more), connections to the server and how many it allows to those without
reserved places, sources that are silent for longer than their owners expect.';
