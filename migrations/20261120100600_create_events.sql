-- Events, by month. One key serves the identity of an event and the ranges of its owner: a retry carries the
-- same time, source and id, and one source's ids cannot shadow another's. There are no foreign keys: the only
-- writer takes owner, source and batch from one row, and a check per row would double the cost of an insert.
-- What is summed and grouped by has a column, set once when the event arrives, and cut so that no payload can
-- be too long for an index; payloads are not cut.

create table public.events (
    owner_id uuid not null,
    occurred_at timestamptz not null,
    source_id uuid not null,
    id text not null,
    batch_id bigint not null,
    kind text not null,
    project text,
    language text,
    branch text,
    is_error boolean not null default false,
    provider text,
    model text,
    tokens_input bigint,
    tokens_output bigint,
    tokens_cache_read bigint,
    tokens_cache_write bigint,
    cost_usd numeric,
    payload jsonb not null,
    constraint events_identity primary key (owner_id, occurred_at, source_id, id)
) partition by range (occurred_at);

-- The few kinds whose rows are read one by one; the others cost a comparison.
create index events_captured on public.events (owner_id, kind, occurred_at)
where kind in ('terminal', 'emotion');

-- Most events are no tool's, and cost one comparison of their kind; a tool's costs two looks for a key.
create index events_agent_runs on public.events (owner_id, occurred_at)
where kind = 'tool' and (payload ? 'program' or payload ? 'errorClass');

revoke all on public.events from anon, authenticated;
grant select on public.events to authenticated, service_role;
alter table public.events enable row level security;

create policy events_select_owner on public.events
for select to authenticated
using (owner_id = (select auth.uid()));

comment on table public.events is
'What monitors reported, one row an event, partitioned by month. `delete_events` is the only way to delete: it
takes them out of the sums, too.';
comment on column public.events.id is 'The monitor''s own id, unique within its source.';
comment on column public.events.occurred_at is 'The monitor''s clock, UTC, microseconds.';
comment on column public.events.kind is 'The kind of event, as event_kinds lists it.';
comment on column public.events.batch_id is 'The batch that brought it, of the same owner.';
comment on column public.events.is_error is
'An error event, a command that failed, an editor error, a tool that reported no success.';
comment on column public.events.tokens_input is 'Null unless the event reports tokens; so the next three.';
comment on column public.events.cost_usd is
'At list price when it arrived; null for an unlisted model. `reprice_events` brings it up to date.';

-- Partitions live where no API role may look: they are reached through the parent alone.
create schema partitions;
comment on schema partitions is 'Monthly partitions; reached through their parent tables only.';

create table partitions.events_default partition of public.events default;
alter table partitions.events_default enable row level security;
