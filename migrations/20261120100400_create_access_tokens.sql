-- Bearer tokens for programs. Only the SHA-256 of the secret is kept.

create table public.access_tokens (
    id uuid primary key default gen_random_uuid(),
    owner_id uuid not null references public.profiles (id) on delete cascade,
    name text not null,
    token_sha256 bytea not null,
    scopes text [] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    constraint access_tokens_sha256_unique unique (token_sha256),
    constraint access_tokens_sha256_length check (length(token_sha256) = 32),
    constraint access_tokens_name_length check (length(name) between 1 and 128),
    constraint access_tokens_scopes_some check (cardinality(scopes) between 1 and 64)
);

revoke all on public.access_tokens from anon, authenticated;
grant select (id, owner_id, name, scopes, created_at, expires_at, last_used_at)
on public.access_tokens to authenticated;
grant select, insert, update, delete on public.access_tokens to service_role;
alter table public.access_tokens enable row level security;

create policy access_tokens_select_owner on public.access_tokens
for select to authenticated
using (owner_id = (select auth.uid()));

create index access_tokens_owner on public.access_tokens (owner_id);

comment on table public.access_tokens is 'Bearer tokens (vlm_…), kept as hashes.';
comment on column public.access_tokens.token_sha256 is 'SHA-256 of the whole token text.';
comment on column public.access_tokens.last_used_at is 'To the minute.';

create function public.use_access_token(p_token_sha256 bytea)
returns table (owner_id uuid, scopes text [])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update public.access_tokens as t
    set last_used_at = now()
    where
        t.token_sha256 = p_token_sha256
        and (t.expires_at is null or t.expires_at > now())
        and (t.last_used_at is null or t.last_used_at < now() - interval '1 minute');
    return query
    select t.owner_id, t.scopes
    from public.access_tokens as t
    where
        t.token_sha256 = p_token_sha256
        and (t.expires_at is null or t.expires_at > now());
end
$$;

revoke all on function public.use_access_token(bytea) from public, anon, authenticated;
grant execute on function public.use_access_token(bytea) to service_role;

comment on function public.use_access_token(bytea) is
'Whose token this is and what it may do; no row when it is unknown or expired.';
