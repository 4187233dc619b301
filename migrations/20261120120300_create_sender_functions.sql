-- What comes before storing: whose a signed batch is, and which of its events are known already.

create function public.find_source_keys(p_source text)
returns table (owner_id uuid, key_id uuid, public_key bytea, is_configured boolean)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select k.owner_id, k.id, k.public_key, k.is_configured
    from public.source_names as n
    inner join public.source_keys as k on n.owner_id = k.owner_id and n.source_id = k.source_id
    where n.name = p_source and k.revoked_at is null
    order by k.created_at desc;
$$;

-- The share lock makes a revocation wait for batches under way, and every later batch see it.
create function public.check_key(p_owner_id uuid, p_key_id uuid)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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

-- Events with a revision are registered in the order of their ids: two batches with the same ones wait for
-- each other here. Whose stored event has a lower revision loses it. An event that is gone was purged or
-- deleted, and what replaces it does not bring it back.
create function public.register_revisions(
    p_owner_id uuid,
    p_source_id uuid,
    p_events jsonb,
    out kept_ids text [],
    out kept_times timestamptz [],
    out replaced public.events []
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

revoke all on function
public.find_source_keys(text),
public.check_key(uuid, uuid),
public.register_revisions(uuid, uuid, jsonb)
from public, anon, authenticated;
grant execute on function public.find_source_keys(text) to vibeloom_ingest;

comment on function public.find_source_keys(text) is 'The active keys of a source, newest first.';
comment on function public.check_key(uuid, uuid) is
'The source of an owner''s key, which stays active until the transaction ends. VL004: it is not active any
more.';
comment on function public.register_revisions(uuid, uuid, jsonb) is
'Registers the events of a batch that have a revision, and deletes the stored ones that they replace.
Returns the ids and times of those that are to be stored, and the events that were replaced.';
