-- name: hourly_counts(since, whole, until, source)
-- The heatmap; rides (owner, quarter_at). Of the quarter that began before `since`, its events.
with cells as (
    select
        c.source_id,
        date_trunc('hour', c.quarter_at, 'UTC') as hour,
        sum(c.events) as events
    from public.activity_sums as c
    where
        c.quarter_at >= :whole::timestamptz
        and c.quarter_at < :until::timestamptz
        and (
            :source::text is null
            or c.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
    group by c.source_id, hour
    union all
    select
        e.source_id,
        date_trunc('hour', e.occurred_at, 'UTC') as hour,
        count(*) as events
    from public.events as e
    where
        e.occurred_at >= :since::timestamptz
        and e.occurred_at < :whole::timestamptz
        and (
            :source::text is null
            or e.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
    group by e.source_id, date_trunc('hour', e.occurred_at, 'UTC')
)

select
    s.name,
    to_char(c.hour at time zone 'UTC', 'YYYY-MM-DD') as day,
    extract(hour from c.hour at time zone 'UTC')::integer as hour,
    sum(c.events)::bigint as events
from cells as c
inner join public.sources as s on c.source_id = s.id
group by c.hour, s.name
order by c.hour desc, s.name asc;
