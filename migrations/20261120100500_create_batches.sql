-- One row for each accepted batch. With the body at hand anybody can check later who signed it;
-- `counted_at` makes the table the exact work list of the roll-ups.

create table public.batches (
    id bigint generated always as identity primary key,
    owner_id uuid not null references public.profiles (id) on delete cascade,
    source_id uuid not null references public.sources (id) on delete cascade,
    key_id uuid not null references public.source_keys (id) on delete cascade,
    received_at timestamptz not null default now(),
    body_sha256 bytea not null,
    signature bytea not null,
    events integer not null,
    inserted integer not null,
    first_occurred_at timestamptz not null,
    last_occurred_at timestamptz not null,
    counted_at timestamptz,
    constraint batches_source_body_unique unique (source_id, body_sha256),
    constraint batches_body_sha256_length check (length(body_sha256) = 32),
    constraint batches_signature_length check (length(signature) = 64),
    constraint batches_counts check (inserted between 0 and events)
);

revoke all on public.batches from anon, authenticated;
grant select on public.batches to authenticated;
grant select, update, delete on public.batches to service_role;
alter table public.batches enable row level security;

create policy batches_select_owner on public.batches
for select to authenticated
using (owner_id = (select auth.uid()));

create index batches_owner on public.batches (owner_id, received_at);
create index batches_key on public.batches (key_id);
create index batches_uncounted on public.batches (id) where counted_at is null;

comment on table public.batches is
'Accepted batches: who signed what, when, and whether the roll-ups have counted it.';
comment on column public.batches.body_sha256 is 'Of the body as sent, before unpacking.';
comment on column public.batches.events is 'Events in the body.';
comment on column public.batches.inserted is 'Events of the body that were new.';
comment on column public.batches.counted_at is 'Null until the roll-ups have added its events.';
