-- Senders name a project in two ways: by the last part of its directory, and by the directory with every
-- other character replaced (`-home-ada-my-app`). The names that an owner has used tell how to read the
-- second.
create table public.project_names (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    name text not null,
    slug text not null generated always as (regexp_replace(name, '[^A-Za-z0-9]', '-', 'g')) stored,
    constraint project_names_identity primary key (owner_id, name)
);

revoke all on public.project_names from public, anon, authenticated;
grant select on public.project_names to authenticated;
grant select, delete on public.project_names to service_role;
alter table public.project_names enable row level security;

create policy project_names_select_owner on public.project_names
for select to authenticated
using (owner_id = (select auth.uid()));

comment on table public.project_names is 'The projects that an owner''s events have named.';
comment on column public.project_names.slug is
'The name as it ends a directory''s name in which every other character than letters and digits is a hyphen.';

create function public.is_directory_slug(p_name text)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select p_name ~ '^(-[A-Za-z0-9]|[A-Za-z]--)[A-Za-z0-9-]*-[A-Za-z0-9-]*[A-Za-z0-9]$';
$$;

-- The longest known name that the slug ends in. Without one, what follows the home directory.
create function public.read_project(p_owner_id uuid, p_name text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when public.is_directory_slug(p_name)
            then coalesce(
                (
                    select n.name
                    from public.project_names as n
                    where
                        n.owner_id = p_owner_id
                        and right(p_name, length(n.slug) + 1) = '-' || n.slug
                    order by length(n.slug) desc, n.name
                    limit 1
                ),
                nullif(
                    regexp_replace(
                        p_name, '^(-(home|Users|mnt-[a-z]-Users)-[^-]+|-root|[A-Za-z]--Users-[^-]+)-', ''
                    ),
                    ''
                ),
                p_name
            )
        else p_name
    end;
$$;

revoke all on function public.is_directory_slug(text), public.read_project(uuid, text)
from public, anon, authenticated;

comment on function public.is_directory_slug(text) is
'Whether a project''s name is a directory in which every special character was replaced by a hyphen.';
comment on function public.read_project(uuid, text) is
'A project''s name as the owner knows it: `-home-ada-code-my-app` is `my-app` once that name has been used.';
