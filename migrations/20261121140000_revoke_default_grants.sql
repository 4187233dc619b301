-- A Supabase project grants everything new in the schema public to `anon` and `authenticated` by
-- default privileges. What a migration revokes from public stays open to them there, and PostgREST
-- would offer it at /rest/v1/rpc to whoever has the project's public key. On a plain Postgres these
-- statements change nothing.

revoke all on function
public.add_source_key(uuid, text, bytea, boolean, uuid),
public.bulk_insert_events(uuid, jsonb, bytea, bytea),
public.check_timezone(),
public.count_batches(integer, uuid),
public.create_leaderboard(uuid, text, bytea),
public.ensure_deployment_owner(text, uuid),
public.ensure_profile(uuid, text),
public.find_source_keys(text),
public.join_leaderboard(uuid, bytea),
public.lock_sums(uuid []),
public.make_event_partitions(timestamptz, integer, integer),
public.mark_all_days(),
public.mark_dirty_days(uuid, timestamptz, timestamptz),
public.note_job_run(text, boolean, double precision),
public.price_tokens(text, timestamptz, bigint, bigint, bigint, bigint),
public.purge_events(uuid, integer, timestamptz, integer),
public.rank_leaderboard(uuid, text, timestamptz, timestamptz, numeric, text, integer),
public.redeem_key_challenge(uuid, text),
public.reprice_events(timestamptz, timestamptz),
public.revoke_source_key(uuid, uuid, uuid),
public.schema_version(),
public.skip_purged_day(),
public.token_count(jsonb),
public.uncount_events(),
public.update_profile(uuid, text, text, integer, integer, boolean),
public.use_access_token(bytea)
from anon, authenticated;

revoke all on sequence public.batches_id_seq from anon, authenticated;
