-- name: create_key_challenge(owner_id, challenge, expires_at)!
-- A nonce to be signed; the hourly job clears those that were never used.
insert into public.key_challenges (challenge, owner_id, expires_at)
values (:challenge::text, :owner_id::uuid, :expires_at::timestamptz);

-- name: redeem_key_challenge(owner_id, challenge)$
-- True once; rides on the primary key.
select public.redeem_key_challenge(:owner_id::uuid, :challenge::text);

-- name: delete_expired_challenges(before)!
-- Hourly; rides on key_challenges_expiry.
delete from public.key_challenges as c
where c.expires_at < :before::timestamptz;

-- name: add_source_key(owner_id, name, public_key, source_id)^
-- A key for a new source, or for the given one.
select
    k.source_id,
    k.created
from public.add_source_key(
    :owner_id::uuid, :name::text, :public_key::bytea, false, :source_id::uuid
) as k;

-- name: revoke_source_key(owner_id, source_id, key_id)$
-- Null when there is no such key.
select public.revoke_source_key(:owner_id::uuid, :source_id::uuid, :key_id::uuid);

-- name: list_sources(after, source_id, limit)
-- The caller's monitors with their keys, under row-level security; rides on sources_owner.
select
    s.id,
    s.name,
    s.created_at,
    s.last_seen_at,
    coalesce(
        jsonb_agg(
            jsonb_build_object(
                'id', k.id,
                'public_key', encode(k.public_key, 'base64'),
                'configured', k.is_configured,
                'created_at', k.created_at,
                'revoked_at', k.revoked_at
            ) order by k.created_at, k.id
        ) filter (where k.id is not null),
        '[]'::jsonb
    ) as keys
from public.sources as s
left join public.source_keys as k on s.id = k.source_id
where
    (:after::text is null or s.name > :after::text)
    and (:source_id::uuid is null or s.id = :source_id::uuid)
group by s.id
order by s.name asc
limit :limit::integer;

-- name: create_access_token(owner_id, name, token_sha256, scopes, expires_at)^
-- Only the hash is kept.
insert into public.access_tokens (owner_id, name, token_sha256, scopes, expires_at)
values (
    :owner_id::uuid, :name::text, :token_sha256::bytea, :scopes::text [], :expires_at::timestamptz
)
returning id, name, scopes, created_at, expires_at, last_used_at;

-- name: list_access_tokens(after, limit)
-- The caller's tokens, under row-level security; rides on access_tokens_owner.
select
    t.id,
    t.name,
    t.scopes,
    t.created_at,
    t.expires_at,
    t.last_used_at
from public.access_tokens as t
where
    :after::uuid is null
    or (t.created_at, t.id) > (
        select
            c.created_at,
            c.id
        from public.access_tokens as c
        where c.id = :after::uuid
    )
order by t.created_at asc, t.id asc
limit :limit::integer;

-- name: delete_access_token(owner_id, id)!
-- A revoked token is gone.
delete from public.access_tokens as t
where t.id = :id::uuid and t.owner_id = :owner_id::uuid;
