-- The rights of rooms, as data: which role may do what to which table, and on which rows. Whatever is not
-- here or in a function that a role may execute, a room cannot do. Tests hold the whole of it, room by table
-- by verb.

-- A person writes their own rows.
grant select, insert,
update (handle, email, timezone, idle_timeout_minutes, retention_months, leaderboard_opt_in)
on public.profiles to vibeloom_member;
grant select, insert, delete on public.handles to vibeloom_member;
grant select, insert, delete on public.access_tokens to vibeloom_member;
grant select, insert, delete on public.token_hashes to vibeloom_member;
grant select, insert, update (expected_every_hours) on public.sources to vibeloom_member;
grant select, insert, update (source_id, created_at, revoked_at) on public.source_keys to vibeloom_member;
grant select, insert, update (source_id) on public.source_names to vibeloom_member;
grant select, insert on public.public_keys to vibeloom_member;
grant select, insert, delete on public.key_challenges to vibeloom_member;
grant select (id, owner_id, name, created_at), insert, update (code_sha256), delete
on public.leaderboards to vibeloom_member;
grant select, insert, delete on public.leaderboard_members to vibeloom_member;

-- The roll-up reads everybody's events and writes everybody's daily figures, one owner in one transaction.
grant select, update (purged_before) on public.profiles to vibeloom_rollup;
grant select on public.events to vibeloom_rollup;
grant select on public.event_kinds to vibeloom_rollup;
grant select, update (marked_at), delete on public.dirty_days to vibeloom_rollup;
grant select, insert, delete on public.time_daily to vibeloom_rollup;
grant select, insert, delete on public.session_daily to vibeloom_rollup;
grant select, insert, update, delete on public.error_episodes to vibeloom_rollup;
grant select, insert, delete on public.agent_runs to vibeloom_rollup;

-- An operator lists the queue, which has ids and no data, tries again and drops. Everything else that is done
-- to it, functions do (…_create_work_queue.sql).
grant select, update (failed_at, attempts, due_at), delete on public.work_items to vibeloom_work;

-- Challenges that nobody used are cleared; the schedule is watched.
grant select, delete on public.key_challenges to vibeloom_sources;
grant select on public.job_runs to vibeloom_front;

create policy profiles_select_member on public.profiles
for select to vibeloom_member
using (id = (select auth.uid()));

create policy profiles_insert_member on public.profiles
for insert to vibeloom_member
with check (id = (select auth.uid()));

create policy profiles_update_member on public.profiles
for update to vibeloom_member
using (id = (select auth.uid()))
with check (id = (select auth.uid()));

create policy handles_select_member on public.handles
for select to vibeloom_member
using (owner_id = (select auth.uid()));

create policy handles_insert_member on public.handles
for insert to vibeloom_member
with check (owner_id = (select auth.uid()));

create policy handles_delete_member on public.handles
for delete to vibeloom_member
using (owner_id = (select auth.uid()));

create policy access_tokens_select_member on public.access_tokens
for select to vibeloom_member
using (owner_id = (select auth.uid()));

create policy access_tokens_insert_member on public.access_tokens
for insert to vibeloom_member
with check (owner_id = (select auth.uid()));

create policy access_tokens_delete_member on public.access_tokens
for delete to vibeloom_member
using (owner_id = (select auth.uid()));

create policy token_hashes_select_member on public.token_hashes
for select to vibeloom_member
using (owner_id = (select auth.uid()));

create policy token_hashes_insert_member on public.token_hashes
for insert to vibeloom_member
with check (owner_id = (select auth.uid()));

create policy token_hashes_delete_member on public.token_hashes
for delete to vibeloom_member
using (owner_id = (select auth.uid()));

create policy sources_select_member on public.sources
for select to vibeloom_member
using (owner_id = (select auth.uid()));

create policy sources_insert_member on public.sources
for insert to vibeloom_member
with check (owner_id = (select auth.uid()));

create policy sources_update_member on public.sources
for update to vibeloom_member
using (owner_id = (select auth.uid()))
with check (owner_id = (select auth.uid()));

create policy source_keys_select_member on public.source_keys
for select to vibeloom_member
using (owner_id = (select auth.uid()));

create policy source_keys_insert_member on public.source_keys
for insert to vibeloom_member
with check (owner_id = (select auth.uid()));

create policy source_keys_update_member on public.source_keys
for update to vibeloom_member
using (owner_id = (select auth.uid()))
with check (owner_id = (select auth.uid()));

create policy source_names_select_member on public.source_names
for select to vibeloom_member
using (owner_id = (select auth.uid()));

create policy source_names_insert_member on public.source_names
for insert to vibeloom_member
with check (owner_id = (select auth.uid()));

