-- The figures that alarms stand on, in one row. Counting stops at ten thousand, so that the look costs
-- milliseconds also when something is badly behind, which is when it matters.

create function public.service_health(p_now timestamptz default now())
returns table (
    rollup_lag_seconds double precision,
    dirty_days integer,
    database_connections integer,
    database_connections_limit integer,
    silent_sources integer
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with dirty as (
        select d.waits_since
        from public.dirty_days as d
        limit 10000
    )

    select
        coalesce((select greatest(extract(epoch from p_now - min(d.waits_since)), 0) from dirty as d), 0),
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
                < p_now - make_interval(hours => s.expected_every_hours)
        );
$$;

revoke all on function public.service_health(timestamptz) from public, anon, authenticated;
grant execute on function public.service_health(timestamptz) to vibeloom_front;

comment on function public.service_health(timestamptz) is
'How far behind the house is: for how many seconds the day that waits longest has waited for its figures (0:
none does), how many days wait (10000: so many or more), connections to the server and how many it allows to
those without reserved places, sources that are silent for longer than their owners expect.';
