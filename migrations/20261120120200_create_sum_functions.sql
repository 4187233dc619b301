-- The one function that writes the sums. Who stores events holds the owner's sums together with others (a
-- shared lock), and each statement takes its rows in the order of their keys, so writers of the same sums
-- wait for each other and never in a circle. Who deletes, reprices, purges or folds is alone with them.

create type public.sum_delta as (
    quarter_at timestamptz,
    source_id uuid,
    kind text,
    project text,
    language text,
    provider text,
    model text,
    events bigint,
    errors bigint,
    calls bigint,
    unpriced bigint,
    tokens_input bigint,
    tokens_output bigint,
    tokens_cache_read bigint,
    tokens_cache_write bigint,
    cost_usd numeric
);

comment on type public.sum_delta is
'What is added to the sums of a quarter; negative for what is taken away.';

create function public.share_sums(p_owner_id uuid)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    select pg_advisory_xact_lock_shared(hashtextextended('vibeloom.sums ' || p_owner_id::text, 0));
$$;

create function public.lock_sums(p_owner_id uuid)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    select pg_advisory_xact_lock(hashtextextended('vibeloom.sums ' || p_owner_id::text, 0));
$$;

create function public.add_to_sums(p_owner_id uuid, p_deltas public.sum_delta [])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_zone text;
    v_own_zone text;
    v_quarters timestamptz [];
    v_days date [];
begin
    select p.folded_timezone, p.timezone into v_zone, v_own_zone
    from public.profiles as p
    where p.id = p_owner_id;

    insert into public.event_sums as s (
        owner_id, quarter_at, source_id, kind, project, language,
        events, errors, calls, unpriced,
        tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost_usd
    )
    select
        p_owner_id,
        d.quarter_at,
        d.source_id,
        d.kind,
        d.project,
        d.language,
        sum(d.events),
        sum(d.errors),
        sum(d.calls),
        sum(d.unpriced),
        sum(d.tokens_input),
        sum(d.tokens_output),
        sum(d.tokens_cache_read),
        sum(d.tokens_cache_write),
        sum(d.cost_usd)
    from unnest(p_deltas) as d
    group by d.quarter_at, d.source_id, d.kind, d.project, d.language
    order by d.quarter_at, d.source_id, d.kind, d.project, d.language
    on conflict on constraint event_sums_identity do update set
        events = s.events + excluded.events,
        errors = s.errors + excluded.errors,
        calls = s.calls + excluded.calls,
        unpriced = s.unpriced + excluded.unpriced,
        tokens_input = s.tokens_input + excluded.tokens_input,
        tokens_output = s.tokens_output + excluded.tokens_output,
        tokens_cache_read = s.tokens_cache_read + excluded.tokens_cache_read,
        tokens_cache_write = s.tokens_cache_write + excluded.tokens_cache_write,
        cost_usd = s.cost_usd + excluded.cost_usd;

    insert into public.token_sums as s (
        owner_id, quarter_at, source_id, provider, model, project,
        calls, unpriced,
        tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost_usd
    )
    select
        p_owner_id,
        d.quarter_at,
        d.source_id,
        d.provider,
        d.model,
        d.project,
        sum(d.calls),
        sum(d.unpriced),
        sum(d.tokens_input),
        sum(d.tokens_output),
        sum(d.tokens_cache_read),
        sum(d.tokens_cache_write),
        sum(d.cost_usd)
    from unnest(p_deltas) as d
    where
        d.calls <> 0 or d.unpriced <> 0 or d.cost_usd <> 0
        or d.tokens_input <> 0 or d.tokens_output <> 0
        or d.tokens_cache_read <> 0 or d.tokens_cache_write <> 0
    group by d.quarter_at, d.source_id, d.provider, d.model, d.project
    order by d.quarter_at, d.source_id, d.provider, d.model, d.project
    on conflict on constraint token_sums_identity do update set
        calls = s.calls + excluded.calls,
        unpriced = s.unpriced + excluded.unpriced,
        tokens_input = s.tokens_input + excluded.tokens_input,
        tokens_output = s.tokens_output + excluded.tokens_output,
        tokens_cache_read = s.tokens_cache_read + excluded.tokens_cache_read,
        tokens_cache_write = s.tokens_cache_write + excluded.tokens_cache_write,
        cost_usd = s.cost_usd + excluded.cost_usd;

    insert into public.activity_sums as s (
        owner_id, quarter_at, source_id,
        events
    )
    select
        p_owner_id,
        d.quarter_at,
        d.source_id,
        sum(d.events)
    from unnest(p_deltas) as d
    group by d.quarter_at, d.source_id
    order by d.quarter_at, d.source_id
    on conflict on constraint activity_sums_identity do update set
        events = s.events + excluded.events;

    insert into public.event_days as s (
        owner_id, day, source_id, kind, project, language,
        events, errors, calls, unpriced,
        tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost_usd
    )
    select
        p_owner_id,
        (d.quarter_at at time zone v_zone)::date as day,
        d.source_id,
        d.kind,
        d.project,
        d.language,
        sum(d.events),
        sum(d.errors),
        sum(d.calls),
        sum(d.unpriced),
        sum(d.tokens_input),
        sum(d.tokens_output),
        sum(d.tokens_cache_read),
        sum(d.tokens_cache_write),
        sum(d.cost_usd)
    from unnest(p_deltas) as d
    group by day, d.source_id, d.kind, d.project, d.language
    order by day, d.source_id, d.kind, d.project, d.language
    on conflict on constraint event_days_identity do update set
        events = s.events + excluded.events,
        errors = s.errors + excluded.errors,
        calls = s.calls + excluded.calls,
        unpriced = s.unpriced + excluded.unpriced,
        tokens_input = s.tokens_input + excluded.tokens_input,
        tokens_output = s.tokens_output + excluded.tokens_output,
        tokens_cache_read = s.tokens_cache_read + excluded.tokens_cache_read,
        tokens_cache_write = s.tokens_cache_write + excluded.tokens_cache_write,
        cost_usd = s.cost_usd + excluded.cost_usd;

    insert into public.token_days as s (
        owner_id, day, source_id, provider, model, project,
        calls, unpriced,
        tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost_usd
    )
    select
        p_owner_id,
        (d.quarter_at at time zone v_zone)::date as day,
        d.source_id,
        d.provider,
        d.model,
        d.project,
        sum(d.calls),
        sum(d.unpriced),
        sum(d.tokens_input),
        sum(d.tokens_output),
        sum(d.tokens_cache_read),
        sum(d.tokens_cache_write),
        sum(d.cost_usd)
    from unnest(p_deltas) as d
    where
        d.calls <> 0 or d.unpriced <> 0 or d.cost_usd <> 0
        or d.tokens_input <> 0 or d.tokens_output <> 0
        or d.tokens_cache_read <> 0 or d.tokens_cache_write <> 0
    group by day, d.source_id, d.provider, d.model, d.project
    order by day, d.source_id, d.provider, d.model, d.project
    on conflict on constraint token_days_identity do update set
        calls = s.calls + excluded.calls,
        unpriced = s.unpriced + excluded.unpriced,
        tokens_input = s.tokens_input + excluded.tokens_input,
        tokens_output = s.tokens_output + excluded.tokens_output,
        tokens_cache_read = s.tokens_cache_read + excluded.tokens_cache_read,
        tokens_cache_write = s.tokens_cache_write + excluded.tokens_cache_write,
        cost_usd = s.cost_usd + excluded.cost_usd;

    perform public.mark_days(
        p_owner_id,
        array(
            select distinct ((d.quarter_at + e.away) at time zone v_own_zone)::date
            from unnest(p_deltas) as d
            cross join (values (interval '-1 hour'), (interval '75 minutes')) as e (away)
        )
    );

    if exists (select from unnest(p_deltas) as d where d.events < 0) then
        v_quarters := array(select distinct d.quarter_at from unnest(p_deltas) as d);
        v_days := array(
            select distinct (d.quarter_at at time zone v_zone)::date from unnest(p_deltas) as d
        );
        delete from public.event_sums as s
        where s.owner_id = p_owner_id and s.quarter_at = any(v_quarters) and s.events = 0;
        delete from public.token_sums as s
        where s.owner_id = p_owner_id and s.quarter_at = any(v_quarters) and s.calls = 0;
        delete from public.activity_sums as s
        where s.owner_id = p_owner_id and s.quarter_at = any(v_quarters) and s.events = 0;
        delete from public.event_days as s
        where s.owner_id = p_owner_id and s.day = any(v_days) and s.events = 0;
        delete from public.token_days as s
        where s.owner_id = p_owner_id and s.day = any(v_days) and s.calls = 0;
    end if;
