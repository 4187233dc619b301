-- What `supabase db reset` and `supabase db push --include-seed` run after the migrations.
--
-- No people and no sample events: the first request makes the owner's profile, and prices of models
-- come with the migrations. What a new database lacks is the months between its migrations' first
-- run and today, when a dump is restored or a branch is made later; the daily job would make them
-- tonight. Running it again, or on a deployment in use, changes nothing that is there.

select public.make_event_partitions();
