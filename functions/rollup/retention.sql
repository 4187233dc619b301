-- name: purge_events(owner_id, months, now, limit)$
-- A bounded number of the oldest, with a receipt, in one transaction.
select public.purge_events(
    :owner_id::uuid, :months::integer, :now::timestamptz, :limit::integer
);