end
$$;

create function public.fold_days(p_owner_id uuid)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_zone text;
begin
    select p.timezone into v_zone
    from public.profiles as p
    where p.id = p_owner_id and p.timezone <> p.folded_timezone
    for no key update;
    if not found then
        return;
    end if;
    perform public.lock_sums(p_owner_id);

    delete from public.event_days as s where s.owner_id = p_owner_id;
    insert into public.event_days (
        owner_id, day, source_id, kind, project, language,
        events, errors, calls, unpriced,
        tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost_usd
    )
    select
        p_owner_id,
        (s.quarter_at at time zone v_zone)::date as day,
        s.source_id,
        s.kind,
        s.project,
        s.language,
        sum(s.events),
        sum(s.errors),
        sum(s.calls),
        sum(s.unpriced),
        sum(s.tokens_input),
        sum(s.tokens_output),
        sum(s.tokens_cache_read),
        sum(s.tokens_cache_write),
        sum(s.cost_usd)
    from public.event_sums as s
    where s.owner_id = p_owner_id
    group by day, s.source_id, s.kind, s.project, s.language;

    delete from public.token_days as s where s.owner_id = p_owner_id;
    insert into public.token_days (
        owner_id, day, source_id, provider, model, project,
        calls, unpriced,
        tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost_usd
    )
    select
        p_owner_id,
        (s.quarter_at at time zone v_zone)::date as day,
        s.source_id,
        s.provider,
        s.model,
        s.project,
        sum(s.calls),
        sum(s.unpriced),
        sum(s.tokens_input),
        sum(s.tokens_output),
        sum(s.tokens_cache_read),
        sum(s.tokens_cache_write),
        sum(s.cost_usd)
    from public.token_sums as s
    where s.owner_id = p_owner_id
    group by day, s.source_id, s.provider, s.model, s.project;

    update public.profiles as p
    set folded_timezone = v_zone
    where p.id = p_owner_id;
end
$$;

revoke all on function
public.share_sums(uuid),
public.lock_sums(uuid),
public.add_to_sums(uuid, public.sum_delta []),
public.fold_days(uuid)
from public, anon, authenticated;
grant execute on function public.fold_days(uuid) to vibeloom_rollup;

comment on function public.share_sums(uuid) is
'Holds the owner''s sums for adding to them, together with others who add, until the transaction ends.';
comment on function public.lock_sums(uuid) is
'Holds the owner''s sums alone until the transaction ends.';
comment on function public.add_to_sums(uuid, public.sum_delta []) is
'Adds to all sums of an owner, drops those that become empty, and marks the days. Hold the sums first.';
comment on function public.fold_days(uuid) is
'Cuts the sums by day anew after the owner''s zone has changed; does nothing when it has not.';
