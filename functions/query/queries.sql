-- name: find_period(tz, known, now, since_day, since_at, until_day, until_at, days)
-- Finds the period of a question, by the rules that also cut the days. There is no row if `tz` names no
-- zone. Under row-level security there is one profile, the asker's.
with own as (
    select coalesce((select p.timezone from public.profiles as p), 'UTC') as zone
),

-- Materialized, so that nothing is computed in a zone before its name is checked.
zoned as materialized (
    select
        coalesce(:tz::text, o.zone) as zone,
        coalesce(:tz::text, o.zone) = o.zone as is_own
    from own as o
    where
        :known::boolean
        or coalesce(:tz::text, o.zone) = o.zone
        or exists (select from pg_catalog.pg_timezone_names as n where n.name = :tz::text)
),

dated as (
    select
        z.*,
        (:now::timestamptz at time zone z.zone)::date as today
    from zoned as z
),

ended as materialized (
    select
        d.*,
        coalesce(
            :until_at::timestamptz, public.day_start(coalesce(:until_day::date, d.today) + 1, d.zone)
        ) as until
    from dated as d
),

bounded as materialized (
    select
        e.*,
        ((e.until - interval '1 microsecond') at time zone e.zone)::date as last_day,
        coalesce(
            :since_at::timestamptz,
            public.day_start(
                coalesce(
                    :since_day::date,
                    ((e.until - interval '1 microsecond') at time zone e.zone)::date - :days::integer + 1
                ),
                e.zone
            )
        ) as since
    from ended as e
),

touched as (
    select
        b.*,
        (b.since at time zone b.zone)::date as first_day
    from bounded as b
),

measured as materialized (
    select
        t.*,
        t.since = public.day_start(t.first_day, t.zone)
        and t.until = public.day_start(t.last_day + 1, t.zone) as is_whole
    from touched as t
),

compared as materialized (
    select
        m.*,
        case
            when m.is_whole then public.day_start(m.first_day - (m.last_day - m.first_day + 1), m.zone)
            -- By the clock of UTC, whose days all have 24 hours, whatever the session's own zone is.
            else (m.since at time zone 'UTC' - (m.until - m.since)) at time zone 'UTC'
        end as before
    from measured as m
)

select
    c.zone,
    c.today,
    c.first_day,
    c.last_day,
    c.is_own and c.is_whole as is_of_own_days,
    c.since,
    c.since at time zone c.zone as since_local,
    c.until,
    c.until at time zone c.zone as until_local,
    c.before,
    c.before at time zone c.zone as before_local
from compared as c;

-- name: day_starts(zone, first, last)
-- Where each day begins, in seconds of Unix time; the last row is where the last day ends.
select extract(epoch from public.day_start(d.day::date, :zone::text))::bigint as starts
from generate_series(:first::date::timestamp, :last::date + interval '1 day', interval '1 day') as d (day)
order by d.day;
