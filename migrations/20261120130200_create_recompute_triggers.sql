-- Days are the owner's and pauses are too: whoever changes the zone or the timeout has every day that
-- has something computed anew. Days that a purge has emptied keep what they have.

create function public.mark_all_days()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if
        new.timezone = old.timezone
        and new.idle_timeout_minutes = old.idle_timeout_minutes
    then
        return null;
    end if;
    insert into public.dirty_days as d (owner_id, day)
    select
        new.id,
        s.day
    from (
        select ((h.hour + h.quarter * interval '15 minutes') at time zone new.timezone)::date as day
        from public.event_hourly as h
        where h.owner_id = new.id
        union
        select t.day from public.time_daily as t where t.owner_id = new.id
        union
        select n.day from public.session_daily as n where n.owner_id = new.id
    ) as s
    where
        new.purged_before is null
        or s.day::timestamp at time zone new.timezone >= new.purged_before + interval '1 day'
    order by s.day
    on conflict (owner_id, day) do update set marked_at = clock_timestamp();
    return null;
end
$$;

-- No list of columns: the timeout's column comes with a later migration.
create trigger profiles_mark_all_days
after update on public.profiles
for each row execute function public.mark_all_days();

revoke all on function public.mark_all_days() from public;

comment on function public.mark_all_days() is
'Marks every day that has events or figures when the owner''s zone or timeout changes.';
