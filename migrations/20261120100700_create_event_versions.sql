-- Some events have an identity of their own: a message of a session log is the same message in a copy of
-- the log, in a fork of the session and on another machine. Such an event carries a revision. Its id is
-- then unique for its owner, whatever source sends it, and the event with the highest revision is stored.
-- A row outlives its event: what was purged or deleted does not come back with an old log.

create table public.event_versions (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    id text not null,
    revision bigint not null,
    occurred_at timestamptz not null,
    source_id uuid not null,
    constraint event_versions_identity primary key (owner_id, id),
    constraint event_versions_revision check (revision >= 0)
);

revoke all on public.event_versions from public, anon, authenticated;
grant select on public.event_versions to authenticated;
grant select, delete on public.event_versions to service_role;
alter table public.event_versions enable row level security;

create policy event_versions_select_owner on public.event_versions
for select to authenticated
using (owner_id = (select auth.uid()));

comment on table public.event_versions is
'Events with an identity of their own, each once per owner: which revision is stored, and where.';
comment on column public.event_versions.revision is 'Of the sender; the highest one holds.';
comment on column public.event_versions.occurred_at is
'With owner, source and id the key of the stored event. The event may be purged or deleted.';
