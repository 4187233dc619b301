-- Each run of the counting writes the sums of the present hours anew. Where a page is full the new
-- version goes to another one, and the table grows with every run, though its rows stay as many: after
-- 50 runs over a month's rows it was seven times its size, and questions read all of it. With a page
-- half empty the next version finds its place beside the last one, which is cleared away on the spot.

alter table public.event_hourly set (fillfactor = 50);
alter table public.token_hourly set (fillfactor = 50);

-- A counted batch leaves the index of those that wait, and its entry there goes with a vacuum.
alter table public.batches set (autovacuum_vacuum_scale_factor = 0.02);
