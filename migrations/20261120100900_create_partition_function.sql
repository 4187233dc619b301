-- Makes the months that are missing. Rows that came before their month had a table wait in the
-- default partition and move home in the same transaction.

create function public.make_event_partitions(
    p_now timestamptz default now(), p_months_back integer default 24, p_months_ahead integer default 2
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    v_month timestamptz;
    v_name text;
    v_made integer := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('vibeloom.partitions', 0));
    for v_month in
        select generate_series(
            date_trunc('month', p_now) - make_interval(months => p_months_back),
            date_trunc('month', p_now) + make_interval(months => p_months_ahead),
            interval '1 month'
        )
    loop
        v_name := 'events_' || to_char(v_month, 'YYYY_MM');
        if to_regclass('partitions.' || v_name) is null then
            execute format(
                'create table partitions.%I (like public.events including defaults including constraints)',
                v_name
            );
            execute format('alter table partitions.%I enable row level security', v_name);
            execute format(
                'with moved as (
                    delete from partitions.events_default
                    where occurred_at >= %L and occurred_at < %L
                    returning *
                )
                insert into partitions.%I select * from moved',
                v_month, v_month + interval '1 month', v_name
            );
            execute format(
                'alter table public.events attach partition partitions.%I for values from (%L) to (%L)',
                v_name, v_month, v_month + interval '1 month'
            );
            v_made := v_made + 1;
        end if;
    end loop;
    return v_made;
end
$$;

revoke all on function public.make_event_partitions(timestamptz, integer, integer)
from public, anon, authenticated;
grant execute on function public.make_event_partitions(timestamptz, integer, integer) to vibeloom_ingest;

comment on function public.make_event_partitions(timestamptz, integer, integer) is
'Makes the missing monthly partitions around p_now and returns how many were made.';

select public.make_event_partitions();
