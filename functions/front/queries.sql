-- name: service_health()
-- One row of sums over everybody; every scan in it is bounded.
select
    h.rollup_lag_seconds,
    h.dirty_days,
    h.database_connections,
    h.database_connections_limit,
    h.silent_sources
from public.service_health() as h;

-- name: work_health(now)
-- The queue of tasks; counted up to 10,000.
select
    w.waiting,
    w.oldest_seconds,
    w.dead
from public.work_health(:now::timestamptz) as w;

-- name: list_job_runs()
-- For the health report: a row for each job, and one for the installation.
select
    j.name,
    j.first_run_at,
    j.succeeded_at
from public.job_runs as j;
