-- name: failures(zone, since, until, source, project)
-- All groupings of one snapshot; rides on the two indexes of error_episodes, on (owner, hour) and on
-- (owner, quarter).
with wanted as (
    select f.id from public.sources as f where f.name = :source::text
),

facts as (
    select
        (e.opened_at at time zone :zone::text)::date as day,
        e.project,
        e.class,
        e.program,
        e.lane,
        1::bigint as introduced,
        0::bigint as fixed,
        (e.fixed_at is null)::integer::bigint as unresolved,
        null::numeric as fix_seconds,
        0::bigint as runs,
        0::bigint as failed_runs
    from public.error_episodes as e
    where
        e.opened_at >= :since::timestamptz
        and e.opened_at < :until::timestamptz
        and (:source::text is null or e.source_id = (select w.id from wanted as w))
        and (:project::text is null or e.project = :project::text)
    union all
    select
        (e.fixed_at at time zone :zone::text)::date as day,
        e.project,
        e.class,
        e.program,
        e.lane,
        0 as introduced,
        1 as fixed,
        0 as unresolved,
        extract(epoch from e.fixed_at - e.opened_at) as fix_seconds,
        0 as runs,
        0 as failed_runs
    from public.error_episodes as e
    where
        e.fixed_at >= :since::timestamptz
        and e.fixed_at < :until::timestamptz
        and (:source::text is null or e.source_id = (select w.id from wanted as w))
        and (:project::text is null or e.project = :project::text)
    union all
    select
        (c.quarter_at at time zone :zone::text)::date as day,
        c.project,
        null as class,
        '' as program,
        'human' as lane,
        0 as introduced,
        0 as fixed,
        0 as unresolved,
        null as fix_seconds,
        sum(c.events)::bigint as runs,
        sum(c.errors)::bigint as failed_runs
    from public.event_sums as c
    where
        c.kind = 'terminal'
        and c.quarter_at >= :since::timestamptz
        and c.quarter_at < :until::timestamptz
        and (:source::text is null or c.source_id = (select w.id from wanted as w))
        and (:project::text is null or c.project = :project::text)
    group by day, c.project
    union all
    select
        (r.quarter at time zone :zone::text)::date as day,
        r.project,
        null as class,
        r.program,
        'agent' as lane,
        0 as introduced,
        0 as fixed,
        0 as unresolved,
        null as fix_seconds,
        r.runs,
        r.failed_runs
    from public.agent_runs as r
    where
        r.quarter >= :since::timestamptz
        and r.quarter < :until::timestamptz
        and (:source::text is null or r.source_id = (select w.id from wanted as w))
        and (:project::text is null or r.project = :project::text)
),

grouped as (
    select
        case grouping(f.class, f.project, f.day, f.program, f.lane)
            when 31 then 'total'
            when 15 then 'class'
            when 23 then 'project'
            when 27 then 'day'
            when 29 then 'program'
            when 30 then 'lane'
        end as part,
        f.day,
        coalesce(f.class, f.project, f.day::text, f.program, f.lane, '') as name,
        coalesce(sum(f.introduced), 0)::bigint as introduced,
        coalesce(sum(f.fixed), 0)::bigint as fixed,
        coalesce(sum(f.unresolved), 0)::bigint as unresolved,
        coalesce(sum(f.runs), 0)::bigint as runs,
        coalesce(sum(f.failed_runs), 0)::bigint as failed_runs,
        percentile_cont(0.5) within group (order by f.fix_seconds) as median_fix_seconds,
        avg(f.fix_seconds)::float as mean_fix_seconds
    from facts as f
    group by grouping sets ((), (f.class), (f.project), (f.day), (f.program), (f.lane))
    having grouping(f.class, f.project, f.day, f.program, f.lane) <> 15 or f.class is not null
)

select
    g.part,
    g.name,
    g.introduced,
    g.fixed,
    g.unresolved,
    g.runs,
    g.failed_runs,
    g.median_fix_seconds,
    g.mean_fix_seconds
from grouped as g
order by g.part asc, g.day asc, g.introduced desc, g.runs desc, g.name asc;
