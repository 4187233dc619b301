-- What people set about themselves: their zone, when a pause is a pause, how long raw events are kept,
-- whether others see them in rankings. A zone that Postgres does not know must never get in, because
-- every day is computed `at time zone p.timezone`.

alter table public.profiles
add column idle_timeout_minutes integer not null default 15,
add column retention_months integer,
add column leaderboard_opt_in boolean not null default false,
add column purged_before timestamptz,
add constraint profiles_idle_timeout_minutes_range check (idle_timeout_minutes between 1 and 120),
add constraint profiles_retention_months_range check (retention_months between 1 and 1200),
add constraint profiles_leaderboard_handle check (not leaderboard_opt_in or handle is not null);

comment on column public.profiles.idle_timeout_minutes is
'Points of one lane closer than this join into one interval.';
comment on column public.profiles.retention_months is
'How long raw events are kept; null: as long as the deployment says. The shorter of the two holds.';
comment on column public.profiles.leaderboard_opt_in is
'Shows the handle, and nothing else of the person, in rankings.';
comment on column public.profiles.purged_before is
'Raw events before this moment are gone or going; days that begin before it, or on the day after, keep
the daily figures that they have.';

-- The view of names is read only when a zone changes, and never for the default.
create function public.check_timezone()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if
        new.timezone <> 'UTC'
        and (tg_op = 'INSERT' or new.timezone <> old.timezone)
        and not exists (select from pg_catalog.pg_timezone_names as z where z.name = new.timezone)
    then
        raise exception 'no such time zone'
            using errcode = 'invalid_parameter_value', constraint = 'profiles_timezone_known';
    end if;
    return new;
end
$$;

create trigger profiles_timezone_known
before insert or update of timezone on public.profiles
for each row execute function public.check_timezone();

-- Days that a purge has emptied are not computed anew, whoever asks: what they summed is gone. A purge
-- and a counting have the owner's sums to themselves, so no day is marked past a purge's back.
create function public.skip_purged_day()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if exists (
        select from public.profiles as p
        where
            p.id = new.owner_id
            and new.day::timestamp at time zone p.timezone < p.purged_before + interval '1 day'
    ) then
        return null;
    end if;
    return new;
end
$$;

create trigger dirty_days_skip_purged
before insert on public.dirty_days
for each row execute function public.skip_purged_day();

revoke all on function public.check_timezone(), public.skip_purged_day() from public;

comment on function public.check_timezone() is
'Refuses a zone that this server does not know; Python''s list of zones may be a newer one.';
comment on function public.skip_purged_day() is
'Leaves out days that a purge has reached, and the day after: they keep the daily figures they have.';
