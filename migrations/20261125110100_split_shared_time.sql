-- Of the time in which human and agent were at work at once, a group may claim only what both lanes
-- have attributed to it. A row of the lane both says for each grouping whether that is so; the rest is
-- time of both, on different groups.

alter table public.time_daily
add column same_project boolean not null default false,
add column same_language boolean not null default false,
add column same_category boolean not null default false;

alter table public.time_daily
drop constraint time_daily_identity,
add constraint time_daily_identity primary key (
    owner_id, day, lane, project, language, category, same_project, same_language, same_category
),
add constraint time_daily_same check (
    lane = 'both' or not (same_project or same_language or same_category)
);

comment on column public.time_daily.project is 'Of the lane both: the human lane''s.';
comment on column public.time_daily.language is 'Of the lane both: the human lane''s.';
comment on column public.time_daily.category is 'Of the lane both: the human lane''s.';
comment on column public.time_daily.same_project is
'Of the lane both: whether the agent lane had the same project at that time.';
comment on column public.time_daily.same_language is
'Of the lane both: whether the agent lane had the same language at that time.';
comment on column public.time_daily.same_category is
'Of the lane both: whether the agent lane had the same category at that time.';

create or replace view public.mv_time_by_language
with (security_invoker = true) as
select
    t.owner_id,
    t.day,
    t.language,
    coalesce(sum(t.seconds) filter (where t.lane = 'human'), 0) as human_seconds,
    coalesce(sum(t.seconds) filter (where t.lane = 'agent'), 0) as agent_seconds,
    coalesce(sum(t.seconds) filter (where t.lane = 'both' and t.same_language), 0) as both_seconds,
    coalesce(sum(t.seconds) filter (where t.lane = 'both' and not t.same_language), 0)
        as both_elsewhere_seconds
from public.time_daily as t
where t.lane <> 'waiting'
group by t.owner_id, t.day, t.language;

create or replace view dashboards.time_by_language
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

comment on column public.mv_time_by_language.both_seconds is
'Human and agent at work at once, both on this language.';
comment on column public.mv_time_by_language.both_elsewhere_seconds is
'Human time of this language in which an agent was at work on another one.';
comment on column dashboards.time_by_language.both_seconds is
'Human and agent at work at once, both on this language.';
comment on column dashboards.time_by_language.both_elsewhere_seconds is
'Human time of this language in which an agent was at work on another one.';
