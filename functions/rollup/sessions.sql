-- name: delete_sessions(owner, days)!
-- Removes the sessions of the days.
delete from public.session_daily as n
where n.owner_id = :owner::uuid and n.day = any(:days::date []);

-- name: insert_human_sessions(owner, days, starts, ends, projects, seconds, events)!
-- Stretches of the human lane, cut at midnight, named by when they begin.
insert into public.session_daily (
    owner_id, day, lane, session, project, project_seconds, started_at, ended_at, events, tools,
    models, calls, unpriced, tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost_usd
)
select
    :owner::uuid as owner_id,
    k.day,
    'human' as lane,
    k.starts::text as session,
    k.project,
    k.seconds as project_seconds,
    to_timestamp(k.starts) as started_at,
    to_timestamp(k.ends) as ended_at,
    k.events,
    '{}'::jsonb as tools,
    '{}'::text [] as models,
    0 as calls,
    0 as unpriced,
    0 as tokens_input,
    0 as tokens_output,
    0 as tokens_cache_read,
    0 as tokens_cache_write,
    0 as cost_usd
from unnest(
    :days::date [],
    :starts::bigint [],
    :ends::bigint [],
    :projects::text [],
    :seconds::jsonb [],
    :events::bigint []
) as k (day, starts, ends, project, seconds, events);

-- name: insert_agent_sessions(owner, days, starts, ends, since, until)!
-- A call of a tool reports its start and its end, or one of them. Both are counted, and apart: they may
-- lie on two days, so only a session's sums say how many calls there were.
with seen as materialized (
    select
        k.day,
        left(e.payload ->> 'sessionId', 128) as session,
        e.kind,
        e.occurred_at,
        left(e.project, 256) as project,
        row_number() over (
            partition by k.day, left(e.payload ->> 'sessionId', 128)
            order by (e.project <> '') is true desc, e.occurred_at desc, e.project desc, e.id desc
        ) as place,
        case when e.kind = 'tool' then left(e.payload ->> 'tool', 64) end as tool,
        coalesce(e.payload ->> 'status' = 'started', false) as is_start,
        e.tokens_input is not null as is_call,
        e.model,
        e.tokens_input,
        e.tokens_output,
        e.tokens_cache_read,
        e.tokens_cache_write,
        e.cost_usd
    from public.events as e
    inner join unnest(:days::date [], :starts::bigint [], :ends::bigint []) as k (day, starts, ends)
        on e.occurred_at >= to_timestamp(k.starts) and e.occurred_at < to_timestamp(k.ends)
    where
        e.owner_id = :owner::uuid
        and e.occurred_at >= to_timestamp(:since::bigint)
        and e.occurred_at < to_timestamp(:until::bigint)
        and e.payload ->> 'sessionId' <> ''
),

calls as (
    select
        s.day,
        s.session,
        s.tool,
        count(*) filter (where s.is_start) as starts,
        count(*) filter (where not s.is_start) as ends
    from seen as s
    where s.tool is not null
    group by s.day, s.session, s.tool
),

tools as (
    select
        c.day,
        c.session,
        jsonb_object_agg(c.tool, jsonb_build_array(c.starts, c.ends)) as tools
    from calls as c
    group by c.day, c.session
)

insert into public.session_daily (
    owner_id, day, lane, session, project, started_at, ended_at, events, tools,
    models, calls, unpriced, tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost_usd
)
select
    :owner::uuid as owner_id,
    s.day,
    'agent' as lane,
    s.session,
    coalesce(
        max(s.project) filter (where s.place = 1 and s.project is not null), ''
    ) as project,
    min(s.occurred_at) as started_at,
    max(s.occurred_at) as ended_at,
    count(*) as events,
    coalesce((
        select t.tools from tools as t
        where t.day = s.day and t.session = s.session
    ), '{}'::jsonb) as tools,
    coalesce(
        array_agg(distinct s.model) filter (where s.is_call and s.model <> ''), '{}'
    ) as models,
    count(*) filter (where s.is_call) as calls,
    count(*) filter (where s.is_call and s.cost_usd is null) as unpriced,
    coalesce(sum(s.tokens_input), 0) as tokens_input,
    coalesce(sum(s.tokens_output), 0) as tokens_output,
    coalesce(sum(s.tokens_cache_read), 0) as tokens_cache_read,
    coalesce(sum(s.tokens_cache_write), 0) as tokens_cache_write,
    coalesce(sum(s.cost_usd), 0) as cost_usd
from seen as s
group by s.day, s.session;
