-- name: use_access_token(token_sha256)
-- Finds the owner and the scopes of a token; rides on access_tokens_sha256_unique.
select
    t.owner_id,
    t.scopes
from public.use_access_token(:token_sha256::bytea) as t;

-- name: ensure_profile(id, email)$
-- Makes the profile of a person who signs in for the first time.
select public.ensure_profile(:id::uuid, :email::text);

-- name: ensure_deployment_owner(email, id)$
-- The subscriber token and configured keys belong to this account.
select public.ensure_deployment_owner(:email::text, :id::uuid);

-- name: schema_version()$
-- For `/readyz`: the newest migration that the database has.
select public.schema_version();

-- name: is_past_row_level_security()$
-- For `/readyz`: row-level security restricts neither superusers nor logins with bypassrls.
select r.rolsuper or r.rolbypassrls from pg_catalog.pg_roles as r where r.rolname = session_user;
