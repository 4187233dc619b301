-- Two roles of our own. The functions log in as one that can do nothing by itself and becomes
-- `anon`, `authenticated`, `service_role` or the ingest role for one transaction at a time.
-- Roles belong to the whole cluster, so another database may have made them already.

do $$
begin
    create role vibeloom_functions nologin noinherit;
exception
    when duplicate_object or unique_violation then null;
end
$$;

do $$
begin
    create role vibeloom_ingest nologin noinherit;
exception
    when duplicate_object or unique_violation then null;
end
$$;

grant anon, authenticated, service_role, vibeloom_ingest to vibeloom_functions;
grant usage on schema public to vibeloom_ingest;

comment on role vibeloom_functions is
'What the cloud functions log in as: no rights of its own, becomes another role per transaction.';
comment on role vibeloom_ingest is
'May look up the keys of a source and insert a verified batch; reads nothing.';
