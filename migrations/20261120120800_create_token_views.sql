-- Names that dashboards query. The reader's row-level security decides whose rows they have.

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
        (n.quarter_at at time zone p.timezone)::date as day
    from public.token_sums as n
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

revoke all on public.token_daily, public.mv_token_usage from anon, authenticated;
grant select on public.token_daily, public.mv_token_usage to authenticated, service_role;

comment on view public.token_daily is
'Tokens and cost by day of the owner''s zone, provider, model and project.';
comment on column public.token_daily.cost_usd is
'Of the priced calls; null where no call of the row has a price.';
comment on view public.mv_token_usage is 'Tokens and cost by day of the owner''s zone, provider and model.';
