-- Names that dashboards query. Views, not materialised ones: what they read is exact and small, and
-- row-level security is the caller's.

create view public.mv_time_by_language
with (security_invoker = true) as
select
    t.owner_id,
    t.day,
    t.language,
    coalesce(sum(t.seconds) filter (where t.lane = 'human'), 0) as human_seconds,
    coalesce(sum(t.seconds) filter (where t.lane = 'agent'), 0) as agent_seconds,
    coalesce(sum(t.seconds) filter (where t.lane = 'both'), 0) as both_seconds
from public.time_daily as t
where t.lane <> 'waiting'
group by t.owner_id, t.day, t.language;

create view public.token_daily
with (security_invoker = true) as
select
    c.owner_id,
    c.day,
    c.provider,
    c.model,
    c.project,
    sum(c.calls) as calls,
    sum(c.tokens_input) as tokens_input,
    sum(c.tokens_output) as tokens_output,
    sum(c.tokens_cache_read) as tokens_cache_read,
    sum(c.tokens_cache_write) as tokens_cache_write,
    case when sum(c.unpriced) < sum(c.calls) then sum(c.cost_usd) end as cost_usd,
    sum(c.unpriced) as unpriced
from (
    select
        n.*,
        ((n.hour + n.quarter * interval '15 minutes') at time zone p.timezone)::date as day
    from public.token_counts as n
    inner join public.profiles as p on n.owner_id = p.id
) as c
group by c.owner_id, c.day, c.provider, c.model, c.project;

create view public.mv_token_usage
with (security_invoker = true) as
select
    d.owner_id,
    d.day,
    d.provider,
    d.model,
    sum(d.calls) as calls,
    sum(d.tokens_input) as tokens_input,
    sum(d.tokens_output) as tokens_output,
    sum(d.tokens_cache_read) as tokens_cache_read,
    sum(d.tokens_cache_write) as tokens_cache_write,
    sum(d.cost_usd) as cost_usd,
    sum(d.unpriced) as unpriced
from public.token_daily as d
group by d.owner_id, d.day, d.provider, d.model;

revoke all on public.mv_time_by_language, public.token_daily, public.mv_token_usage
from anon, authenticated;
grant select on public.mv_time_by_language, public.token_daily, public.mv_token_usage
to authenticated, service_role;

comment on view public.mv_time_by_language is
'Seconds by day of the owner''s zone and language, as they were when the day was last computed.';
comment on view public.token_daily is
'Tokens and cost by day of the owner''s zone, provider, model and project, exact at every moment.';
comment on column public.token_daily.cost_usd is
'Of the priced calls; null where no call of the row has a price.';
comment on view public.mv_token_usage is 'Tokens and cost likewise, by provider and model.';
