-- name: summary(zone, before, since, until, source, project, language, kind)
-- Both periods' totals, hours of the day and days, in one pass over (owner, hour): 2,880 rows a month.
with quarters as (
    select
        c.hour + c.quarter * interval '15 minutes' as moment,
        sum(c.events) as events,
        sum(c.errors) as errors,
        sum(c.tokens_input) as tokens_input,
        sum(c.tokens_output) as tokens_output,
        sum(c.tokens_cache_read) as tokens_cache_read,
        sum(c.tokens_cache_write) as tokens_cache_write,
        sum(c.cost_usd) as cost_usd
    from public.event_counts as c
    where
        c.hour >= date_trunc('hour', :before::timestamptz, 'UTC')
        and (
            c.hour >= :before::timestamptz
            or c.quarter >= extract(minute from :before::timestamptz at time zone 'UTC')::integer / 15
        )
        and c.hour < :until::timestamptz
        and (
            c.hour < date_trunc('hour', :until::timestamptz, 'UTC')
            or c.quarter < extract(minute from :until::timestamptz at time zone 'UTC')::integer / 15
        )
        and (
            :source::text is null
            or c.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
        and (:project::text is null or c.project = :project::text)
        and (:language::text is null or c.language = :language::text)
        and (:kind::text is null or c.kind = :kind::text)
    group by c.hour, c.quarter
),

-- Calls are not kept by language and kind: with one of these filters nothing is known here.
tokens as (
    select
        c.hour + c.quarter * interval '15 minutes' >= :since::timestamptz as is_current,
        sum(c.calls) as calls,
        sum(c.unpriced) as unpriced
    from public.token_counts as c
    where
        :language::text is null
        and :kind::text is null
        and c.hour >= date_trunc('hour', :before::timestamptz, 'UTC')
        and (
            c.hour >= :before::timestamptz
            or c.quarter >= extract(minute from :before::timestamptz at time zone 'UTC')::integer / 15
        )
        and c.hour < :until::timestamptz
        and (
            c.hour < date_trunc('hour', :until::timestamptz, 'UTC')
            or c.quarter < extract(minute from :until::timestamptz at time zone 'UTC')::integer / 15
        )
        and (
            :source::text is null
            or c.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
        and (:project::text is null or c.project = :project::text)
    group by is_current
),

placed as (
    select
        q.*,
        q.moment >= :since::timestamptz as is_current,
        (q.moment at time zone :zone::text)::date as day,
        extract(hour from q.moment at time zone :zone::text)::integer as hour_of_day
    from quarters as q
    where q.events > 0
),

summed as (
    select
        p.is_current,
        p.day,
        p.hour_of_day,
        sum(p.events)::bigint as events,
        sum(p.errors)::bigint as errors,
        sum(p.tokens_input)::bigint as tokens_input,
        sum(p.tokens_output)::bigint as tokens_output,
        sum(p.tokens_cache_read)::bigint as tokens_cache_read,
        sum(p.tokens_cache_write)::bigint as tokens_cache_write,
        sum(p.cost_usd)::double precision as cost_usd
    from placed as p
    group by grouping sets ((p.is_current), (p.is_current, p.day), (p.is_current, p.hour_of_day))
)

select
    s.is_current,
    s.day,
    s.hour_of_day,
    s.events,
    s.errors,
    s.tokens_input,
    s.tokens_output,
    s.tokens_cache_read,
    s.tokens_cache_write,
    s.cost_usd,
    coalesce(t.calls, 0)::bigint as calls,
    coalesce(t.unpriced, 0)::bigint as unpriced
from summed as s
left join tokens as t on s.is_current = t.is_current and s.day is null and s.hour_of_day is null;

-- name: active_days(zone, first, last, source, project, language, kind)
-- Days with events: for each day since the first one probe of (owner, hour), and the tail; one snapshot.
with oldest as (
    select (min(h.hour) at time zone :zone::text)::date as day
    from public.event_hourly as h
),

days as (
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

-- Computed once a day, so that the index is probed for a range and not for all that is before its end.
probes as materialized (
    select
        d.*,
        date_trunc('hour', d.since, 'UTC') as hour
    from days as d
),

filtered as (
    select f.id
    from public.sources as f
    where f.name = :source::text
),

tail as (
    select distinct (e.occurred_at at time zone :zone::text)::date as day
    from public.batches as b
    cross join
        lateral (
            select t.*
            from public.events as t
            where
                t.batch_id = b.id
                and t.occurred_at between b.first_occurred_at and b.last_occurred_at
            -- A fence: batch by batch, so that only the months of each are opened.
            offset 0 -- noqa: AM09
        ) as e
    where
        b.counted_at is null
        and (:source::text is null or e.source_id = (select f.id from filtered as f))
        and (:project::text is null or coalesce(e.project, '') = :project::text)
        and (:language::text is null or coalesce(e.language, '') = :language::text)
        and (:kind::text is null or e.kind = :kind::text)
)

select p.day
from probes as p
where
    exists (
        select
        from public.event_hourly as h
        where
            h.hour >= p.hour
            and h.hour < p.until
            and h.hour + h.quarter * interval '15 minutes' >= p.since
            and h.hour + h.quarter * interval '15 minutes' < p.until
            and h.events > 0
            and (:source::text is null or h.source_id = (select f.id from filtered as f))
            and (:project::text is null or h.project = :project::text)
            and (:language::text is null or h.language = :language::text)
            and (:kind::text is null or h.kind = :kind::text)
    )
union
select t.day
from tail as t
where t.day between :first::date and :last::date
order by day;

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

-- name: errors_fixed(since, until)^
-- Of the errors that began in the period, how many are fixed by now; rides (owner, opened_at).
select
    count(*) as introduced,
    count(e.fixed_at) as fixed
from public.error_episodes as e
where e.opened_at >= :since::timestamptz and e.opened_at < :until::timestamptz;
