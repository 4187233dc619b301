-- A profile is a person. Its id is the one that the identity provider puts into `sub`, so that
-- auth.uid() is the owner of every row a person has.

-- Every day is computed with a person's zone, so a zone that Postgres does not know must never get in. The
-- view of names is slow; the check runs when a zone is set, and a default costs nothing.
create function public.is_timezone(p_name text)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select p_name = 'UTC' or exists (select from pg_timezone_names as z where z.name = p_name);
$$;

create domain public.timezone_name as text
constraint timezone_name_known check (public.is_timezone(value));

revoke all on function public.is_timezone(text) from public, anon, authenticated;
grant execute on function public.is_timezone(text) to vibeloom_member;

comment on function public.is_timezone(text) is
'Whether this server knows the zone; Python''s list of zones may be a newer one.';
comment on domain public.timezone_name is 'An IANA name that this server knows.';

create table public.profiles (
    id uuid primary key default gen_random_uuid(),
    handle text,
    email text,
    timezone public.timezone_name not null default 'UTC',
    created_at timestamptz not null default now(),
    idle_timeout_minutes integer not null default 15,
    retention_months integer,
    leaderboard_opt_in boolean not null default false,
    purged_before timestamptz,
    folded_timezone text not null default 'UTC',
    constraint profiles_handle_valid check (handle ~ '^[a-z0-9][a-z0-9_-]{1,38}$'),
    constraint profiles_email_length check (length(email) <= 320),
    constraint profiles_timezone_length check (length(timezone) between 1 and 64),
    constraint profiles_idle_timeout_minutes_range check (idle_timeout_minutes between 1 and 120),
    constraint profiles_retention_months_range check (retention_months between 1 and 1200),
    constraint profiles_leaderboard_handle check (not leaderboard_opt_in or handle is not null)
);

revoke all on public.profiles from anon, authenticated;
grant select on public.profiles to authenticated;
grant select, insert, update, delete on public.profiles to service_role;
alter table public.profiles enable row level security;

create policy profiles_select_owner on public.profiles
for select to authenticated
using (id = (select auth.uid()));

create index profiles_leaderboard_opt_in on public.profiles (id) where leaderboard_opt_in;

comment on table public.profiles is 'People. The id is the subject of their sign-in.';
comment on column public.profiles.timezone is 'IANA name; days in answers are days of this zone.';
comment on column public.profiles.handle is 'What others see; unique by the directory `handles`.';
comment on column public.profiles.idle_timeout_minutes is
'Points of one lane closer than this join into one interval.';
comment on column public.profiles.retention_months is
'How long raw events are kept; null: as long as the deployment says. The shorter of the two holds.';
comment on column public.profiles.leaderboard_opt_in is
'Shows the handle, and nothing else of the person, in rankings.';
comment on column public.profiles.purged_before is
'Raw events before this moment are gone or going; days that begin before it, or on the day after, keep
the daily figures that they have.';
comment on column public.profiles.folded_timezone is
'The zone that cuts the days of event_days and token_days. After a change of zone it differs from `timezone`
until `fold_days` has run; questions then read the quarters.';

-- Whoever is looked up before it is known whose row it is stands in a small directory; everything else of a
-- person's has the owner first in its key. A directory has no foreign key: on several machines it lies
-- elsewhere.
create table public.handles (
    handle text not null,
    owner_id uuid not null,
    constraint handles_identity primary key (handle)
);

create table public.deployment (
    is_only boolean not null default true,
    owner_id uuid not null,
    constraint deployment_identity primary key (is_only),
    constraint deployment_is_only check (is_only)
);

create index handles_owner on public.handles (owner_id);
revoke all on public.handles, public.deployment from anon, authenticated;
grant select, insert, update, delete on public.handles, public.deployment to service_role;
alter table public.handles enable row level security;
alter table public.deployment enable row level security;

comment on table public.handles is 'Directory: whose handle it is.';
comment on table public.deployment is
'One row: the account that configured keys and the subscriber token of the deployment belong to.';

-- Called with the subject of a verified sign-in, or without one for the deployment's owner.
create function public.ensure_profile(p_id uuid, p_email text)
returns uuid
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into public.profiles as p (id, email)
    values (p_id, p_email)
    on conflict (id) do update set email = excluded.email
    where p.email is distinct from excluded.email and excluded.email is not null;
    select p_id;
$$;

create function public.ensure_deployment_owner(p_email text, p_id uuid default null)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    perform pg_advisory_xact_lock(hashtextextended('vibeloom.owner', 0));
    select d.owner_id into v_id from public.deployment as d;
    if v_id is null then
        v_id := coalesce(p_id, gen_random_uuid());
        insert into public.profiles (id, email) values (v_id, p_email) on conflict (id) do nothing;
        insert into public.deployment (owner_id) values (v_id);
    elsif p_id is not null and p_id <> v_id then
        raise exception 'the deployment already belongs to %', v_id
            using errcode = 'VL010',
            hint = 'VIBELOOM_OWNER_ID must be set before the first start.';
    end if;
    return v_id;
end
$$;

revoke all on function public.ensure_profile(uuid, text) from public, anon, authenticated;
revoke all on function public.ensure_deployment_owner(text, uuid) from public, anon, authenticated;
grant execute on function public.ensure_profile(uuid, text) to vibeloom_member;
grant execute on function public.ensure_deployment_owner(text, uuid) to vibeloom_door;

comment on function public.ensure_profile(uuid, text) is
'Makes the profile of a signed-in person on first sight and keeps the e-mail address current.';
comment on function public.ensure_deployment_owner(text, uuid) is
'The owner account of the deployment, made on the first call. VL010: another owner was asked for.';
