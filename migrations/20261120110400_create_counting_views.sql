-- What is true at this moment: the roll-ups and the events of batches that no run has counted yet, in
-- one snapshot. Questions read these views and nothing else. `offset 0` is a fence: batch by batch, so
-- that a batch's own range of time prunes partitions also where no statistics have been gathered yet.

create view public.event_counts
with (security_invoker = true) as
select
    h.owner_id,
    h.hour,
    h.quarter,
    h.source_id,
    h.kind,
    h.project,
    h.language,
    h.events,
    h.errors,
    h.tokens_input,
    h.tokens_output,
    h.tokens_cache_read,
    h.tokens_cache_write,
    h.cost_usd
from public.event_hourly as h
union all
select
    e.owner_id,
    date_trunc('hour', e.occurred_at, 'UTC') as hour,
    (extract(minute from e.occurred_at at time zone 'UTC')::integer / 15)::smallint as quarter,
    e.source_id,
    e.kind,
    coalesce(e.project, '') as project,
    coalesce(e.language, '') as language,
    1::bigint as events,
    e.is_error::integer::bigint as errors,
    coalesce(e.tokens_input, 0) as tokens_input,
    coalesce(e.tokens_output, 0) as tokens_output,
    coalesce(e.tokens_cache_read, 0) as tokens_cache_read,
    coalesce(e.tokens_cache_write, 0) as tokens_cache_write,
    coalesce(e.cost_usd, 0) as cost_usd
from public.batches as b
cross join
    lateral (
        select t.*
        from public.events as t
        where
            t.batch_id = b.id
            and t.occurred_at between b.first_occurred_at and b.last_occurred_at
        offset 0 -- noqa: AM09
    ) as e
where b.counted_at is null;

create view public.token_counts
with (security_invoker = true) as
select
    h.owner_id,
    h.hour,
    h.quarter,
    h.source_id,
    h.provider,
    h.model,
    h.project,
    h.calls,
    h.tokens_input,
    h.tokens_output,
    h.tokens_cache_read,
    h.tokens_cache_write,
    h.cost_usd,
    h.unpriced
from public.token_hourly as h
union all
select
    e.owner_id,
    date_trunc('hour', e.occurred_at, 'UTC') as hour,
    (extract(minute from e.occurred_at at time zone 'UTC')::integer / 15)::smallint as quarter,
    e.source_id,
    coalesce(e.provider, '') as provider,
    coalesce(e.model, '') as model,
    coalesce(e.project, '') as project,
    1::bigint as calls,
    e.tokens_input,
    e.tokens_output,
    e.tokens_cache_read,
    e.tokens_cache_write,
    coalesce(e.cost_usd, 0) as cost_usd,
    (e.cost_usd is null)::integer::bigint as unpriced
from public.batches as b
cross join
    lateral (
        select t.*
        from public.events as t
        where
            t.batch_id = b.id
            and t.occurred_at between b.first_occurred_at and b.last_occurred_at
            and t.tokens_input is not null
        offset 0 -- noqa: AM09
    ) as e
where b.counted_at is null;

revoke all on public.event_counts, public.token_counts from anon, authenticated;
grant select on public.event_counts, public.token_counts to authenticated, service_role;

comment on view public.event_counts is
'Events by quarter of an hour, exact to the last committed event: roll-up and uncounted tail.';
comment on view public.token_counts is 'Tokens and cost likewise, by provider, model and project.';
