-- What the migrations add up to. Written by `python -m infra.local.schema write`; a test compares.
-- To be read, never to be run.

CREATE SCHEMA dashboards;

COMMENT ON SCHEMA dashboards IS 'Views for dashboards: sums without payloads, of the owners that `readers` gives to the login.';

CREATE SCHEMA public;

COMMENT ON SCHEMA public IS 'standard public schema';

CREATE TYPE public.sum_delta AS (
	quarter_at timestamp with time zone,
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

COMMENT ON TYPE public.sum_delta IS 'What is added to the sums of a quarter; negative for what is taken away.';

CREATE FUNCTION public.is_timezone(p_name text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select p_name = 'UTC' or exists (select from pg_timezone_names as z where z.name = p_name);
$$;

COMMENT ON FUNCTION public.is_timezone(p_name text) IS 'Whether this server knows the zone; Python''s list of zones may be a newer one.';

CREATE DOMAIN public.timezone_name AS text
	CONSTRAINT timezone_name_known CHECK (public.is_timezone(VALUE));

COMMENT ON DOMAIN public.timezone_name IS 'An IANA name that this server knows.';

CREATE FUNCTION public.add_source_key(p_owner_id uuid, p_name text, p_public_key bytea, p_configured boolean DEFAULT false, p_source_id uuid DEFAULT NULL::uuid) RETURNS TABLE(source_id uuid, key_id uuid, created boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_source public.source_names;
    v_known public.public_keys;
    v_key public.source_keys;
    v_is_new boolean;
begin
    -- Held first, in the order of the deletion of an account.
    perform from public.profiles as p where p.id = p_owner_id for key share;
    insert into public.source_names (name, owner_id, source_id)
    values (
        p_name,
        p_owner_id,
        coalesce(
            (select s.id from public.sources as s where s.owner_id = p_owner_id and s.name = p_name),
            gen_random_uuid()
        )
    )
    on conflict (name) do nothing;
    select n.* into v_source from public.source_names as n
    where n.name = p_name and n.owner_id = p_owner_id
    for update;
    if not found then
        raise exception 'source name % belongs to somebody else', p_name using errcode = 'VL001';
    end if;
    insert into public.sources (owner_id, id, name)
    values (p_owner_id, v_source.source_id, p_name)
    on conflict do nothing;
    v_is_new := found;

    select k.* into v_known from public.public_keys as k
    where k.public_key = p_public_key and k.owner_id = p_owner_id;
    if found then
        select k.* into v_key from public.source_keys as k
        where k.owner_id = p_owner_id and k.id = v_known.key_id;
        if
            v_key.source_id = v_source.source_id
            and (v_key.revoked_at is null or p_configured)
        then
            return query select v_key.source_id, v_key.id, false;
            return;
        end if;
        -- The setting gives its key to another name: the key goes there, its batches stay.
        if p_configured and v_key.is_configured then
            update public.source_keys as k
            set source_id = v_source.source_id, created_at = now()
            where k.owner_id = p_owner_id and k.id = v_key.id;
            return query select v_source.source_id, v_key.id, true;
            return;
        end if;
        raise exception 'this public key was used before' using errcode = 'VL002';
    end if;
    if not (v_is_new or p_configured or v_source.source_id is not distinct from p_source_id) then
        raise exception 'source % exists', p_name using errcode = 'VL005';
    end if;

    if (
        select count(*) from public.source_keys as k
        where
            k.owner_id = p_owner_id
            and k.source_id = v_source.source_id
            and k.revoked_at is null
    ) >= 2 then
        raise exception 'source % has two active keys', p_name using errcode = 'VL003';
    end if;

    insert into public.source_keys as k (owner_id, source_id, public_key, is_configured)
    values (p_owner_id, v_source.source_id, p_public_key, p_configured)
    returning k.* into v_key;
    insert into public.public_keys (public_key, owner_id, key_id)
    values (p_public_key, p_owner_id, v_key.id)
    on conflict (public_key) do nothing;
    if not found then
        raise exception 'this public key was used before' using errcode = 'VL002';
    end if;
    return query select v_key.source_id, v_key.id, true;
end
$$;

COMMENT ON FUNCTION public.add_source_key(p_owner_id uuid, p_name text, p_public_key bytea, p_configured boolean, p_source_id uuid) IS 'Adds a key, making the source if need be; the same key again is answered with the same row.
Without p_source_id the source must be new. VL001: name taken, VL002: key used before, VL003: two
keys are active, VL005: you have a source of this name.';

CREATE FUNCTION public.add_to_sums(p_owner_id uuid, p_deltas public.sum_delta[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION public.add_to_sums(p_owner_id uuid, p_deltas public.sum_delta[]) IS 'Adds to all sums of an owner, drops those that become empty, and marks the days. Hold the sums first.';

CREATE FUNCTION public.bulk_insert_events(p_owner_id uuid, p_key_id uuid, p_events jsonb, p_body_sha256 bytea, p_signature bytea) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select
        public.store_events(
            p_owner_id, public.check_key(p_owner_id, p_key_id),
            p_events, p_body_sha256, p_key_id, p_signature, null
        );
$$;

COMMENT ON FUNCTION public.bulk_insert_events(p_owner_id uuid, p_key_id uuid, p_events jsonb, p_body_sha256 bytea, p_signature bytea) IS 'Stores a batch that this key has signed: check_key and store_events.';

CREATE FUNCTION public.check_key(p_owner_id uuid, p_key_id uuid) RETURNS uuid
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_source_id uuid;
begin
    select k.source_id into v_source_id
    from public.source_keys as k
    where k.owner_id = p_owner_id and k.id = p_key_id and k.revoked_at is null
    for share;
    if not found then
        raise exception 'the key is not active' using errcode = 'VL004';
    end if;
    return v_source_id;
end
$$;

COMMENT ON FUNCTION public.check_key(p_owner_id uuid, p_key_id uuid) IS 'The source of an owner''s key, which stays active until the transaction ends. VL004: it is not active any
more.';

CREATE TABLE public.access_tokens (
    owner_id uuid NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT access_tokens_name_length CHECK (((length(name) >= 1) AND (length(name) <= 128))),
    CONSTRAINT access_tokens_scopes_some CHECK (((cardinality(scopes) >= 1) AND (cardinality(scopes) <= 64)))
);

COMMENT ON TABLE public.access_tokens IS 'Bearer tokens (vlm_…).';

COMMENT ON COLUMN public.access_tokens.last_used_at IS 'To the minute.';

CREATE FUNCTION public.create_access_token(p_owner_id uuid, p_name text, p_token_sha256 bytea, p_scopes text[], p_expires_at timestamp with time zone) RETURNS public.access_tokens
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_token public.access_tokens;
begin
    insert into public.access_tokens as t (owner_id, name, scopes, expires_at)
    values (p_owner_id, p_name, p_scopes, p_expires_at)
    returning t.* into v_token;
    insert into public.token_hashes (token_sha256, owner_id, token_id)
    values (p_token_sha256, p_owner_id, v_token.id);
    return v_token;
end
$$;

COMMENT ON FUNCTION public.create_access_token(p_owner_id uuid, p_name text, p_token_sha256 bytea, p_scopes text[], p_expires_at timestamp with time zone) IS 'A token of the owner''s, of which only the hash is kept.';

CREATE FUNCTION public.create_leaderboard(p_owner_id uuid, p_name text, p_code_sha256 bytea) RETURNS uuid
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_id uuid;
begin
    perform from public.profiles as p where p.id = p_owner_id for no key update;
    if (select count(*) from public.leaderboard_members as m where m.owner_id = p_owner_id) >= 20 then
        raise exception 'the person is in 20 leaderboards' using errcode = 'VL021';
    end if;
    insert into public.leaderboards (owner_id, name, code_sha256)
    values (p_owner_id, p_name, p_code_sha256)
    returning id into v_id;
    insert into public.leaderboard_members (owner_id, leaderboard_id)
    values (p_owner_id, v_id);
    return v_id;
end
$$;

COMMENT ON FUNCTION public.create_leaderboard(p_owner_id uuid, p_name text, p_code_sha256 bytea) IS 'A private ranking with its owner as the first member. VL021: that person is in 20 already.';

CREATE FUNCTION public.day_start(p_day date, p_zone text) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select least(
        p_day::timestamp at time zone p_zone,
        (p_day::timestamp - interval '1 microsecond') at time zone p_zone + interval '1 microsecond'
    );
$$;

COMMENT ON FUNCTION public.day_start(p_day date, p_zone text) IS 'The first instant of a day in a time zone; where midnight is skipped, what follows it.';

CREATE FUNCTION public.delete_access_token(p_owner_id uuid, p_id uuid) RETURNS boolean
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with forgotten as (
        delete from public.token_hashes as h
        where h.owner_id = p_owner_id and h.token_id = p_id
    )

    delete from public.access_tokens as t
    where t.owner_id = p_owner_id and t.id = p_id
    returning true;
$$;

COMMENT ON FUNCTION public.delete_access_token(p_owner_id uuid, p_id uuid) IS 'Revokes a token; no row when the owner has none with this id.';

CREATE FUNCTION public.delete_account(p_owner_id uuid, p_limit integer DEFAULT 10000) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_deleted integer;
begin
    perform pg_advisory_xact_lock(hashtextextended('vibeloom.deletion ' || p_owner_id::text, 0));
    update public.source_keys as k
    set revoked_at = now()
    where k.owner_id = p_owner_id and k.revoked_at is null;
    delete from public.token_hashes as h where h.owner_id = p_owner_id;
    delete from public.access_tokens as t where t.owner_id = p_owner_id;
    -- The profile before the sums, in the order of a purge and of a change of zone.
    perform from public.profiles as p where p.id = p_owner_id for no key update;
    perform public.lock_sums(p_owner_id);

    delete from public.events as e
    using (
        select
            v.occurred_at,
            v.source_id,
            v.id
        from public.events as v
        where v.owner_id = p_owner_id
        order by v.occurred_at, v.source_id, v.id
        limit p_limit
    ) as g
    where
        e.owner_id = p_owner_id
        and (e.occurred_at, e.source_id, e.id) = (g.occurred_at, g.source_id, g.id);
    get diagnostics v_deleted = row_count;
    if v_deleted > 0 then
        return false;
    end if;

    delete from public.event_versions as v
    using (
        select n.id from public.event_versions as n
        where n.owner_id = p_owner_id
        order by n.id
        limit p_limit
    ) as g
    where v.owner_id = p_owner_id and v.id = g.id;
    get diagnostics v_deleted = row_count;
    if v_deleted > 0 then
        return false;
    end if;

    delete from public.event_sums as s where s.owner_id = p_owner_id;
    delete from public.token_sums as s where s.owner_id = p_owner_id;
    delete from public.activity_sums as s where s.owner_id = p_owner_id;
    delete from public.event_days as s where s.owner_id = p_owner_id;
    delete from public.token_days as s where s.owner_id = p_owner_id;
    -- In one order, because two people who leave may be members of each other's boards.
    perform
    from public.leaderboard_members as m
    where
        m.owner_id = p_owner_id
        or m.leaderboard_id in (select b.id from public.leaderboards as b where b.owner_id = p_owner_id)
    order by m.leaderboard_id, m.owner_id
    for update;
    delete from public.source_names as n where n.owner_id = p_owner_id;
    delete from public.public_keys as n where n.owner_id = p_owner_id;
    delete from public.handles as n where n.owner_id = p_owner_id;
    delete from public.deployment as n where n.owner_id = p_owner_id;
    delete from public.work_items as w where w.owner_id = p_owner_id;
    delete from public.leaderboards as b where b.owner_id = p_owner_id;
    delete from public.profiles as p where p.id = p_owner_id;
    return true;
end
$$;

COMMENT ON FUNCTION public.delete_account(p_owner_id uuid, p_limit integer) IS 'Revokes the owner''s keys and tokens and deletes up to p_limit of the events. When none is left it deletes
everything else of the owner, and returns true. Call it until it does.';

CREATE FUNCTION public.delete_events(p_owner_id uuid, p_times timestamp with time zone[], p_sources uuid[], p_ids text[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_deleted integer;
    v_deltas public.sum_delta [];
begin
    perform public.lock_sums(p_owner_id);
    with gone as (
        delete from public.events as e
        using unnest(p_times, p_sources, p_ids) as k (occurred_at, source_id, id)
        where
            e.owner_id = p_owner_id
            and (e.occurred_at, e.source_id, e.id) = (k.occurred_at, k.source_id, k.id)
            and e.occurred_at between (select min(t.at) from unnest(p_times) as t (at))
            and (select max(t.at) from unnest(p_times) as t (at))
        returning e.*
    ),

    deltas as (
        select
            row(
                date_bin('15 minutes', g.occurred_at, 'epoch'),
                g.source_id,
                g.kind,
                coalesce(g.project, ''),
                coalesce(g.language, ''),
                coalesce(g.provider, ''),
                coalesce(g.model, ''),
                -count(*),
                -count(*) filter (where g.is_error),
                -count(*) filter (where g.tokens_input is not null),
                -count(*) filter (where g.tokens_input is not null and g.cost_usd is null),
                -coalesce(sum(g.tokens_input), 0),
                -coalesce(sum(g.tokens_output), 0),
                -coalesce(sum(g.tokens_cache_read), 0),
                -coalesce(sum(g.tokens_cache_write), 0),
                -coalesce(sum(g.cost_usd), 0)
            )::public.sum_delta as delta
        from gone as g
        group by
            date_bin('15 minutes', g.occurred_at, 'epoch'), g.source_id, g.kind,
            coalesce(g.project, ''), coalesce(g.language, ''), coalesce(g.provider, ''), coalesce(g.model, '')
    )

    select (select count(*) from gone), array_agg(d.delta) into v_deleted, v_deltas
    from deltas as d;
    if v_deleted > 0 then
        perform public.add_to_sums(p_owner_id, v_deltas);
    end if;
    return v_deleted;
end
$$;

COMMENT ON FUNCTION public.delete_events(p_owner_id uuid, p_times timestamp with time zone[], p_sources uuid[], p_ids text[]) IS 'Deletes these events of an owner and takes them out of the sums; returns how many there were. With a
revision they do not come back.';

CREATE FUNCTION public.delete_source(p_owner_id uuid, p_source_id uuid, p_limit integer DEFAULT 10000) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_times timestamptz [];
    v_ids text [];
begin
    -- One deletion of an owner at a time: who waits for a key that another step revokes keeps it locked.
    perform pg_advisory_xact_lock(hashtextextended('vibeloom.deletion ' || p_owner_id::text, 0));
    -- Nothing new comes in: a batch under way is waited for, later ones are refused.
    update public.source_keys as k
    set revoked_at = now()
    where k.owner_id = p_owner_id and k.source_id = p_source_id and k.revoked_at is null;
    -- Before the look at the events: a batch that no key vouches for is waited for, too.
    perform public.lock_sums(p_owner_id);

    select array_agg(e.occurred_at), array_agg(e.id) into v_times, v_ids
    from (
        select
            v.occurred_at,
            v.id
        from public.events as v
        where v.owner_id = p_owner_id and v.source_id = p_source_id
        order by v.occurred_at
        limit p_limit
    ) as e;
    if v_ids is not null then
        perform public.delete_events(
            p_owner_id, v_times, array_fill(p_source_id, array[cardinality(v_ids)]), v_ids
        );
        return false;
    end if;

    -- Sums of events that a purge has taken go with the source.
    delete from public.event_sums as s where s.owner_id = p_owner_id and s.source_id = p_source_id;
    delete from public.token_sums as s where s.owner_id = p_owner_id and s.source_id = p_source_id;
    delete from public.activity_sums as s where s.owner_id = p_owner_id and s.source_id = p_source_id;
    delete from public.event_days as s where s.owner_id = p_owner_id and s.source_id = p_source_id;
    delete from public.token_days as s where s.owner_id = p_owner_id and s.source_id = p_source_id;
    delete from public.source_names as n where n.owner_id = p_owner_id and n.source_id = p_source_id;
    delete from public.public_keys as n
    using public.source_keys as k
    where
        n.owner_id = p_owner_id
        and k.owner_id = p_owner_id
        and k.source_id = p_source_id
        and n.key_id = k.id;
    delete from public.sources as s where s.owner_id = p_owner_id and s.id = p_source_id;
    return true;
end
$$;

COMMENT ON FUNCTION public.delete_source(p_owner_id uuid, p_source_id uuid, p_limit integer) IS 'Revokes the source''s keys and deletes up to p_limit of its events. When none is left it deletes its sums
and the source, and returns true. Call it until it does.';

CREATE TABLE public.model_prices (
    model text NOT NULL,
    mode text NOT NULL,
    effective_from date NOT NULL,
    above_tokens bigint NOT NULL,
    provider text NOT NULL,
    input_usd numeric NOT NULL,
    output_usd numeric NOT NULL,
    cache_read_usd numeric NOT NULL,
    cache_write_usd numeric NOT NULL,
    cache_write_1h_usd numeric NOT NULL,
    web_search_usd numeric NOT NULL,
    is_listed boolean DEFAULT false NOT NULL,
    CONSTRAINT model_prices_above_tokens CHECK ((above_tokens >= 0)),
    CONSTRAINT model_prices_mode CHECK ((mode = ANY (ARRAY['standard'::text, 'fast'::text, 'batch'::text, 'priority'::text, 'flex'::text]))),
    CONSTRAINT model_prices_positive CHECK ((LEAST(input_usd, output_usd, cache_read_usd, cache_write_usd, cache_write_1h_usd, web_search_usd) >= (0)::numeric))
);

COMMENT ON TABLE public.model_prices IS 'List prices in US dollars per million tokens, and per thousand web searches.';

COMMENT ON COLUMN public.model_prices.model IS 'As the list writes it, in lower case; Bedrock''s as `vendor.model`, with `regional.` or `global.` before it
where that has a price of its own. `price_names` gives the names under which a model is looked up.';

COMMENT ON COLUMN public.model_prices.mode IS 'A mode without rows costs what the standard mode costs.';

COMMENT ON COLUMN public.model_prices.effective_from IS 'The first day, UTC, on which the price holds.';

COMMENT ON COLUMN public.model_prices.above_tokens IS 'The price holds for the whole of a request whose prompt has more tokens than this; 0 for any request.';

COMMENT ON COLUMN public.model_prices.cache_write_usd IS 'Of a cache entry that lives five minutes.';

COMMENT ON COLUMN public.model_prices.is_listed IS 'Came with a price list, whose successor replaces it. Rows of one''s own (false) stay, and are used before
listed ones of the same model and mode, from their first day on.';

CREATE FUNCTION public.detailed_cost(p_prices public.model_prices[], p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_payload jsonb) RETURNS numeric
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_requests jsonb := p_payload -> 'requests';
    v_cost numeric;
    v_sums bigint [];
    v_price public.model_prices;
begin
    if jsonb_typeof(v_requests) = 'array' and jsonb_array_length(v_requests) between 1 and 1000 then
        select
            array[sum(r.input), sum(r.output), sum(r.cache_read), sum(r.cache_write)],
            sum(public.request_cost(p_prices, r.input, r.output, r.cache_read, r.cache_write, r.cache_write_1h))
        into v_sums, v_cost
        from (
            select
                public.token_count(e.request -> 0) as input,
                public.token_count(e.request -> 1) as output,
                public.token_count(e.request -> 2) as cache_read,
                public.token_count(e.request -> 3) as cache_write,
                public.token_count(e.request -> 4) as cache_write_1h
            from jsonb_array_elements(v_requests) as e (request)
        ) as r;
    end if;
    if v_sums is distinct from array[p_input, p_output, p_cache_read, p_cache_write] then
        v_cost := public.request_cost(
            p_prices,
            p_input,
            p_output,
            p_cache_read,
            p_cache_write,
            public.token_count(
                coalesce(p_payload -> 'cache_creation_1h_tokens', p_payload -> 'cacheCreation1hTokens')
            )
        );
    end if;
    v_price := p_prices[array_upper(p_prices, 1)];
    return v_cost + v_price.web_search_usd / 1000 * least(
        public.token_count(coalesce(p_payload -> 'web_searches', p_payload -> 'webSearches')), 1000000
    );
end
$$;

COMMENT ON FUNCTION public.detailed_cost(p_prices public.model_prices[], p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_payload jsonb) IS 'usage_cost of an event that names its requests or web searches.';

CREATE FUNCTION public.enqueue(p_owner_id uuid, p_task text, p_args jsonb DEFAULT '{}'::jsonb, p_at timestamp with time zone DEFAULT now()) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
declare
    v_id bigint;
    v_postponed boolean;
begin
    -- The lock lets nobody take the waiting item before this transaction ends: a run that had begun
    -- earlier would not see what this transaction writes. An item that is just being taken is skipped.
    select
        w.id,
        w.due_at > p_at and w.attempts = 0
    into v_id, v_postponed
    from public.work_items as w
    where
        w.owner_id = p_owner_id
        and w.task = p_task
        and w.args = p_args
        and w.lease_until is null
        and w.failed_at is null
    limit 1
    for key share skip locked;
    if found then
        if v_postponed then
            update public.work_items as w
            set due_at = p_at
            where w.id = v_id;
        end if;
        return false;
    end if;

    -- Behind the owner's own items that are due by then, and not before what is worked on now.
    insert into public.work_items (owner_id, task, args, due_at, turn)
    select
        p_owner_id,
        p_task,
        p_args,
        p_at,
        greatest(
            (
                select m.turn + 1
                from public.work_items as m
                where
                    m.owner_id = p_owner_id
                    and m.failed_at is null
                    and m.turn >= 0
                    and m.due_at <= greatest(p_at, now())
                order by m.turn desc
                limit 1
            ),
            least(
                (select max(l.turn) from public.work_items as l where l.lease_until is not null),
                (
                    select n.turn
                    from public.work_items as n
                    where n.failed_at is null and n.lease_until is null
                    order by n.turn, n.id
                    limit 1
                )
            ),
            0
        );
    return true;
end
$$;

COMMENT ON FUNCTION public.enqueue(p_owner_id uuid, p_task text, p_args jsonb, p_at timestamp with time zone) IS 'Adds work of an owner''s, to be done after p_at and after this transaction. False if the same item waits
already; that one is then due no later than p_at, and not taken before this transaction has ended.';

CREATE FUNCTION public.ensure_deployment_owner(p_email text, p_id uuid DEFAULT NULL::uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_id uuid;
begin
    perform pg_advisory_xact_lock(hashtextextended('vibeloom.owner', 0));
    select d.owner_id into v_id from public.deployment as d;
    if v_id is null then
        v_id := coalesce(p_id, gen_random_uuid());
        insert into public.profiles (id, email) values (v_id, p_email) on conflict (id) do nothing;
        insert into public.deployment (owner_id) values (v_id);
    elsif p_id is not null and p_id <> v_id then
        raise exception 'the deployment already belongs to %', v_id
            using errcode = 'VL010',
            hint = 'VIBELOOM_OWNER_ID must be set before the first start.';
    end if;
    return v_id;
end
$$;

COMMENT ON FUNCTION public.ensure_deployment_owner(p_email text, p_id uuid) IS 'The owner account of the deployment, made on the first call. VL010: another owner was asked for.';

CREATE FUNCTION public.ensure_profile(p_id uuid, p_email text) RETURNS uuid
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    insert into public.profiles as p (id, email)
    values (p_id, p_email)
    on conflict (id) do update set email = excluded.email
    where p.email is distinct from excluded.email and excluded.email is not null;
    select p_id;
$$;

COMMENT ON FUNCTION public.ensure_profile(p_id uuid, p_email text) IS 'Makes the profile of a signed-in person on first sight and keeps the e-mail address current.';

CREATE TABLE public.profiles (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    handle text,
    email text,
    timezone public.timezone_name DEFAULT 'UTC'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    idle_timeout_minutes integer DEFAULT 15 NOT NULL,
    retention_months integer,
    leaderboard_opt_in boolean DEFAULT false NOT NULL,
    purged_before timestamp with time zone,
    folded_timezone text DEFAULT 'UTC'::text NOT NULL,
    CONSTRAINT profiles_email_length CHECK ((length(email) <= 320)),
    CONSTRAINT profiles_handle_valid CHECK ((handle ~ '^[a-z0-9][a-z0-9_-]{1,38}$'::text)),
    CONSTRAINT profiles_idle_timeout_minutes_range CHECK (((idle_timeout_minutes >= 1) AND (idle_timeout_minutes <= 120))),
    CONSTRAINT profiles_leaderboard_handle CHECK (((NOT leaderboard_opt_in) OR (handle IS NOT NULL))),
    CONSTRAINT profiles_retention_months_range CHECK (((retention_months >= 1) AND (retention_months <= 1200))),
    CONSTRAINT profiles_timezone_length CHECK (((length((timezone)::text) >= 1) AND (length((timezone)::text) <= 64)))
);

COMMENT ON TABLE public.profiles IS 'People. The id is the subject of their sign-in.';

COMMENT ON COLUMN public.profiles.handle IS 'What others see; unique by the directory `handles`.';

COMMENT ON COLUMN public.profiles.timezone IS 'IANA name; days in answers are days of this zone.';

COMMENT ON COLUMN public.profiles.idle_timeout_minutes IS 'Points of one lane closer than this join into one interval.';

COMMENT ON COLUMN public.profiles.retention_months IS 'How long raw events are kept; null: as long as the deployment says. The shorter of the two holds.';

COMMENT ON COLUMN public.profiles.leaderboard_opt_in IS 'Shows the handle, and nothing else of the person, in rankings.';

COMMENT ON COLUMN public.profiles.purged_before IS 'Raw events before this moment are gone or going; days that begin before it, or on the day after, keep
the daily figures that they have.';

COMMENT ON COLUMN public.profiles.folded_timezone IS 'The zone that cuts the days of event_days and token_days. After a change of zone it differs from `timezone`
until `fold_days` has run; questions then read the quarters.';

CREATE FUNCTION public.has_folded_days(p_zone text) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (EXISTS (SELECT FROM public.profiles p WHERE (p.folded_timezone = has_folded_days.p_zone)));

COMMENT ON FUNCTION public.has_folded_days(p_zone text) IS 'Whether the sums by day are cut in this zone.';

CREATE FUNCTION public.is_of_folded_days(p_since timestamp with time zone, p_until timestamp with time zone, p_zone text) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (public.has_folded_days(p_zone) AND (p_since = public.day_start(((p_since AT TIME ZONE p_zone))::date, p_zone)) AND (p_until = public.day_start(((p_until AT TIME ZONE p_zone))::date, p_zone)));

COMMENT ON FUNCTION public.is_of_folded_days(p_since timestamp with time zone, p_until timestamp with time zone, p_zone text) IS 'Whether a period is made of days that the sums by day have.';

CREATE TABLE public.event_days (
    owner_id uuid NOT NULL,
    day date NOT NULL,
    source_id uuid NOT NULL,
    kind text NOT NULL,
    project text NOT NULL,
    language text NOT NULL,
    events bigint NOT NULL,
    errors bigint NOT NULL,
    calls bigint NOT NULL,
    unpriced bigint NOT NULL,
    tokens_input bigint NOT NULL,
    tokens_output bigint NOT NULL,
    tokens_cache_read bigint NOT NULL,
    tokens_cache_write bigint NOT NULL,
    cost_usd numeric NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.event_days IS 'event_sums folded into days of the zone `profiles.folded_timezone`.';

CREATE TABLE public.event_sums (
    owner_id uuid NOT NULL,
    quarter_at timestamp with time zone NOT NULL,
    source_id uuid NOT NULL,
    kind text NOT NULL,
    project text NOT NULL,
    language text NOT NULL,
    events bigint NOT NULL,
    errors bigint NOT NULL,
    calls bigint NOT NULL,
    unpriced bigint NOT NULL,
    tokens_input bigint NOT NULL,
    tokens_output bigint NOT NULL,
    tokens_cache_read bigint NOT NULL,
    tokens_cache_write bigint NOT NULL,
    cost_usd numeric NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.event_sums IS 'Events by quarter of an hour; empty text where an event names no project or language.';

COMMENT ON COLUMN public.event_sums.quarter_at IS 'When the quarter of an hour begins.';

COMMENT ON COLUMN public.event_sums.calls IS 'Events that report tokens.';

COMMENT ON COLUMN public.event_sums.unpriced IS 'Calls whose model has no price.';

COMMENT ON COLUMN public.event_sums.cost_usd IS 'Of the priced calls.';

CREATE FUNCTION public.event_cells(p_since timestamp with time zone, p_until timestamp with time zone, p_zone text, p_by_days boolean) RETURNS TABLE(quarter_at timestamp with time zone, day date, source_id uuid, kind text, project text, language text, events bigint, errors bigint, calls bigint, unpriced bigint, tokens_input bigint, tokens_output bigint, tokens_cache_read bigint, tokens_cache_write bigint, cost_usd numeric)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT NULL::timestamp with time zone AS quarter_at,
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
    FROM public.event_days d
   WHERE (( SELECT (event_cells.p_by_days AND public.is_of_folded_days(event_cells.p_since, event_cells.p_until, event_cells.p_zone))) AND (d.day >= ((event_cells.p_since AT TIME ZONE event_cells.p_zone))::date) AND (d.day < ((event_cells.p_until AT TIME ZONE event_cells.p_zone))::date))
 UNION ALL
  SELECT s.quarter_at,
     NULL::date AS day,
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
    FROM public.event_sums s
   WHERE (( SELECT ((NOT event_cells.p_by_days) OR (NOT public.is_of_folded_days(event_cells.p_since, event_cells.p_until, event_cells.p_zone)))) AND (s.quarter_at >= event_cells.p_since) AND (s.quarter_at < event_cells.p_until));
END;

COMMENT ON FUNCTION public.event_cells(p_since timestamp with time zone, p_until timestamp with time zone, p_zone text, p_by_days boolean) IS 'The reader''s sums over events from p_since up to, not including, p_until, both on a quarter of an hour: by
day where the period and p_by_days allow it (quarter_at is null), else by quarter (day is null).';

CREATE FUNCTION public.fail_work(p_id bigint, p_lease timestamp with time zone, p_error text, p_pause interval) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
declare
    v_item public.work_items;
begin
    update public.work_items as w
    set
        lease_until = null,
        error = left(p_error, 500),
        due_at = clock_timestamp() + coalesce(p_pause, interval '0'),
        failed_at = case when p_pause is null then clock_timestamp() end
    where w.id = p_id and w.lease_until = p_lease
    returning w.* into v_item;
    if v_item.id is null then
        return false;
    end if;
    delete from public.work_items as d
    where
        v_item.failed_at is not null
        and d.owner_id = v_item.owner_id
        and d.task = v_item.task
        and d.args = v_item.args
        and d.lease_until is null
        and d.failed_at is not null
        and d.id <> v_item.id;
    return true;
end
$$;

COMMENT ON FUNCTION public.fail_work(p_id bigint, p_lease timestamp with time zone, p_error text, p_pause interval) IS 'The item failed: it is tried again after the pause; without a pause it is a dead letter. False if the
lease was lost.';

CREATE FUNCTION public.find_price(p_model text, p_day date, p_mode text) RETURNS public.model_prices[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_name text;
    v_found public.model_prices;
begin
    -- Name by name, each a look into the primary key: the list is long, and most models are found at once.
    foreach v_name in array public.price_names(p_model) loop
        select k.* into v_found
        from public.model_prices as k
        where
            k.model = v_name
            and k.mode in (p_mode, 'standard')
            and k.effective_from <= p_day
        order by k.mode = p_mode desc, k.is_listed, k.effective_from desc
        limit 1;
        if found then
            return array(
                select m
                from public.model_prices as m
                where
                    m.model = v_found.model
                    and m.mode = v_found.mode
                    and m.is_listed = v_found.is_listed
                    and m.effective_from = v_found.effective_from
                order by m.above_tokens desc
            );
        end if;
    end loop;
    return null;
end
$$;

COMMENT ON FUNCTION public.find_price(p_model text, p_day date, p_mode text) IS 'The prices of a model on a day in a mode, by length of the prompt, the longest first; null when none is
listed.';

CREATE FUNCTION public.find_rows_without_owner() RETURNS TABLE(table_name text, owners bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
begin
    for table_name in
        select c.relname
        from pg_class as c
        inner join pg_attribute as a on c.oid = a.attrelid
        where
            c.relnamespace = 'public'::regnamespace
            and c.relkind in ('r', 'p')
            and a.attname = 'owner_id'
            and not exists (
                select from pg_constraint as k
                where
                    k.conrelid = c.oid
                    and k.contype = 'f'
                    and k.confrelid = 'public.profiles'::regclass
            )
        order by c.relname
    loop
        -- One probe of the primary key for each owner.
        execute format(
            'with recursive present as (
                (select t.owner_id from public.%1$I as t order by t.owner_id limit 1)
                union all
                select (
                    select t.owner_id from public.%1$I as t
                    where t.owner_id > p.owner_id
                    order by t.owner_id
                    limit 1
                )
                from present as p
                where p.owner_id is not null
            )
            select count(*)
            from present as p
            where
                p.owner_id is not null
                and not exists (select from public.profiles as o where o.id = p.owner_id)',
            table_name
        ) into owners;
        if owners > 0 then
            return next;
        end if;
    end loop;
end
$_$;

COMMENT ON FUNCTION public.find_rows_without_owner() IS 'Tables without a foreign key to profiles that have rows of owners who are gone, and how many owners. No
row: all is well.';

CREATE FUNCTION public.find_source_keys(p_source text) RETURNS TABLE(owner_id uuid, key_id uuid, public_key bytea, is_configured boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select k.owner_id, k.id, k.public_key, k.is_configured
    from public.source_names as n
    inner join public.source_keys as k on n.owner_id = k.owner_id and n.source_id = k.source_id
    where n.name = p_source and k.revoked_at is null
    order by k.created_at desc;
$$;

COMMENT ON FUNCTION public.find_source_keys(p_source text) IS 'The active keys of a source, newest first.';

CREATE FUNCTION public.finish_work(p_id bigint, p_lease timestamp with time zone, p_more boolean) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
declare
    v_item public.work_items;
begin
    if p_more then
        update public.work_items as w
        set lease_until = null, attempts = 0, error = null, turn = w.turn + 1
        where w.id = p_id and w.lease_until = p_lease
        returning w.* into v_item;
    else
        delete from public.work_items as w
        where w.id = p_id and w.lease_until = p_lease
        returning w.* into v_item;
    end if;
    if v_item.id is null then
        return false;
    end if;
    delete from public.work_items as d
    where
        d.owner_id = v_item.owner_id
        and d.task = v_item.task
        and d.args = v_item.args
        and d.lease_until is null
        and d.failed_at is not null;
    return true;
end
$$;

COMMENT ON FUNCTION public.finish_work(p_id bigint, p_lease timestamp with time zone, p_more boolean) IS 'The item is done, or has made progress and waits for another turn (p_more). False if the lease was lost.';

CREATE FUNCTION public.fold_days(p_owner_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION public.fold_days(p_owner_id uuid) IS 'Cuts the sums by day anew after the owner''s zone has changed; does nothing when it has not.';

CREATE FUNCTION public.is_directory_slug(p_name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select p_name ~ '^(-[A-Za-z0-9]|[A-Za-z]--)[A-Za-z0-9-]*-[A-Za-z0-9-]*[A-Za-z0-9]$';
$_$;

COMMENT ON FUNCTION public.is_directory_slug(p_name text) IS 'Whether a project''s name is a directory in which every special character was replaced by a hyphen.';

CREATE FUNCTION public.join_leaderboard(p_owner_id uuid, p_code_sha256 bytea) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_id uuid;
begin
    if coalesce(auth.uid(), p_owner_id) <> p_owner_id then
        raise insufficient_privilege;
    end if;
    perform from public.profiles as p where p.id = p_owner_id for no key update;
    select b.id into v_id
    from public.leaderboards as b
    where b.code_sha256 = p_code_sha256
    for no key update;
    if v_id is null then
        raise exception 'no leaderboard has this code' using errcode = 'VL022';
    end if;
    if exists (
        select from public.leaderboard_members as m
        where m.leaderboard_id = v_id and m.owner_id = p_owner_id
    ) then
        return v_id;
    end if;
    if (select count(*) from public.leaderboard_members as m where m.owner_id = p_owner_id) >= 20 then
        raise exception 'the person is in 20 leaderboards' using errcode = 'VL021';
    end if;
    if (select count(*) from public.leaderboard_members as m where m.leaderboard_id = v_id) >= 500 then
        raise exception 'the leaderboard has 500 members' using errcode = 'VL023';
    end if;
    insert into public.leaderboard_members as m (owner_id, leaderboard_id)
    values (p_owner_id, v_id);
    return v_id;
end
$$;

COMMENT ON FUNCTION public.join_leaderboard(p_owner_id uuid, p_code_sha256 bytea) IS 'The leaderboard that the code opens, with the person in it, also if that was so before. VL021: the person is
in 20, VL022: no leaderboard has the code, VL023: 500 people are in it.';

CREATE FUNCTION public.lock_own_sums() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select public.lock_sums(auth.uid());
$$;

COMMENT ON FUNCTION public.lock_own_sums() IS 'Holds the sums of whoever is signed in, as lock_sums does.';

CREATE FUNCTION public.lock_sums(p_owner_id uuid) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select pg_advisory_xact_lock(hashtextextended('vibeloom.sums ' || p_owner_id::text, 0));
$$;

COMMENT ON FUNCTION public.lock_sums(p_owner_id uuid) IS 'Holds the owner''s sums alone until the transaction ends.';

CREATE FUNCTION public.make_event_partitions(p_now timestamp with time zone DEFAULT now(), p_months_back integer DEFAULT 24, p_months_ahead integer DEFAULT 2) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    v_month timestamptz;
    v_name text;
    v_made integer := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('vibeloom.partitions', 0));
    for v_month in
        select generate_series(
            date_trunc('month', p_now) - make_interval(months => p_months_back),
            date_trunc('month', p_now) + make_interval(months => p_months_ahead),
            interval '1 month'
        )
    loop
        v_name := 'events_' || to_char(v_month, 'YYYY_MM');
        if to_regclass('partitions.' || v_name) is null then
            execute format(
                'create table partitions.%I (like public.events including defaults including constraints)',
                v_name
            );
            execute format('alter table partitions.%I enable row level security', v_name);
            execute format(
                'with moved as (
                    delete from partitions.events_default
                    where occurred_at >= %L and occurred_at < %L
                    returning *
                )
                insert into partitions.%I select * from moved',
                v_month, v_month + interval '1 month', v_name
            );
            execute format(
                'alter table public.events attach partition partitions.%I for values from (%L) to (%L)',
                v_name, v_month, v_month + interval '1 month'
            );
            v_made := v_made + 1;
        end if;
    end loop;
    return v_made;
end
$$;

COMMENT ON FUNCTION public.make_event_partitions(p_now timestamp with time zone, p_months_back integer, p_months_ahead integer) IS 'Makes the missing monthly partitions around p_now and returns how many were made.';

CREATE FUNCTION public.mark_days(p_owner_id uuid, p_days date[]) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    insert into public.dirty_days as d (owner_id, day)
    select distinct
        p.id,
        k.day
    from public.profiles as p
    cross join unnest(p_days) as k (day)
    where
        p.id = p_owner_id
        and (
            p.purged_before is null
            or k.day::timestamp at time zone p.timezone >= p.purged_before + interval '1 day'
        )
    order by k.day
    on conflict (owner_id, day) do update set marked_at = clock_timestamp();
$$;

COMMENT ON FUNCTION public.mark_days(p_owner_id uuid, p_days date[]) IS 'Has the daily figures of these days of the owner''s zone computed anew, but for those that a purge has
reached.';

CREATE FUNCTION public.mark_own_days() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select
        public.mark_days(
            p.id,
            array(
                select (s.quarter_at at time zone p.timezone)::date
                from public.activity_sums as s
                where s.owner_id = p.id
                union
                select t.day from public.time_daily as t where t.owner_id = p.id
                union
                select n.day from public.session_daily as n where n.owner_id = p.id
            )
        )
    from public.profiles as p
    where p.id = auth.uid();
$$;

COMMENT ON FUNCTION public.mark_own_days() IS 'Has every day of whoever is signed in computed anew that has something.';

CREATE FUNCTION public.note_job_run(name text, succeeded boolean, seconds double precision) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    insert into public.job_runs as j (name, succeeded_at, failed_at, runs, failures, seconds)
    values (
        $1,
        case when $2 then now() end,
        case when not $2 then now() end,
        1,
        case when $2 then 0 else 1 end,
        $3
    )
    on conflict (name) do update set
        last_run_at = excluded.last_run_at,
        succeeded_at = coalesce(excluded.succeeded_at, j.succeeded_at),
        failed_at = coalesce(excluded.failed_at, j.failed_at),
        runs = j.runs + 1,
        failures = j.failures + excluded.failures,
        seconds = excluded.seconds;
$_$;

COMMENT ON FUNCTION public.note_job_run(name text, succeeded boolean, seconds double precision) IS 'Notes that a job ended; runs that end at the same time do not disturb each other.';

CREATE FUNCTION public.price_mode(p_payload jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN ((p_payload -> 'speed'::text) = '"fast"'::jsonb) THEN 'fast'::text WHEN (COALESCE((p_payload ->> 'service_tier'::text), (p_payload ->> 'serviceTier'::text)) = ANY (ARRAY['batch'::text, 'priority'::text, 'flex'::text])) THEN COALESCE((p_payload ->> 'service_tier'::text), (p_payload ->> 'serviceTier'::text)) ELSE 'standard'::text END;

COMMENT ON FUNCTION public.price_mode(p_payload jsonb) IS 'The mode that an event names: fast, batch, priority, flex, standard.';

CREATE FUNCTION public.price_names(p_model text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    -- A model that only its maker runs costs the maker's price at every reseller. Open weights have a price
    -- at their maker and at OpenRouter only: another host asks its own price, and a local one none.
    c_closed constant text := '^(claude-|gpt-[0-9]|chatgpt-|codex-|o[1-9](-|$)|gemini-|grok-)';
    v_name text := lower(btrim(p_model));
    v_parts text [];
    v_is_regional boolean;
    v_names text [] := '{}';
begin
    v_name := regexp_replace(v_name, '^arn:aws[a-z-]*:bedrock:[^/]*:(foundation-model|inference-profile)/', '');
    v_name := regexp_replace(v_name, '^(projects/.*/)?publishers/[^/]+/models/', '');
    -- [1m] of Claude Code, (high) of a proxy, :beta of OpenRouter; `:free` and `:batch` are models of their
    -- own
    v_name := regexp_replace(
        v_name, '(\[[0-9]+[km]\]|\([a-z0-9]+\)|:(thinking|beta|nitro|floor|exacto|online))+$', ''
    );
    v_is_regional := v_name ~ '(^|/)[a-z]{2}(-gov)?-[a-z]+-[0-9]/';
    v_name := regexp_replace(
        v_name,
        '^((openrouter|litellm|litellm_proxy|~?(anthropic|openai|google|x-ai|xai|mistral|mistralai|deepseek'
        || '|qwen|dashscope|z-ai|zai|zhipuai|bigmodel|moonshotai|moonshot|minimax|meta-llama|cohere|xiaomi))/)+',
        ''
    );
    if v_name ~ '/' and (
        regexp_replace(v_name, '^.*/', '') ~ c_closed
        or v_name ~ '^(bedrock|bedrock_converse|bedrock_mantle|amazon_bedrock|amazon-bedrock)/'
    ) then
        v_name := regexp_replace(v_name, '^.*/', '');
    end if;

    -- Bedrock: us.anthropic.claude-opus-4-5-20251101-v1:0
    v_parts := regexp_match(
        v_name,
        '^(?:(us|eu|apac|ap|au|jp|in|ca|sa|me|af|il|uk|us-gov|global)\.)?'
        || '(ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai|nvidia'
        || '|openai|qwen|writer|xai|zai)\.(.+)$'
    );
    if v_parts is not null then
        v_is_regional := v_is_regional or coalesce(v_parts[1] <> 'global', false);
        v_name := regexp_replace(
            regexp_replace(v_parts[3], ':[0-9]+(:[0-9a-z]+)?$', ''),
            case v_parts[2] when 'anthropic' then '-v[0-9]+$' else '-v1$' end,
            ''
        );
        v_names := array[
            v_parts[2] || '.' || v_name,
            v_parts[2] || '.' || regexp_replace(v_name, '-20[0-9]{6}$', '')
        ];
        if v_is_regional then
            v_names := array['regional.' || v_names[1], 'regional.' || v_names[2]] || v_names;
        elsif v_parts[1] = 'global' then
            v_names := array['global.' || v_names[1]] || v_names;
        elsif v_parts[2] <> 'anthropic' then -- in one region; Claude's are shown at the maker's price
            v_names := v_names || array['regional.' || v_names[1]];
        end if;
        if v_name !~ c_closed then
            return v_names;
        end if;
    end if;

    v_names := v_names || v_name;
    if v_name ~ '^claude-' then
        -- claude-4.5-opus-20251101-thinking is claude-opus-4-5
        v_name := regexp_replace(v_name, '-thinking$', '');
        v_name := regexp_replace(v_name, '-v[0-9]+(:[0-9]+)?$', '');
        v_name := regexp_replace(v_name, '[-@](20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2}|latest|default)$', '');
        v_name := regexp_replace(v_name, '(-thinking|-v[0-9]+)$', '');
        v_names := v_names || v_name;
        v_name := replace(v_name, '.', '-');
        if v_name !~ '^claude-3-' then
            v_name := regexp_replace(v_name, '^claude-([0-9](?:-[0-9])?)-([a-z]+)$', 'claude-\2-\1');
        end if;
    elsif v_name ~ '^gemini-' then
        v_name := regexp_replace(v_name, '-00[1-9]$', '');
        v_name := regexp_replace(v_name, '-preview-[0-9]{2}-[0-9]{2,4}$', '-preview');
        v_name := regexp_replace(v_name, '[-@](latest|default)$', '');
    else
        v_name := regexp_replace(v_name, '[-@](20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2}|latest|default)$', '');
    end if;
    return v_names || v_name;
end
$_$;

COMMENT ON FUNCTION public.price_names(p_model text) IS 'The names under which a model is looked up in model_prices, the most exact one first. Open weights keep the
name of a host whose prices are not known, and are not found. A region of Bedrock is looked up as
`regional.` first.';

CREATE FUNCTION public.purge_events(p_owner_id uuid, p_months integer DEFAULT NULL::integer, p_now timestamp with time zone DEFAULT now(), p_limit integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_timezone text;
    v_months integer;
    v_before timestamptz;
    v_sources uuid [];
    v_times timestamptz [];
    v_ids text [];
    v_purged integer;
begin
    select p.timezone, least(p.retention_months, p_months) into v_timezone, v_months
    from public.profiles as p
    where p.id = p_owner_id
    for no key update;
    if v_months is null then
        return 0;
    end if;
    perform public.lock_sums(p_owner_id);

    -- A day to be computed takes its neighbours with it, and these read the days beside them.
    select
        least(
            (
                date_trunc('day', p_now at time zone v_timezone) - make_interval(months => v_months)
            ) at time zone v_timezone,
            (min(d.day) - 2)::timestamp at time zone v_timezone
        )
    into v_before
    from public.dirty_days as d
    where d.owner_id = p_owner_id;

    select
        array_agg(s.source_id order by s.occurred_at, s.source_id, s.id collate "C"),
        array_agg(s.occurred_at order by s.occurred_at, s.source_id, s.id collate "C"),
        array_agg(s.id order by s.occurred_at, s.source_id, s.id collate "C")
    into v_sources, v_times, v_ids
    from (
        select
            e.source_id,
            e.occurred_at,
            e.id
        from public.events as e
        where e.owner_id = p_owner_id and e.occurred_at < v_before
        order by e.occurred_at, e.source_id, e.id
        limit p_limit
        for update of e skip locked -- what somebody holds is left for the next call
    ) as s;
    if v_ids is null then
        return 0;
    end if;

    delete from public.events as e
    using unnest(v_sources, v_times, v_ids) as s (source_id, occurred_at, id)
    where
        e.owner_id = p_owner_id
        and e.occurred_at between v_times[1] and v_times[array_upper(v_times, 1)]
        and (e.source_id, e.occurred_at, e.id) = (s.source_id, s.occurred_at, s.id);
    get diagnostics v_purged = row_count;

    insert into public.purge_receipts (owner_id, first_occurred_at, last_occurred_at, events, digest)
    select
        p_owner_id,
        min(s.occurred_at),
        max(s.occurred_at),
        v_purged,
        sha256(
            convert_to(
                string_agg(
                    format(
                        E'%s|%s|%s\n',
                        s.source_id,
                        to_char(s.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                        s.id
                    ),
                    '' order by s.number
                ),
                'UTF8'
            )
        )
    from unnest(v_sources, v_times, v_ids) with ordinality as s (source_id, occurred_at, id, number);

    update public.profiles as p
    set purged_before = v_before
    where p.id = p_owner_id and (p.purged_before is null or p.purged_before < v_before);
    return v_purged;
end
$$;

COMMENT ON FUNCTION public.purge_events(p_owner_id uuid, p_months integer, p_now timestamp with time zone, p_limit integer) IS 'Deletes up to p_limit events that are older than the owner''s or the deployment''s months, whichever are
fewer, and leaves a receipt; the sums stay. Returns how many. Call it until it is 0.';

CREATE FUNCTION public.rank_leaderboard(p_leaderboard_id uuid, p_metric text, p_from timestamp with time zone, p_to timestamp with time zone, p_after_value numeric, p_after_handle text, p_limit integer) RETURNS TABLE(place bigint, handle text, value numeric)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with people as (
        select
            p.id,
            p.handle
        from public.profiles as p
        where
            p.leaderboard_opt_in
            and (
                p_leaderboard_id is null
                or exists (
                    select from public.leaderboard_members as o
                    where o.leaderboard_id = p_leaderboard_id and o.owner_id = auth.uid()
                )
                and exists (
                    select from public.leaderboard_members as m
                    where m.leaderboard_id = p_leaderboard_id and m.owner_id = p.id
                )
            )
    ),

    sums as (
        select
            p.handle,
            case p_metric
                when 'events' then sum(c.events)
                when 'active_days' then count(distinct (c.quarter_at at time zone 'UTC')::date)
                when 'active_hours' then count(distinct date_trunc('hour', c.quarter_at, 'UTC'))
                when 'tokens' then sum(c.tokens_input + c.tokens_output)
            end as value
        from people as p
        inner join public.event_sums as c on p.id = c.owner_id
        where c.quarter_at >= p_from and c.quarter_at < p_to
        group by p.id, p.handle
    ),

    ranked as (
        select
            rank() over (order by s.value desc) as place,
            s.handle,
            s.value
        from sums as s
        where s.value > 0
    )

    select
        r.place,
        r.handle,
        r.value
    from ranked as r
    where
        p_after_value is null
        or r.value < p_after_value
        or (r.value = p_after_value and r.handle collate "C" > p_after_handle)
    order by r.value desc, r.handle collate "C" asc
    limit p_limit;
$$;

COMMENT ON FUNCTION public.rank_leaderboard(p_leaderboard_id uuid, p_metric text, p_from timestamp with time zone, p_to timestamp with time zone, p_after_value numeric, p_after_handle text, p_limit integer) IS 'A page of a ranking, or of the public one when the id is null: place, handle and value of the members
who opted in and have any. Metrics: events, active_days and active_hours (UTC), tokens (in and out).';

CREATE FUNCTION public.read_project(p_owner_id uuid, p_name text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case
        when public.is_directory_slug(p_name)
            then coalesce(
                (
                    select n.name
                    from public.project_names as n
                    where
                        n.owner_id = p_owner_id
                        and right(p_name, length(n.slug) + 1) = '-' || n.slug
                    order by length(n.slug) desc, n.name
                    limit 1
                ),
                nullif(
                    regexp_replace(
                        p_name, '^(-(home|Users|mnt-[a-z]-Users)-[^-]+|-root|[A-Za-z]--Users-[^-]+)-', ''
                    ),
                    ''
                ),
                p_name
            )
        else p_name
    end;
$$;

COMMENT ON FUNCTION public.read_project(p_owner_id uuid, p_name text) IS 'A project''s name as the owner knows it: `-home-ada-code-my-app` is `my-app` once that name has been used.';

CREATE FUNCTION public.redeem_key_challenge(p_owner_id uuid, p_challenge text) RETURNS boolean
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    delete from public.key_challenges as c
    where c.challenge = p_challenge and c.owner_id = p_owner_id and c.expires_at > now()
    returning true;
$$;

COMMENT ON FUNCTION public.redeem_key_challenge(p_owner_id uuid, p_challenge text) IS 'True once for a live challenge of this owner; no row otherwise.';

CREATE TABLE public.events (
    owner_id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    source_id uuid NOT NULL,
    id text NOT NULL,
    batch_id bigint NOT NULL,
    kind text NOT NULL,
    project text,
    language text,
    branch text,
    is_error boolean DEFAULT false NOT NULL,
    provider text,
    model text,
    tokens_input bigint,
    tokens_output bigint,
    tokens_cache_read bigint,
    tokens_cache_write bigint,
    cost_usd numeric,
    payload jsonb NOT NULL
)
PARTITION BY RANGE (occurred_at);

COMMENT ON TABLE public.events IS 'What monitors reported, one row an event, partitioned by month. `delete_events` is the only way to delete: it
takes them out of the sums, too.';

COMMENT ON COLUMN public.events.occurred_at IS 'The monitor''s clock, UTC, microseconds.';

COMMENT ON COLUMN public.events.id IS 'The monitor''s own id, unique within its source.';

COMMENT ON COLUMN public.events.batch_id IS 'The batch that brought it, of the same owner.';

COMMENT ON COLUMN public.events.kind IS 'The kind of event, as event_kinds lists it.';

COMMENT ON COLUMN public.events.is_error IS 'An error event, a command that failed, an editor error, a tool that reported no success.';

COMMENT ON COLUMN public.events.tokens_input IS 'Null unless the event reports tokens; so the next three.';

COMMENT ON COLUMN public.events.cost_usd IS 'At list price when it arrived; null for an unlisted model. `reprice_events` brings it up to date.';

CREATE FUNCTION public.register_revisions(p_owner_id uuid, p_source_id uuid, p_events jsonb, OUT kept_ids text[], OUT kept_times timestamp with time zone[], OUT replaced public.events[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
    v_ids text [];
    v_revisions bigint [];
    v_times timestamptz [];
begin
    select array_agg(n.id), array_agg(n.revision), array_agg(n."timestamp")
    into v_ids, v_revisions, v_times
    from (
        select distinct on (e.id)
            e.id,
            e.revision,
            e."timestamp"
        from jsonb_to_recordset(p_events) as e (id text, "timestamp" timestamptz, revision bigint)
        where e.revision is not null
        order by e.id, e.revision desc, e."timestamp"
    ) as n;

    with registered as (
        insert into public.event_versions as v (owner_id, id, revision, occurred_at, source_id)
        select
            p_owner_id,
            n.id,
            n.revision,
            n.occurred_at,
            p_source_id
        from unnest(v_ids, v_revisions, v_times) as n (id, revision, occurred_at)
        order by n.id
        on conflict do nothing
        returning v.id, v.occurred_at
    )

    select array_agg(r.id), array_agg(r.occurred_at) into kept_ids, kept_times from registered as r;
    if cardinality(kept_ids) = cardinality(v_ids) then
        return;
    end if;

    perform v.id
    from public.event_versions as v
    where v.owner_id = p_owner_id and v.id = any(v_ids)
    order by v.id
    for update;

    with outdated as (
        select
            v.id,
            v.occurred_at,
            v.source_id
        from public.event_versions as v
        inner join unnest(v_ids, v_revisions) as n (id, revision) on v.id = n.id
        where v.owner_id = p_owner_id and v.revision < n.revision
    ),

    gone as (
        delete from public.events as e
        using outdated as o
        where
            e.owner_id = p_owner_id
            and e.source_id = o.source_id
            and e.occurred_at = o.occurred_at
            and e.id = o.id
        returning e
    ),

    renewed as (
        update public.event_versions as v
        set revision = n.revision, occurred_at = n.occurred_at, source_id = p_source_id
        from unnest(v_ids, v_revisions, v_times) as n (id, revision, occurred_at)
        inner join gone as g on n.id = (g.e).id
        where v.owner_id = p_owner_id and v.id = n.id
        returning v.id, v.occurred_at
    )

    select
        coalesce(kept_ids, '{}') || coalesce(array_agg(r.id), '{}'),
        coalesce(kept_times, '{}') || coalesce(array_agg(r.occurred_at), '{}'),
        (select array_agg(g.e) from gone as g)
    into kept_ids, kept_times, replaced
    from renewed as r;
end
$$;

COMMENT ON FUNCTION public.register_revisions(p_owner_id uuid, p_source_id uuid, p_events jsonb, OUT kept_ids text[], OUT kept_times timestamp with time zone[], OUT replaced public.events[]) IS 'Registers the events of a batch that have a revision, and deletes the stored ones that they replace.
Returns the ids and times of those that are to be stored, and the events that were replaced.';

CREATE FUNCTION public.reprice_events(p_owner_id uuid, p_from timestamp with time zone, p_to timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_changed bigint;
    v_deltas public.sum_delta [];
begin
    perform public.lock_sums(p_owner_id);

    -- Each model, day and mode is looked up once.
    with offered as materialized (
        select
            d.model,
            d.day,
            d.mode,
            public.find_price(d.model, d.day, d.mode) as prices
        from (
            select distinct
                e.model,
                (e.occurred_at at time zone 'UTC')::date as day,
                public.price_mode(e.payload) as mode
            from public.events as e
            where
                e.owner_id = p_owner_id
                and e.occurred_at >= p_from
                and e.occurred_at < p_to
                and e.model is not null
        ) as d
    ),

    priced as materialized (
        select
            e.occurred_at,
            e.source_id,
            e.id,
            e.cost_usd as old_usd,
            n.usd as new_usd
        from public.events as e
        inner join offered as o
            on
                e.model = o.model
                and (e.occurred_at at time zone 'UTC')::date = o.day
                and public.price_mode(e.payload) = o.mode
        cross join lateral (
            select
                public.usage_cost(
                    o.prices,
                    e.tokens_input, e.tokens_output, e.tokens_cache_read, e.tokens_cache_write,
                    e.payload
                ) as usd
        ) as n
        where
            e.owner_id = p_owner_id
            and e.occurred_at >= p_from
            and e.occurred_at < p_to
            and e.tokens_input is not null
            and e.cost_usd is distinct from n.usd
    ),

    changed as (
        update public.events as e
        set cost_usd = p.new_usd
        from priced as p
        where
            e.owner_id = p_owner_id
            and (e.occurred_at, e.source_id, e.id) = (p.occurred_at, p.source_id, p.id)
            and e.occurred_at >= p_from
            and e.occurred_at < p_to
        returning
            e.occurred_at, e.source_id, e.kind, e.project, e.language, e.provider, e.model,
            p.old_usd, p.new_usd
    ),

    deltas as (
        select
            row(
                date_bin('15 minutes', c.occurred_at, 'epoch'),
                c.source_id,
                c.kind,
                coalesce(c.project, ''),
                coalesce(c.language, ''),
                coalesce(c.provider, ''),
                coalesce(c.model, ''),
                0,
                0,
                0,
                sum((c.new_usd is null)::integer - (c.old_usd is null)::integer),
                0,
                0,
                0,
                0,
                sum(coalesce(c.new_usd, 0) - coalesce(c.old_usd, 0))
            )::public.sum_delta as delta
        from changed as c
        group by
            date_bin('15 minutes', c.occurred_at, 'epoch'), c.source_id, c.kind,
            coalesce(c.project, ''), coalesce(c.language, ''), coalesce(c.provider, ''), coalesce(c.model, '')
    )

    select (select count(*) from changed), array_agg(d.delta) into v_changed, v_deltas
    from deltas as d;
    if v_changed > 0 then
        perform public.add_to_sums(p_owner_id, v_deltas);
    end if;
    return v_changed;
end
$$;

COMMENT ON FUNCTION public.reprice_events(p_owner_id uuid, p_from timestamp with time zone, p_to timestamp with time zone) IS 'Brings the cost of an owner''s events in the range, and of the sums, to the prices that are listed now, and
has the days computed anew; returns how many events changed. Events that retention has purged keep what they
cost. Call it for a day at a time.';

CREATE FUNCTION public.request_cost(p_prices public.model_prices[], p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_cache_write_1h bigint) RETURNS numeric
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_price public.model_prices;
begin
    foreach v_price in array p_prices loop
        exit when v_price.above_tokens = 0 or p_input + p_cache_read + p_cache_write > v_price.above_tokens;
    end loop;
    return (
        v_price.input_usd * p_input
        + v_price.output_usd * p_output
        + v_price.cache_read_usd * p_cache_read
        + v_price.cache_write_usd * (p_cache_write - least(p_cache_write_1h, p_cache_write))
        + v_price.cache_write_1h_usd * least(p_cache_write_1h, p_cache_write)
    ) / 1000000;
end
$$;

COMMENT ON FUNCTION public.request_cost(p_prices public.model_prices[], p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_cache_write_1h bigint) IS 'US dollars of one request; p_cache_write_1h is a part of p_cache_write.';

CREATE FUNCTION public.revoke_source_key(p_owner_id uuid, p_source_id uuid, p_key_id uuid) RETURNS boolean
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    update public.source_keys as k
    set revoked_at = coalesce(k.revoked_at, now())
    where k.id = p_key_id and k.source_id = p_source_id and k.owner_id = p_owner_id
    returning true;
$$;

COMMENT ON FUNCTION public.revoke_source_key(p_owner_id uuid, p_source_id uuid, p_key_id uuid) IS 'Revokes at once: a batch that commits later is refused. No row: there is no such key.';

CREATE FUNCTION public.schema_version() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select max(m.version) from supabase_migrations.schema_migrations as m;
$$;

COMMENT ON FUNCTION public.schema_version() IS 'The newest migration applied; `/readyz` compares it.';

CREATE FUNCTION public.service_health(p_now timestamp with time zone DEFAULT now()) RETURNS TABLE(rollup_lag_seconds double precision, dirty_days integer, database_connections integer, database_connections_limit integer, silent_sources integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with dirty as (
        select d.waits_since
        from public.dirty_days as d
        limit 10000
    )

    select
        coalesce((select greatest(extract(epoch from p_now - min(d.waits_since)), 0) from dirty as d), 0),
        (select count(*) from dirty),
        -- Places are the server's, so other databases' connections count; its own processes have no user.
        (
            select count(*)
            from pg_catalog.pg_stat_activity as a
            where a.datid is not null and a.usesysid is not null
        ),
        current_setting('max_connections')::integer
        - current_setting('superuser_reserved_connections')::integer
        - current_setting('reserved_connections')::integer,
        (
            select count(*)
            from public.sources as s
            where
                s.expected_every_hours is not null
                and coalesce(s.last_seen_at, s.created_at)
                < p_now - make_interval(hours => s.expected_every_hours)
        );
$$;

COMMENT ON FUNCTION public.service_health(p_now timestamp with time zone) IS 'How far behind the house is: for how many seconds the day that waits longest has waited for its figures (0:
none does), how many days wait (10000: so many or more), connections to the server and how many it allows to
those without reserved places, sources that are silent for longer than their owners expect.';

CREATE FUNCTION public.share_sums(p_owner_id uuid) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select pg_advisory_xact_lock_shared(hashtextextended('vibeloom.sums ' || p_owner_id::text, 0));
$$;

COMMENT ON FUNCTION public.share_sums(p_owner_id uuid) IS 'Holds the owner''s sums for adding to them, together with others who add, until the transaction ends.';

CREATE FUNCTION public.store_events(p_owner_id uuid, p_source_id uuid, p_events jsonb, p_body_sha256 bytea, p_key_id uuid, p_signature bytea, p_token_id uuid) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_batch_id bigint;
    v_kept_ids text [] := '{}';
    v_kept_times timestamptz [] := '{}';
    v_replaced public.events [];
    v_inserted integer;
    v_first timestamptz;
    v_last timestamptz;
    v_events public.events [];
    v_deltas public.sum_delta [];
begin
    perform public.share_sums(p_owner_id);

    if exists (
        select from public.batches as b
        where b.owner_id = p_owner_id and b.source_id = p_source_id and b.body_sha256 = p_body_sha256
    ) then
        return 0;
    end if;

    v_batch_id := nextval('public.batches_id_seq');

    if jsonb_path_exists(p_events, '$[*].revision') then
        select r.kept_ids, r.kept_times, r.replaced into v_kept_ids, v_kept_times, v_replaced
        from public.register_revisions(p_owner_id, p_source_id, p_events) as r;
    end if;

    with incoming as materialized (
        select distinct on (e."timestamp", e.id)
            e.id,
            e."timestamp" as occurred_at,
            coalesce(e."type", e."eventType") as kind,
            e.payload
        from jsonb_to_recordset(p_events) as e (
            id text,
            "timestamp" timestamptz,
            "type" text,
            "eventType" text,
            payload jsonb,
            revision bigint
        )
        left join unnest(v_kept_ids, v_kept_times) as k (id, occurred_at)
            on e.id = k.id and e."timestamp" = k.occurred_at
        where e.revision is null or k.id is not null
        order by e."timestamp", e.id, e.revision desc nulls last
    ),

    named as materialized (
        select
            n.name,
            left(public.read_project(p_owner_id, n.name), 256) as project
        from (select distinct i.payload ->> 'project' as name from incoming as i) as n
        where n.name <> ''
    ),

    counted as materialized (
        select
            i.id,
            i.occurred_at,
            left(i.payload ->> 'provider', 64) as provider,
            left(i.payload ->> 'model', 128) as model,
            (i.occurred_at at time zone 'UTC')::date as day,
            public.price_mode(i.payload) as mode,
            public.token_count(
                coalesce(i.payload -> 'input_tokens', i.payload -> 'inputTokens')
            ) as input,
            public.token_count(
                coalesce(i.payload -> 'output_tokens', i.payload -> 'outputTokens')
            ) as output,
            public.token_count(
                coalesce(i.payload -> 'cache_read_tokens', i.payload -> 'cacheReadTokens')
            ) as cache_read,
            public.token_count(
                coalesce(i.payload -> 'cache_creation_tokens', i.payload -> 'cacheCreationTokens')
            ) as cache_write
        from incoming as i
        inner join public.event_kinds as k on i.kind = k.kind
        where k.has_tokens
    ),

    priced as materialized (
        select
            d.model,
            d.day,
            d.mode,
            p as price
        from (select distinct c.model, c.day, c.mode from counted as c) as d
        cross join lateral public.find_price(d.model, d.day, d.mode) as p
    ),

    remembered as (
        insert into public.project_names (owner_id, name)
        select
            p_owner_id,
            n.project
        from named as n
        where
            not public.is_directory_slug(n.name)
            and not exists (
                select from public.project_names as k
                where k.owner_id = p_owner_id and k.name = n.project
            )
        group by n.project
        order by n.project
        on conflict do nothing
    ),

    formed as materialized (
        select
            row(
                p_owner_id,
                i.occurred_at,
                p_source_id,
                i.id,
                v_batch_id,
                i.kind,
                n.project,
                left(i.payload ->> 'language', 64),
                left(i.payload ->> 'branch', 256),
                (i.payload @@ k.error_rule) is true,
                c.provider,
                c.model,
                c.input,
                c.output,
                c.cache_read,
                c.cache_write,
                public.usage_cost(p.price, c.input, c.output, c.cache_read, c.cache_write, i.payload),
                i.payload
            )::public.events as event
        from incoming as i
        left join public.event_kinds as k on i.kind = k.kind
        left join named as n on n.name = i.payload ->> 'project'
        left join counted as c on i.id = c.id and i.occurred_at = c.occurred_at
        left join priced as p on c.model = p.model and c.day = p.day and c.mode = p.mode
        order by i.occurred_at, i.id
    )

    select array_agg(f.event), min((f.event).occurred_at), max((f.event).occurred_at)
    into v_events, v_first, v_last
    from formed as f;

    -- Most batches have nothing that is stored already; looking first would cost as much as storing.
    begin
        insert into public.events
        select e.* from unnest(v_events) as e;
    exception
        when unique_violation then
            with stored as (
                insert into public.events as e
                select n.* from unnest(v_events) as n
                on conflict do nothing
                returning e
            )

            select array_agg(s.e) into v_events from stored as s;
    end;
    v_inserted := coalesce(cardinality(v_events), 0);

    with changed as (
        select
            1 as sign,
            e.*
        from unnest(v_events) as e
        union all
        select
            -1 as sign,
            g.*
        from unnest(v_replaced) as g
    ),

    deltas as (
        select
            row(
                date_bin('15 minutes', c.occurred_at, 'epoch'),
                c.source_id,
                c.kind,
                coalesce(c.project, ''),
                coalesce(c.language, ''),
                coalesce(c.provider, ''),
                coalesce(c.model, ''),
                coalesce(sum(c.sign), 0),
                coalesce(sum(c.sign) filter (where c.is_error), 0),
                coalesce(sum(c.sign) filter (where c.tokens_input is not null), 0),
                coalesce(sum(c.sign) filter (where c.tokens_input is not null and c.cost_usd is null), 0),
                coalesce(sum(c.sign * c.tokens_input), 0),
                coalesce(sum(c.sign * c.tokens_output), 0),
                coalesce(sum(c.sign * c.tokens_cache_read), 0),
                coalesce(sum(c.sign * c.tokens_cache_write), 0),
                coalesce(sum(c.sign * c.cost_usd), 0)
            )::public.sum_delta as delta
        from changed as c
        group by
            date_bin('15 minutes', c.occurred_at, 'epoch'), c.source_id, c.kind,
            coalesce(c.project, ''), coalesce(c.language, ''), coalesce(c.provider, ''), coalesce(c.model, '')
    )

    select array_agg(d.delta) into v_deltas
    from deltas as d;

    if v_deltas is not null then
        perform public.add_to_sums(p_owner_id, v_deltas);
    end if;

    if v_first is null then -- all of it has been told before
        select min(e."timestamp"), max(e."timestamp") into v_first, v_last
        from jsonb_to_recordset(p_events) as e ("timestamp" timestamptz);
    end if;

    insert into public.batches (
        owner_id, id, source_id, key_id, token_id, body_sha256, signature,
        events, inserted, first_occurred_at, last_occurred_at
    )
    overriding system value
    values (
        p_owner_id, v_batch_id, p_source_id, p_key_id, p_token_id, p_body_sha256, p_signature,
        jsonb_array_length(p_events), v_inserted, v_first, v_last
    )
    on conflict on constraint batches_source_body_unique do nothing;
    if not found and v_inserted > 0 then
        raise exception 'the same batch is being stored' using errcode = 'serialization_failure';
    end if;

    update public.sources as s
    set last_seen_at = now()
    where
        s.owner_id = p_owner_id
        and s.id = p_source_id
        and (s.last_seen_at is null or s.last_seen_at < now() - interval '1 second');
    return v_inserted;
end
$_$;

COMMENT ON FUNCTION public.store_events(p_owner_id uuid, p_source_id uuid, p_events jsonb, p_body_sha256 bytea, p_key_id uuid, p_signature bytea, p_token_id uuid) IS 'Stores a batch (an array of events) of a sender that was checked, adds it to the sums, and returns how many
events were new or replaced an older revision. A key and its signature, or an access token, vouch for it.';

CREATE FUNCTION public.take_work(p_tasks text[], p_lease interval) RETURNS TABLE(id bigint, owner_id uuid, task text, args jsonb, attempts integer, lease_until timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
#variable_conflict use_column
declare
    v_item public.work_items;
begin
    begin
        update public.work_items as w
        set lease_until = clock_timestamp() + p_lease, attempts = w.attempts + 1
        where w.id = (
            select f.id
            from public.work_items as f
            where
                f.failed_at is null
                and f.task = any(p_tasks)
                and f.due_at <= clock_timestamp()
                and case
                    when f.lease_until is not null then f.lease_until < clock_timestamp()
                    else
                        f.id = (
                            select e.id
                            from public.work_items as e
                            where
                                e.owner_id = f.owner_id
                                and e.task = f.task
                                and e.failed_at is null
                                and e.id > 0
                            order by e.id
                            limit 1
                        )
                        and not exists (
                            select
                            from public.work_items as r
                            where
                                r.owner_id = f.owner_id
                                and r.task = f.task
                                and r.lease_until is not null
                            -- A subquery with an offset is asked row by row, not joined with all.
                            offset 0
                        )
                end
            order by f.turn, f.id
            limit 1
            for update of f skip locked
        )
        returning w.* into v_item;
    exception when unique_violation then
        -- Two took of one lane at once: an item with a lower number was committed later.
        return;
    end;
    if v_item.id is null then
        return;
    end if;
    -- What was enqueued at the same time as this one is done with it.
    delete from public.work_items as d
    where d.id in (
        select s.id
        from public.work_items as s
        where
            s.owner_id = v_item.owner_id
            and s.task = v_item.task
            and s.args = v_item.args
            and s.lease_until is null
            and s.failed_at is null
        for update skip locked
    );
    return query
    select v_item.id, v_item.owner_id, v_item.task, v_item.args, v_item.attempts, v_item.lease_until;
end
$$;

COMMENT ON FUNCTION public.take_work(p_tasks text[], p_lease interval) IS 'Leases the next item of these tasks: the lowest turn first, one of each owner and task at a time, in the
order in which they were enqueued. No row: nothing is due.';

CREATE TABLE public.token_days (
    owner_id uuid NOT NULL,
    day date NOT NULL,
    source_id uuid NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    project text NOT NULL,
    calls bigint NOT NULL,
    unpriced bigint NOT NULL,
    tokens_input bigint NOT NULL,
    tokens_output bigint NOT NULL,
    tokens_cache_read bigint NOT NULL,
    tokens_cache_write bigint NOT NULL,
    cost_usd numeric NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.token_days IS 'token_sums folded into days of the zone `profiles.folded_timezone`.';

CREATE TABLE public.token_sums (
    owner_id uuid NOT NULL,
    quarter_at timestamp with time zone NOT NULL,
    source_id uuid NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    project text NOT NULL,
    calls bigint NOT NULL,
    unpriced bigint NOT NULL,
    tokens_input bigint NOT NULL,
    tokens_output bigint NOT NULL,
    tokens_cache_read bigint NOT NULL,
    tokens_cache_write bigint NOT NULL,
    cost_usd numeric NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.token_sums IS 'Events that report tokens, by quarter of an hour, provider, model and project.';

CREATE FUNCTION public.token_cells(p_since timestamp with time zone, p_until timestamp with time zone, p_zone text) RETURNS TABLE(quarter_at timestamp with time zone, day date, source_id uuid, provider text, model text, project text, calls bigint, unpriced bigint, tokens_input bigint, tokens_output bigint, tokens_cache_read bigint, tokens_cache_write bigint, cost_usd numeric)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT NULL::timestamp with time zone AS quarter_at,
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
    FROM public.token_days d
   WHERE (( SELECT public.is_of_folded_days(token_cells.p_since, token_cells.p_until, token_cells.p_zone) AS is_of_folded_days) AND (d.day >= ((token_cells.p_since AT TIME ZONE token_cells.p_zone))::date) AND (d.day < ((token_cells.p_until AT TIME ZONE token_cells.p_zone))::date))
 UNION ALL
  SELECT s.quarter_at,
     NULL::date AS day,
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
    FROM public.token_sums s
   WHERE (( SELECT (NOT public.is_of_folded_days(token_cells.p_since, token_cells.p_until, token_cells.p_zone))) AND (s.quarter_at >= token_cells.p_since) AND (s.quarter_at < token_cells.p_until));
END;

COMMENT ON FUNCTION public.token_cells(p_since timestamp with time zone, p_until timestamp with time zone, p_zone text) IS 'The reader''s sums over calls of models, as event_cells has them over events.';

CREATE FUNCTION public.token_count(p_value jsonb) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN ((jsonb_typeof(p_value) = 'number'::text) AND (((p_value)::numeric >= (0)::numeric) AND ((p_value)::numeric <= (1000000000)::numeric))) THEN ((p_value)::numeric)::bigint ELSE (0)::bigint END;

COMMENT ON FUNCTION public.token_count(p_value jsonb) IS 'A token count from a payload; 0 for what is no number between 0 and 10^9. The bound keeps every sum over
events within a bigint.';

CREATE FUNCTION public.update_profile(p_id uuid, p_handle text, p_timezone text, p_idle_timeout_minutes integer, p_retention_months integer, p_leaderboard_opt_in boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_zone text;
    v_timeout integer;
    v_handle text;
    v_constraint text;
begin
    -- Held before the sums, in the order of a purge: whoever computes days holds the profile for long, and
    -- the sums must stay free for events meanwhile.
    select p.timezone, p.idle_timeout_minutes, p.handle into v_zone, v_timeout, v_handle
    from public.profiles as p
    where p.id = p_id
    for no key update;
    if not found then
        raise exception 'there is no such person' using errcode = 'VL014';
    end if;

    if v_zone <> p_timezone or v_timeout <> p_idle_timeout_minutes then
        perform public.lock_own_sums();
        update public.profiles as p
        set timezone = p_timezone, idle_timeout_minutes = p_idle_timeout_minutes
        where p.id = p_id;
        perform public.mark_own_days();
    end if;

    if p_handle is distinct from v_handle then
        delete from public.handles as h where h.handle = v_handle and h.owner_id = p_id;
        if p_handle is not null then
            insert into public.handles (handle, owner_id) values (p_handle, p_id)
            on conflict (handle) do nothing;
            if not found then
                raise exception 'the handle is taken' using errcode = 'VL011';
            end if;
        end if;
    end if;
    update public.profiles as p
    set
        handle = p_handle,
        retention_months = p_retention_months,
        leaderboard_opt_in = p_leaderboard_opt_in
    where p.id = p_id;
exception
    when check_violation then
        get stacked diagnostics v_constraint = constraint_name;
        raise exception 'the settings violate %', v_constraint using errcode = case v_constraint
            when 'profiles_leaderboard_handle' then 'VL012'
            when 'timezone_name_known' then 'VL013'
            else 'VL014'
        end;
end
$$;

COMMENT ON FUNCTION public.update_profile(p_id uuid, p_handle text, p_timezone text, p_idle_timeout_minutes integer, p_retention_months integer, p_leaderboard_opt_in boolean) IS 'Sets everything that a person may set. VL011: somebody else has the handle, VL012: leaderboards need a
handle, VL013: the server does not know the zone, VL014: another setting is out of its
range, or there is no such person.';

CREATE FUNCTION public.usage_cost(p_prices public.model_prices[], p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_payload jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN ((p_prices IS NULL) OR (p_input IS NULL)) THEN NULL::numeric WHEN (p_payload ?| ARRAY['requests'::text, 'web_searches'::text, 'webSearches'::text]) THEN public.detailed_cost(p_prices, p_input, p_output, p_cache_read, p_cache_write, p_payload) ELSE public.request_cost(p_prices, p_input, p_output, p_cache_read, p_cache_write, public.token_count(COALESCE((p_payload -> 'cache_creation_1h_tokens'::text), (p_payload -> 'cacheCreation1hTokens'::text)))) END;

COMMENT ON FUNCTION public.usage_cost(p_prices public.model_prices[], p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_payload jsonb) IS 'US dollars of an event with these totals; null without a price. The payload says which part of the cache
writes lives an hour, how many web searches there were, and of which requests the message was made
(`requests`, which count only if they sum to the totals). Odd values in it count as 0.';

CREATE FUNCTION public.use_access_token(p_token_sha256 bytea) RETURNS TABLE(owner_id uuid, scopes text[])
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_owner_id uuid;
    v_token_id uuid;
begin
    select h.owner_id, h.token_id into v_owner_id, v_token_id
    from public.token_hashes as h
    where h.token_sha256 = p_token_sha256;
    if not found then
        return;
    end if;
    update public.access_tokens as t
    set last_used_at = now()
    where
        t.owner_id = v_owner_id
        and t.id = v_token_id
        and (t.expires_at is null or t.expires_at > now())
        and (t.last_used_at is null or t.last_used_at < now() - interval '1 minute');
    return query
    select t.owner_id, t.scopes
    from public.access_tokens as t
    where
        t.owner_id = v_owner_id
        and t.id = v_token_id
        and (t.expires_at is null or t.expires_at > now());
end
$$;

COMMENT ON FUNCTION public.use_access_token(p_token_sha256 bytea) IS 'Whose token this is and what it may do; no row when it is unknown or expired.';

CREATE FUNCTION public.work_health(p_now timestamp with time zone DEFAULT now()) RETURNS TABLE(waiting integer, oldest_seconds double precision, dead integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with alive as (
        select
            w.id,
            w.owner_id,
            w.task,
            w.due_at,
            w.lease_until
        from public.work_items as w
        where w.failed_at is null
        limit 10000
    ),

    -- What waits behind an item that pauses after a failure waits for its owner alone.
    first_of_lanes as (
        select distinct on (a.owner_id, a.task)
            a.due_at,
            a.lease_until
        from alive as a
        order by a.owner_id, a.task, a.id
    ),

    dead as (
        select w.id
        from public.work_items as w
        where w.failed_at is not null
        limit 10000
    )

    select
        (select count(*) from alive)::integer,
        greatest(extract(epoch from p_now - min(f.due_at)), 0)::double precision,
        (select count(*) from dead)::integer
    from first_of_lanes as f
    where f.lease_until is null or f.lease_until < p_now;
$$;

COMMENT ON FUNCTION public.work_health(p_now timestamp with time zone) IS 'Items that wait or run, for how long the oldest has been due, dead letters (10000: so many or more).';

CREATE TABLE dashboards.readers (
    role_name text NOT NULL,
    owner_id uuid,
    CONSTRAINT readers_role_name_length CHECK (((length(role_name) >= 1) AND (length(role_name) <= 63)))
);

COMMENT ON TABLE dashboards.readers IS 'Whose figures a login sees: one owner a row, or everybody where owner_id is null. Operators write it.';

COMMENT ON COLUMN dashboards.readers.role_name IS 'The login itself (session_user), so that `set role` opens nothing.';

CREATE TABLE public.deployment (
    is_only boolean DEFAULT true NOT NULL,
    owner_id uuid NOT NULL,
    CONSTRAINT deployment_is_only CHECK (is_only)
);

COMMENT ON TABLE public.deployment IS 'One row: the account that configured keys and the subscriber token of the deployment belong to.';

CREATE VIEW dashboards.owners WITH (security_barrier='true') AS
 SELECT p.id AS owner_id,
    COALESCE(p.handle,
        CASE
            WHEN (d.owner_id IS NOT NULL) THEN 'owner'::text
            ELSE NULL::text
        END, "left"((p.id)::text, 8)) AS name,
    p.timezone
   FROM (public.profiles p
     LEFT JOIN public.deployment d ON ((p.id = d.owner_id)))
  WHERE (EXISTS ( SELECT
           FROM dashboards.readers r
          WHERE ((r.role_name = SESSION_USER) AND ((r.owner_id IS NULL) OR (r.owner_id = p.id)))));

COMMENT ON VIEW dashboards.owners IS 'Whose figures this login may see, by handle, and their zones.';

CREATE TABLE public.activity_sums (
    owner_id uuid NOT NULL,
    quarter_at timestamp with time zone NOT NULL,
    source_id uuid NOT NULL,
    events bigint NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.activity_sums IS 'How many events there were, by quarter of an hour and source.';

CREATE VIEW dashboards.activity WITH (security_barrier='true') AS
 SELECT owner_id,
    hour,
    (local)::date AS day,
    (EXTRACT(hour FROM local))::smallint AS hour_of_day,
    (sum(events))::bigint AS events
   FROM ( SELECT c.owner_id,
            date_trunc('hour'::text, c.quarter_at, 'UTC'::text) AS hour,
            (c.quarter_at AT TIME ZONE o.timezone) AS local,
            c.events
           FROM (public.activity_sums c
             JOIN dashboards.owners o ON ((c.owner_id = o.owner_id)))) q
  GROUP BY owner_id, hour, ((local)::date), ((EXTRACT(hour FROM local))::smallint);

COMMENT ON VIEW dashboards.activity IS 'Events by UTC hour, and by day and hour of the owner''s zone.';

CREATE TABLE public.batches (
    owner_id uuid NOT NULL,
    id bigint NOT NULL,
    source_id uuid NOT NULL,
    key_id uuid,
    token_id uuid,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    body_sha256 bytea NOT NULL,
    signature bytea,
    events integer NOT NULL,
    inserted integer NOT NULL,
    first_occurred_at timestamp with time zone NOT NULL,
    last_occurred_at timestamp with time zone NOT NULL,
    CONSTRAINT batches_body_sha256_length CHECK ((length(body_sha256) = 32)),
    CONSTRAINT batches_counts CHECK (((inserted >= 0) AND (inserted <= events))),
    CONSTRAINT batches_provenance CHECK ((((key_id IS NULL) = (signature IS NULL)) AND (num_nonnulls(key_id, token_id) = 1))),
    CONSTRAINT batches_signature_length CHECK ((length(signature) = 64))
);

COMMENT ON TABLE public.batches IS 'Accepted batches: who vouches for what, and when it came.';

COMMENT ON COLUMN public.batches.key_id IS 'The key that signed it; null for a sender without a key.';

COMMENT ON COLUMN public.batches.token_id IS 'The access token that vouches for it; null for a signed batch.';

COMMENT ON COLUMN public.batches.body_sha256 IS 'Of the body as sent, before unpacking.';

COMMENT ON COLUMN public.batches.events IS 'Events in the body.';

COMMENT ON COLUMN public.batches.inserted IS 'Events of the body that were new.';

CREATE TABLE public.sources (
    owner_id uuid NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_seen_at timestamp with time zone,
    expected_every_hours integer,
    CONSTRAINT sources_expected_every_hours_range CHECK (((expected_every_hours >= 1) AND (expected_every_hours <= 8784))),
    CONSTRAINT sources_name_valid CHECK ((name ~ '^[!-~]([ -~]{0,126}[!-~])?$'::text))
);

COMMENT ON TABLE public.sources IS 'Monitors. Event ids are unique within one source.';

COMMENT ON COLUMN public.sources.last_seen_at IS 'When a batch was last accepted, to the second.';

COMMENT ON COLUMN public.sources.expected_every_hours IS 'A source that is not heard of for longer than this is silent, which is an alarm; null: nothing is
expected of it. At most a leap year.';

CREATE VIEW dashboards.batches WITH (security_barrier='true') AS
 SELECT b.owner_id,
    s.name AS source,
    b.received_at,
    b.events,
    b.inserted,
    (b.events - b.inserted) AS duplicates,
    b.first_occurred_at,
    b.last_occurred_at
   FROM ((public.batches b
     JOIN dashboards.owners o ON ((b.owner_id = o.owner_id)))
     JOIN public.sources s ON ((b.source_id = s.id)));

COMMENT ON VIEW dashboards.batches IS 'Accepted batches as they arrived. A batch that comes again whole leaves no second row.';

COMMENT ON COLUMN dashboards.batches.duplicates IS 'Events of the batch that were stored before.';

CREATE TABLE public.error_episodes (
    owner_id uuid NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    source_id uuid NOT NULL,
    event_id text NOT NULL,
    project text NOT NULL,
    command_sha256 bytea NOT NULL,
    class text NOT NULL,
    fixed_at timestamp with time zone,
    lane text DEFAULT 'human'::text NOT NULL,
    program text DEFAULT ''::text NOT NULL,
    CONSTRAINT error_episodes_class CHECK ((class = ANY (ARRAY['syntax'::text, 'missing_dependency'::text, 'permission'::text, 'network'::text, 'test_failure'::text, 'compile'::text, 'timeout'::text, 'other'::text]))),
    CONSTRAINT error_episodes_command_length CHECK ((length(command_sha256) = 32)),
    CONSTRAINT error_episodes_lane CHECK ((lane = ANY (ARRAY['human'::text, 'agent'::text]))),
    CONSTRAINT error_episodes_order CHECK ((fixed_at >= opened_at))
);

COMMENT ON TABLE public.error_episodes IS 'Errors of commands: begun by a failure. One of a terminal is fixed when the same command in the same project
succeeds, one of an agent when the same program in the same project and session does.';

COMMENT ON COLUMN public.error_episodes.source_id IS 'Where it began; the fix may come from elsewhere.';

COMMENT ON COLUMN public.error_episodes.event_id IS 'Of the failure that began it.';

COMMENT ON COLUMN public.error_episodes.project IS 'Empty where the event names none.';

COMMENT ON COLUMN public.error_episodes.command_sha256 IS 'Of the normalised command, whose text stays in the raw event; for an agent''s, of session and program.';

COMMENT ON COLUMN public.error_episodes.fixed_at IS 'Null while unresolved.';

COMMENT ON COLUMN public.error_episodes.lane IS 'human: typed in a terminal. agent: run by an agent.';

COMMENT ON COLUMN public.error_episodes.program IS 'Of an agent''s command, as `cargo test`; empty where it is not known, and for terminals.';

CREATE VIEW dashboards.errors_by_class WITH (security_barrier='true') AS
 SELECT owner_id,
    day,
    class,
    sum(introduced) AS introduced,
    sum(fixed) AS fixed,
    sum(unresolved) AS unresolved,
    sum(fix_seconds) AS fix_seconds
   FROM ( SELECT e.owner_id,
            ((e.opened_at AT TIME ZONE o.timezone))::date AS day,
            e.class,
            1 AS introduced,
            0 AS fixed,
            ((e.fixed_at IS NULL))::integer AS unresolved,
            (0)::numeric AS fix_seconds
           FROM (public.error_episodes e
             JOIN dashboards.owners o ON ((e.owner_id = o.owner_id)))
        UNION ALL
         SELECT e.owner_id,
            ((e.fixed_at AT TIME ZONE o.timezone))::date AS day,
            e.class,
            0 AS introduced,
            1 AS fixed,
            0 AS unresolved,
            EXTRACT(epoch FROM (e.fixed_at - e.opened_at)) AS fix_seconds
           FROM (public.error_episodes e
             JOIN dashboards.owners o ON ((e.owner_id = o.owner_id)))
          WHERE (e.fixed_at IS NOT NULL)) f
  GROUP BY owner_id, day, class;

COMMENT ON VIEW dashboards.errors_by_class IS 'Errors begun, fixed, and begun and still open, by day.';

CREATE TABLE public.job_runs (
    name text NOT NULL,
    first_run_at timestamp with time zone DEFAULT now() NOT NULL,
    last_run_at timestamp with time zone DEFAULT now() NOT NULL,
    succeeded_at timestamp with time zone,
    failed_at timestamp with time zone,
    runs bigint DEFAULT 0 NOT NULL,
    failures bigint DEFAULT 0 NOT NULL,
    seconds double precision DEFAULT 0 NOT NULL,
    CONSTRAINT job_runs_name_length CHECK (((length(name) >= 1) AND (length(name) <= 64))),
    CONSTRAINT job_runs_seconds_positive CHECK ((seconds >= (0)::double precision))
);

COMMENT ON TABLE public.job_runs IS 'Each scheduled job''s last run, success and failure.';

COMMENT ON COLUMN public.job_runs.name IS 'A job''s; ''(installation)'' is when counting from began.';

COMMENT ON COLUMN public.job_runs.seconds IS 'How long the last run took.';

CREATE VIEW dashboards.job_runs WITH (security_barrier='true') AS
 SELECT name,
    last_run_at,
    succeeded_at,
    failed_at,
    runs,
    failures,
    seconds
   FROM public.job_runs j
  WHERE ((runs > 0) AND (EXISTS ( SELECT
           FROM dashboards.readers r
          WHERE (r.role_name = SESSION_USER))));

COMMENT ON VIEW dashboards.job_runs IS 'The deployment''s scheduled jobs: last run, success and failure.';

CREATE TABLE public.dirty_days (
    owner_id uuid NOT NULL,
    day date NOT NULL,
    marked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    waits_since timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.dirty_days IS 'Days, in the owner''s zone, whose daily figures are to be computed anew.';

COMMENT ON COLUMN public.dirty_days.marked_at IS 'The last time that the day changed.';

COMMENT ON COLUMN public.dirty_days.waits_since IS 'The first time since its figures were computed.';

CREATE VIEW dashboards.pending_days WITH (security_barrier='true') AS
 SELECT d.owner_id,
    d.day,
    d.waits_since,
    d.marked_at
   FROM (public.dirty_days d
     JOIN dashboards.owners o ON ((d.owner_id = o.owner_id)));

COMMENT ON VIEW dashboards.pending_days IS 'Days whose daily figures await the next refresh.';

CREATE VIEW dashboards.sources WITH (security_barrier='true') AS
 SELECT s.owner_id,
    s.name AS source,
    s.created_at,
    s.last_seen_at,
    s.expected_every_hours
   FROM (public.sources s
     JOIN dashboards.owners o ON ((s.owner_id = o.owner_id)));

COMMENT ON VIEW dashboards.sources IS 'Monitors: when each was last heard of, and how often it is expected to be.';

CREATE TABLE public.time_daily (
    owner_id uuid NOT NULL,
    day date NOT NULL,
    lane text NOT NULL,
    project text NOT NULL,
    language text NOT NULL,
    category text NOT NULL,
    seconds integer NOT NULL,
    same_project boolean DEFAULT false NOT NULL,
    same_language boolean DEFAULT false NOT NULL,
    same_category boolean DEFAULT false NOT NULL,
    CONSTRAINT time_daily_lane CHECK ((lane = ANY (ARRAY['human'::text, 'agent'::text, 'both'::text, 'waiting'::text]))),
    CONSTRAINT time_daily_same CHECK (((lane = 'both'::text) OR (NOT (same_project OR same_language OR same_category)))),
    CONSTRAINT time_daily_seconds CHECK (((seconds >= 1) AND (seconds <= 172800)))
);

COMMENT ON TABLE public.time_daily IS 'Seconds by lane, project, language and category on a day of the owner''s zone; empty text: not named.';

COMMENT ON COLUMN public.time_daily.lane IS 'human, agent, both (human and agent at once), waiting (an agent waits for the next prompt).';

COMMENT ON COLUMN public.time_daily.project IS 'Of the lane both: the human lane''s.';

COMMENT ON COLUMN public.time_daily.language IS 'Of the lane both: the human lane''s.';

COMMENT ON COLUMN public.time_daily.category IS 'Of the lane both: the human lane''s.';

COMMENT ON COLUMN public.time_daily.seconds IS 'At most as many as the day has in its owner''s zone.';

COMMENT ON COLUMN public.time_daily.same_project IS 'Of the lane both: whether the agent lane had the same project at that time.';

COMMENT ON COLUMN public.time_daily.same_language IS 'Of the lane both: whether the agent lane had the same language at that time.';

COMMENT ON COLUMN public.time_daily.same_category IS 'Of the lane both: whether the agent lane had the same category at that time.';

CREATE VIEW dashboards.time_by_language WITH (security_barrier='true') AS
 SELECT t.owner_id,
    t.day,
    COALESCE(NULLIF(t.language, ''::text), 'not named'::text) AS language,
    COALESCE(sum(t.seconds) FILTER (WHERE (t.lane = 'human'::text)), (0)::bigint) AS human_seconds,
    COALESCE(sum(t.seconds) FILTER (WHERE (t.lane = 'agent'::text)), (0)::bigint) AS agent_seconds,
    COALESCE(sum(t.seconds) FILTER (WHERE ((t.lane = 'both'::text) AND t.same_language)), (0)::bigint) AS both_seconds,
    COALESCE(sum(t.seconds) FILTER (WHERE ((t.lane = 'both'::text) AND (NOT t.same_language))), (0)::bigint) AS both_elsewhere_seconds
   FROM (public.time_daily t
     JOIN dashboards.owners o ON ((t.owner_id = o.owner_id)))
  WHERE (t.lane <> 'waiting'::text)
  GROUP BY t.owner_id, t.day, t.language;

COMMENT ON VIEW dashboards.time_by_language IS 'Seconds by day and language, as of the last refresh of the day (`pending_days` waits for one).';

COMMENT ON COLUMN dashboards.time_by_language.both_seconds IS 'Human and agent at work at once, both on this language.';

COMMENT ON COLUMN dashboards.time_by_language.both_elsewhere_seconds IS 'Human time of this language in which an agent was at work on another one.';

CREATE VIEW dashboards.tokens_by_model WITH (security_barrier='true') AS
 SELECT c.owner_id,
    date_trunc('hour'::text, c.quarter_at, 'UTC'::text) AS hour,
    ((c.quarter_at AT TIME ZONE o.timezone))::date AS day,
    COALESCE(NULLIF(c.provider, ''::text), 'not named'::text) AS provider,
    COALESCE(NULLIF(c.model, ''::text), 'not named'::text) AS model,
    (sum(c.calls))::bigint AS calls,
    (sum(c.tokens_input))::bigint AS tokens_input,
    (sum(c.tokens_output))::bigint AS tokens_output,
    (sum(c.tokens_cache_read))::bigint AS tokens_cache_read,
    (sum(c.tokens_cache_write))::bigint AS tokens_cache_write,
        CASE
            WHEN (sum(c.unpriced) < sum(c.calls)) THEN sum(c.cost_usd)
            ELSE NULL::numeric
        END AS cost_usd,
    (sum(c.unpriced))::bigint AS unpriced
   FROM (public.token_sums c
     JOIN dashboards.owners o ON ((c.owner_id = o.owner_id)))
  GROUP BY c.owner_id, (date_trunc('hour'::text, c.quarter_at, 'UTC'::text)), (((c.quarter_at AT TIME ZONE o.timezone))::date), c.provider, c.model;

COMMENT ON VIEW dashboards.tokens_by_model IS 'Calls, tokens and cost by UTC hour, day and model; cost is null where no call has a price.';

CREATE TABLE public.agent_runs (
    owner_id uuid NOT NULL,
    quarter timestamp with time zone NOT NULL,
    source_id uuid NOT NULL,
    project text NOT NULL,
    program text NOT NULL,
    runs bigint NOT NULL,
    failed_runs bigint NOT NULL,
    CONSTRAINT agent_runs_failed CHECK (((failed_runs >= 0) AND (failed_runs <= runs)))
);

COMMENT ON TABLE public.agent_runs IS 'Agents'' commands of a known program that ended; as fresh as the last refresh of their day.';

COMMENT ON COLUMN public.agent_runs.quarter IS 'When the quarter of an hour began, or the owner''s day within it.';

COMMENT ON COLUMN public.agent_runs.project IS 'Empty where the event names none.';

COMMENT ON COLUMN public.agent_runs.failed_runs IS 'Of the runs.';

ALTER TABLE public.batches ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.batches_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.errors_daily WITH (security_invoker='true') AS
 SELECT owner_id,
    day,
    source_id,
    project,
    class,
    sum(introduced) AS introduced,
    sum(fixed) AS fixed,
    sum(unresolved) AS unresolved,
    sum(fix_seconds) AS fix_seconds
   FROM ( SELECT e.owner_id,
            ((e.opened_at AT TIME ZONE p.timezone))::date AS day,
            e.source_id,
            e.project,
            e.class,
            1 AS introduced,
            0 AS fixed,
            ((e.fixed_at IS NULL))::integer AS unresolved,
            (0)::numeric AS fix_seconds
           FROM (public.error_episodes e
             JOIN public.profiles p ON ((e.owner_id = p.id)))
        UNION ALL
         SELECT e.owner_id,
            ((e.fixed_at AT TIME ZONE p.timezone))::date AS day,
            e.source_id,
            e.project,
            e.class,
            0 AS introduced,
            1 AS fixed,
            0 AS unresolved,
            EXTRACT(epoch FROM (e.fixed_at - e.opened_at)) AS fix_seconds
           FROM (public.error_episodes e
             JOIN public.profiles p ON ((e.owner_id = p.id)))
          WHERE (e.fixed_at IS NOT NULL)) f
  GROUP BY owner_id, day, source_id, project, class;

COMMENT ON VIEW public.errors_daily IS 'Errors by day of the owner''s zone: begun that day, fixed that day, begun that day and still open.
Over all days introduced = fixed + unresolved.';

COMMENT ON COLUMN public.errors_daily.fix_seconds IS 'From beginning to fix, summed over the errors that were fixed that day.';

CREATE TABLE public.event_kinds (
    kind text NOT NULL,
    detail_field text,
    duration_field text,
    error_rule jsonpath,
    has_tokens boolean DEFAULT false NOT NULL,
    CONSTRAINT event_kinds_duration_field CHECK ((duration_field ~ '_(ms|min)$'::text))
);

COMMENT ON TABLE public.event_kinds IS 'The kinds of events; the same for everybody.';

COMMENT ON COLUMN public.event_kinds.detail_field IS 'The field of the payload that says more about what time went into: a tool, an action, a category.';

COMMENT ON COLUMN public.event_kinds.duration_field IS 'The field that says how long it lasted, in milliseconds (…_ms) or minutes (…_min).';

COMMENT ON COLUMN public.event_kinds.error_rule IS 'The predicate over the payload that makes it an error.';

COMMENT ON COLUMN public.event_kinds.has_tokens IS 'It may report tokens, and is then a call of a model.';

CREATE TABLE public.event_versions (
    owner_id uuid NOT NULL,
    id text NOT NULL,
    revision bigint NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    source_id uuid NOT NULL,
    CONSTRAINT event_versions_revision CHECK ((revision >= 0))
);

COMMENT ON TABLE public.event_versions IS 'Events with an identity of their own, each once per owner: which revision is stored, and where.';

COMMENT ON COLUMN public.event_versions.revision IS 'Of the sender; the highest one holds.';

COMMENT ON COLUMN public.event_versions.occurred_at IS 'With owner, source and id the key of the stored event. The event may be purged or deleted.';

CREATE TABLE public.handles (
    handle text NOT NULL,
    owner_id uuid NOT NULL
);

COMMENT ON TABLE public.handles IS 'Directory: whose handle it is.';

CREATE TABLE public.key_challenges (
    owner_id uuid NOT NULL,
    challenge text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.key_challenges IS 'Nonces to be signed when a key is registered; used once, valid for minutes.';

CREATE TABLE public.leaderboard_members (
    owner_id uuid NOT NULL,
    leaderboard_id uuid NOT NULL,
    joined_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.leaderboard_members IS 'Who joined which ranking, its owner among them. Nobody is shown there without the opt-in.';

CREATE TABLE public.leaderboards (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner_id uuid NOT NULL,
    name text NOT NULL,
    code_sha256 bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT leaderboards_code_length CHECK ((length(code_sha256) = 32)),
    CONSTRAINT leaderboards_name_length CHECK (((length(name) >= 1) AND (length(name) <= 64)))
);

COMMENT ON TABLE public.leaderboards IS 'Private rankings; the public one is everybody who opted in.';

COMMENT ON COLUMN public.leaderboards.code_sha256 IS 'SHA-256 of the invitation code''s text.';

CREATE VIEW public.mv_emotions WITH (security_invoker='true') AS
 SELECT owner_id,
    date_trunc('hour'::text, occurred_at, 'UTC'::text) AS hour,
    COALESCE((payload ->> 'trigger'::text), ''::text) AS trigger,
    count(*) FILTER (WHERE ((payload ->> 'emotion'::text) = 'smile'::text)) AS smile,
    count(*) FILTER (WHERE ((payload ->> 'emotion'::text) = 'laugh'::text)) AS laugh,
    count(*) FILTER (WHERE ((payload ->> 'emotion'::text) = 'cry'::text)) AS cry,
    count(*) FILTER (WHERE ((payload ->> 'emotion'::text) = 'fear'::text)) AS fear,
    count(*) FILTER (WHERE ((payload ->> 'emotion'::text) = 'anger'::text)) AS anger,
    count(*) FILTER (WHERE ((payload ->> 'emotion'::text) = 'neutral'::text)) AS neutral,
    count(*) AS events
   FROM public.events e
  WHERE (kind = 'emotion'::text)
  GROUP BY owner_id, (date_trunc('hour'::text, occurred_at, 'UTC'::text)), COALESCE((payload ->> 'trigger'::text), ''::text);

COMMENT ON VIEW public.mv_emotions IS 'Emotions by UTC hour and trigger (empty where none is named).';

CREATE VIEW public.mv_errors_fixed WITH (security_invoker='true') AS
 SELECT owner_id,
    day,
    project,
    (sum(introduced))::bigint AS introduced,
    (sum(fixed))::bigint AS fixed,
    (sum(unresolved))::bigint AS unresolved,
    ((sum(introduced) - sum(unresolved)) / NULLIF(sum(introduced), (0)::numeric)) AS success_rate,
    (sum(fix_seconds) / NULLIF(sum(fixed), (0)::numeric)) AS mean_fix_seconds
   FROM public.errors_daily d
  GROUP BY owner_id, day, project;

COMMENT ON VIEW public.mv_errors_fixed IS 'errors_daily by project. success_rate: of the errors begun that day, the share that is fixed by now.';

CREATE VIEW public.mv_time_by_language WITH (security_invoker='true') AS
 SELECT owner_id,
    day,
    language,
    COALESCE(sum(seconds) FILTER (WHERE (lane = 'human'::text)), (0)::bigint) AS human_seconds,
    COALESCE(sum(seconds) FILTER (WHERE (lane = 'agent'::text)), (0)::bigint) AS agent_seconds,
    COALESCE(sum(seconds) FILTER (WHERE ((lane = 'both'::text) AND same_language)), (0)::bigint) AS both_seconds,
    COALESCE(sum(seconds) FILTER (WHERE ((lane = 'both'::text) AND (NOT same_language))), (0)::bigint) AS both_elsewhere_seconds
   FROM public.time_daily t
  WHERE (lane <> 'waiting'::text)
  GROUP BY owner_id, day, language;

COMMENT ON VIEW public.mv_time_by_language IS 'Seconds by day of the owner''s zone and language, as they were when the day was last computed.';

COMMENT ON COLUMN public.mv_time_by_language.both_seconds IS 'Human and agent at work at once, both on this language.';

COMMENT ON COLUMN public.mv_time_by_language.both_elsewhere_seconds IS 'Human time of this language in which an agent was at work on another one.';

CREATE VIEW public.token_daily WITH (security_invoker='true') AS
 SELECT owner_id,
    day,
    provider,
    model,
    project,
    sum(calls) AS calls,
    sum(tokens_input) AS tokens_input,
    sum(tokens_output) AS tokens_output,
    sum(tokens_cache_read) AS tokens_cache_read,
    sum(tokens_cache_write) AS tokens_cache_write,
        CASE
            WHEN (sum(unpriced) < sum(calls)) THEN sum(cost_usd)
            ELSE NULL::numeric
        END AS cost_usd,
    sum(unpriced) AS unpriced
   FROM ( SELECT n.owner_id,
            n.quarter_at,
            n.source_id,
            n.provider,
            n.model,
            n.project,
            n.calls,
            n.unpriced,
            n.tokens_input,
            n.tokens_output,
            n.tokens_cache_read,
            n.tokens_cache_write,
            n.cost_usd,
            ((n.quarter_at AT TIME ZONE p.timezone))::date AS day
           FROM (public.token_sums n
             JOIN public.profiles p ON ((n.owner_id = p.id)))) c
  GROUP BY owner_id, day, provider, model, project;

COMMENT ON VIEW public.token_daily IS 'Tokens and cost by day of the owner''s zone, provider, model and project.';

COMMENT ON COLUMN public.token_daily.cost_usd IS 'Of the priced calls; null where no call of the row has a price.';

CREATE VIEW public.mv_token_usage WITH (security_invoker='true') AS
 SELECT owner_id,
    day,
    provider,
    model,
    sum(calls) AS calls,
    sum(tokens_input) AS tokens_input,
    sum(tokens_output) AS tokens_output,
    sum(tokens_cache_read) AS tokens_cache_read,
    sum(tokens_cache_write) AS tokens_cache_write,
    sum(cost_usd) AS cost_usd,
    sum(unpriced) AS unpriced
   FROM public.token_daily d
  GROUP BY owner_id, day, provider, model;

COMMENT ON VIEW public.mv_token_usage IS 'Tokens and cost by day of the owner''s zone, provider and model.';

CREATE TABLE public.price_lists (
    source text NOT NULL,
    version text NOT NULL,
    listed_on date NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.price_lists IS 'The price lists that model_prices was filled from.';

CREATE TABLE public.project_names (
    owner_id uuid NOT NULL,
    name text NOT NULL,
    slug text GENERATED ALWAYS AS (regexp_replace(name, '[^A-Za-z0-9]'::text, '-'::text, 'g'::text)) STORED NOT NULL
);

COMMENT ON TABLE public.project_names IS 'The projects that an owner''s events have named.';

COMMENT ON COLUMN public.project_names.slug IS 'The name as it ends a directory''s name in which every other character than letters and digits is a hyphen.';

CREATE TABLE public.public_keys (
    public_key bytea NOT NULL,
    owner_id uuid NOT NULL,
    key_id uuid NOT NULL
);

COMMENT ON TABLE public.public_keys IS 'Directory: whose key it is. A key is used once.';

CREATE TABLE public.purge_receipts (
    owner_id uuid NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    first_occurred_at timestamp with time zone NOT NULL,
    last_occurred_at timestamp with time zone NOT NULL,
    events integer NOT NULL,
    digest bytea NOT NULL,
    purged_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT purge_receipts_digest_length CHECK ((length(digest) = 32)),
    CONSTRAINT purge_receipts_events CHECK ((events > 0)),
    CONSTRAINT purge_receipts_range CHECK ((first_occurred_at <= last_occurred_at))
);

COMMENT ON TABLE public.purge_receipts IS 'What retention deleted: one row for each transaction that did.';

COMMENT ON COLUMN public.purge_receipts.digest IS 'SHA-256 over a line {source_id}|{occurred_at}|{id}\n for each event, in the order of occurred_at,
source_id, id; times as 2026-01-31T23:59:59.123456Z.';

CREATE TABLE public.session_daily (
    owner_id uuid NOT NULL,
    day date NOT NULL,
    lane text NOT NULL,
    session text NOT NULL,
    project text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    events bigint NOT NULL,
    tools jsonb NOT NULL,
    tokens_input bigint NOT NULL,
    tokens_output bigint NOT NULL,
    tokens_cache_read bigint NOT NULL,
    tokens_cache_write bigint NOT NULL,
    cost_usd numeric NOT NULL,
    project_seconds jsonb DEFAULT '{}'::jsonb NOT NULL,
    models text[] DEFAULT '{}'::text[] NOT NULL,
    calls bigint DEFAULT 0 NOT NULL,
    unpriced bigint DEFAULT 0 NOT NULL,
    CONSTRAINT session_daily_lane CHECK ((lane = ANY (ARRAY['human'::text, 'agent'::text]))),
    CONSTRAINT session_daily_order CHECK ((started_at <= ended_at))
);

COMMENT ON TABLE public.session_daily IS 'Sessions by day of the owner''s zone: an agent''s by sessionId, a person''s by when it began.';

COMMENT ON COLUMN public.session_daily.project IS 'Of an agent''s session, the last one named that day; of a person''s, the one with most of the time that
day; empty: none was named.';

COMMENT ON COLUMN public.session_daily.tools IS 'By tool, the number of reports that a call began and the number of all others: [starts, ends]. A session
has as many calls as the larger sum over its days.';

COMMENT ON COLUMN public.session_daily.cost_usd IS 'Of the priced events.';

COMMENT ON COLUMN public.session_daily.project_seconds IS 'Of a person''s session: seconds by project. Which one most of a session went into, its days'' sums say.';

COMMENT ON COLUMN public.session_daily.models IS 'Models that were called that day, by name.';

COMMENT ON COLUMN public.session_daily.calls IS 'Calls of models.';

COMMENT ON COLUMN public.session_daily.unpriced IS 'Calls of models that have no price.';

CREATE TABLE public.source_keys (
    owner_id uuid NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    source_id uuid NOT NULL,
    public_key bytea NOT NULL,
    is_configured boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT source_keys_public_key_length CHECK ((length(public_key) = 32))
);

COMMENT ON TABLE public.source_keys IS 'Ed25519 public keys (32 bytes), at most two active a source.';

COMMENT ON COLUMN public.source_keys.is_configured IS 'Came from VIBETEA_PUBLIC_KEYS: counts only while it stands there.';

CREATE TABLE public.source_names (
    name text NOT NULL,
    owner_id uuid NOT NULL,
    source_id uuid NOT NULL
);

COMMENT ON TABLE public.source_names IS 'Directory: whose source signs by this name.';

CREATE TABLE public.token_hashes (
    token_sha256 bytea NOT NULL,
    owner_id uuid NOT NULL,
    token_id uuid NOT NULL,
    CONSTRAINT token_hashes_sha256_length CHECK ((length(token_sha256) = 32))
);

COMMENT ON TABLE public.token_hashes IS 'Directory: whose token it is.';

COMMENT ON COLUMN public.token_hashes.token_sha256 IS 'SHA-256 of the whole token text.';

CREATE TABLE public.work_items (
    id bigint NOT NULL,
    owner_id uuid NOT NULL,
    task text NOT NULL,
    args jsonb DEFAULT '{}'::jsonb NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    turn bigint DEFAULT 0 NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    failed_at timestamp with time zone,
    error text,
    CONSTRAINT work_items_args_size CHECK (((jsonb_typeof(args) = 'object'::text) AND (length((args)::text) <= 1000))),
    CONSTRAINT work_items_error_length CHECK ((length(error) <= 500)),
    CONSTRAINT work_items_one_state CHECK (((lease_until IS NULL) OR (failed_at IS NULL))),
    CONSTRAINT work_items_task_name CHECK ((task ~ '^[a-z][a-z0-9_]{0,63}$'::text))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE public.work_items IS 'Work that runs outside a request, one owner''s each: it waits, is leased, or is a dead letter.';

COMMENT ON COLUMN public.work_items.args IS 'Ids and dates, no data: an operator sees them.';

COMMENT ON COLUMN public.work_items.turn IS 'The place in the order of taking: an owner''s n-th waiting item stands behind everybody''s first n - 1.';

COMMENT ON COLUMN public.work_items.attempts IS 'How often it was taken since it last made progress.';

COMMENT ON COLUMN public.work_items.lease_until IS 'Somebody works on it. After this moment they are taken for dead, and the item is taken again.';

COMMENT ON COLUMN public.work_items.failed_at IS 'When it failed for the last time: a dead letter.';

COMMENT ON COLUMN public.work_items.error IS 'The kind of the last failure, never its message.';

ALTER TABLE public.work_items ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.work_items_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY dashboards.readers
    ADD CONSTRAINT readers_identity UNIQUE NULLS NOT DISTINCT (role_name, owner_id);

ALTER TABLE ONLY public.access_tokens
    ADD CONSTRAINT access_tokens_identity PRIMARY KEY (owner_id, id);

ALTER TABLE ONLY public.activity_sums
    ADD CONSTRAINT activity_sums_identity PRIMARY KEY (owner_id, quarter_at, source_id);

ALTER TABLE ONLY public.agent_runs
    ADD CONSTRAINT agent_runs_identity PRIMARY KEY (owner_id, quarter, source_id, project, program);

ALTER TABLE ONLY public.batches
    ADD CONSTRAINT batches_identity PRIMARY KEY (owner_id, id);

ALTER TABLE ONLY public.batches
    ADD CONSTRAINT batches_source_body_unique UNIQUE (owner_id, source_id, body_sha256);

ALTER TABLE ONLY public.deployment
    ADD CONSTRAINT deployment_identity PRIMARY KEY (is_only);

ALTER TABLE ONLY public.dirty_days
    ADD CONSTRAINT dirty_days_identity PRIMARY KEY (owner_id, day);

ALTER TABLE ONLY public.error_episodes
    ADD CONSTRAINT error_episodes_identity PRIMARY KEY (owner_id, opened_at, source_id, event_id);

ALTER TABLE ONLY public.event_days
    ADD CONSTRAINT event_days_identity PRIMARY KEY (owner_id, day, source_id, kind, project, language);

ALTER TABLE ONLY public.event_kinds
    ADD CONSTRAINT event_kinds_identity PRIMARY KEY (kind);

ALTER TABLE ONLY public.event_sums
    ADD CONSTRAINT event_sums_identity PRIMARY KEY (owner_id, quarter_at, source_id, kind, project, language);

ALTER TABLE ONLY public.event_versions
    ADD CONSTRAINT event_versions_identity PRIMARY KEY (owner_id, id);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_identity PRIMARY KEY (owner_id, occurred_at, source_id, id);

ALTER TABLE ONLY public.handles
    ADD CONSTRAINT handles_identity PRIMARY KEY (handle);

ALTER TABLE ONLY public.job_runs
    ADD CONSTRAINT job_runs_identity PRIMARY KEY (name);

ALTER TABLE ONLY public.key_challenges
    ADD CONSTRAINT key_challenges_identity PRIMARY KEY (owner_id, challenge);

ALTER TABLE ONLY public.leaderboard_members
    ADD CONSTRAINT leaderboard_members_identity PRIMARY KEY (owner_id, leaderboard_id);

ALTER TABLE ONLY public.leaderboards
    ADD CONSTRAINT leaderboards_code_unique UNIQUE (code_sha256);

ALTER TABLE ONLY public.leaderboards
    ADD CONSTRAINT leaderboards_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.model_prices
    ADD CONSTRAINT model_prices_identity PRIMARY KEY (model, mode, effective_from, above_tokens, is_listed);

ALTER TABLE ONLY public.price_lists
    ADD CONSTRAINT price_lists_identity PRIMARY KEY (source, version);

ALTER TABLE ONLY public.profiles
    ADD CONSTRAINT profiles_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.project_names
    ADD CONSTRAINT project_names_identity PRIMARY KEY (owner_id, name);

ALTER TABLE ONLY public.public_keys
    ADD CONSTRAINT public_keys_identity PRIMARY KEY (public_key);

ALTER TABLE ONLY public.purge_receipts
    ADD CONSTRAINT purge_receipts_identity PRIMARY KEY (owner_id, id);

ALTER TABLE ONLY public.session_daily
    ADD CONSTRAINT session_daily_identity PRIMARY KEY (owner_id, day, lane, session);

ALTER TABLE ONLY public.source_keys
    ADD CONSTRAINT source_keys_identity PRIMARY KEY (owner_id, id);

ALTER TABLE ONLY public.source_names
    ADD CONSTRAINT source_names_identity PRIMARY KEY (name);

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_identity PRIMARY KEY (owner_id, id);

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_name_unique UNIQUE (owner_id, name);

ALTER TABLE ONLY public.time_daily
    ADD CONSTRAINT time_daily_identity PRIMARY KEY (owner_id, day, lane, project, language, category, same_project, same_language, same_category);

ALTER TABLE ONLY public.token_days
    ADD CONSTRAINT token_days_identity PRIMARY KEY (owner_id, day, source_id, provider, model, project);

ALTER TABLE ONLY public.token_hashes
    ADD CONSTRAINT token_hashes_identity PRIMARY KEY (token_sha256);

ALTER TABLE ONLY public.token_sums
    ADD CONSTRAINT token_sums_identity PRIMARY KEY (owner_id, quarter_at, source_id, provider, model, project);

ALTER TABLE ONLY public.work_items
    ADD CONSTRAINT work_items_identity PRIMARY KEY (id);

CREATE INDEX readers_owner ON dashboards.readers USING btree (owner_id);

CREATE INDEX batches_source_occurred ON public.batches USING btree (owner_id, source_id, last_occurred_at);

CREATE INDEX batches_source_received ON public.batches USING btree (owner_id, source_id, received_at);

CREATE INDEX error_episodes_fixed ON public.error_episodes USING btree (owner_id, fixed_at);

CREATE INDEX events_agent_runs ON ONLY public.events USING btree (owner_id, occurred_at) WHERE ((kind = 'tool'::text) AND ((payload ? 'program'::text) OR (payload ? 'errorClass'::text)));

CREATE INDEX events_captured ON ONLY public.events USING btree (owner_id, kind, occurred_at) WHERE (kind = ANY (ARRAY['terminal'::text, 'emotion'::text]));

CREATE INDEX handles_owner ON public.handles USING btree (owner_id);

CREATE INDEX key_challenges_expiry ON public.key_challenges USING btree (expires_at);

CREATE INDEX leaderboard_members_board ON public.leaderboard_members USING btree (leaderboard_id);

CREATE INDEX leaderboards_owner ON public.leaderboards USING btree (owner_id);

CREATE INDEX profiles_leaderboard_opt_in ON public.profiles USING btree (id) WHERE leaderboard_opt_in;

CREATE INDEX public_keys_owner ON public.public_keys USING btree (owner_id);

CREATE INDEX purge_receipts_owner ON public.purge_receipts USING btree (owner_id, purged_at, id);

CREATE INDEX session_daily_session ON public.session_daily USING btree (owner_id, lane, session, day);

CREATE INDEX source_keys_source ON public.source_keys USING btree (owner_id, source_id);

CREATE INDEX source_names_owner ON public.source_names USING btree (owner_id);

CREATE INDEX token_hashes_owner ON public.token_hashes USING btree (owner_id, token_id);

CREATE INDEX work_items_lane ON public.work_items USING btree (owner_id, task, id) WHERE ((failed_at IS NULL) AND (id > 0));

CREATE UNIQUE INDEX work_items_running ON public.work_items USING btree (owner_id, task) WHERE (lease_until IS NOT NULL);

CREATE INDEX work_items_same ON public.work_items USING btree (owner_id, task, args) WHERE (lease_until IS NULL);

CREATE INDEX work_items_share ON public.work_items USING btree (owner_id, turn) WHERE ((failed_at IS NULL) AND (turn >= 0));

CREATE INDEX work_items_turn ON public.work_items USING btree (turn, id) WHERE (failed_at IS NULL);

ALTER TABLE ONLY dashboards.readers
    ADD CONSTRAINT readers_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.access_tokens
    ADD CONSTRAINT access_tokens_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.agent_runs
    ADD CONSTRAINT agent_runs_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.batches
    ADD CONSTRAINT batches_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.batches
    ADD CONSTRAINT batches_source FOREIGN KEY (owner_id, source_id) REFERENCES public.sources(owner_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.dirty_days
    ADD CONSTRAINT dirty_days_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.error_episodes
    ADD CONSTRAINT error_episodes_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.event_versions
    ADD CONSTRAINT event_versions_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.key_challenges
    ADD CONSTRAINT key_challenges_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.leaderboard_members
    ADD CONSTRAINT leaderboard_members_leaderboard_id_fkey FOREIGN KEY (leaderboard_id) REFERENCES public.leaderboards(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.leaderboard_members
    ADD CONSTRAINT leaderboard_members_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.project_names
    ADD CONSTRAINT project_names_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.purge_receipts
    ADD CONSTRAINT purge_receipts_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.session_daily
    ADD CONSTRAINT session_daily_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.source_keys
    ADD CONSTRAINT source_keys_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.source_keys
    ADD CONSTRAINT source_keys_source FOREIGN KEY (owner_id, source_id) REFERENCES public.sources(owner_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.time_daily
    ADD CONSTRAINT time_daily_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE dashboards.readers ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.access_tokens ENABLE ROW LEVEL SECURITY;

CREATE POLICY access_tokens_delete_member ON public.access_tokens FOR DELETE TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY access_tokens_insert_member ON public.access_tokens FOR INSERT TO vibeloom_member WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY access_tokens_select_member ON public.access_tokens FOR SELECT TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY access_tokens_select_owner ON public.access_tokens FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.activity_sums ENABLE ROW LEVEL SECURITY;

CREATE POLICY activity_sums_select_owner ON public.activity_sums FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.agent_runs ENABLE ROW LEVEL SECURITY;

CREATE POLICY agent_runs_delete_rollup ON public.agent_runs FOR DELETE TO vibeloom_rollup USING (true);

CREATE POLICY agent_runs_insert_rollup ON public.agent_runs FOR INSERT TO vibeloom_rollup WITH CHECK (true);

CREATE POLICY agent_runs_select_owner ON public.agent_runs FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY agent_runs_select_rollup ON public.agent_runs FOR SELECT TO vibeloom_rollup USING (true);

ALTER TABLE public.batches ENABLE ROW LEVEL SECURITY;

CREATE POLICY batches_select_owner ON public.batches FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.deployment ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.dirty_days ENABLE ROW LEVEL SECURITY;

CREATE POLICY dirty_days_delete_rollup ON public.dirty_days FOR DELETE TO vibeloom_rollup USING (true);

CREATE POLICY dirty_days_select_owner ON public.dirty_days FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY dirty_days_select_rollup ON public.dirty_days FOR SELECT TO vibeloom_rollup USING (true);

CREATE POLICY dirty_days_update_rollup ON public.dirty_days FOR UPDATE TO vibeloom_rollup USING (true) WITH CHECK (true);

ALTER TABLE public.error_episodes ENABLE ROW LEVEL SECURITY;

CREATE POLICY error_episodes_delete_rollup ON public.error_episodes FOR DELETE TO vibeloom_rollup USING (true);

CREATE POLICY error_episodes_insert_rollup ON public.error_episodes FOR INSERT TO vibeloom_rollup WITH CHECK (true);

CREATE POLICY error_episodes_select_owner ON public.error_episodes FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY error_episodes_select_rollup ON public.error_episodes FOR SELECT TO vibeloom_rollup USING (true);

CREATE POLICY error_episodes_update_rollup ON public.error_episodes FOR UPDATE TO vibeloom_rollup USING (true) WITH CHECK (true);

ALTER TABLE public.event_days ENABLE ROW LEVEL SECURITY;

CREATE POLICY event_days_select_owner ON public.event_days FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.event_kinds ENABLE ROW LEVEL SECURITY;

CREATE POLICY event_kinds_select_everybody ON public.event_kinds FOR SELECT TO authenticated USING (true);

CREATE POLICY event_kinds_select_rollup ON public.event_kinds FOR SELECT TO vibeloom_rollup USING (true);

ALTER TABLE public.event_sums ENABLE ROW LEVEL SECURITY;

CREATE POLICY event_sums_select_owner ON public.event_sums FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.event_versions ENABLE ROW LEVEL SECURITY;

CREATE POLICY event_versions_select_owner ON public.event_versions FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.events ENABLE ROW LEVEL SECURITY;

CREATE POLICY events_select_owner ON public.events FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY events_select_rollup ON public.events FOR SELECT TO vibeloom_rollup USING (true);

ALTER TABLE public.handles ENABLE ROW LEVEL SECURITY;

CREATE POLICY handles_delete_member ON public.handles FOR DELETE TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY handles_insert_member ON public.handles FOR INSERT TO vibeloom_member WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY handles_select_member ON public.handles FOR SELECT TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.job_runs ENABLE ROW LEVEL SECURITY;

CREATE POLICY job_runs_select_front ON public.job_runs FOR SELECT TO vibeloom_front USING (true);

ALTER TABLE public.key_challenges ENABLE ROW LEVEL SECURITY;

CREATE POLICY key_challenges_delete_member ON public.key_challenges FOR DELETE TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY key_challenges_delete_sources ON public.key_challenges FOR DELETE TO vibeloom_sources USING ((expires_at < now()));

CREATE POLICY key_challenges_insert_member ON public.key_challenges FOR INSERT TO vibeloom_member WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY key_challenges_select_member ON public.key_challenges FOR SELECT TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY key_challenges_select_sources ON public.key_challenges FOR SELECT TO vibeloom_sources USING ((expires_at < now()));

ALTER TABLE public.leaderboard_members ENABLE ROW LEVEL SECURITY;

CREATE POLICY leaderboard_members_delete_member ON public.leaderboard_members FOR DELETE TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY leaderboard_members_insert_member ON public.leaderboard_members FOR INSERT TO vibeloom_member WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY leaderboard_members_select_member ON public.leaderboard_members FOR SELECT TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY leaderboard_members_select_owner ON public.leaderboard_members FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.leaderboards ENABLE ROW LEVEL SECURITY;

CREATE POLICY leaderboards_delete_member ON public.leaderboards FOR DELETE TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY leaderboards_insert_member ON public.leaderboards FOR INSERT TO vibeloom_member WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY leaderboards_select_member ON public.leaderboards FOR SELECT TO vibeloom_member USING (((owner_id = ( SELECT auth.uid() AS uid)) OR (EXISTS ( SELECT
   FROM public.leaderboard_members m
  WHERE ((m.owner_id = ( SELECT auth.uid() AS uid)) AND (m.leaderboard_id = leaderboards.id))))));

CREATE POLICY leaderboards_select_owner ON public.leaderboards FOR SELECT TO authenticated USING (((owner_id = ( SELECT auth.uid() AS uid)) OR (EXISTS ( SELECT
   FROM public.leaderboard_members m
  WHERE ((m.owner_id = ( SELECT auth.uid() AS uid)) AND (m.leaderboard_id = leaderboards.id))))));

CREATE POLICY leaderboards_update_member ON public.leaderboards FOR UPDATE TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid))) WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.model_prices ENABLE ROW LEVEL SECURITY;

CREATE POLICY model_prices_select_everybody ON public.model_prices FOR SELECT TO authenticated USING (true);

ALTER TABLE public.price_lists ENABLE ROW LEVEL SECURITY;

CREATE POLICY price_lists_select_everybody ON public.price_lists FOR SELECT TO authenticated USING (true);

ALTER TABLE public.profiles ENABLE ROW LEVEL SECURITY;

CREATE POLICY profiles_insert_member ON public.profiles FOR INSERT TO vibeloom_member WITH CHECK ((id = ( SELECT auth.uid() AS uid)));

CREATE POLICY profiles_select_member ON public.profiles FOR SELECT TO vibeloom_member USING ((id = ( SELECT auth.uid() AS uid)));

CREATE POLICY profiles_select_owner ON public.profiles FOR SELECT TO authenticated USING ((id = ( SELECT auth.uid() AS uid)));

CREATE POLICY profiles_select_rollup ON public.profiles FOR SELECT TO vibeloom_rollup USING (true);

CREATE POLICY profiles_update_member ON public.profiles FOR UPDATE TO vibeloom_member USING ((id = ( SELECT auth.uid() AS uid))) WITH CHECK ((id = ( SELECT auth.uid() AS uid)));

CREATE POLICY profiles_update_rollup ON public.profiles FOR UPDATE TO vibeloom_rollup USING (true) WITH CHECK (true);

ALTER TABLE public.project_names ENABLE ROW LEVEL SECURITY;

CREATE POLICY project_names_select_owner ON public.project_names FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.public_keys ENABLE ROW LEVEL SECURITY;

CREATE POLICY public_keys_insert_member ON public.public_keys FOR INSERT TO vibeloom_member WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY public_keys_select_member ON public.public_keys FOR SELECT TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.purge_receipts ENABLE ROW LEVEL SECURITY;

CREATE POLICY purge_receipts_select_owner ON public.purge_receipts FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.session_daily ENABLE ROW LEVEL SECURITY;

CREATE POLICY session_daily_delete_rollup ON public.session_daily FOR DELETE TO vibeloom_rollup USING (true);

CREATE POLICY session_daily_insert_rollup ON public.session_daily FOR INSERT TO vibeloom_rollup WITH CHECK (true);

CREATE POLICY session_daily_select_owner ON public.session_daily FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY session_daily_select_rollup ON public.session_daily FOR SELECT TO vibeloom_rollup USING (true);

ALTER TABLE public.source_keys ENABLE ROW LEVEL SECURITY;

CREATE POLICY source_keys_insert_member ON public.source_keys FOR INSERT TO vibeloom_member WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY source_keys_select_member ON public.source_keys FOR SELECT TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY source_keys_select_owner ON public.source_keys FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY source_keys_update_member ON public.source_keys FOR UPDATE TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid))) WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.source_names ENABLE ROW LEVEL SECURITY;

CREATE POLICY source_names_insert_member ON public.source_names FOR INSERT TO vibeloom_member WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY source_names_select_member ON public.source_names FOR SELECT TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY source_names_update_member ON public.source_names FOR UPDATE TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid))) WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.sources ENABLE ROW LEVEL SECURITY;

CREATE POLICY sources_insert_member ON public.sources FOR INSERT TO vibeloom_member WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY sources_select_member ON public.sources FOR SELECT TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY sources_select_owner ON public.sources FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY sources_update_member ON public.sources FOR UPDATE TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid))) WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.time_daily ENABLE ROW LEVEL SECURITY;

CREATE POLICY time_daily_delete_rollup ON public.time_daily FOR DELETE TO vibeloom_rollup USING (true);

CREATE POLICY time_daily_insert_rollup ON public.time_daily FOR INSERT TO vibeloom_rollup WITH CHECK (true);

CREATE POLICY time_daily_select_owner ON public.time_daily FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY time_daily_select_rollup ON public.time_daily FOR SELECT TO vibeloom_rollup USING (true);

ALTER TABLE public.token_days ENABLE ROW LEVEL SECURITY;

CREATE POLICY token_days_select_owner ON public.token_days FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.token_hashes ENABLE ROW LEVEL SECURITY;

CREATE POLICY token_hashes_delete_member ON public.token_hashes FOR DELETE TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY token_hashes_insert_member ON public.token_hashes FOR INSERT TO vibeloom_member WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY token_hashes_select_member ON public.token_hashes FOR SELECT TO vibeloom_member USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.token_sums ENABLE ROW LEVEL SECURITY;

CREATE POLICY token_sums_select_owner ON public.token_sums FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.work_items ENABLE ROW LEVEL SECURITY;

CREATE POLICY work_items_delete_work ON public.work_items FOR DELETE TO vibeloom_work USING (true);

CREATE POLICY work_items_select_work ON public.work_items FOR SELECT TO vibeloom_work USING (true);

CREATE POLICY work_items_update_work ON public.work_items FOR UPDATE TO vibeloom_work USING (true) WITH CHECK (true);

GRANT USAGE ON SCHEMA dashboards TO vibeloom_grafana;

GRANT USAGE ON SCHEMA public TO anon;
GRANT USAGE ON SCHEMA public TO authenticated;
GRANT USAGE ON SCHEMA public TO service_role;
GRANT USAGE ON SCHEMA public TO vibeloom_member;
GRANT USAGE ON SCHEMA public TO vibeloom_door;
GRANT USAGE ON SCHEMA public TO vibeloom_work;
GRANT USAGE ON SCHEMA public TO vibeloom_ingest;
GRANT USAGE ON SCHEMA public TO vibeloom_query;
GRANT USAGE ON SCHEMA public TO vibeloom_rollup;
GRANT USAGE ON SCHEMA public TO vibeloom_accounts;
GRANT USAGE ON SCHEMA public TO vibeloom_sources;
GRANT USAGE ON SCHEMA public TO vibeloom_leaderboards;
GRANT USAGE ON SCHEMA public TO vibeloom_front;

REVOKE ALL ON FUNCTION public.is_timezone(p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.is_timezone(p_name text) TO vibeloom_member;

REVOKE ALL ON FUNCTION public.add_source_key(p_owner_id uuid, p_name text, p_public_key bytea, p_configured boolean, p_source_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.add_source_key(p_owner_id uuid, p_name text, p_public_key bytea, p_configured boolean, p_source_id uuid) TO vibeloom_member;

REVOKE ALL ON FUNCTION public.add_to_sums(p_owner_id uuid, p_deltas public.sum_delta[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.bulk_insert_events(p_owner_id uuid, p_key_id uuid, p_events jsonb, p_body_sha256 bytea, p_signature bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.bulk_insert_events(p_owner_id uuid, p_key_id uuid, p_events jsonb, p_body_sha256 bytea, p_signature bytea) TO vibeloom_ingest;

REVOKE ALL ON FUNCTION public.check_key(p_owner_id uuid, p_key_id uuid) FROM PUBLIC;

GRANT SELECT ON TABLE public.access_tokens TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.access_tokens TO service_role;
GRANT SELECT,INSERT,DELETE ON TABLE public.access_tokens TO vibeloom_member;

REVOKE ALL ON FUNCTION public.create_access_token(p_owner_id uuid, p_name text, p_token_sha256 bytea, p_scopes text[], p_expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.create_access_token(p_owner_id uuid, p_name text, p_token_sha256 bytea, p_scopes text[], p_expires_at timestamp with time zone) TO vibeloom_member;

REVOKE ALL ON FUNCTION public.create_leaderboard(p_owner_id uuid, p_name text, p_code_sha256 bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.create_leaderboard(p_owner_id uuid, p_name text, p_code_sha256 bytea) TO vibeloom_member;

REVOKE ALL ON FUNCTION public.day_start(p_day date, p_zone text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.day_start(p_day date, p_zone text) TO authenticated;
GRANT ALL ON FUNCTION public.day_start(p_day date, p_zone text) TO vibeloom_rollup;

REVOKE ALL ON FUNCTION public.delete_access_token(p_owner_id uuid, p_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_access_token(p_owner_id uuid, p_id uuid) TO vibeloom_member;

REVOKE ALL ON FUNCTION public.delete_account(p_owner_id uuid, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_account(p_owner_id uuid, p_limit integer) TO service_role;

REVOKE ALL ON FUNCTION public.delete_events(p_owner_id uuid, p_times timestamp with time zone[], p_sources uuid[], p_ids text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_events(p_owner_id uuid, p_times timestamp with time zone[], p_sources uuid[], p_ids text[]) TO service_role;

REVOKE ALL ON FUNCTION public.delete_source(p_owner_id uuid, p_source_id uuid, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_source(p_owner_id uuid, p_source_id uuid, p_limit integer) TO service_role;

GRANT SELECT ON TABLE public.model_prices TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.model_prices TO service_role;

REVOKE ALL ON FUNCTION public.detailed_cost(p_prices public.model_prices[], p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_payload jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.detailed_cost(p_prices public.model_prices[], p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_payload jsonb) TO service_role;

REVOKE ALL ON FUNCTION public.enqueue(p_owner_id uuid, p_task text, p_args jsonb, p_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.enqueue(p_owner_id uuid, p_task text, p_args jsonb, p_at timestamp with time zone) TO vibeloom_rollup;

REVOKE ALL ON FUNCTION public.ensure_deployment_owner(p_email text, p_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_deployment_owner(p_email text, p_id uuid) TO vibeloom_door;

REVOKE ALL ON FUNCTION public.ensure_profile(p_id uuid, p_email text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_profile(p_id uuid, p_email text) TO vibeloom_member;

GRANT SELECT ON TABLE public.profiles TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.profiles TO service_role;
GRANT SELECT,INSERT ON TABLE public.profiles TO vibeloom_member;
GRANT SELECT ON TABLE public.profiles TO vibeloom_rollup;

GRANT UPDATE(handle) ON TABLE public.profiles TO vibeloom_member;

GRANT UPDATE(email) ON TABLE public.profiles TO vibeloom_member;

GRANT UPDATE(timezone) ON TABLE public.profiles TO vibeloom_member;

GRANT UPDATE(idle_timeout_minutes) ON TABLE public.profiles TO vibeloom_member;

GRANT UPDATE(retention_months) ON TABLE public.profiles TO vibeloom_member;

GRANT UPDATE(leaderboard_opt_in) ON TABLE public.profiles TO vibeloom_member;

GRANT UPDATE(purged_before) ON TABLE public.profiles TO vibeloom_rollup;

REVOKE ALL ON FUNCTION public.has_folded_days(p_zone text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.has_folded_days(p_zone text) TO authenticated;

REVOKE ALL ON FUNCTION public.is_of_folded_days(p_since timestamp with time zone, p_until timestamp with time zone, p_zone text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.is_of_folded_days(p_since timestamp with time zone, p_until timestamp with time zone, p_zone text) TO authenticated;

GRANT SELECT ON TABLE public.event_days TO authenticated;
GRANT SELECT ON TABLE public.event_days TO service_role;

GRANT SELECT ON TABLE public.event_sums TO authenticated;
GRANT SELECT ON TABLE public.event_sums TO service_role;

REVOKE ALL ON FUNCTION public.event_cells(p_since timestamp with time zone, p_until timestamp with time zone, p_zone text, p_by_days boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.event_cells(p_since timestamp with time zone, p_until timestamp with time zone, p_zone text, p_by_days boolean) TO authenticated;

REVOKE ALL ON FUNCTION public.fail_work(p_id bigint, p_lease timestamp with time zone, p_error text, p_pause interval) FROM PUBLIC;
GRANT ALL ON FUNCTION public.fail_work(p_id bigint, p_lease timestamp with time zone, p_error text, p_pause interval) TO vibeloom_work;

REVOKE ALL ON FUNCTION public.find_price(p_model text, p_day date, p_mode text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.find_price(p_model text, p_day date, p_mode text) TO service_role;

REVOKE ALL ON FUNCTION public.find_rows_without_owner() FROM PUBLIC;
GRANT ALL ON FUNCTION public.find_rows_without_owner() TO service_role;

REVOKE ALL ON FUNCTION public.find_source_keys(p_source text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.find_source_keys(p_source text) TO vibeloom_ingest;

REVOKE ALL ON FUNCTION public.finish_work(p_id bigint, p_lease timestamp with time zone, p_more boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.finish_work(p_id bigint, p_lease timestamp with time zone, p_more boolean) TO vibeloom_work;

REVOKE ALL ON FUNCTION public.fold_days(p_owner_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.fold_days(p_owner_id uuid) TO vibeloom_rollup;

REVOKE ALL ON FUNCTION public.is_directory_slug(p_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.join_leaderboard(p_owner_id uuid, p_code_sha256 bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.join_leaderboard(p_owner_id uuid, p_code_sha256 bytea) TO vibeloom_member;

REVOKE ALL ON FUNCTION public.lock_own_sums() FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_own_sums() TO vibeloom_member;

REVOKE ALL ON FUNCTION public.lock_sums(p_owner_id uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.make_event_partitions(p_now timestamp with time zone, p_months_back integer, p_months_ahead integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.make_event_partitions(p_now timestamp with time zone, p_months_back integer, p_months_ahead integer) TO vibeloom_ingest;

REVOKE ALL ON FUNCTION public.mark_days(p_owner_id uuid, p_days date[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.mark_own_days() FROM PUBLIC;
GRANT ALL ON FUNCTION public.mark_own_days() TO vibeloom_member;

REVOKE ALL ON FUNCTION public.note_job_run(name text, succeeded boolean, seconds double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION public.note_job_run(name text, succeeded boolean, seconds double precision) TO vibeloom_ingest;
GRANT ALL ON FUNCTION public.note_job_run(name text, succeeded boolean, seconds double precision) TO vibeloom_rollup;
GRANT ALL ON FUNCTION public.note_job_run(name text, succeeded boolean, seconds double precision) TO vibeloom_sources;
GRANT ALL ON FUNCTION public.note_job_run(name text, succeeded boolean, seconds double precision) TO vibeloom_front;

REVOKE ALL ON FUNCTION public.price_mode(p_payload jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.price_mode(p_payload jsonb) TO service_role;

REVOKE ALL ON FUNCTION public.price_names(p_model text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.price_names(p_model text) TO service_role;

REVOKE ALL ON FUNCTION public.purge_events(p_owner_id uuid, p_months integer, p_now timestamp with time zone, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.purge_events(p_owner_id uuid, p_months integer, p_now timestamp with time zone, p_limit integer) TO vibeloom_rollup;

REVOKE ALL ON FUNCTION public.rank_leaderboard(p_leaderboard_id uuid, p_metric text, p_from timestamp with time zone, p_to timestamp with time zone, p_after_value numeric, p_after_handle text, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.rank_leaderboard(p_leaderboard_id uuid, p_metric text, p_from timestamp with time zone, p_to timestamp with time zone, p_after_value numeric, p_after_handle text, p_limit integer) TO vibeloom_member;

REVOKE ALL ON FUNCTION public.read_project(p_owner_id uuid, p_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.redeem_key_challenge(p_owner_id uuid, p_challenge text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.redeem_key_challenge(p_owner_id uuid, p_challenge text) TO vibeloom_member;

GRANT SELECT ON TABLE public.events TO authenticated;
GRANT SELECT ON TABLE public.events TO service_role;
GRANT SELECT ON TABLE public.events TO vibeloom_rollup;

REVOKE ALL ON FUNCTION public.register_revisions(p_owner_id uuid, p_source_id uuid, p_events jsonb, OUT kept_ids text[], OUT kept_times timestamp with time zone[], OUT replaced public.events[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.reprice_events(p_owner_id uuid, p_from timestamp with time zone, p_to timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.reprice_events(p_owner_id uuid, p_from timestamp with time zone, p_to timestamp with time zone) TO service_role;

REVOKE ALL ON FUNCTION public.request_cost(p_prices public.model_prices[], p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_cache_write_1h bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.request_cost(p_prices public.model_prices[], p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_cache_write_1h bigint) TO service_role;

REVOKE ALL ON FUNCTION public.revoke_source_key(p_owner_id uuid, p_source_id uuid, p_key_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.revoke_source_key(p_owner_id uuid, p_source_id uuid, p_key_id uuid) TO vibeloom_member;

REVOKE ALL ON FUNCTION public.schema_version() FROM PUBLIC;
GRANT ALL ON FUNCTION public.schema_version() TO vibeloom_front;

REVOKE ALL ON FUNCTION public.service_health(p_now timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.service_health(p_now timestamp with time zone) TO vibeloom_front;

REVOKE ALL ON FUNCTION public.share_sums(p_owner_id uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.store_events(p_owner_id uuid, p_source_id uuid, p_events jsonb, p_body_sha256 bytea, p_key_id uuid, p_signature bytea, p_token_id uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.take_work(p_tasks text[], p_lease interval) FROM PUBLIC;
GRANT ALL ON FUNCTION public.take_work(p_tasks text[], p_lease interval) TO vibeloom_work;

GRANT SELECT ON TABLE public.token_days TO authenticated;
GRANT SELECT ON TABLE public.token_days TO service_role;

GRANT SELECT ON TABLE public.token_sums TO authenticated;
GRANT SELECT ON TABLE public.token_sums TO service_role;

REVOKE ALL ON FUNCTION public.token_cells(p_since timestamp with time zone, p_until timestamp with time zone, p_zone text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.token_cells(p_since timestamp with time zone, p_until timestamp with time zone, p_zone text) TO authenticated;

REVOKE ALL ON FUNCTION public.token_count(p_value jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.token_count(p_value jsonb) TO service_role;

REVOKE ALL ON FUNCTION public.update_profile(p_id uuid, p_handle text, p_timezone text, p_idle_timeout_minutes integer, p_retention_months integer, p_leaderboard_opt_in boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.update_profile(p_id uuid, p_handle text, p_timezone text, p_idle_timeout_minutes integer, p_retention_months integer, p_leaderboard_opt_in boolean) TO vibeloom_member;

REVOKE ALL ON FUNCTION public.usage_cost(p_prices public.model_prices[], p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_payload jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.usage_cost(p_prices public.model_prices[], p_input bigint, p_output bigint, p_cache_read bigint, p_cache_write bigint, p_payload jsonb) TO service_role;

REVOKE ALL ON FUNCTION public.use_access_token(p_token_sha256 bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.use_access_token(p_token_sha256 bytea) TO vibeloom_door;

REVOKE ALL ON FUNCTION public.work_health(p_now timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.work_health(p_now timestamp with time zone) TO vibeloom_front;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.deployment TO service_role;

GRANT SELECT ON TABLE dashboards.owners TO vibeloom_grafana;

GRANT SELECT ON TABLE public.activity_sums TO authenticated;
GRANT SELECT ON TABLE public.activity_sums TO service_role;

GRANT SELECT ON TABLE dashboards.activity TO vibeloom_grafana;

GRANT SELECT ON TABLE public.batches TO authenticated;
GRANT SELECT,DELETE,UPDATE ON TABLE public.batches TO service_role;

GRANT SELECT ON TABLE public.sources TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sources TO service_role;
GRANT SELECT,INSERT ON TABLE public.sources TO vibeloom_member;

GRANT UPDATE(expected_every_hours) ON TABLE public.sources TO vibeloom_member;

GRANT SELECT ON TABLE dashboards.batches TO vibeloom_grafana;

GRANT SELECT ON TABLE public.error_episodes TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.error_episodes TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.error_episodes TO vibeloom_rollup;

GRANT SELECT ON TABLE dashboards.errors_by_class TO vibeloom_grafana;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.job_runs TO service_role;
GRANT SELECT ON TABLE public.job_runs TO vibeloom_front;

GRANT SELECT ON TABLE dashboards.job_runs TO vibeloom_grafana;

GRANT SELECT ON TABLE public.dirty_days TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.dirty_days TO service_role;
GRANT SELECT,DELETE ON TABLE public.dirty_days TO vibeloom_rollup;

GRANT UPDATE(marked_at) ON TABLE public.dirty_days TO vibeloom_rollup;

GRANT SELECT ON TABLE dashboards.pending_days TO vibeloom_grafana;

GRANT SELECT ON TABLE dashboards.sources TO vibeloom_grafana;

GRANT SELECT ON TABLE public.time_daily TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.time_daily TO service_role;
GRANT SELECT,INSERT,DELETE ON TABLE public.time_daily TO vibeloom_rollup;

GRANT SELECT ON TABLE dashboards.time_by_language TO vibeloom_grafana;

GRANT SELECT ON TABLE dashboards.tokens_by_model TO vibeloom_grafana;

GRANT SELECT ON TABLE public.agent_runs TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.agent_runs TO service_role;
GRANT SELECT,INSERT,DELETE ON TABLE public.agent_runs TO vibeloom_rollup;

GRANT SELECT ON TABLE public.errors_daily TO authenticated;
GRANT SELECT ON TABLE public.errors_daily TO service_role;

GRANT SELECT ON TABLE public.event_kinds TO authenticated;
GRANT SELECT ON TABLE public.event_kinds TO service_role;
GRANT SELECT ON TABLE public.event_kinds TO vibeloom_rollup;

GRANT SELECT ON TABLE public.event_versions TO authenticated;
GRANT SELECT,DELETE ON TABLE public.event_versions TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.handles TO service_role;
GRANT SELECT,INSERT,DELETE ON TABLE public.handles TO vibeloom_member;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.key_challenges TO service_role;
GRANT SELECT,INSERT,DELETE ON TABLE public.key_challenges TO vibeloom_member;
GRANT SELECT,DELETE ON TABLE public.key_challenges TO vibeloom_sources;

GRANT SELECT ON TABLE public.leaderboard_members TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.leaderboard_members TO service_role;
GRANT SELECT,INSERT,DELETE ON TABLE public.leaderboard_members TO vibeloom_member;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.leaderboards TO service_role;
GRANT INSERT,DELETE ON TABLE public.leaderboards TO vibeloom_member;

GRANT SELECT(id) ON TABLE public.leaderboards TO authenticated;
GRANT SELECT(id) ON TABLE public.leaderboards TO vibeloom_member;

GRANT SELECT(owner_id) ON TABLE public.leaderboards TO authenticated;
GRANT SELECT(owner_id) ON TABLE public.leaderboards TO vibeloom_member;

GRANT SELECT(name) ON TABLE public.leaderboards TO authenticated;
GRANT SELECT(name) ON TABLE public.leaderboards TO vibeloom_member;

GRANT UPDATE(code_sha256) ON TABLE public.leaderboards TO vibeloom_member;

GRANT SELECT(created_at) ON TABLE public.leaderboards TO authenticated;
GRANT SELECT(created_at) ON TABLE public.leaderboards TO vibeloom_member;

GRANT SELECT ON TABLE public.mv_emotions TO authenticated;
GRANT SELECT ON TABLE public.mv_emotions TO service_role;

GRANT SELECT ON TABLE public.mv_errors_fixed TO authenticated;
GRANT SELECT ON TABLE public.mv_errors_fixed TO service_role;

GRANT SELECT ON TABLE public.mv_time_by_language TO authenticated;
GRANT SELECT ON TABLE public.mv_time_by_language TO service_role;

GRANT SELECT ON TABLE public.token_daily TO authenticated;
GRANT SELECT ON TABLE public.token_daily TO service_role;

GRANT SELECT ON TABLE public.mv_token_usage TO authenticated;
GRANT SELECT ON TABLE public.mv_token_usage TO service_role;

GRANT SELECT ON TABLE public.price_lists TO authenticated;
GRANT SELECT ON TABLE public.price_lists TO service_role;

GRANT SELECT ON TABLE public.project_names TO authenticated;
GRANT SELECT,DELETE ON TABLE public.project_names TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.public_keys TO service_role;
GRANT SELECT,INSERT ON TABLE public.public_keys TO vibeloom_member;

GRANT SELECT ON TABLE public.purge_receipts TO authenticated;
GRANT SELECT,INSERT,DELETE ON TABLE public.purge_receipts TO service_role;

GRANT SELECT ON TABLE public.session_daily TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.session_daily TO service_role;
GRANT SELECT,INSERT,DELETE ON TABLE public.session_daily TO vibeloom_rollup;

GRANT SELECT ON TABLE public.source_keys TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.source_keys TO service_role;
GRANT SELECT,INSERT ON TABLE public.source_keys TO vibeloom_member;

GRANT UPDATE(source_id) ON TABLE public.source_keys TO vibeloom_member;

GRANT UPDATE(created_at) ON TABLE public.source_keys TO vibeloom_member;

GRANT UPDATE(revoked_at) ON TABLE public.source_keys TO vibeloom_member;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.source_names TO service_role;
GRANT SELECT,INSERT ON TABLE public.source_names TO vibeloom_member;

GRANT UPDATE(source_id) ON TABLE public.source_names TO vibeloom_member;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.token_hashes TO service_role;
GRANT SELECT,INSERT,DELETE ON TABLE public.token_hashes TO vibeloom_member;

GRANT SELECT,DELETE,UPDATE ON TABLE public.work_items TO service_role;
GRANT SELECT,DELETE ON TABLE public.work_items TO vibeloom_work;

GRANT UPDATE(due_at) ON TABLE public.work_items TO vibeloom_work;

GRANT UPDATE(attempts) ON TABLE public.work_items TO vibeloom_work;

GRANT UPDATE(failed_at) ON TABLE public.work_items TO vibeloom_work;
