-- name: pending_days(owner, first, last)$
-- How many days await their daily figures; the answer comes from the primary key.
select count(*)
from public.dirty_days as d
where d.owner_id = :owner::uuid and d.day between :first::date and :last::date;

-- name: fold_days(owner)$
-- Cuts the sums by day anew after the owner's zone has changed.
select public.fold_days(:owner::uuid) is null;

-- name: dirty_days(owner, first, last, most)
-- The work list, with when each day was last marked.
select
    d.day,
    d.marked_at
from public.dirty_days as d
where d.owner_id = :owner::uuid and d.day between :first::date and :last::date
order by d.day
limit :most::integer;

-- name: dirty_span(owner)^
-- The first and the last dirty day; no row: there is none.
select
    min(d.day) as first,
    max(d.day) as last
from public.dirty_days as d
where d.owner_id = :owner::uuid
having count(*) > 0;

-- name: wait_for_day(owner, first, last)
-- Waits for whoever is marking the first dirty day, holding nothing meanwhile.
select d.day
from public.dirty_days as d
where d.owner_id = :owner::uuid and d.day between :first::date and :last::date
order by d.day
limit 1
for update;

-- name: lock_owner(owner)
-- One computation per owner at a time: neighbouring days are written by both.
select pg_advisory_xact_lock(hashtextextended('vibeloom.daily ' || :owner::text, 0));

-- name: hold_profile(owner)
-- A purge and a change of zone or timeout come before this transaction or after it; taken before any day.
select p.id
from public.profiles as p
where p.id = :owner::uuid
for share;

-- name: claim_days(owner, days, marks)
-- Takes days off the list unless they were marked again since `marks`; never waits for a marking.
with claimed as (
    select d.day
    from public.dirty_days as d
    inner join unnest(:days::date [], :marks::timestamptz []) as k (day, marked_at)
        on d.day = k.day and d.marked_at = k.marked_at
    where d.owner_id = :owner::uuid
    order by d.day
    for update of d skip locked
)

delete from public.dirty_days as d
using claimed as c
where d.owner_id = :owner::uuid and d.day = c.day
returning d.day;

-- name: days(owner, days)
-- Bounds of days in the owner's zone and the timeout, without the days that a purge has reached.
with bounds as (
    select
        k.day,
        p.purged_before,
        p.idle_timeout_minutes * 60 as timeout,
        public.day_start(k.day, p.timezone) as starts,
        public.day_start(k.day + 1, p.timezone) as ends
    from public.profiles as p
    cross join unnest(:days::date []) as k (day)
    where p.id = :owner::uuid
)

select
    b.day,
    extract(epoch from b.starts)::bigint as starts,
    extract(epoch from b.ends)::bigint as ends,
    b.timeout
from bounds as b
where b.purged_before is null or b.starts >= b.purged_before + interval '1 day'
order by b.day;

-- name: timeout(owner)$
-- The pause that still joins, in seconds; of an account that is gone, the default.
select coalesce(max(p.idle_timeout_minutes), 15) * 60 as timeout
from public.profiles as p
where p.id = :owner::uuid;

-- name: signs(owner, since, until, kinds)
-- What lanes.py needs of events, in any order; rides on the index (owner, time) of the months it needs.
select
    e.kind,
    floor(extract(epoch from e.occurred_at))::bigint as at,
    left(coalesce(e.payload ->> 'sessionId', e.source_id::text), 128) as session,
    left(coalesce(e.project, ''), 256) as project,
    left(coalesce(e.language, ''), 64) as language,
    left(coalesce(e.payload ->> k.detail_field, ''), 64) as detail,
    case
        when coalesce(jsonb_typeof(e.payload -> k.duration_field), '') <> 'number' then 0
        when right(k.duration_field, 3) = '_ms'
            then least(greatest((e.payload -> k.duration_field)::numeric, 0), 86400000)::bigint / 1000
        else (least(greatest((e.payload -> k.duration_field)::numeric, 0), 1440) * 60)::bigint
    end as duration
from public.events as e
inner join public.event_kinds as k on e.kind = k.kind
where
    e.owner_id = :owner::uuid
    and e.occurred_at >= to_timestamp(:since::bigint)
    and e.occurred_at < to_timestamp(:until::bigint)
    and e.kind = any(:kinds::text []);

-- name: delete_time(owner, days)!
-- Removes the time of the days.
delete from public.time_daily as t
where t.owner_id = :owner::uuid and t.day = any(:days::date []);

-- name: insert_time(owner, rows)!
-- Writes the time of the days.
insert into public.time_daily (
    owner_id, day, lane, project, language, category, same_project, same_language, same_category, seconds
)
select
    :owner::uuid as owner_id,
    k.day,
    k.lane,
    k.project,
    k.language,
    k.category,
    k.same_project,
    k.same_language,
    k.same_category,
    k.seconds
from jsonb_to_recordset(:rows::jsonb) as k (
    day date,
    lane text,
    project text,
    language text,
    category text,
    same_project boolean,
    same_language boolean,
    same_category boolean,
    seconds integer
);
