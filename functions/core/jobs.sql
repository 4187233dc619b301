-- name: note_job_run(name, succeeded, seconds)$
-- Keeps when each job last succeeded, which the health report reads.
select public.note_job_run(:name::text, :succeeded::boolean, :seconds::double precision);