create policy source_names_update_member on public.source_names
for update to vibeloom_member
using (owner_id = (select auth.uid()))
with check (owner_id = (select auth.uid()));

create policy public_keys_select_member on public.public_keys
for select to vibeloom_member
using (owner_id = (select auth.uid()));

create policy public_keys_insert_member on public.public_keys
for insert to vibeloom_member
with check (owner_id = (select auth.uid()));

create policy key_challenges_select_member on public.key_challenges
for select to vibeloom_member
using (owner_id = (select auth.uid()));

create policy key_challenges_insert_member on public.key_challenges
for insert to vibeloom_member
with check (owner_id = (select auth.uid()));

create policy key_challenges_delete_member on public.key_challenges
for delete to vibeloom_member
using (owner_id = (select auth.uid()));

create policy leaderboards_select_member on public.leaderboards
for select to vibeloom_member
using (
    owner_id = (select auth.uid())
    or exists (
        select from public.leaderboard_members as m
        where m.owner_id = (select auth.uid()) and m.leaderboard_id = leaderboards.id
    )
);

create policy leaderboards_insert_member on public.leaderboards
for insert to vibeloom_member
with check (owner_id = (select auth.uid()));

create policy leaderboards_update_member on public.leaderboards
for update to vibeloom_member
using (owner_id = (select auth.uid()))
with check (owner_id = (select auth.uid()));

create policy leaderboards_delete_member on public.leaderboards
for delete to vibeloom_member
using (owner_id = (select auth.uid()));

create policy leaderboard_members_select_member on public.leaderboard_members
for select to vibeloom_member
using (owner_id = (select auth.uid()));

create policy leaderboard_members_insert_member on public.leaderboard_members
for insert to vibeloom_member
with check (owner_id = (select auth.uid()));

create policy leaderboard_members_delete_member on public.leaderboard_members
for delete to vibeloom_member
using (owner_id = (select auth.uid()));

create policy profiles_select_rollup on public.profiles
for select to vibeloom_rollup
using (true);

create policy profiles_update_rollup on public.profiles
for update to vibeloom_rollup
using (true)
with check (true);

create policy events_select_rollup on public.events
for select to vibeloom_rollup
using (true);

create policy dirty_days_select_rollup on public.dirty_days
for select to vibeloom_rollup
using (true);

create policy dirty_days_update_rollup on public.dirty_days
for update to vibeloom_rollup
using (true)
with check (true);

create policy dirty_days_delete_rollup on public.dirty_days
for delete to vibeloom_rollup
using (true);

create policy time_daily_select_rollup on public.time_daily
for select to vibeloom_rollup
using (true);

create policy time_daily_insert_rollup on public.time_daily
for insert to vibeloom_rollup
with check (true);

create policy time_daily_delete_rollup on public.time_daily
for delete to vibeloom_rollup
using (true);

create policy session_daily_select_rollup on public.session_daily
for select to vibeloom_rollup
using (true);

create policy session_daily_insert_rollup on public.session_daily
for insert to vibeloom_rollup
with check (true);

create policy session_daily_delete_rollup on public.session_daily
for delete to vibeloom_rollup
using (true);

create policy error_episodes_select_rollup on public.error_episodes
for select to vibeloom_rollup
using (true);

create policy error_episodes_insert_rollup on public.error_episodes
for insert to vibeloom_rollup
with check (true);

create policy error_episodes_update_rollup on public.error_episodes
for update to vibeloom_rollup
using (true)
with check (true);

create policy error_episodes_delete_rollup on public.error_episodes
for delete to vibeloom_rollup
using (true);

create policy agent_runs_select_rollup on public.agent_runs
for select to vibeloom_rollup
using (true);

create policy agent_runs_insert_rollup on public.agent_runs
for insert to vibeloom_rollup
with check (true);

create policy agent_runs_delete_rollup on public.agent_runs
for delete to vibeloom_rollup
using (true);

create policy event_kinds_select_rollup on public.event_kinds
for select to vibeloom_rollup
using (true);

create policy work_items_select_work on public.work_items
for select to vibeloom_work
using (true);

create policy work_items_update_work on public.work_items
for update to vibeloom_work
using (true)
with check (true);

create policy work_items_delete_work on public.work_items
for delete to vibeloom_work
using (true);

create policy key_challenges_select_sources on public.key_challenges
for select to vibeloom_sources
using (expires_at < now());

create policy key_challenges_delete_sources on public.key_challenges
for delete to vibeloom_sources
using (expires_at < now());

create policy job_runs_select_front on public.job_runs
for select to vibeloom_front
using (true);
