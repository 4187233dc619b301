-- Events, by month. The identity is (source, id, occurred_at): a retry carries the same three,
-- and one source's ids cannot shadow another's. No foreign keys: the only writer takes owner,
-- source and batch from one row, and a check per row would double the cost of an insert.

create table public.events (
    owner_id uuid not null,
    source_id uuid not null,
    id text not null,
    occurred_at timestamptz not null,
    kind text not null,
    project text,
    language text,
    payload jsonb not null,
    batch_id bigint not null,
    constraint events_identity primary key (source_id, occurred_at, id)
) partition by range (occurred_at);

create index events_owner_time on public.events (owner_id, occurred_at, source_id);

revoke all on public.events from anon, authenticated;
grant select on public.events to authenticated;
grant select, delete on public.events to service_role;
alter table public.events enable row level security;

create policy events_select_owner on public.events
for select to authenticated
using (owner_id = (select auth.uid()));

comment on table public.events is 'What monitors reported, one row an event, partitioned by month.';
comment on column public.events.id is 'The monitor''s own id, unique within its source.';
comment on column public.events.occurred_at is 'The monitor''s clock, UTC, microseconds.';
comment on column public.events.kind is 'The event type, as listed in functions/ingest/models.py.';

-- Partitions live where no API role may look: they are reached through the parent alone.
create schema partitions;
comment on schema partitions is 'Monthly partitions; reached through their parent tables only.';

create table partitions.events_default partition of public.events default;
alter table partitions.events_default enable row level security;
