-- "Nothing received" is the commonest fault of telemetry, and only the owner knows when it is one: a
-- laptop rests at weekends, a server never does. So a source may say how often it is to be heard of. With
-- it come the two ways into `batches` by which a source's health is read: by arrival, for gaps and lag,
-- and by the newest event.

alter table public.sources
add column expected_every_hours integer,
add constraint sources_expected_every_hours_range check (expected_every_hours between 1 and 8784);

create index batches_source_received on public.batches (source_id, received_at);
create index batches_source_occurred on public.batches (source_id, last_occurred_at);

comment on column public.sources.expected_every_hours is
'A source that is not heard of for longer than this is silent, which is an alarm; null: nothing is
expected of it. At most a leap year.';
