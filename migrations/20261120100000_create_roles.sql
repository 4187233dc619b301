-- Roles of our own. The functions log in as one that can do nothing by itself and becomes another for one
-- transaction at a time: `anon` and `authenticated`, which read as PostgREST does; `vibeloom_member`, under
-- which a person writes their own rows; or a room's or the queue's, which has exactly the rights that are
-- needed there (…_grant_rooms.sql). None of them passes row-level security. A function that has a process to
-- itself may log in as its room, which then can become nothing else than what the room needs.
-- Roles belong to the whole cluster, so another database may have made them already.

do $$
declare
    v_name text;
begin
    foreach v_name in array array[
        'functions', 'member', 'door', 'work', 'ingest', 'query', 'rollup', 'accounts', 'sources', 'leaderboards',
        'front'
    ]
    loop
        begin
            execute format('create role %I nologin noinherit', 'vibeloom_' || v_name);
        exception
            when duplicate_object or unique_violation then null;
        end;
    end loop;
end
$$;

grant anon, authenticated, vibeloom_member, vibeloom_door to
vibeloom_functions, vibeloom_query, vibeloom_accounts, vibeloom_sources, vibeloom_leaderboards;
grant
vibeloom_ingest, vibeloom_query, vibeloom_rollup, vibeloom_accounts, vibeloom_sources, vibeloom_leaderboards,
vibeloom_front, vibeloom_work
to vibeloom_functions;
grant vibeloom_member, vibeloom_door to vibeloom_ingest;
grant vibeloom_rollup to vibeloom_query;
grant vibeloom_work to vibeloom_rollup;
grant usage on schema public to
vibeloom_member, vibeloom_door, vibeloom_work, vibeloom_ingest, vibeloom_query, vibeloom_rollup,
vibeloom_accounts, vibeloom_sources, vibeloom_leaderboards, vibeloom_front;
grant usage on schema auth to vibeloom_member;

comment on role vibeloom_functions is
'What the functions log in as: no rights of its own, becomes another role per transaction.';
comment on role vibeloom_member is
'A person who writes their own rows, under row-level security. PostgREST cannot become it.';
comment on role vibeloom_door is 'Finds out who is asking: looks up tokens and makes the owner of the deployment.';
comment on role vibeloom_work is
'Takes work off the queue and puts back what failed; the work itself is done by its room.';
comment on role vibeloom_ingest is 'Looks up the keys of a source and inserts a verified batch; reads nothing.';
comment on role vibeloom_query is 'Answers questions as the person who asks, after it had days computed.';
comment on role vibeloom_rollup is 'Reads events and writes daily figures; deletes what is past its retention.';
comment on role vibeloom_accounts is 'Has no right of its own: people, their settings and tokens.';
comment on role vibeloom_sources is 'Deletes challenges that have expired.';
comment on role vibeloom_leaderboards is 'Has no right of its own: rankings.';
comment on role vibeloom_front is 'Asks how the house is.';
