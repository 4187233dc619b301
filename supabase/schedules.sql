-- The schedule of a Supabase project: pg_cron posts to /v1/jobs/<name> of the Python functions. The list of
-- jobs below is written by `python -m infra.generate` from functions/schedule.py; a test compares them.
--
-- Before the first time, as postgres (VIBELOOM_JOB_TOKEN of the functions is the same token):
--
--     select vault.create_secret('https://where-the-functions-answer', 'vibeloom_base_url');
--     select vault.create_secret('32 random characters or more', 'vibeloom_job_token');
--
-- It may be run again, always as the same role: pg_cron shows each role its own jobs only. Whatever is
-- scheduled as vibeloom_… and is no longer in the list is removed. If a secret is missing, nothing changes.

begin;

create extension if not exists pg_cron with schema pg_catalog;
create extension if not exists pg_net;
create extension if not exists supabase_vault;

-- Not public: what stands there, PostgREST offers to everybody.
create schema if not exists schedules;

create or replace function schedules.read_settings(out base_url text, out job_token text)
language plpgsql
stable
set search_path = ''
as $$
begin
    select rtrim(s.decrypted_secret, '/') into base_url
    from vault.decrypted_secrets as s
    where s.name = 'vibeloom_base_url';
    if base_url is null or base_url !~ '^https?://[^/?#[:space:]]+[^?#[:space:]]*$' then
        raise exception 'the vault has no secret vibeloom_base_url that is an http(s) address'
            using errcode = 'invalid_parameter_value',
            hint = 'select vault.create_secret(''https://…'', ''vibeloom_base_url''); without /v1 at the end';
    end if;

    select s.decrypted_secret into job_token
    from vault.decrypted_secrets as s
    where s.name = 'vibeloom_job_token';
    if job_token is null or job_token !~ '^[!-~]{32,}$' then
        raise exception 'the vault has no secret vibeloom_job_token of 32 printable characters or more'
            using errcode = 'invalid_parameter_value',
            hint = 'select vault.create_secret(''…'', ''vibeloom_job_token''); as in VIBELOOM_JOB_TOKEN';
    end if;
end;
$$;

create or replace function schedules.post_job(job_name text)
returns bigint
language sql
volatile
set search_path = ''
as $$
    select net.http_post(
        url := s.base_url || '/v1/jobs/' || job_name,
        headers := jsonb_build_object(
            'Content-Type', 'application/json',
            'Authorization', 'Bearer ' || s.job_token
        ),
        -- A job that takes longer goes on without a listener. The default of pg_net, a few seconds, would
        -- call many a good run a failure.
        timeout_milliseconds := 55000
    )
    from schedules.read_settings() as s;
$$;

revoke all on schema schedules from public, anon, authenticated, service_role;
revoke all on function schedules.read_settings(), schedules.post_job(text)
from public, anon, authenticated, service_role;

comment on schema schedules is 'What pg_cron calls; written by supabase/schedules.sql.';
comment on function schedules.read_settings() is 'The two secrets, or an error that says which is missing.';
comment on function schedules.post_job(text) is 'Posts to /v1/jobs/<name>; see net._http_response.';

-- Complain now and not in a minute, where only cron.job_run_details would know.
do $$
begin
    perform schedules.read_settings();
end;
$$;

create temporary table wanted (job_name text primary key, cron text not null) on commit drop;

-- made from the rooms: jobs
insert into wanted (job_name, cron) values
('delete_expired_challenges', '43 * * * *'),
('make_partitions', '17 3 * * *'),
('purge_expired', '41 * * * *'),
('refresh_days', '7 * * * *'),
('report_health', '*/5 * * * *'),
('run_tasks', '*/5 * * * *');
-- made: end

select cron.unschedule(j.jobid)
from cron.job as j
where
    starts_with(j.jobname, 'vibeloom_')
    and j.jobname <> 'vibeloom_forget_runs'
    and not exists (select from wanted as w where 'vibeloom_' || w.job_name = j.jobname);

select cron.schedule('vibeloom_' || w.job_name, w.cron, format('select schedules.post_job(%L)', w.job_name))
from wanted as w
order by w.job_name;

-- pg_cron keeps a row of every run for ever: half a million a year, for this schedule alone.
select cron.schedule(
    'vibeloom_forget_runs',
    '29 4 * * *',
    $$delete from cron.job_run_details where end_time < now() - interval '7 days'$$
);

commit;
