-- name: find_profile(id)^
-- Under row-level security; rides on the primary key.
select
    p.id,
    p.handle,
    p.email,
    p.timezone,
    p.idle_timeout_minutes,
    p.retention_months,
    p.leaderboard_opt_in,
    p.purged_before,
    p.created_at
from public.profiles as p
where p.id = :id::uuid;

-- name: lock_profile(id)!
-- Keeps others from changing it between the comparison of its ETag and the update.
select from public.profiles as p
where p.id = :id::uuid
for no key update;

-- name: update_profile(id, handle, timezone, idle_timeout_minutes, retention_months, leaderboard_opt_in)!
-- All settings at once; the constraint that refuses decides what the person is told.
select public.update_profile(
    :id::uuid,
    :handle::text,
    :timezone::text,
    :idle_timeout_minutes::integer,
    :retention_months::integer,
    :leaderboard_opt_in::boolean
);

-- name: list_purges(after, limit)
-- The caller's receipts, under row-level security; rides on purge_receipts_owner.
select
    r.id,
    r.first_occurred_at,
    r.last_occurred_at,
    r.events,
    encode(r.digest, 'hex') as digest,
    r.purged_at
from public.purge_receipts as r
where
    :after::uuid is null
    or (r.purged_at, r.id) > (
        select
            c.purged_at,
            c.id
        from public.purge_receipts as c
        where c.id = :after::uuid
    )
order by r.purged_at asc, r.id asc
limit :limit::integer;

-- name: create_access_token(owner_id, name, token_sha256, scopes, expires_at)^
-- Only the hash is kept.
select
    t.id,
    t.name,
    t.scopes,
    t.created_at,
    t.expires_at,
    t.last_used_at
from public.create_access_token(
    :owner_id::uuid, :name::text, :token_sha256::bytea, :scopes::text [], :expires_at::timestamptz
) as t;

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

-- name: delete_access_token(owner_id, id)$
-- Deletes a token; null when there is none.
select public.delete_access_token(:owner_id::uuid, :id::uuid);
