-- name: take_work(tasks, seconds)
-- The next item of these tasks, leased for so long; no row: nothing is due.
select
    w.id,
    w.owner_id,
    w.task,
    w.args,
    w.attempts,
    w.lease_until
from public.take_work(:tasks::text [], make_interval(secs => :seconds)) as w;

-- name: finish_work(id, lease, more)$
-- Done, or to go on at another turn.
select public.finish_work(:id::bigint, :lease::timestamptz, :more::boolean);

-- name: fail_work(id, lease, error, seconds)$
-- To be tried again after the pause, or without one a dead letter.
select public.fail_work(
    :id::bigint,
    :lease::timestamptz,
    :error::text,
    make_interval(secs => :seconds::double precision)
);

-- name: list_work(dead, most)
-- For an operator; dead letters first, then in the order of taking.
select
    w.id,
    w.task,
    w.owner_id,
    w.args,
    w.attempts,
    w.due_at,
    w.lease_until,
    w.failed_at,
    w.error
from public.work_items as w
where w.failed_at is not null or not :dead::boolean
order by w.failed_at, w.turn, w.id
limit :most::integer;

-- name: retry_work(id)$
-- An operator mended the cause: as if it had never been tried. Not what somebody works on.
update public.work_items as w
set failed_at = null, attempts = 0, due_at = now()
where w.id = :id::bigint and w.lease_until is null
returning true;

-- name: drop_work(id)$
-- An operator gives it up. Not what somebody works on.
delete from public.work_items as w
where w.id = :id::bigint and w.lease_until is null
returning true;
