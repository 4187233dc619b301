-- name: block_uses(since, until, look_back)
-- Calls of a period by hour and model, and of the time before it back to a pause of more than five
-- hours. The sums say where that pause is, the events what was called; each rides on (owner, time).
with window_start as materialized (
    select date_trunc('hour', :since::timestamptz, 'UTC') - :look_back::interval as moment
),

quarters as materialized (
    select distinct c.quarter_at as moment
    from public.token_sums as c
    where
        c.quarter_at >= (select w.moment from window_start as w)
        and c.quarter_at <= :since::timestamptz
        and c.calls > 0
),

paused as (
    select
        q.moment,
        lag(q.moment) over (order by q.moment) as before
    from quarters as q
    where q.moment <= :since::timestamptz
),

-- Between the calls of two quarters lie at least the time from the one to the other less 15 minutes.
begins as (
    select max(p.moment) as moment
    from paused as p
    cross join window_start as w
    where
        p.moment - p.before >= interval '5 hours 15 minutes'
        or (
            p.before is null
            and (
                p.moment - w.moment >= interval '5 hours'
                or not exists (select from public.token_sums as c where c.quarter_at < w.moment)
            )
        )
),

edges as materialized (
    select
        coalesce(
            (select b.moment from begins as b), (select min(p.moment) from paused as p), :since::timestamptz
        ) as since,
        -- What begins before the end of the period is over five hours later, that instant included.
        :until::timestamptz + interval '5 hours' as until,
        (select b.moment from begins as b) is not null
        or not exists (select from paused) as is_aligned
),

-- A gap at the end of the period lasts until this call.
following as materialized (
    select e.occurred_at as moment
    from public.events as e
    where
        e.occurred_at > (select d.until from edges as d)
        and e.tokens_input is not null
    order by e.occurred_at
    limit 1
),

uses as (
    select
        date_trunc('hour', e.occurred_at, 'UTC') as hour,
        date_trunc('hour', e.occurred_at, 'UTC') = e.occurred_at as is_full_hour,
        coalesce(e.model, '') as model,
        min(e.occurred_at) as first,
        max(e.occurred_at) as last,
        count(*) as calls,
        coalesce(sum(e.tokens_input), 0)::bigint as tokens_input,
        coalesce(sum(e.tokens_output), 0)::bigint as tokens_output,
        coalesce(sum(e.tokens_cache_read), 0)::bigint as tokens_cache_read,
        coalesce(sum(e.tokens_cache_write), 0)::bigint as tokens_cache_write,
        coalesce(sum(e.cost_usd), 0) as cost_usd,
        count(*) filter (where e.cost_usd is null) as unpriced
    from public.events as e
    where
        e.occurred_at >= (select d.since from edges as d)
        and e.occurred_at <= coalesce(
            (select f.moment from following as f), (select d.until from edges as d)
        )
        and e.tokens_input is not null
    group by hour, is_full_hour, e.model
)

select
    d.is_aligned,
    (
        select p.purged_before
        from public.profiles as p
        where p.purged_before > d.since
    ) as purged_before,
    u.first,
    u.last,
    u.model,
    u.calls,
    u.tokens_input,
    u.tokens_output,
    u.tokens_cache_read,
    u.tokens_cache_write,
    u.cost_usd,
    u.unpriced
from edges as d
left join uses as u on true
order by u.first, u.model;
