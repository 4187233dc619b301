-- How keys come and go. Every change takes a lock on the source's name first, so the limit of two active keys
-- holds under concurrent registrations.

create function public.add_source_key(
    p_owner_id uuid,
    p_name text,
    p_public_key bytea,
    p_configured boolean default false,
    p_source_id uuid default null
)
returns table (source_id uuid, key_id uuid, created boolean)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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

create function public.revoke_source_key(p_owner_id uuid, p_source_id uuid, p_key_id uuid)
returns boolean
language sql
set search_path = pg_catalog, pg_temp
as $$
    update public.source_keys as k
    set revoked_at = coalesce(k.revoked_at, now())
    where k.id = p_key_id and k.source_id = p_source_id and k.owner_id = p_owner_id
    returning true;
$$;

create function public.redeem_key_challenge(p_owner_id uuid, p_challenge text)
returns boolean
language sql
set search_path = pg_catalog, pg_temp
as $$
    delete from public.key_challenges as c
    where c.challenge = p_challenge and c.owner_id = p_owner_id and c.expires_at > now()
    returning true;
$$;

revoke all on function public.add_source_key(uuid, text, bytea, boolean, uuid)
from public, anon, authenticated;
revoke all on function public.revoke_source_key(uuid, uuid, uuid) from public, anon, authenticated;
revoke all on function public.redeem_key_challenge(uuid, text) from public, anon, authenticated;
grant execute on function public.add_source_key(uuid, text, bytea, boolean, uuid) to vibeloom_member;
grant execute on function public.revoke_source_key(uuid, uuid, uuid) to vibeloom_member;
grant execute on function public.redeem_key_challenge(uuid, text) to vibeloom_member;

comment on function public.add_source_key(uuid, text, bytea, boolean, uuid) is
'Adds a key, making the source if need be; the same key again is answered with the same row.
Without p_source_id the source must be new. VL001: name taken, VL002: key used before, VL003: two
keys are active, VL005: you have a source of this name.';
comment on function public.revoke_source_key(uuid, uuid, uuid) is
'Revokes at once: a batch that commits later is refused. No row: there is no such key.';
comment on function public.redeem_key_challenge(uuid, text) is
'True once for a live challenge of this owner; no row otherwise.';
