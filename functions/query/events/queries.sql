-- name: events(since, until, ascending, source, project, language, kind, at, id, source_id, limit, room)
-- A page of own events by keyset, lines of JSON until `room` bytes are full; rides (owner, time).
with ascending as (
    select e.*
    from public.events as e
    where
        :ascending::boolean
        and e.occurred_at >= greatest(:since::timestamptz, :at::timestamptz)
        and e.occurred_at < :until::timestamptz
        and (
            :at::timestamptz is null
            or (e.occurred_at, e.id, e.source_id) > (:at::timestamptz, :id::text, :source_id::uuid)
        )
        and (
            :source::text is null
            or e.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
        and (:project::text is null or coalesce(e.project, '') = :project::text)
        and (:language::text is null or coalesce(e.language, '') = :language::text)
        and (:kind::text is null or e.kind = :kind::text)
    order by e.occurred_at asc, e.id asc, e.source_id asc
    limit :limit::integer
),

descending as (
    select e.*
    from public.events as e
    where
        not :ascending::boolean
        and e.occurred_at >= :since::timestamptz
        and e.occurred_at < :until::timestamptz
        and e.occurred_at <= coalesce(:at::timestamptz, :until::timestamptz)
        and (
            :at::timestamptz is null
            or (e.occurred_at, e.id, e.source_id) < (:at::timestamptz, :id::text, :source_id::uuid)
        )
        and (
            :source::text is null
            or e.source_id = (select f.id from public.sources as f where f.name = :source::text)
        )
        and (:project::text is null or coalesce(e.project, '') = :project::text)
        and (:language::text is null or coalesce(e.language, '') = :language::text)
        and (:kind::text is null or e.kind = :kind::text)
    order by e.occurred_at desc, e.id desc, e.source_id desc
    limit :limit::integer
),

numbered as (
    select
        row_number() over (order by a.occurred_at, a.id, a.source_id) as number,
        a.*
    from ascending as a
    union all
    select
        row_number() over (order by d.occurred_at desc, d.id desc, d.source_id desc) as number,
        d.*
    from descending as d
),

lines as (
    select
        n.number,
        n.occurred_at,
        n.id,
        n.source_id,
        json_build_object(
            'id', n.id,
            'source', s.name,
            'occurred_at', to_char(n.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'kind', n.kind,
            'project', n.project,
            'language', n.language,
            'branch', n.branch,
            'is_error', n.is_error,
            'provider', n.provider,
            'model', n.model,
            'tokens_input', n.tokens_input,
            'tokens_output', n.tokens_output,
            'tokens_cache_read', n.tokens_cache_read,
            'tokens_cache_write', n.tokens_cache_write,
            'cost_usd', n.cost_usd,
            'payload', n.payload
        )::text as line
    from numbered as n
    left join public.sources as s on n.source_id = s.id
),

measured as (
    select
        l.*,
        sum(octet_length(l.line) + 1) over (order by l.number) as bytes,
        count(*) over () as found
    from lines as l
)

select
    m.line,
    m.occurred_at,
    m.id,
    m.source_id,
    m.found
from measured as m
where m.bytes <= :room::bigint or m.number = 1
order by m.number;
