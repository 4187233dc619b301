-- A profile is a person. Its id is the one that the identity provider puts into `sub`, so that
-- auth.uid() is the owner of every row a person has.

create table public.profiles (
    id uuid primary key default gen_random_uuid(),
    handle text,
    email text,
    timezone text not null default 'UTC',
    is_deployment_owner boolean not null default false,
    created_at timestamptz not null default now(),
    idle_timeout_minutes integer not null default 15,
    retention_months integer,
    leaderboard_opt_in boolean not null default false,
    purged_before timestamptz,
    folded_timezone text not null default 'UTC',
    constraint profiles_handle_unique unique (handle),
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

create unique index profiles_one_deployment_owner
on public.profiles (is_deployment_owner)
where is_deployment_owner;

comment on table public.profiles is 'People. The id is the subject of their sign-in.';
comment on column public.profiles.timezone is 'IANA name; days in answers are days of this zone.';
comment on column public.profiles.is_deployment_owner is
'The one account that configured keys and the subscriber token of a deployment belong to.';
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

-- A zone that Postgres does not know must never get in: every day is computed with it. The view of names
-- is slow; it is read for a new zone only, and never for the default.
create function public.check_timezone()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if
        new.timezone <> 'UTC'
        and (tg_op = 'INSERT' or new.timezone <> old.timezone)
        and not exists (select from pg_timezone_names as z where z.name = new.timezone)
    then
        raise exception 'no such time zone' using errcode = 'invalid_parameter_value';
    end if;
    return new;
end
$$;

create trigger profiles_timezone_known
before insert or update of timezone on public.profiles
for each row execute function public.check_timezone();

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
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    perform pg_advisory_xact_lock(hashtextextended('vibeloom.owner', 0));
    select p.id into v_id from public.profiles as p where p.is_deployment_owner;
    if v_id is null then
        insert into public.profiles as p (id, email, is_deployment_owner)
        values (coalesce(p_id, gen_random_uuid()), p_email, true)
        on conflict (id) do update set is_deployment_owner = true
        returning p.id into v_id;
    elsif p_id is not null and p_id <> v_id then
        raise exception 'the deployment already belongs to %', v_id
            using errcode = 'VL010',
            hint = 'VIBELOOM_OWNER_ID must be set before the first start.';
    end if;
    return v_id;
end
$$;

revoke all on function public.check_timezone() from public, anon, authenticated;
revoke all on function public.ensure_profile(uuid, text) from public, anon, authenticated;
revoke all on function public.ensure_deployment_owner(text, uuid) from public, anon, authenticated;
grant execute on function public.ensure_profile(uuid, text) to service_role;
grant execute on function public.ensure_deployment_owner(text, uuid) to service_role;

comment on function public.check_timezone() is 'Refuses time zones that Postgres does not know.';
comment on function public.ensure_profile(uuid, text) is
'Makes the profile of a signed-in person on first sight and keeps the e-mail address current.';
comment on function public.ensure_deployment_owner(text, uuid) is
'The owner account of the deployment, made on the first call. VL010: another owner was asked for.';
