-- name: tokens(zone, by, grouping, since, until, today, source, project, provider, model, after, limit, top)
-- Totals (part 0), a page of rows (1), costs of recent days (2), unpriced models (3); rides (owner, day).
with cells as (
    select
        date_trunc(
            :by::text, coalesce(c.day::timestamp, c.quarter_at at time zone :zone::text)
        )::date as starts_on,
        c.provider,
        c.model,
        c.project,
        sum(c.calls)::bigint as calls,
        sum(c.tokens_input)::bigint as tokens_input,
        sum(c.tokens_output)::bigint as tokens_output,
        sum(c.tokens_cache_read)::bigint as tokens_cache_read,
        sum(c.tokens_cache_write)::bigint as tokens_cache_write,
        sum(c.cost_usd) as cost_usd,
        sum(c.unpriced)::bigint as unpriced
    from public.token_cells(:since::timestamptz, :until::timestamptz, :zone::text) as c
    where
        (
            :source::text is null
            or c.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
        and (:project::text is null or c.project = :project::text)
        and (:provider::text is null or c.provider = :provider::text)
        and (:model::text is null or c.model = :model::text)
    group by starts_on, c.provider, c.model, c.project
    having sum(c.calls) > 0
),

grouped as (
    select
        c.starts_on as day,
        case when :grouping::text in ('detail', 'model') then c.provider else '' end as provider_name,
        case when :grouping::text in ('detail', 'model') then c.model else '' end as model_name,
        case when :grouping::text in ('detail', 'project') then c.project else '' end as project_name,
        sum(c.calls)::bigint as calls,
        sum(c.tokens_input)::bigint as tokens_input,
        sum(c.tokens_output)::bigint as tokens_output,
        sum(c.tokens_cache_read)::bigint as tokens_cache_read,
        sum(c.tokens_cache_write)::bigint as tokens_cache_write,
        sum(c.cost_usd) as cost_usd,
        sum(c.unpriced)::bigint as unpriced
    from cells as c
    group by c.starts_on, provider_name, model_name, project_name
),

page as (
    select g.*
    from grouped as g
    where
        :after::text [] is null
        or (g.day::text, g.provider_name, g.model_name, g.project_name) > (
            (:after::text [])[1], (:after::text [])[2], (:after::text [])[3], (:after::text [])[4]
        )
    order by g.day, g.provider_name, g.model_name, g.project_name
    limit :limit::integer
),

spent as (
    select
        coalesce(c.day, (c.quarter_at at time zone :zone::text)::date) as spent_on,
        sum(c.calls)::bigint as calls,
        sum(c.cost_usd) as cost_usd,
        sum(c.unpriced)::bigint as unpriced
    from
        public.token_cells(
            -- The longest month, and enough days before it to see whether somebody is new.
            public.day_start(:today::date - 35, :zone::text),
            public.day_start(:today::date + 1, :zone::text),
            :zone::text
        ) as c
    where
        (
            :source::text is null
            or c.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
        and (:project::text is null or c.project = :project::text)
        and (:provider::text is null or c.provider = :provider::text)
        and (:model::text is null or c.model = :model::text)
    group by spent_on
),

unlisted as (
    select
        c.provider,
        c.model,
        sum(c.unpriced)::bigint as unpriced
    from cells as c
    group by c.provider, c.model
    having sum(c.unpriced) > 0
    order by unpriced desc, c.model asc, c.provider asc
    limit :top::integer
)

select
    0 as part,
    null as day,
    '' as provider,
    '' as model,
    '' as project,
    coalesce(sum(c.calls), 0)::bigint as calls,
    coalesce(sum(c.tokens_input), 0)::bigint as tokens_input,
    coalesce(sum(c.tokens_output), 0)::bigint as tokens_output,
    coalesce(sum(c.tokens_cache_read), 0)::bigint as tokens_cache_read,
    coalesce(sum(c.tokens_cache_write), 0)::bigint as tokens_cache_write,
    coalesce(sum(c.cost_usd), 0)::double precision as cost_usd,
    coalesce(sum(c.unpriced), 0)::bigint as unpriced
from cells as c
union all
select
    1 as part,
    p.day,
    p.provider_name,
    p.model_name,
    p.project_name,
    p.calls,
    p.tokens_input,
    p.tokens_output,
    p.tokens_cache_read,
    p.tokens_cache_write,
    p.cost_usd::double precision,
    p.unpriced
from page as p
union all
select
    2 as part,
    s.spent_on,
    '' as provider,
    '' as model,
    '' as project,
    s.calls,
    0 as tokens_input,
    0 as tokens_output,
    0 as tokens_cache_read,
    0 as tokens_cache_write,
    s.cost_usd::double precision,
    s.unpriced
from spent as s
union all
select
    3 as part,
    null as day,
    n.provider,
    n.model,
    '' as project,
    n.unpriced as calls,
    0 as tokens_input,
    0 as tokens_output,
    0 as tokens_cache_read,
    0 as tokens_cache_write,
    0 as cost_usd,
    n.unpriced
from unlisted as n
order by part, day, provider, model, project;
