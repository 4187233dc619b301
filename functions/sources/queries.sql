-- name: create_key_challenge(owner_id, challenge, expires_at)!
-- A nonce to be signed; an hourly job deletes those that were never used.
insert into public.key_challenges (challenge, owner_id, expires_at)
values (:challenge::text, :owner_id::uuid, :expires_at::timestamptz);

-- name: redeem_key_challenge(owner_id, challenge)$
-- True at the first call only; rides on the primary key.
select public.redeem_key_challenge(:owner_id::uuid, :challenge::text);

-- name: delete_expired_challenges(before)!
-- Hourly; rides on key_challenges_expiry.
delete from public.key_challenges as c
where c.expires_at < :before::timestamptz;

-- name: add_source_key(owner_id, name, public_key, source_id)^
-- A key for a new source, or for the given one.
select
    k.source_id,
    k.created
from public.add_source_key(
    :owner_id::uuid, :name::text, :public_key::bytea, false, :source_id::uuid
) as k;

-- name: revoke_source_key(owner_id, source_id, key_id)$
-- Null when there is no such key.
select public.revoke_source_key(:owner_id::uuid, :source_id::uuid, :key_id::uuid);

-- name: update_source(owner_id, source_id, expected_every_hours)$
-- Null when there is no such source; rides on the primary key.
update public.sources as s
set expected_every_hours = :expected_every_hours::integer
where s.id = :source_id::uuid and s.owner_id = :owner_id::uuid
returning true;

-- name: list_sources(after, source_id, limit, tolerated, gap_days, most_gaps, lag_batches, late_after)
-- The caller's monitors with their keys and health, under row-level security; rides on sources_owner,
-- batches_source_received and batches_source_occurred.
with recursive page as (
    select
        s.id,
        s.name,
        s.created_at,
        s.last_seen_at,
        s.expected_every_hours,
        make_interval(hours => coalesce(s.expected_every_hours, :tolerated::integer)) as tolerated
    from public.sources as s
    where
        (:after::text is null or s.name > :after::text)
        and (:source_id::uuid is null or s.id = :source_id::uuid)
    order by s.name asc
    limit :limit::integer
),

-- Backwards from now, each time by what is tolerated: to the earliest batch within it or, if there is
-- none, over the gap to the batch before it. So the steps are counted in such times, not in batches.
steps as (
    select
        p.id,
        p.tolerated,
        now() as at,
        null::timestamptz as gap_from,
        null::timestamptz as gap_to,
        0 as gaps
    from page as p
    union all
    select
        s.id,
        s.tolerated,
        b.at,
        case when b.at < s.at - s.tolerated then b.at end as gap_from,
        case when b.at < s.at - s.tolerated then s.at end as gap_to,
        s.gaps + (b.at < s.at - s.tolerated)::integer as gaps
    from steps as s
    cross join
        lateral ( -- noqa: ST05
            select
                coalesce(
                    (
                        select n.received_at
                        from public.batches as n
                        where
                            n.source_id = s.id
                            and n.received_at >= s.at - s.tolerated
                            and n.received_at < s.at
                        order by n.received_at asc
                        limit 1
                    ),
                    (
                        select n.received_at
                        from public.batches as n
                        where n.source_id = s.id and n.received_at < s.at
                        order by n.received_at desc
                        limit 1
                    )
                ) as at
            -- Offset 0 keeps the look-up from being repeated for each of its uses above.
            offset 0 -- noqa: AM09
        ) as b
    where
        b.at is not null
        and s.gaps < :most_gaps::integer
        and s.at > now() - make_interval(days => :gap_days::integer)
),

gaps as (
    select
        s.id,
        jsonb_agg(
            jsonb_build_object(
                'from', s.gap_from,
                'to', nullif(s.gap_to, now()),
                'first_event_at', (
                    select min(b.first_occurred_at)
                    from public.batches as b
                    where b.source_id = s.id and b.received_at = s.gap_to
                )
            ) order by s.gap_to desc
        ) as gaps
    from steps as s
    where s.gap_to is not null
    group by s.id
),

recent as (
    select
        p.id,
        b.seconds
    from page as p
    left join lateral (
        select extract(epoch from n.received_at - n.last_occurred_at)::double precision as seconds
        from public.batches as n
        where n.source_id = p.id and n.received_at > now() - interval '1 day'
        order by n.received_at desc
        limit :lag_batches::integer
    ) as b on true
),

lags as (
    select
        r.id,
        jsonb_build_object(
            'median_seconds', (
                percentile_disc(0.5) within group (order by r.seconds)
                filter (where r.seconds <= :late_after::integer)
            ),
            'max_seconds', max(r.seconds) filter (where r.seconds <= :late_after::integer),
            'batches', count(r.seconds),
            'late_batches', count(*) filter (where r.seconds > :late_after::integer)
        ) as lag
    from recent as r
    group by r.id
)

select
    p.id,
    p.name,
    p.created_at,
    p.last_seen_at,
    newest.occurred_at as last_event_at,
    p.expected_every_hours,
    coalesce(
        coalesce(p.last_seen_at, p.created_at) < now() - make_interval(hours => p.expected_every_hours),
        false
    ) as silent,
    lags.lag,
    coalesce(gaps.gaps, '[]'::jsonb) as gaps,
    keys.keys
from page as p
inner join lags on p.id = lags.id
left join gaps on p.id = gaps.id
left join lateral (
    select b.last_occurred_at as occurred_at
    from public.batches as b
    where b.source_id = p.id
    order by b.last_occurred_at desc
    limit 1
) as newest on true
left join lateral (
    select
        coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'id', k.id,
                    'public_key', encode(k.public_key, 'base64'),
                    'configured', k.is_configured,
                    'created_at', k.created_at,
                    'revoked_at', k.revoked_at
                ) order by k.created_at, k.id
            ),
            '[]'::jsonb
        ) as keys
    from public.source_keys as k
    where k.source_id = p.id
) as keys on true
order by p.name asc;
