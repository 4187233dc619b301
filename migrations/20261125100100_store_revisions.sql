-- A batch is stored in four steps, each of which sees what concurrent batches have committed: the events
-- with a revision are registered in the order of their ids (two batches with the same ones wait for each
-- other here, and nowhere else); those whose stored event has a lower revision lose it, which takes it out
-- of the sums; the events go in; the batch is noted. Prices are looked up once for each model and day.

create or replace function public.bulk_insert_events(
    p_key_id uuid, p_events jsonb, p_body_sha256 bytea, p_signature bytea
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_source_id uuid;
    v_owner_id uuid;
    v_batch_id bigint;
    v_kept_ids text [] := '{}';
    v_kept_times timestamptz [] := '{}';
    v_inserted integer;
    v_first timestamptz;
    v_last timestamptz;
begin
    select k.source_id, k.owner_id into v_source_id, v_owner_id
    from public.source_keys as k
    where k.id = p_key_id and k.revoked_at is null
    for share;
    if not found then
        raise exception 'the key is not active' using errcode = 'VL004';
    end if;

    if exists (
        select from public.batches as b
        where b.source_id = v_source_id and b.body_sha256 = p_body_sha256
    ) then
        return 0;
    end if;

    v_batch_id := nextval('public.batches_id_seq');

    if jsonb_path_exists(p_events, '$[*].revision') then
        select r.kept_ids, r.kept_times into v_kept_ids, v_kept_times
        from public.register_revisions(v_owner_id, v_source_id, p_events) as r;
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
            left(public.read_project(v_owner_id, n.name), 256) as project
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
        where i.kind in ('llm', 'token_usage')
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
            v_owner_id,
            n.project
        from named as n
        where
            not public.is_directory_slug(n.name)
            and not exists (
                select from public.project_names as k
                where k.owner_id = v_owner_id and k.name = n.project
            )
        group by n.project
        order by n.project
        on conflict do nothing
    ),

    stored as (
        insert into public.events (
            owner_id, source_id, id, occurred_at, kind, project, language, branch, payload, batch_id,
            is_error, provider, model,
            tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, cost_usd
        )
        select
            v_owner_id,
            v_source_id,
            i.id,
            i.occurred_at,
            i.kind,
            n.project,
            left(i.payload ->> 'language', 64),
            left(i.payload ->> 'branch', 256),
            i.payload,
            v_batch_id,
            case i.kind
                when 'error' then true
                when 'terminal' then i.payload -> 'exit_code' <> '0'::jsonb
                when 'editor' then i.payload ->> 'action' = 'error'
                when 'tool' then i.payload -> 'success' = 'false'::jsonb
            end is true,
            c.provider,
            c.model,
            c.input,
            c.output,
            c.cache_read,
            c.cache_write,
            public.usage_cost(p.price, c.input, c.output, c.cache_read, c.cache_write, i.payload)
        from incoming as i
        left join named as n on n.name = i.payload ->> 'project'
        left join counted as c on i.id = c.id and i.occurred_at = c.occurred_at
        left join priced as p on c.model = p.model and c.day = p.day and c.mode = p.mode
        order by i.occurred_at, i.id
        on conflict do nothing
        returning 1
    )

    select (select count(*) from stored), min(i.occurred_at), max(i.occurred_at)
    into v_inserted, v_first, v_last
    from incoming as i;

    if v_first is null then -- all of it has been told before
        select min(e."timestamp"), max(e."timestamp") into v_first, v_last
        from jsonb_to_recordset(p_events) as e ("timestamp" timestamptz);
    end if;

    insert into public.batches (
        id, owner_id, source_id, key_id, body_sha256, signature,
        events, inserted, first_occurred_at, last_occurred_at
    )
    overriding system value
    values (
        v_batch_id, v_owner_id, v_source_id, p_key_id, p_body_sha256, p_signature,
        jsonb_array_length(p_events), v_inserted, v_first, v_last
    )
    on conflict on constraint batches_source_body_unique do nothing;
    if not found and v_inserted > 0 then
        raise exception 'the same batch is being stored' using errcode = 'serialization_failure';
    end if;

    update public.sources as s
    set last_seen_at = now()
    where s.id = v_source_id and (s.last_seen_at is null or s.last_seen_at < now() - interval '1 second');
    return v_inserted;
end
$$;

-- Locks are taken in one order everywhere: registered ids, events, batches, the owner's sums. An event that
-- is gone was purged or deleted, and what replaces it does not bring it back.
create function public.register_revisions(
    p_owner_id uuid,
    p_source_id uuid,
    p_events jsonb,
    out kept_ids text [],
    out kept_times timestamptz []
)
language plpgsql
set search_path = pg_catalog, pg_temp
-- A few rows are looked up by their keys, in partitions whose statistics may be missing.
set enable_seqscan = off
as $$
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
        returning e.id
    ),

    renewed as (
        update public.event_versions as v
        set revision = n.revision, occurred_at = n.occurred_at, source_id = p_source_id
        from unnest(v_ids, v_revisions, v_times) as n (id, revision, occurred_at)
        inner join gone as g on n.id = g.id
        where v.owner_id = p_owner_id and v.id = n.id
        returning v.id, v.occurred_at
    )

    select
        coalesce(kept_ids, '{}') || coalesce(array_agg(r.id), '{}'),
        coalesce(kept_times, '{}') || coalesce(array_agg(r.occurred_at), '{}')
    into kept_ids, kept_times
    from renewed as r;
end
$$;

revoke all on function public.register_revisions(uuid, uuid, jsonb) from public, anon, authenticated;

comment on function public.register_revisions(uuid, uuid, jsonb) is
'Registers the events of a batch that have a revision, and deletes the stored ones that they replace. Returns
the ids and times of those that are to be stored.';
comment on function public.bulk_insert_events(uuid, jsonb, bytea, bytea) is
'Stores a verified batch (an array of events) atomically and returns how many events were new or replaced an
older revision. VL004: the key is not active any more.';
