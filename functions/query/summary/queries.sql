-- name: summary(zone, before, since, until, source, project, language, kind)
-- Both periods' totals and days, and the hours of the day of the later one. Rides (owner, day) where the
-- period is made of folded days, and (owner, quarter_at).
with cells as (
    select
        c.quarter_at,
        c.day,
        sum(c.events) as events,
        sum(c.errors) as errors,
        sum(c.tokens_input) as tokens_input,
        sum(c.tokens_output) as tokens_output,
        sum(c.tokens_cache_read) as tokens_cache_read,
        sum(c.tokens_cache_write) as tokens_cache_write,
        sum(c.cost_usd) as cost_usd,
        sum(c.calls) as calls,
        sum(c.unpriced) as unpriced
    from public.event_cells(:before::timestamptz, :until::timestamptz, :zone::text, true) as c
    where
        (
            :source::text is null
            or c.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
        and (:project::text is null or c.project = :project::text)
        and (:language::text is null or c.language = :language::text)
        and (:kind::text is null or c.kind = :kind::text)
    group by c.quarter_at, c.day
    having sum(c.events) > 0
),

placed as (
    select
        c.*,
        coalesce(
            c.quarter_at >= :since::timestamptz, c.day >= (:since::timestamptz at time zone :zone::text)::date
        ) as is_current,
        coalesce(c.day, (c.quarter_at at time zone :zone::text)::date) as local_day
    from cells as c
),

-- Without such a filter the counts of all events, which are few rows, say the same.
quarters as (
    select
        a.quarter_at,
        sum(a.events) as events
    from public.activity_sums as a
    where
        coalesce(:project::text, :language::text, :kind::text) is null
        and a.quarter_at >= :since::timestamptz
        and a.quarter_at < :until::timestamptz
        and (
            :source::text is null
            or a.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
    group by a.quarter_at
    union all
    select
        c.quarter_at,
        sum(c.events) as events
    from public.event_sums as c
    where
        coalesce(:project::text, :language::text, :kind::text) is not null
        and c.quarter_at >= :since::timestamptz
        and c.quarter_at < :until::timestamptz
        and (
            :source::text is null
            or c.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
        and (:project::text is null or c.project = :project::text)
        and (:language::text is null or c.language = :language::text)
        and (:kind::text is null or c.kind = :kind::text)
    group by c.quarter_at
)

select
    p.is_current,
    p.local_day as day,
    null::integer as hour_of_day,
    sum(p.events)::bigint as events,
    sum(p.errors)::bigint as errors,
    sum(p.tokens_input)::bigint as tokens_input,
    sum(p.tokens_output)::bigint as tokens_output,
    sum(p.tokens_cache_read)::bigint as tokens_cache_read,
    sum(p.tokens_cache_write)::bigint as tokens_cache_write,
    sum(p.cost_usd)::double precision as cost_usd,
    sum(p.calls)::bigint as calls,
    sum(p.unpriced)::bigint as unpriced
from placed as p
group by grouping sets ((p.is_current), (p.is_current, p.local_day))
union all
select
    true as is_current,
    null as day,
    extract(hour from q.quarter_at at time zone :zone::text)::integer as hour_of_day,
    sum(q.events)::bigint as events,
    0 as errors,
    0 as tokens_input,
    0 as tokens_output,
    0 as tokens_cache_read,
    0 as tokens_cache_write,
    0 as cost_usd,
    0 as calls,
    0 as unpriced
from quarters as q
group by hour_of_day
having sum(q.events) > 0;

-- name: active_days(zone, first, last, source, project, language, kind)
-- Days with events: for each day since the first one probe of (owner, day) or of (owner, quarter_at).
with oldest as (
    select (min(a.quarter_at) at time zone :zone::text)::date as day
    from public.activity_sums as a
),

-- Computed once a day, so that the index is probed for a range and not for all that is before its end.
probes as materialized (
    select
        d.day::date as day,
        public.day_start(d.day::date, :zone::text) as since,
        public.day_start(d.day::date + 1, :zone::text) as until
    from oldest as o
    cross join
        lateral generate_series(
            greatest(:first::date, o.day)::timestamp, :last::date::timestamp, interval '1 day'
        ) as d (day)
),

filtered as (
    select f.id
    from public.sources as f
    where f.name = :source::text
)

select p.day
from probes as p
where
    case
        when (select public.has_folded_days(:zone::text))
            then
                exists (
                    select
                    from public.event_days as d
                    where
                        -- A range of one day, as equality would have all days read into a hash.
                        d.day between p.day and p.day
                        and d.events > 0
                        and (:source::text is null or d.source_id = (select f.id from filtered as f))
                        and (:project::text is null or d.project = :project::text)
                        and (:language::text is null or d.language = :language::text)
                        and (:kind::text is null or d.kind = :kind::text)
                )
        else
            exists (
                select
                from public.event_sums as s
                where
                    s.quarter_at >= p.since
                    and s.quarter_at < p.until
                    and s.events > 0
                    and (:source::text is null or s.source_id = (select f.id from filtered as f))
                    and (:project::text is null or s.project = :project::text)
                    and (:language::text is null or s.language = :language::text)
                    and (:kind::text is null or s.kind = :kind::text)
            )
    end
order by p.day;

-- name: focus(first, last)^
-- Of each day's human time, what its longest project took; rides the primary key (owner, day).
with projects as (
    select
        t.day,
        sum(t.seconds) as seconds,
        sum(t.seconds) filter (where t.category in ('research', 'researching')) as research
    from public.time_daily as t
    where t.lane = 'human' and t.day between :first::date and :last::date
    group by t.day, t.project
),

days as (
    select
        max(p.seconds) as longest,
        sum(p.seconds) as seconds,
        sum(p.research) as research
    from projects as p
    group by p.day
)

select
    coalesce(sum(d.longest), 0)::bigint as longest,
    coalesce(sum(d.seconds), 0)::bigint as seconds,
    sum(d.research)::bigint as research
from days as d;

-- name: failures_fixed(since, until)^
-- Of the failures that began in the period, how many are fixed by now; rides (owner, opened_at).
select
    count(*) as introduced,
    count(e.fixed_at) as fixed
from public.error_episodes as e
where e.opened_at >= :since::timestamptz and e.opened_at < :until::timestamptz;
