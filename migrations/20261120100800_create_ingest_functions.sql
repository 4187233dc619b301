-- The two functions that the ingest role may execute, and all that it may do.

create function public.find_source_keys(p_source text)
returns table (key_id uuid, public_key bytea, is_configured boolean)
language sql
stable
security definer
set search_path = ''
as $$
    select k.id, k.public_key, k.is_configured
    from public.sources as s
    inner join public.source_keys as k on s.id = k.source_id
    where s.name = p_source and k.revoked_at is null
    order by k.created_at desc;
$$;

-- The share lock on the key makes a revocation wait for batches under way and every later batch
-- see it. Rows go in by identity, so that two batches with the same events cannot deadlock.
create function public.bulk_insert_events(
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
            owner_id, source_id, id, occurred_at, kind, project, language, payload, batch_id
        )
        select
            v_owner_id,
            v_source_id,
            i.id,
            i.occurred_at,
            i.kind,
            i.payload ->> 'project',
            i.payload ->> 'language',
            i.payload,
            v_batch_id
        from incoming as i
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

revoke all on function public.find_source_keys(text) from public;
revoke all on function public.bulk_insert_events(uuid, jsonb, bytea, bytea) from public;
grant execute on function public.find_source_keys(text) to vibeloom_ingest;
grant execute on function public.bulk_insert_events(uuid, jsonb, bytea, bytea) to vibeloom_ingest;

comment on function public.find_source_keys(text) is 'The active keys of a source, newest first.';
comment on function public.bulk_insert_events(uuid, jsonb, bytea, bytea) is
'Stores a verified batch (an array of events) atomically and returns how many events were new.
VL004: the key is not active any more.';
