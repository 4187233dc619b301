-- name: hourly_counts(since, until, source)
-- The heatmap; an index-only scan of events_owner_time in the months it needs.
with hours as (
    select
        e.source_id,
        date_trunc('hour', e.occurred_at, 'UTC') at time zone 'UTC' as hour,
        count(*) as events
    from public.events as e
    where
        e.occurred_at >= :since::timestamptz
        and e.occurred_at < :until::timestamptz
        and (
            :source::text is null
            or e.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
    group by e.source_id, date_trunc('hour', e.occurred_at, 'UTC')
)

select
    s.name,
    to_char(h.hour, 'YYYY-MM-DD') as day,
    extract(hour from h.hour)::integer as hour,
    h.events
from hours as h
inner join public.sources as s on h.source_id = s.id
order by h.hour desc, s.name asc;
