-- What Supabase gives every database and a plain Postgres lacks: its four roles, and the schema auth
-- with the three functions that policies read. Nothing else of Supabase is imitated here.
--
-- It may be run again, for several databases of one cluster, and by several sessions at once. Roles
-- belong to the whole cluster, but an advisory lock only to one database: hence the exceptions too.

begin;

select pg_catalog.pg_advisory_xact_lock(7_305_201_147);

do $$
declare
    missing text;
begin
    foreach missing in array array[
        'anon nologin noinherit',
        'authenticated nologin noinherit',
        'service_role nologin noinherit bypassrls',
        'authenticator login noinherit'
    ]
    loop
        begin
            if pg_catalog.to_regrole(pg_catalog.split_part(missing, ' ', 1)) is null then
                execute 'create role ' || missing;
            end if;
        exception
            when duplicate_object or unique_violation then null; -- another database was first
        end;
    end loop;
end
$$;

do $$
begin
    if not (
        pg_catalog.pg_has_role('authenticator', 'anon', 'member')
        and pg_catalog.pg_has_role('authenticator', 'authenticated', 'member')
        and pg_catalog.pg_has_role('authenticator', 'service_role', 'member')
    ) then
        grant anon, authenticated, service_role to authenticator;
    end if;
exception
    when unique_violation then null; -- another database granted the same at this moment
    when internal_error then null; -- "tuple concurrently updated": likewise
end
$$;

create schema if not exists auth;

create or replace function auth.jwt()
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb;
$$;

create or replace function auth.uid()
returns uuid
language sql
stable
set search_path = ''
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid;
$$;

create or replace function auth.role()
returns text
language sql
stable
set search_path = ''
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
    );
$$;

grant usage on schema public to anon, authenticated, service_role;
grant usage on schema auth to anon, authenticated, service_role;

comment on schema auth is 'Stands in for Supabase''s schema of this name on a plain Postgres.';
comment on function auth.jwt() is 'The claims of whoever is asking, null for nobody.';
comment on function auth.uid() is 'The claim sub: the person who is asking, null for nobody.';
comment on function auth.role() is 'The claim role: anon, authenticated or service_role, or null.';

commit;
