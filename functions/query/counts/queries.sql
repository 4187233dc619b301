-- name: timeline(zone, by, grouping, since, until, source, project, language, kind, at, label, limit)
-- One row of totals (part 0) and a page of rows (part 1); rides (owner, day) or (owner, quarter_at).
with cells as (
    select
        c.quarter_at,
        c.day,
        case :grouping::text
            when 'kind' then c.kind
            when 'project' then c.project
            when 'language' then c.language
            when 'source' then c.source_id::text
            else ''
        end as label,
        sum(c.events) as events,
        sum(c.errors) as errors,
        sum(c.tokens_input) as tokens_input,
        sum(c.tokens_output) as tokens_output,
        sum(c.tokens_cache_read) as tokens_cache_read,
        sum(c.tokens_cache_write) as tokens_cache_write,
        sum(c.cost_usd) as cost_usd
    from
        public.event_cells(
            :since::timestamptz, :until::timestamptz, :zone::text, :by::text <> 'hour'
        ) as c
    where
        (
            :source::text is null
            or c.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
        and (:project::text is null or c.project = :project::text)
        and (:language::text is null or c.language = :language::text)
        and (:kind::text is null or c.kind = :kind::text)
    group by c.quarter_at, c.day, label
),

grouped as (
    select
        -- Days and weeks by their local date, as if of UTC; hours by their instant: a repeated one is two.
        case :by::text
            when 'hour' then date_trunc('hour', m.quarter_at, :zone::text)
            else date_trunc(
                :by::text, coalesce(m.day::timestamp, m.quarter_at at time zone :zone::text)
            ) at time zone 'UTC'
        end as start,
        coalesce(s.name, m.label) as named,
        sum(m.events)::bigint as events,
        sum(m.errors)::bigint as errors,
        sum(m.tokens_input)::bigint as tokens_input,
        sum(m.tokens_output)::bigint as tokens_output,
        sum(m.tokens_cache_read)::bigint as tokens_cache_read,
        sum(m.tokens_cache_write)::bigint as tokens_cache_write,
        sum(m.cost_usd)::double precision as cost_usd
    from cells as m
    left join public.sources as s on :grouping::text = 'source' and m.label = s.id::text
    group by start, named
    having sum(m.events) > 0
),

page as (
    select g.*
    from grouped as g
    where
        :at::timestamptz is null
        or (g.start, g.named) > (:at::timestamptz, :label::text)
    order by g.start, g.named
    limit :limit::integer
)

select
    0 as part,
    null as start,
    '' as label,
    null as clock,
    coalesce(sum(c.events), 0)::bigint as events,
    coalesce(sum(c.errors), 0)::bigint as errors,
    coalesce(sum(c.tokens_input), 0)::bigint as tokens_input,
    coalesce(sum(c.tokens_output), 0)::bigint as tokens_output,
    coalesce(sum(c.tokens_cache_read), 0)::bigint as tokens_cache_read,
    coalesce(sum(c.tokens_cache_write), 0)::bigint as tokens_cache_write,
    coalesce(sum(c.cost_usd), 0)::double precision as cost_usd
from cells as c
union all
select
    1 as part,
    p.start,
    p.named,
    -- The local time of the zone; a day is a date of UTC already.
    p.start at time zone case :by::text when 'hour' then :zone::text else 'UTC' end as clock,
    p.events,
    p.errors,
    p.tokens_input,
    p.tokens_output,
    p.tokens_cache_read,
    p.tokens_cache_write,
    p.cost_usd
from page as p
order by part, start, label;

-- name: breakdown(zone, grouping, since, until, source, project, language, kind, events, label, limit)
-- Totals (part 0) and a page (part 1) of projects or languages, most events first; rides (owner, day).
with cells as (
    select
        case :grouping::text when 'project' then c.project else c.language end as label,
        sum(c.events)::bigint as events,
        sum(c.errors)::bigint as errors,
        sum(c.tokens_input)::bigint as tokens_input,
        sum(c.tokens_output)::bigint as tokens_output,
        sum(c.tokens_cache_read)::bigint as tokens_cache_read,
        sum(c.tokens_cache_write)::bigint as tokens_cache_write,
        sum(c.cost_usd) as cost_usd,
        min(c.day) as first_day,
        max(c.day) as last_day,
        min(c.quarter_at) as first_at,
        max(c.quarter_at) as last_at
    from public.event_cells(:since::timestamptz, :until::timestamptz, :zone::text, true) as c
    where
        (
            :source::text is null
            or c.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
        and (:project::text is null or c.project = :project::text)
        and (:language::text is null or c.language = :language::text)
        and (:kind::text is null or c.kind = :kind::text)
    group by label
    having sum(c.events) > 0
),

page as (
    select c.*
    from cells as c
    where
        :events::bigint is null
        or c.events < :events::bigint
        or (c.events = :events::bigint and c.label > :label::text)
    order by c.events desc, c.label asc
    limit :limit::integer
)

select
    0 as part,
    '' as label,
    coalesce(sum(c.events), 0)::bigint as events,
    coalesce(sum(c.errors), 0)::bigint as errors,
    coalesce(sum(c.tokens_input), 0)::bigint as tokens_input,
    coalesce(sum(c.tokens_output), 0)::bigint as tokens_output,
    coalesce(sum(c.tokens_cache_read), 0)::bigint as tokens_cache_read,
    coalesce(sum(c.tokens_cache_write), 0)::bigint as tokens_cache_write,
    coalesce(sum(c.cost_usd), 0)::double precision as cost_usd,
    null as first_day,
    null as last_day
from cells as c
union all
select
    1 as part,
    p.label,
    p.events,
    p.errors,
    p.tokens_input,
    p.tokens_output,
    p.tokens_cache_read,
    p.tokens_cache_write,
    p.cost_usd::double precision,
    coalesce(p.first_day, (p.first_at at time zone :zone::text)::date) as first_day,
    coalesce(p.last_day, (p.last_at at time zone :zone::text)::date) as last_day
from page as p
order by part asc, events desc, label asc;
