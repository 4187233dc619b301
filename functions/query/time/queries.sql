-- name: time_by(grouping, first, last, project, language)
-- The lanes of whole days, side by side; rides on the primary key, which begins with owner and day. Of
-- the lane both, a group and a filter have what both lanes have attributed to it.
with shared as (
    select
        t.*,
        case :grouping::text
            when 'project' then t.lane <> 'both' or t.same_project
            when 'language' then t.lane <> 'both' or t.same_language
            when 'category' then t.lane <> 'both' or t.same_category
            else true
        end as is_shared
    from public.time_daily as t
    where
        t.day between :first::date and :last::date
        and (
            :project::text is null
            or (t.project = :project::text and (t.lane <> 'both' or t.same_project))
        )
        and (
            :language::text is null
            or (t.language = :language::text and (t.lane <> 'both' or t.same_language))
        )
)

select
    case :grouping::text
        when 'day' then s.day::text
        when 'project' then s.project
        when 'language' then s.language
        else s.category
    end as name,
    coalesce(sum(s.seconds) filter (where s.lane = 'human'), 0) as human_seconds,
    coalesce(sum(s.seconds) filter (where s.lane = 'agent'), 0) as agent_seconds,
    coalesce(sum(s.seconds) filter (where s.lane = 'both' and s.is_shared), 0) as both_seconds,
    coalesce(sum(s.seconds) filter (where s.lane = 'waiting'), 0) as waiting_seconds,
    coalesce(sum(s.seconds) filter (where s.lane = 'both' and not s.is_shared), 0) as elsewhere_seconds
from shared as s
group by 1;
