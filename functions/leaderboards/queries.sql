-- name: list_leaderboards(member_id, id)
-- The private boards of a member, or one of them, without their invitation codes.
select
    b.id,
    b.name,
    b.owner_id = :member_id::uuid as is_owner,
    b.created_at
from public.leaderboard_members as m
inner join public.leaderboards as b on m.leaderboard_id = b.id
where
    m.owner_id = :member_id::uuid
    and (:id::uuid is null or b.id = :id::uuid)
order by b.created_at asc, b.id asc;

-- name: create_leaderboard(owner_id, name, code_sha256)$
-- Counts under the lock that makes the limit hold.
select public.create_leaderboard(:owner_id::uuid, :name::text, :code_sha256::bytea);

-- name: join_leaderboard(owner_id, code_sha256)$
-- Counts under the locks that make the limits hold.
select public.join_leaderboard(:owner_id::uuid, :code_sha256::bytea);

-- name: replace_leaderboard_code(owner_id, id, code_sha256)!
-- The old code stops working.
update public.leaderboards
set code_sha256 = :code_sha256::bytea
where id = :id::uuid and owner_id = :owner_id::uuid;

-- name: delete_leaderboard(owner_id, id)!
-- The memberships are deleted by the foreign key.
delete from public.leaderboards as b
where b.id = :id::uuid and b.owner_id = :owner_id::uuid;

-- name: leave_leaderboard(owner_id, id)!
-- The owner cannot leave, because nobody could delete a board without an owner.
delete from public.leaderboard_members as m
where
    m.leaderboard_id = :id::uuid
    and m.owner_id = :owner_id::uuid
    and not exists (
        select from public.leaderboards as b
        where b.id = :id::uuid and b.owner_id = :owner_id::uuid
    );

-- name: rank_leaderboard(id, metric, starts_at, ends_at, after_value, after_handle, limit)
-- The function reads other people's sums and returns place, handle and value alone.
select
    r.place,
    r.handle,
    r.value
from public.rank_leaderboard(
    :id::uuid,
    :metric::text,
    :starts_at::timestamptz,
    :ends_at::timestamptz,
    :after_value::numeric,
    :after_handle::text,
    :limit::integer
) as r;
