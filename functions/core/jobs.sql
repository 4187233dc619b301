-- name: note_job_run(name, succeeded, seconds)$
-- Whoever watches the house sees from it that the schedule lives.
select public.note_job_run(:name::text, :succeeded::boolean, :seconds::double precision);
