-- Spreads an installation over the workers of a Citus cluster, by owner. Run it once on the coordinator,
-- after `python -m migrations.apply` and before the first event. See README.md beside this file.

-- What is the same for everybody, and what is read before the owner is known: a copy on each node.
select public.create_reference_table('public.event_kinds');
select public.create_reference_table('public.model_prices');
select public.create_reference_table('public.price_lists');
select public.create_reference_table('public.leaderboards');
select public.create_reference_table('public.deployment');
select public.create_reference_table('public.handles');
select public.create_reference_table('public.source_names');
select public.create_reference_table('public.public_keys');
select public.create_reference_table('public.token_hashes');

-- What is a person's: on the node that has this person.
select public.create_distributed_table('public.profiles', 'id');
select public.create_distributed_table('public.sources', 'owner_id', colocate_with => 'public.profiles');
select public.create_distributed_table('public.source_keys', 'owner_id', colocate_with => 'public.profiles');
select public.create_distributed_table(
    'public.key_challenges', 'owner_id', colocate_with => 'public.profiles'
);
select public.create_distributed_table(
    'public.access_tokens', 'owner_id', colocate_with => 'public.profiles'
);
select public.create_distributed_table('public.batches', 'owner_id', colocate_with => 'public.profiles');
select public.create_distributed_table('public.events', 'owner_id', colocate_with => 'public.profiles');
select public.create_distributed_table(
    'public.event_versions', 'owner_id', colocate_with => 'public.profiles'
);
select public.create_distributed_table(
    'public.project_names', 'owner_id', colocate_with => 'public.profiles'
);
select public.create_distributed_table('public.event_sums', 'owner_id', colocate_with => 'public.profiles');
select public.create_distributed_table('public.token_sums', 'owner_id', colocate_with => 'public.profiles');
select public.create_distributed_table(
    'public.activity_sums', 'owner_id', colocate_with => 'public.profiles'
);
select public.create_distributed_table('public.event_days', 'owner_id', colocate_with => 'public.profiles');
select public.create_distributed_table('public.token_days', 'owner_id', colocate_with => 'public.profiles');
select public.create_distributed_table('public.dirty_days', 'owner_id', colocate_with => 'public.profiles');
select public.create_distributed_table('public.time_daily', 'owner_id', colocate_with => 'public.profiles');
select public.create_distributed_table(
    'public.session_daily', 'owner_id', colocate_with => 'public.profiles'
);
select public.create_distributed_table(
    'public.error_episodes', 'owner_id', colocate_with => 'public.profiles'
);
select public.create_distributed_table('public.agent_runs', 'owner_id', colocate_with => 'public.profiles');
select public.create_distributed_table(
    'public.purge_receipts', 'owner_id', colocate_with => 'public.profiles'
);
select public.create_distributed_table(
    'public.leaderboard_members', 'owner_id', colocate_with => 'public.profiles'
);

-- What works on one owner's rows runs where they are.
select public.create_distributed_function(
    'public.bulk_insert_events(uuid, uuid, jsonb, bytea, bytea)', 'p_owner_id',
    colocate_with => 'public.profiles'
);
select public.create_distributed_function(
    'public.purge_events(uuid, integer, timestamptz, integer)', 'p_owner_id',
    colocate_with => 'public.profiles'
);
select public.create_distributed_function(
    'public.reprice_events(uuid, timestamptz, timestamptz)', 'p_owner_id', colocate_with => 'public.profiles'
);
select public.create_distributed_function(
    'public.delete_events(uuid, timestamptz [], uuid [], text [])', 'p_owner_id',
    colocate_with => 'public.profiles'
);
select public.create_distributed_function(
    'public.fold_days(uuid)', 'p_owner_id', colocate_with => 'public.profiles'
);
