-- Every day that has figures is computed anew, because what the two migrations before this one add
-- stands in no figure yet. Days whose events a purge has taken keep what they have.

insert into public.dirty_days as d (owner_id, day)
select
    s.owner_id,
    s.day
from (
    select
        t.owner_id,
        t.day
    from public.time_daily as t
    union
    select
        n.owner_id,
        n.day
    from public.session_daily as n
) as s
inner join public.profiles as p on s.owner_id = p.id
where
    p.purged_before is null
    or public.day_start(s.day, p.timezone) >= p.purged_before + interval '1 day'
order by s.owner_id, s.day
on conflict (owner_id, day) do update set marked_at = clock_timestamp();
