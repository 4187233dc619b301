-- When each scheduled job last ran and last succeeded: what tells a house whose schedule died from a
-- quiet one. One row a job; the history is in the logs.

create table public.job_runs (
    name text not null,
    first_run_at timestamptz not null default now(),
    last_run_at timestamptz not null default now(),
    succeeded_at timestamptz,
    failed_at timestamptz,
    runs bigint not null default 0,
    failures bigint not null default 0,
    seconds double precision not null default 0,
    constraint job_runs_identity primary key (name),
    constraint job_runs_name_length check (length(name) between 1 and 64),
    constraint job_runs_seconds_positive check (seconds >= 0)
);

revoke all on public.job_runs from anon, authenticated;
grant select, insert, update, delete on public.job_runs to service_role;
alter table public.job_runs enable row level security;

comment on table public.job_runs is 'Each scheduled job''s last run, success and failure.';
comment on column public.job_runs.name is 'A job''s; ''(installation)'' is when counting from began.';
comment on column public.job_runs.seconds is 'How long the last run took.';

-- So that a schedule that nobody ever set up grows late as well.
insert into public.job_runs (name) values ('(installation)');

create function public.note_job_run(name text, succeeded boolean, seconds double precision)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into public.job_runs as j (name, succeeded_at, failed_at, runs, failures, seconds)
    values (
        $1,
        case when $2 then now() end,
        case when not $2 then now() end,
        1,
        case when $2 then 0 else 1 end,
        $3
    )
    on conflict (name) do update set
        last_run_at = excluded.last_run_at,
        succeeded_at = coalesce(excluded.succeeded_at, j.succeeded_at),
        failed_at = coalesce(excluded.failed_at, j.failed_at),
        runs = j.runs + 1,
        failures = j.failures + excluded.failures,
        seconds = excluded.seconds;
$$;

revoke all on function public.note_job_run(text, boolean, double precision) from public, anon, authenticated;
grant execute on function public.note_job_run(text, boolean, double precision)
to vibeloom_ingest, vibeloom_rollup, vibeloom_sources, vibeloom_front;

comment on function public.note_job_run(text, boolean, double precision) is
'Notes that a job ended; runs that end at the same time do not disturb each other.';
