-- Sums over events, kept by the transaction that stores, deletes or reprices them: what is committed is
-- summed. Quarters of an hour, because days of a zone such as Kathmandu's (+05:45) begin on one. The
-- quarters of a day are folded into its sums as well, so that questions about whole days cost by days and
-- projects, not by quarters. There are no foreign keys, as for events: the only writer is `add_to_sums`. A
-- row of the present hour is written anew with each batch. With a page half empty the next version finds
-- its place beside the last one, which is cleared away on the spot, so that the tables do not grow with
-- each write.

create table public.event_sums (
    owner_id uuid not null,
    quarter_at timestamptz not null,
    source_id uuid not null,
    kind text not null,
    project text not null,
    language text not null,
    events bigint not null,
    errors bigint not null,
    calls bigint not null,
    unpriced bigint not null,
    tokens_input bigint not null,
    tokens_output bigint not null,
    tokens_cache_read bigint not null,
    tokens_cache_write bigint not null,
    cost_usd numeric not null,
    constraint event_sums_identity primary key (owner_id, quarter_at, source_id, kind, project, language)
) with (fillfactor = 50);

create table public.token_sums (
    owner_id uuid not null,
    quarter_at timestamptz not null,
    source_id uuid not null,
    provider text not null,
    model text not null,
    project text not null,
    calls bigint not null,
    unpriced bigint not null,
    tokens_input bigint not null,
    tokens_output bigint not null,
    tokens_cache_read bigint not null,
    tokens_cache_write bigint not null,
    cost_usd numeric not null,
    constraint token_sums_identity primary key (owner_id, quarter_at, source_id, provider, model, project)
) with (fillfactor = 50);

create table public.activity_sums (
    owner_id uuid not null,
    quarter_at timestamptz not null,
    source_id uuid not null,
    events bigint not null,
    constraint activity_sums_identity primary key (owner_id, quarter_at, source_id)
) with (fillfactor = 50);

create table public.event_days (
    owner_id uuid not null,
    day date not null,
    source_id uuid not null,
    kind text not null,
    project text not null,
    language text not null,
    events bigint not null,
    errors bigint not null,
    calls bigint not null,
    unpriced bigint not null,
    tokens_input bigint not null,
    tokens_output bigint not null,
    tokens_cache_read bigint not null,
    tokens_cache_write bigint not null,
    cost_usd numeric not null,
    constraint event_days_identity primary key (owner_id, day, source_id, kind, project, language)
) with (fillfactor = 50);

create table public.token_days (
    owner_id uuid not null,
    day date not null,
    source_id uuid not null,
    provider text not null,
    model text not null,
    project text not null,
    calls bigint not null,
    unpriced bigint not null,
    tokens_input bigint not null,
    tokens_output bigint not null,
    tokens_cache_read bigint not null,
    tokens_cache_write bigint not null,
    cost_usd numeric not null,
    constraint token_days_identity primary key (owner_id, day, source_id, provider, model, project)
) with (fillfactor = 50);

revoke all on
public.event_sums,
public.token_sums,
public.activity_sums,
public.event_days,
public.token_days
from anon, authenticated;
grant select on
public.event_sums,
public.token_sums,
public.activity_sums,
public.event_days,
public.token_days
to authenticated, service_role;
alter table public.event_sums enable row level security;
alter table public.token_sums enable row level security;
alter table public.activity_sums enable row level security;
alter table public.event_days enable row level security;
alter table public.token_days enable row level security;

create policy event_sums_select_owner on public.event_sums
for select to authenticated
using (owner_id = (select auth.uid()));

create policy token_sums_select_owner on public.token_sums
for select to authenticated
using (owner_id = (select auth.uid()));

create policy activity_sums_select_owner on public.activity_sums
for select to authenticated
using (owner_id = (select auth.uid()));

create policy event_days_select_owner on public.event_days
for select to authenticated
using (owner_id = (select auth.uid()));

create policy token_days_select_owner on public.token_days
for select to authenticated
using (owner_id = (select auth.uid()));

comment on table public.event_sums is
'Events by quarter of an hour; empty text where an event names no project or language.';
comment on column public.event_sums.quarter_at is 'When the quarter of an hour begins.';
comment on column public.event_sums.calls is 'Events that report tokens.';
comment on column public.event_sums.unpriced is 'Calls whose model has no price.';
comment on column public.event_sums.cost_usd is 'Of the priced calls.';
comment on table public.token_sums is
'Events that report tokens, by quarter of an hour, provider, model and project.';
comment on table public.activity_sums is 'How many events there were, by quarter of an hour and source.';
comment on table public.event_days is
'event_sums folded into days of the zone `profiles.folded_timezone`.';
comment on table public.token_days is
'token_sums folded into days of the zone `profiles.folded_timezone`.';
