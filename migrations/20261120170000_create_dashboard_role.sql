-- What a dashboard logs in as. Whoever may edit a panel may run any statement, so nothing here trusts
-- the statement: the role is granted the views of one schema, which hold figures and no payload,
-- and no table. Whose rows those views show is a row of `readers`; without one they are empty.

create schema dashboards;

-- No password, no login: an operator gives both, or leaves the role as dead as it is.
do $$
begin
    create role vibeloom_grafana nologin noinherit connection limit 10;
    -- Belts, which a session may take off; the braces are the grants.
    alter role vibeloom_grafana set default_transaction_read_only = on;
    alter role vibeloom_grafana set statement_timeout = '15s';
    alter role vibeloom_grafana set transaction_timeout = '30s';
    alter role vibeloom_grafana set idle_in_transaction_session_timeout = '10s';
    alter role vibeloom_grafana set lock_timeout = '2s';
    alter role vibeloom_grafana set search_path = 'dashboards';
    alter role vibeloom_grafana set timezone = 'UTC';
    comment on role vibeloom_grafana is
    'What Grafana logs in as: reads the views of schema dashboards and nothing else.';
exception
    when duplicate_object or unique_violation then null; -- another database of the cluster made it
end
$$;

create table dashboards.readers (
    role_name text not null,
    owner_id uuid references public.profiles (id) on delete cascade,
    constraint readers_identity unique nulls not distinct (role_name, owner_id),
    constraint readers_role_name_length check (length(role_name) between 1 and 63)
);

create index readers_owner on dashboards.readers (owner_id);
alter table dashboards.readers enable row level security;
revoke all on schema dashboards from public;
revoke all on dashboards.readers from public, anon, authenticated, service_role;
grant usage on schema dashboards to vibeloom_grafana;

comment on schema dashboards is
'Views for dashboards: sums without payloads, of the owners that `readers` gives to the login.';
comment on table dashboards.readers is
'Whose figures a login sees: one owner a row, or everybody where owner_id is null. Operators write it.';
comment on column dashboards.readers.role_name is
'The login itself (session_user), so that `set role` opens nothing.';
