-- name: sessions(first, last, since, until, lane, project, at, position, limit)
-- Whole sessions that touch the period: an agent's over all its days, a person's across midnights.
with agents as (
    select
        'agent' as lane,
        n.session as id,
        (array_remove(array_agg(n.project order by n.day desc), ''))[1] as project,
        min(n.started_at) as started_at,
        max(n.ended_at) as ended_at,
        sum(n.events) as events,
        sum(n.tokens_input) as tokens_input,
        sum(n.tokens_output) as tokens_output,
        sum(n.tokens_cache_read) as tokens_cache_read,
        sum(n.tokens_cache_write) as tokens_cache_write,
        sum(n.cost_usd) as cost_usd
    from public.session_daily as n
    where
        n.lane = 'agent'
        and n.session in (
            select w.session
            from public.session_daily as w
            where
                w.lane = 'agent'
                and w.day between :first::date - 1 and :last::date + 1
                and w.started_at < :until::timestamptz
                and w.ended_at >= :since::timestamptz
        )
    group by n.session
),

pieces as (
    select
        n.*,
        coalesce(
            n.started_at <> lag(n.ended_at) over (order by n.started_at, n.ended_at), true
        ) as begins
    from public.session_daily as n
    where n.lane = 'human' and n.day between :first::date - 8 and :last::date + 8
),

numbered as (
    select
        p.*,
        count(*) filter (where p.begins) over (order by p.started_at, p.ended_at) as number
    from pieces as p
),

people as (
    select
        'human' as lane,
        extract(epoch from min(n.started_at))::bigint::text as id,
        (array_remove(
            array_agg(n.project order by n.ended_at - n.started_at desc, n.project desc), ''
        ))[1] as project,
        min(n.started_at) as started_at,
        max(n.ended_at) as ended_at,
        sum(n.events) as events,
        0 as tokens_input,
        0 as tokens_output,
        0 as tokens_cache_read,
        0 as tokens_cache_write,
        0 as cost_usd
    from numbered as n
    group by n.number
),

found as (
    select * from agents
    union all
    select * from people
)

select
    f.id,
    f.lane,
    f.project,
    f.started_at,
    f.ended_at,
    f.events,
    coalesce((
        select jsonb_object_agg(t.tool, t.calls)
        from (
            select
                k.key as tool,
                sum(k.value::bigint) as calls
            from public.session_daily as n
            cross join jsonb_each_text(n.tools) as k
            where n.lane = f.lane and n.session = f.id
            group by k.key
        ) as t
    ), '{}'::jsonb) as tools,
    f.tokens_input,
    f.tokens_output,
    f.tokens_cache_read,
    f.tokens_cache_write,
    f.cost_usd
from found as f
where
    f.started_at < :until::timestamptz
    and f.ended_at >= :since::timestamptz
    and (:lane::text is null or f.lane = :lane::text)
    and (:project::text is null or f.project = :project::text)
    and (
        :at::timestamptz is null
        or (f.started_at, f.lane || ' ' || f.id) < (:at::timestamptz, :position::text)
    )
order by f.started_at desc, f.lane || ' ' || f.id desc
limit :limit::integer;
