-- Bearer tokens for programs. Only the SHA-256 of the secret is kept, in a directory: a request carries
-- nothing else, so it is looked up before the owner is known.

create table public.access_tokens (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    id uuid not null default gen_random_uuid(),
    name text not null,
    scopes text [] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    constraint access_tokens_identity primary key (owner_id, id),
    constraint access_tokens_name_length check (length(name) between 1 and 128),
    constraint access_tokens_scopes_some check (cardinality(scopes) between 1 and 64)
);

create table public.token_hashes (
    token_sha256 bytea not null,
    owner_id uuid not null,
    token_id uuid not null,
    constraint token_hashes_identity primary key (token_sha256),
    constraint token_hashes_sha256_length check (length(token_sha256) = 32)
);

create index token_hashes_owner on public.token_hashes (owner_id, token_id);
revoke all on public.access_tokens, public.token_hashes from anon, authenticated;
grant select on public.access_tokens to authenticated;
grant select, insert, update, delete on public.access_tokens, public.token_hashes to service_role;
alter table public.access_tokens enable row level security;
alter table public.token_hashes enable row level security;

create policy access_tokens_select_owner on public.access_tokens
for select to authenticated
using (owner_id = (select auth.uid()));

comment on table public.access_tokens is 'Bearer tokens (vlm_…).';
comment on column public.access_tokens.last_used_at is 'To the minute.';
comment on table public.token_hashes is 'Directory: whose token it is.';
comment on column public.token_hashes.token_sha256 is 'SHA-256 of the whole token text.';

create function public.create_access_token(
    p_owner_id uuid, p_name text, p_token_sha256 bytea, p_scopes text [], p_expires_at timestamptz
)
returns public.access_tokens
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_token public.access_tokens;
begin
    insert into public.access_tokens as t (owner_id, name, scopes, expires_at)
    values (p_owner_id, p_name, p_scopes, p_expires_at)
    returning t.* into v_token;
    insert into public.token_hashes (token_sha256, owner_id, token_id)
    values (p_token_sha256, p_owner_id, v_token.id);
    return v_token;
end
$$;

create function public.delete_access_token(p_owner_id uuid, p_id uuid)
returns boolean
language sql
set search_path = pg_catalog, pg_temp
as $$
    with forgotten as (
        delete from public.token_hashes as h
        where h.owner_id = p_owner_id and h.token_id = p_id
    )

    delete from public.access_tokens as t
    where t.owner_id = p_owner_id and t.id = p_id
    returning true;
$$;

create function public.use_access_token(p_token_sha256 bytea)
returns table (owner_id uuid, scopes text [])
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_owner_id uuid;
    v_token_id uuid;
begin
    select h.owner_id, h.token_id into v_owner_id, v_token_id
    from public.token_hashes as h
    where h.token_sha256 = p_token_sha256;
    if not found then
        return;
    end if;
    update public.access_tokens as t
    set last_used_at = now()
    where
        t.owner_id = v_owner_id
        and t.id = v_token_id
        and (t.expires_at is null or t.expires_at > now())
        and (t.last_used_at is null or t.last_used_at < now() - interval '1 minute');
    return query
    select t.owner_id, t.scopes
    from public.access_tokens as t
    where
        t.owner_id = v_owner_id
        and t.id = v_token_id
        and (t.expires_at is null or t.expires_at > now());
end
$$;

revoke all on function
public.create_access_token(uuid, text, bytea, text [], timestamptz),
public.delete_access_token(uuid, uuid),
public.use_access_token(bytea)
from public, anon, authenticated;
grant execute on function
public.create_access_token(uuid, text, bytea, text [], timestamptz),
public.delete_access_token(uuid, uuid)
to vibeloom_member;
grant execute on function public.use_access_token(bytea) to vibeloom_door;

comment on function public.create_access_token(uuid, text, bytea, text [], timestamptz) is
'A token of the owner''s, of which only the hash is kept.';
comment on function public.delete_access_token(uuid, uuid) is
'Revokes a token; no row when the owner has none with this id.';
comment on function public.use_access_token(bytea) is
'Whose token this is and what it may do; no row when it is unknown or expired.';
