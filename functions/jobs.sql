-- name: note_job_run(name, succeeded, seconds)$
-- Whoever watches the house sees from it that the schedule lives.
select public.note_job_run(:name::text, :succeeded::boolean, :seconds::double precision);

-- name: list_job_runs()
-- For the health report; a row a job, and one for the installation.
select
    j.name,
    j.first_run_at,
    j.succeeded_at
from public.job_runs as j;
