-- name: list_retained(months)
-- Whose events have an end: their own limit or the deployment's, whichever is shorter.
select p.id
from public.profiles as p
where least(p.retention_months, :months::integer) is not null
order by p.id;

-- name: purge_events(owner_id, months, now, limit)$
-- A bounded number of the oldest, with a receipt, in one transaction.
select public.purge_events(
    :owner_id::uuid, :months::integer, :now::timestamptz, :limit::integer
);
