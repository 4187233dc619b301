-- The functions may not look into the bookkeeping of migrations; they may ask for its last line.

create function public.schema_version()
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select max(m.version) from supabase_migrations.schema_migrations as m;
$$;

revoke all on function public.schema_version() from public, anon, authenticated;
grant execute on function public.schema_version() to vibeloom_front;

comment on function public.schema_version() is 'The newest migration applied; `/readyz` compares it.';
