-- name: pending_days(first, last)
-- Days that a bounded refresh has left for the next run.
select count(*) as days
from public.dirty_days as d
where d.day between :first::date and :last::date;

-- name: time_by(grouping, first, last, project, language)
-- The lanes of whole days, side by side; rides on the primary key, which begins with owner and day.
select
    case :grouping::text
        when 'day' then t.day::text
        when 'project' then t.project
        when 'language' then t.language
        else t.category
    end as name,
    coalesce(sum(t.seconds) filter (where t.lane = 'human'), 0) as human_seconds,
    coalesce(sum(t.seconds) filter (where t.lane = 'agent'), 0) as agent_seconds,
    coalesce(sum(t.seconds) filter (where t.lane = 'both'), 0) as both_seconds,
    coalesce(sum(t.seconds) filter (where t.lane = 'waiting'), 0) as waiting_seconds
from public.time_daily as t
where
    t.day between :first::date and :last::date
    and (:project::text is null or t.project = :project::text)
    and (:language::text is null or t.language = :language::text)
group by 1;
