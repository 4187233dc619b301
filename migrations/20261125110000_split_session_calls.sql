-- What a session was on one day, so that its days can be added up. A tool call may begin before
-- midnight and end after it: a day has its starts and its ends, and the larger of the two sums is the
-- number of calls. The project of a person's session is the one with the largest sum. A session also
-- names its models, and says how many of its calls have no price.

alter table public.session_daily
add column project_seconds jsonb not null default '{}',
add column models text [] not null default '{}',
add column calls bigint not null default 0,
add column unpriced bigint not null default 0;

-- Days that are computed anew get exact figures. These are for days whose events a purge has taken: what
-- is known of a call is its day, and tokens that cost nothing had no price.
update public.session_daily as n
set
    tools = coalesce((
        select jsonb_object_agg(t.key, jsonb_build_array(t.value, t.value))
        from jsonb_each(n.tools) as t
    ), '{}'::jsonb),
    project_seconds = case
        when n.lane = 'human' and n.project <> ''
            then jsonb_build_object(n.project, extract(epoch from n.ended_at - n.started_at)::bigint)
        else '{}'::jsonb
    end,
    calls = (n.tokens_input + n.tokens_output + n.tokens_cache_read + n.tokens_cache_write > 0)::integer,
    unpriced = (
        n.cost_usd = 0
        and n.tokens_input + n.tokens_output + n.tokens_cache_read + n.tokens_cache_write > 0
    )::integer;

comment on column public.session_daily.project is
'Of an agent''s session, the last one named that day; of a person''s, the one with most of the time that
day; empty: none was named.';
comment on column public.session_daily.project_seconds is
'Of a person''s session: seconds by project. Which one most of a session went into, its days'' sums say.';
comment on column public.session_daily.tools is
'By tool, the number of reports that a call began and the number of all others: [starts, ends]. A session
has as many calls as the larger sum over its days.';
comment on column public.session_daily.models is 'Models that were called that day, by name.';
comment on column public.session_daily.calls is 'Calls of models.';
comment on column public.session_daily.unpriced is 'Calls of models that have no price.';
