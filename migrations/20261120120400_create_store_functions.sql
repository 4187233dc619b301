-- How events are stored, whoever sends them, and added to the sums in the same transaction. Locks are taken
-- in one order everywhere: the owner's sums, registered ids, events, the rows of the sums, days, the batch.
-- Prices are looked up once for each model, day and mode of a batch.

create function public.store_events(
    p_owner_id uuid,
    p_source_id uuid,
    p_events jsonb,
    p_body_sha256 bytea,
    p_key_id uuid,
    p_signature bytea,
    p_token_id uuid
)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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
$$;

create function public.bulk_insert_events(
    p_owner_id uuid, p_key_id uuid, p_events jsonb, p_body_sha256 bytea, p_signature bytea
)
returns integer
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select
        public.store_events(
            p_owner_id, public.check_key(p_owner_id, p_key_id),
            p_events, p_body_sha256, p_key_id, p_signature, null
        );
$$;

revoke all on function
public.store_events(uuid, uuid, jsonb, bytea, uuid, bytea, uuid),
public.bulk_insert_events(uuid, uuid, jsonb, bytea, bytea)
from public, anon, authenticated;
grant execute on function public.bulk_insert_events(uuid, uuid, jsonb, bytea, bytea) to vibeloom_ingest;

comment on function public.store_events(uuid, uuid, jsonb, bytea, uuid, bytea, uuid) is
'Stores a batch (an array of events) of a sender that was checked, adds it to the sums, and returns how many
events were new or replaced an older revision. A key and its signature, or an access token, vouch for it.';
comment on function public.bulk_insert_events(uuid, uuid, jsonb, bytea, bytea) is
'Stores a batch that this key has signed: check_key and store_events.';
