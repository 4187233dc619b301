-- Where a day begins is asked in many places: at the edges of a period, of a day's figures, of a stretch
-- that is computed anew. Postgres cuts the days, so it says where they begin, too, and always the same.
-- A midnight that clocks skip is read by the offset before the change, which is the first instant after
-- it; of a midnight that comes twice Postgres takes the second, and a microsecond before it leads to the
-- first.

create function public.day_start(p_day date, p_zone text)
returns timestamptz
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select least(
        p_day::timestamp at time zone p_zone,
        (p_day::timestamp - interval '1 microsecond') at time zone p_zone + interval '1 microsecond'
    );
$$;

revoke all on function public.day_start(date, text) from public, anon, authenticated;
grant execute on function public.day_start(date, text) to authenticated, vibeloom_rollup;

comment on function public.day_start(date, text) is
'The first instant of a day in a time zone; where midnight is skipped, what follows it.';
