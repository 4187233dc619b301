-- name: use_access_token(token_sha256)
-- Whose token, and what it may do; rides on access_tokens_sha256_unique.
select
    t.owner_id,
    t.scopes
from public.use_access_token(:token_sha256::bytea) as t;

-- name: ensure_profile(id, email)$
-- A sign-in may be the first that we see of a person.
select public.ensure_profile(:id::uuid, :email::text);

-- name: ensure_deployment_owner(email, id)$
-- The subscriber token and configured keys belong to this account.
select public.ensure_deployment_owner(:email::text, :id::uuid);

-- name: schema_version()$
-- For `/readyz`: the newest migration that the database has.
select public.schema_version();

-- name: is_past_row_level_security()$
-- For `/readyz`: nothing that a policy says binds such a login.
select r.rolsuper or r.rolbypassrls from pg_catalog.pg_roles as r where r.rolname = session_user;
