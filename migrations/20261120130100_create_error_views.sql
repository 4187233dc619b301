-- Errors and emotions as dashboards ask for them, under the asking person's row-level security.

create view public.errors_daily
with (security_invoker = true) as
select
    f.owner_id,
    f.day,
    f.source_id,
    f.project,
    f.class,
    sum(f.introduced)::bigint as introduced,
    sum(f.fixed)::bigint as fixed,
    sum(f.unresolved)::bigint as unresolved,
    sum(f.fix_seconds) as fix_seconds
from (
    select
        e.owner_id,
        (e.opened_at at time zone p.timezone)::date as day,
        e.source_id,
        e.project,
        e.class,
        1 as introduced,
        0 as fixed,
        (e.fixed_at is null)::integer as unresolved,
        0::numeric as fix_seconds
    from public.error_episodes as e
    inner join public.profiles as p on e.owner_id = p.id
    union all
    select
        e.owner_id,
        (e.fixed_at at time zone p.timezone)::date as day,
        e.source_id,
        e.project,
        e.class,
        0 as introduced,
        1 as fixed,
        0 as unresolved,
        extract(epoch from e.fixed_at - e.opened_at) as fix_seconds
    from public.error_episodes as e
    inner join public.profiles as p on e.owner_id = p.id
    where e.fixed_at is not null
) as f
group by f.owner_id, f.day, f.source_id, f.project, f.class;

create view public.mv_errors_fixed
with (security_invoker = true) as
select
    d.owner_id,
    d.day,
    d.project,
    sum(d.introduced)::bigint as introduced,
    sum(d.fixed)::bigint as fixed,
    sum(d.unresolved)::bigint as unresolved,
    (sum(d.introduced) - sum(d.unresolved)) / nullif(sum(d.introduced), 0) as success_rate,
    sum(d.fix_seconds) / nullif(sum(d.fixed), 0) as mean_fix_seconds
from public.errors_daily as d
group by d.owner_id, d.day, d.project;

create view public.mv_emotions
with (security_invoker = true) as
select
    e.owner_id,
    date_trunc('hour', e.occurred_at, 'UTC') as hour,
    coalesce(e.payload ->> 'trigger', '') as trigger,
    count(*) filter (where e.payload ->> 'emotion' = 'smile') as smile,
    count(*) filter (where e.payload ->> 'emotion' = 'laugh') as laugh,
    count(*) filter (where e.payload ->> 'emotion' = 'cry') as cry,
    count(*) filter (where e.payload ->> 'emotion' = 'fear') as fear,
    count(*) filter (where e.payload ->> 'emotion' = 'anger') as anger,
    count(*) filter (where e.payload ->> 'emotion' = 'neutral') as neutral,
    count(*) as events
from public.events as e
where e.kind = 'emotion'
group by e.owner_id, date_trunc('hour', e.occurred_at, 'UTC'), coalesce(e.payload ->> 'trigger', '');

revoke all on public.errors_daily, public.mv_errors_fixed, public.mv_emotions from anon, authenticated;
grant select on public.errors_daily, public.mv_errors_fixed, public.mv_emotions
to authenticated, service_role;

comment on view public.errors_daily is
'Errors by day of the owner''s zone: begun that day, fixed that day, begun that day and still open.
Over all days introduced = fixed + unresolved.';
comment on column public.errors_daily.fix_seconds is
'From beginning to fix, summed over the errors that were fixed that day.';
comment on view public.mv_errors_fixed is
'errors_daily by project. success_rate: of the errors begun that day, the share that is fixed by now.';
comment on view public.mv_emotions is
'Emotions by UTC hour and trigger (empty where none is named).';
