-- What the roll-ups sum stands in columns of its own, set once when an event arrives. Counting,
-- un-counting and reading the tail are then the same plain sums, exact however prices change later.
-- What the roll-ups group by is cut, so that no payload can be too long for an index; payloads are not.

alter table public.events
add column branch text,
add column is_error boolean not null default false,
add column provider text,
add column model text,
add column tokens_input bigint,
add column tokens_output bigint,
add column tokens_cache_read bigint,
add column tokens_cache_write bigint,
add column cost_usd numeric;

create index events_batch on public.events (batch_id);
create index events_batch_tokens on public.events (batch_id) where tokens_input is not null;

comment on column public.events.is_error is
'An error event, a command that failed, an editor error, a tool that reported no success.';
comment on column public.events.tokens_input is 'Null unless the event reports tokens; so the next three.';
comment on column public.events.cost_usd is
'At list price when it arrived; null for an unlisted model. `reprice_events` brings it up to date.';

create or replace function public.bulk_insert_events(
    p_key_id uuid, p_events jsonb, p_body_sha256 bytea, p_signature bytea
)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_source_id uuid;
    v_owner_id uuid;
    v_batch_id bigint;
    v_events integer;
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

    v_batch_id := pg_catalog.nextval('public.batches_id_seq');

    with incoming as materialized (
        select
            e.id,
            e."timestamp" as occurred_at,
            coalesce(e."type", e."eventType") as kind,
            e.payload
        from pg_catalog.jsonb_to_recordset(p_events) as e (
            id text, "timestamp" timestamptz, "type" text, "eventType" text, payload jsonb
        )
        order by e."timestamp", e.id
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
            left(i.payload ->> 'project', 256),
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
            t.provider,
            t.model,
            t.input,
            t.output,
            t.cache_read,
            t.cache_write,
            case
                when t.model is not null
                    then public.price_tokens(
                        t.model, i.occurred_at, t.input, t.output, t.cache_read, t.cache_write
                    )
            end
        from incoming as i
        left join lateral (
            select
                left(i.payload ->> 'provider', 64) as provider,
                left(i.payload ->> 'model', 128) as model,
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
            where i.kind in ('llm', 'token_usage')
            offset 0 -- noqa: AM09 (a fence: other kinds shall compute none of this)
        ) as t on true
        on conflict do nothing
        returning 1
    )

    select count(*), (select count(*) from stored), min(i.occurred_at), max(i.occurred_at)
    into v_events, v_inserted, v_first, v_last
    from incoming as i;

    insert into public.batches (
        id, owner_id, source_id, key_id, body_sha256, signature,
        events, inserted, first_occurred_at, last_occurred_at
    )
    overriding system value
    values (
        v_batch_id, v_owner_id, v_source_id, p_key_id, p_body_sha256, p_signature,
        v_events, v_inserted, v_first, v_last
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
