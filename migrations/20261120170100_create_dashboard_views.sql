-- Figures for dashboards. The one place where views read with their owner's rights: a reader has no
-- rights on the tables, so each view names the columns that leave, and joins `owners`, which says whose
-- rows leave. Projects, payloads, commands, emotions and e-mail addresses never do, and no raw event is
-- read. (These views cannot use views that read as whoever asks: those would ask for the reader's rights.)
-- `hour` stands beside `day` because ranges of it reach the index; days are of the owner's zone.

create view dashboards.owners
with (security_barrier = true) as
select
    p.id as owner_id,
    coalesce(p.handle, case when d.owner_id is not null then 'owner' end, left(p.id::text, 8)) as name,
    p.timezone
from public.profiles as p
left join public.deployment as d on p.id = d.owner_id
where
    exists (
        select
        from dashboards.readers as r
        where r.role_name = session_user and (r.owner_id is null or r.owner_id = p.id)
    );

create view dashboards.time_by_language
with (security_barrier = true) as
select
    t.owner_id,
    t.day,
    coalesce(nullif(t.language, ''), 'not named') as language,
    coalesce(sum(t.seconds) filter (where t.lane = 'human'), 0) as human_seconds,
    coalesce(sum(t.seconds) filter (where t.lane = 'agent'), 0) as agent_seconds,
    coalesce(sum(t.seconds) filter (where t.lane = 'both' and t.same_language), 0) as both_seconds,
    coalesce(sum(t.seconds) filter (where t.lane = 'both' and not t.same_language), 0)
        as both_elsewhere_seconds
from public.time_daily as t
inner join dashboards.owners as o on t.owner_id = o.owner_id
where t.lane <> 'waiting'
group by t.owner_id, t.day, t.language;

create view dashboards.errors_by_class
with (security_barrier = true) as
select
    f.owner_id,
    f.day,
    f.class,
    sum(f.introduced)::bigint as introduced,
    sum(f.fixed)::bigint as fixed,
    sum(f.unresolved)::bigint as unresolved,
    sum(f.fix_seconds) as fix_seconds
from (
    select
        e.owner_id,
        (e.opened_at at time zone o.timezone)::date as day,
        e.class,
        1 as introduced,
        0 as fixed,
        (e.fixed_at is null)::integer as unresolved,
        0::numeric as fix_seconds
    from public.error_episodes as e
    inner join dashboards.owners as o on e.owner_id = o.owner_id
    union all
    select
        e.owner_id,
        (e.fixed_at at time zone o.timezone)::date as day,
        e.class,
        0 as introduced,
        1 as fixed,
        0 as unresolved,
        extract(epoch from e.fixed_at - e.opened_at) as fix_seconds
    from public.error_episodes as e
    inner join dashboards.owners as o on e.owner_id = o.owner_id
    where e.fixed_at is not null
) as f
group by f.owner_id, f.day, f.class;

create view dashboards.tokens_by_model
with (security_barrier = true) as
select
    c.owner_id,
    date_trunc('hour', c.quarter_at, 'UTC') as hour,
    (c.quarter_at at time zone o.timezone)::date as day,
    coalesce(nullif(c.provider, ''), 'not named') as provider,
    coalesce(nullif(c.model, ''), 'not named') as model,
    sum(c.calls)::bigint as calls,
    sum(c.tokens_input)::bigint as tokens_input,
    sum(c.tokens_output)::bigint as tokens_output,
    sum(c.tokens_cache_read)::bigint as tokens_cache_read,
    sum(c.tokens_cache_write)::bigint as tokens_cache_write,
    case when sum(c.unpriced) < sum(c.calls) then sum(c.cost_usd) end as cost_usd,
    sum(c.unpriced)::bigint as unpriced
from public.token_sums as c
inner join dashboards.owners as o on c.owner_id = o.owner_id
group by c.owner_id, hour, day, c.provider, c.model;

create view dashboards.activity
with (security_barrier = true) as
select
    q.owner_id,
    q.hour,
    q.local::date as day,
    extract(hour from q.local)::smallint as hour_of_day,
    sum(q.events)::bigint as events
from (
    select
        c.owner_id,
        date_trunc('hour', c.quarter_at, 'UTC') as hour,
        c.quarter_at at time zone o.timezone as local,
        c.events
    from public.activity_sums as c
    inner join dashboards.owners as o on c.owner_id = o.owner_id
) as q
group by q.owner_id, q.hour, day, hour_of_day;

create view dashboards.batches
with (security_barrier = true) as
select
    b.owner_id,
    s.name as source,
    b.received_at,
    b.events,
    b.inserted,
    b.events - b.inserted as duplicates,
    b.first_occurred_at,
    b.last_occurred_at
from public.batches as b
inner join dashboards.owners as o on b.owner_id = o.owner_id
inner join public.sources as s on b.source_id = s.id;

create view dashboards.sources
with (security_barrier = true) as
select
    s.owner_id,
    s.name as source,
    s.created_at,
    s.last_seen_at,
    s.expected_every_hours
from public.sources as s
inner join dashboards.owners as o on s.owner_id = o.owner_id;

create view dashboards.pending_days
with (security_barrier = true) as
select
    d.owner_id,
    d.day,
    d.waits_since,
    d.marked_at
from public.dirty_days as d
inner join dashboards.owners as o on d.owner_id = o.owner_id;

create view dashboards.job_runs
with (security_barrier = true) as
select
    j.name,
    j.last_run_at,
    j.succeeded_at,
    j.failed_at,
    j.runs,
    j.failures,
    j.seconds
from public.job_runs as j
where j.runs > 0 and exists (select from dashboards.readers as r where r.role_name = session_user);

revoke all
on
dashboards.owners, dashboards.time_by_language, dashboards.errors_by_class, dashboards.tokens_by_model,
dashboards.activity, dashboards.batches, dashboards.sources, dashboards.pending_days, dashboards.job_runs
from public, anon, authenticated, service_role;
grant select
on
dashboards.owners, dashboards.time_by_language, dashboards.errors_by_class, dashboards.tokens_by_model,
dashboards.activity, dashboards.batches, dashboards.sources, dashboards.pending_days, dashboards.job_runs
to vibeloom_grafana;

comment on view dashboards.owners is 'Whose figures this login may see, by handle, and their zones.';
comment on view dashboards.time_by_language is
'Seconds by day and language, as of the last refresh of the day (`pending_days` waits for one).';
comment on column dashboards.time_by_language.both_seconds is
'Human and agent at work at once, both on this language.';
comment on column dashboards.time_by_language.both_elsewhere_seconds is
'Human time of this language in which an agent was at work on another one.';
comment on view dashboards.errors_by_class is 'Errors begun, fixed, and begun and still open, by day.';
comment on view dashboards.tokens_by_model is
'Calls, tokens and cost by UTC hour, day and model; cost is null where no call has a price.';
comment on view dashboards.activity is
'Events by UTC hour, and by day and hour of the owner''s zone.';
comment on view dashboards.batches is
'Accepted batches as they arrived. A batch that comes again whole leaves no second row.';
comment on column dashboards.batches.duplicates is 'Events of the batch that were stored before.';
comment on view dashboards.sources is
'Monitors: when each was last heard of, and how often it is expected to be.';
comment on view dashboards.pending_days is 'Days whose daily figures await the next refresh.';
comment on view dashboards.job_runs is 'The deployment''s scheduled jobs: last run, success and failure.';
