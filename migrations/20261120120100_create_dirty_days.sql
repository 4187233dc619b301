-- The work list of the daily figures. Whatever changes the sums of a day marks it and those that begin or
-- end within the hour. Days that a purge has reached, and the day after, keep the figures that they have.

create table public.dirty_days (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    day date not null,
    marked_at timestamptz not null default clock_timestamp(),
    waits_since timestamptz not null default clock_timestamp(),
    constraint dirty_days_identity primary key (owner_id, day)
) with (fillfactor = 50);

revoke all on public.dirty_days from anon, authenticated;
grant select on public.dirty_days to authenticated;
grant select, insert, update, delete on public.dirty_days to service_role;
alter table public.dirty_days enable row level security;

create policy dirty_days_select_owner on public.dirty_days
for select to authenticated
using (owner_id = (select auth.uid()));

comment on table public.dirty_days is
'Days, in the owner''s zone, whose daily figures are to be computed anew.';
comment on column public.dirty_days.marked_at is 'The last time that the day changed.';
comment on column public.dirty_days.waits_since is 'The first time since its figures were computed.';

create function public.mark_days(p_owner_id uuid, p_days date [])
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into public.dirty_days as d (owner_id, day)
    select distinct
        p.id,
        k.day
    from public.profiles as p
    cross join unnest(p_days) as k (day)
    where
        p.id = p_owner_id
        and (
            p.purged_before is null
            or k.day::timestamp at time zone p.timezone >= p.purged_before + interval '1 day'
        )
    order by k.day
    on conflict (owner_id, day) do update set marked_at = clock_timestamp();
$$;

revoke all on function public.mark_days(uuid, date []) from public, anon, authenticated;

comment on function public.mark_days(uuid, date []) is
'Has the daily figures of these days of the owner''s zone computed anew, but for those that a purge has
reached.';
