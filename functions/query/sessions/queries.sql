-- name: sessions(first, last, since, until, lane, project, at, position, limit)
-- Whole sessions that touch the period: an agent's over all its days, a person's across midnights. With
-- each come the days that are known to hold a part of it and are still to be computed.
with recursive own as (
    select p.timezone as zone
    from public.profiles as p
),

agents as (
    select
        'agent' as lane,
        n.session as id,
        (array_remove(array_agg(n.project order by n.day desc), ''))[1] as project,
        min(n.started_at) as started_at,
        max(n.ended_at) as ended_at,
        min(n.day) as first_day,
        max(n.day) as last_day,
        sum(n.events) as events,
        sum(n.calls) as calls,
        sum(n.unpriced) as unpriced,
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

-- The parts of people's sessions in the period, and, midnight by midnight, those that they go on with.
parts as (
    select
        n.day,
        n.session,
        n.started_at,
        n.ended_at
    from public.session_daily as n
    where
        n.lane = 'human'
        and n.day between :first::date - 1 and :last::date + 1
        and n.started_at < :until::timestamptz
        and n.ended_at >= :since::timestamptz
    union
    select
        n.day,
        n.session,
        n.started_at,
        n.ended_at
    from parts as p
    cross join public.session_daily as n
    where
        n.lane = 'human'
        and n.day in (p.day - 1, p.day + 1)
        and (
            (n.day < p.day and n.ended_at = p.started_at)
            or (n.day > p.day and n.started_at = p.ended_at)
        )
),

pieces as (
    select
        p.*,
        coalesce(
            p.started_at <> lag(p.ended_at) over (order by p.started_at, p.ended_at), true
        ) as begins
    from parts as p
),

numbered as (
    select
        p.*,
        count(*) filter (where p.begins) over (order by p.started_at, p.ended_at) as number
    from pieces as p
),

projects as (
    select
        s.number,
        (array_agg(s.project order by s.seconds desc, s.project desc))[1] as project
    from (
        select
            p.number,
            k.key as project,
            sum(k.value::bigint) as seconds
        from numbered as p
        inner join public.session_daily as n
            on n.lane = 'human' and p.day = n.day and p.session = n.session
        cross join jsonb_each_text(n.project_seconds) as k
        group by p.number, k.key
    ) as s
    group by s.number
),

people as (
    select
        'human' as lane,
        extract(epoch from min(p.started_at))::bigint::text as id,
        (select j.project from projects as j where j.number = p.number) as project,
        min(p.started_at) as started_at,
        max(p.ended_at) as ended_at,
        min(p.day) as first_day,
        max(p.day) as last_day,
        sum(n.events) as events,
        0 as calls,
        0 as unpriced,
        0 as tokens_input,
        0 as tokens_output,
        0 as tokens_cache_read,
        0 as tokens_cache_write,
        0 as cost_usd
    from numbered as p
    inner join public.session_daily as n
        on n.lane = 'human' and p.day = n.day and p.session = n.session
    group by p.number
),

found as (
    select * from agents
    union all
    select * from people
),

page as (
    select f.*
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
    limit :limit::integer
)

select
    f.id,
    f.lane,
    f.project,
    f.started_at,
    f.ended_at,
    f.events,
    -- A call reports its start, its end, or both, on whatever day: the larger sum is their number.
    coalesce((
        select jsonb_object_agg(t.tool, t.calls)
        from (
            select
                k.key as tool,
                greatest(sum((k.value ->> 0)::bigint), sum((k.value ->> 1)::bigint)) as calls
            from public.session_daily as n
            cross join jsonb_each(n.tools) as k
            where f.lane = 'agent' and n.lane = 'agent' and n.session = f.id
            group by k.key
        ) as t
    ), '{}'::jsonb) as tools,
    array(
        select distinct m.name
        from public.session_daily as n
        cross join unnest(n.models) as m (name)
        where f.lane = 'agent' and n.lane = 'agent' and n.session = f.id
        order by m.name
    ) as models,
    f.calls,
    f.unpriced,
    f.tokens_input,
    f.tokens_output,
    f.tokens_cache_read,
    f.tokens_cache_write,
    f.cost_usd,
    -- Of a person's session, also the days that it may go on into: it reaches midnight there.
    array(
        select d.day
        from public.dirty_days as d
        cross join own as o
        where
            case f.lane
                when 'agent'
                    then d.day in (
                        select n.day
                        from public.session_daily as n
                        where n.lane = 'agent' and n.session = f.id
                    )
                else
                    d.day between
                    f.first_day - (f.started_at = public.day_start(f.first_day, o.zone))::integer
                    and f.last_day + (f.ended_at = public.day_start(f.last_day + 1, o.zone))::integer
            end
        order by d.day
    ) as missing
from page as f
order by f.started_at desc, f.lane || ' ' || f.id desc;

-- name: waiting_days()
-- All days of the asker that are still to be computed; most often none.
select d.day
from public.dirty_days as d
order by d.day;

-- name: agent_parts(days, names)
-- On which of those days agents' sessions have events; reads the days' events, by (owner, time).
with own as (
    select p.timezone as zone
    from public.profiles as p
),

days as materialized (
    select
        k.day,
        public.day_start(k.day, o.zone) as starts,
        public.day_start(k.day + 1, o.zone) as ends
    from unnest(:days::date []) as k (day)
    cross join own as o
)

select distinct
    d.day,
    left(e.payload ->> 'sessionId', 128) as session
from days as d
inner join public.events as e on d.starts <= e.occurred_at and d.ends > e.occurred_at
where left(e.payload ->> 'sessionId', 128) = any(:names::text []);
