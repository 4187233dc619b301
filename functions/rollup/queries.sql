-- name: count_batches(most, owner)
-- Counts uncounted batches, of everybody or of one owner, each once whatever else runs.
select
    c.batches,
    c.events
from public.count_batches(:most::integer, :owner::uuid) as c;

-- name: wait_for_counting(owner)
-- Waits until who is counting the owner's oldest uncounted batch is done; no row: all are counted.
select b.id
from public.batches as b
where b.owner_id = :owner::uuid and b.counted_at is null
order by b.id
limit 1
for update;
