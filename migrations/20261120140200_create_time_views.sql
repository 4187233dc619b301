-- Time by language as dashboards ask for it, under the reader's row-level security.

create view public.mv_time_by_language
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

revoke all on public.mv_time_by_language from anon, authenticated;
grant select on public.mv_time_by_language to authenticated, service_role;

comment on view public.mv_time_by_language is
'Seconds by day of the owner''s zone and language, as they were when the day was last computed.';
comment on column public.mv_time_by_language.both_seconds is
'Human and agent at work at once, both on this language.';
comment on column public.mv_time_by_language.both_elsewhere_seconds is
'Human time of this language in which an agent was at work on another one.';
