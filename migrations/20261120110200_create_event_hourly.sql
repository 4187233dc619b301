-- Roll-ups by arrival. A run counts whole batches: their events are added and the batches marked in
-- one transaction, so late events, lost runs and two runs at once change nothing about the sums.
-- Quarters of an hour, because days of a zone such as Kathmandu's (+05:45) begin on one.

create table public.event_hourly (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    hour timestamptz not null,
    quarter smallint not null,
    source_id uuid not null,
    kind text not null,
    project text not null,
    language text not null,
    events bigint not null,
    errors bigint not null,
    tokens_input bigint not null,
    tokens_output bigint not null,
    tokens_cache_read bigint not null,
    tokens_cache_write bigint not null,
    cost_usd numeric not null,
    constraint event_hourly_identity
    primary key (owner_id, hour, quarter, source_id, kind, project, language),
    constraint event_hourly_quarter check (quarter between 0 and 3),
    constraint event_hourly_events check (events >= 0)
);

create table public.token_hourly (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    hour timestamptz not null,
    quarter smallint not null,
    source_id uuid not null,
    provider text not null,
    model text not null,
    project text not null,
    calls bigint not null,
    tokens_input bigint not null,
    tokens_output bigint not null,
    tokens_cache_read bigint not null,
    tokens_cache_write bigint not null,
    cost_usd numeric not null,
    unpriced bigint not null,
    constraint token_hourly_identity
    primary key (owner_id, hour, quarter, source_id, provider, model, project),
    constraint token_hourly_quarter check (quarter between 0 and 3),
    constraint token_hourly_calls check (calls >= 0)
);

create table public.dirty_days (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    day date not null,
    marked_at timestamptz not null default now(),
    constraint dirty_days_identity primary key (owner_id, day)
);

revoke all on public.event_hourly, public.token_hourly, public.dirty_days from anon, authenticated;
grant select on public.event_hourly, public.token_hourly, public.dirty_days to authenticated;
grant select, insert, update, delete
on public.event_hourly, public.token_hourly, public.dirty_days to service_role;
alter table public.event_hourly enable row level security;
alter table public.token_hourly enable row level security;
alter table public.dirty_days enable row level security;

create policy event_hourly_select_owner on public.event_hourly
for select to authenticated
using (owner_id = (select auth.uid()));

create policy token_hourly_select_owner on public.token_hourly
for select to authenticated
using (owner_id = (select auth.uid()));

create policy dirty_days_select_owner on public.dirty_days
for select to authenticated
using (owner_id = (select auth.uid()));

drop index public.batches_uncounted;
create index batches_uncounted on public.batches (id) where counted_at is null;
create index batches_uncounted_owner on public.batches (owner_id, id) where counted_at is null;

comment on table public.event_hourly is
'Counted events by UTC hour and quarter of it; empty text where an event names no project or language.';
comment on column public.event_hourly.quarter is 'Of the hour, 0 to 3.';
comment on column public.event_hourly.cost_usd is 'Of the priced events.';
comment on table public.token_hourly is 'Counted events that report tokens, by provider, model, project.';
comment on column public.token_hourly.unpriced is 'Calls whose model has no price.';
comment on table public.dirty_days is
'Days, in the owner''s zone, whose daily figures are to be computed anew.';
