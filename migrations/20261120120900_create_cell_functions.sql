-- What questions read: the sums of a period, folded into days where the period is made of days of the zone
-- that cuts them, and by quarter of an hour otherwise. The bodies are bound when they are made and are
-- planned as a part of the statement that calls them, under the caller's row-level security. A person sees
-- one profile.

-- The linter takes the parameters of such a body for columns.
-- noqa: disable=RF03
create function public.has_folded_days(p_zone text)
returns boolean
language sql
stable
return exists (select from public.profiles as p where p.folded_timezone = p_zone);

create function public.is_of_folded_days(p_since timestamptz, p_until timestamptz, p_zone text)
returns boolean
language sql
stable
return public.has_folded_days(p_zone)
and p_since = public.day_start((p_since at time zone p_zone)::date, p_zone)
and p_until = public.day_start((p_until at time zone p_zone)::date, p_zone);

create function public.event_cells(
    p_since timestamptz, p_until timestamptz, p_zone text, p_by_days boolean
)
returns table (
    quarter_at timestamptz,
    day date,
    source_id uuid,
    kind text,
    project text,
    language text,
    events bigint,
    errors bigint,
    calls bigint,
    unpriced bigint,
    tokens_input bigint,
    tokens_output bigint,
    tokens_cache_read bigint,
    tokens_cache_write bigint,
    cost_usd numeric
)
language sql
stable
begin atomic
    select
        null::timestamptz as quarter_at,
        d.day,
        d.source_id,
        d.kind,
        d.project,
        d.language,
        d.events,
        d.errors,
        d.calls,
        d.unpriced,
        d.tokens_input,
        d.tokens_output,
        d.tokens_cache_read,
        d.tokens_cache_write,
        d.cost_usd
    from public.event_days as d
    where
        (select p_by_days and public.is_of_folded_days(p_since, p_until, p_zone))
        and d.day >= (p_since at time zone p_zone)::date
        and d.day < (p_until at time zone p_zone)::date
    union all
    select
        s.quarter_at,
        null::date as day,
        s.source_id,
        s.kind,
        s.project,
        s.language,
        s.events,
        s.errors,
        s.calls,
        s.unpriced,
        s.tokens_input,
        s.tokens_output,
        s.tokens_cache_read,
        s.tokens_cache_write,
        s.cost_usd
    from public.event_sums as s
    where
        (select not p_by_days or not public.is_of_folded_days(p_since, p_until, p_zone))
        and s.quarter_at >= p_since
        and s.quarter_at < p_until;
end;

create function public.token_cells(p_since timestamptz, p_until timestamptz, p_zone text)
returns table (
    quarter_at timestamptz,
    day date,
    source_id uuid,
    provider text,
    model text,
    project text,
    calls bigint,
    unpriced bigint,
    tokens_input bigint,
    tokens_output bigint,
    tokens_cache_read bigint,
    tokens_cache_write bigint,
    cost_usd numeric
)
language sql
stable
begin atomic
    select
        null::timestamptz as quarter_at,
        d.day,
        d.source_id,
        d.provider,
        d.model,
        d.project,
        d.calls,
        d.unpriced,
        d.tokens_input,
        d.tokens_output,
        d.tokens_cache_read,
        d.tokens_cache_write,
        d.cost_usd
    from public.token_days as d
    where
        (select public.is_of_folded_days(p_since, p_until, p_zone))
        and d.day >= (p_since at time zone p_zone)::date
        and d.day < (p_until at time zone p_zone)::date
    union all
    select
        s.quarter_at,
        null::date as day,
        s.source_id,
        s.provider,
        s.model,
        s.project,
        s.calls,
        s.unpriced,
        s.tokens_input,
        s.tokens_output,
        s.tokens_cache_read,
        s.tokens_cache_write,
        s.cost_usd
    from public.token_sums as s
    where
        (select not public.is_of_folded_days(p_since, p_until, p_zone))
        and s.quarter_at >= p_since
        and s.quarter_at < p_until;
end;

revoke all on function
public.has_folded_days(text),
public.is_of_folded_days(timestamptz, timestamptz, text),
public.event_cells(timestamptz, timestamptz, text, boolean),
public.token_cells(timestamptz, timestamptz, text)
from public, anon, authenticated;
grant execute on function
public.has_folded_days(text),
public.is_of_folded_days(timestamptz, timestamptz, text),
public.event_cells(timestamptz, timestamptz, text, boolean),
public.token_cells(timestamptz, timestamptz, text)
to authenticated;

comment on function public.has_folded_days(text) is
'Whether the sums by day are cut in this zone.';
comment on function public.is_of_folded_days(timestamptz, timestamptz, text) is
'Whether a period is made of days that the sums by day have.';
comment on function public.event_cells(timestamptz, timestamptz, text, boolean) is
'The reader''s sums over events from p_since up to, not including, p_until, both on a quarter of an hour: by
day where the period and p_by_days allow it (quarter_at is null), else by quarter (day is null).';
comment on function public.token_cells(timestamptz, timestamptz, text) is
'The reader''s sums over calls of models, as event_cells has them over events.';
