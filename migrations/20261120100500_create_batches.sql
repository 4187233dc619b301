-- One row for each accepted batch: what came, when, and who vouches for it. With the body at hand anybody can
-- check later who signed it. A sender that cannot sign is vouched for by an access token.

create table public.batches (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    id bigint generated always as identity,
    source_id uuid not null,
    key_id uuid,
    token_id uuid,
    received_at timestamptz not null default now(),
    body_sha256 bytea not null,
    signature bytea,
    events integer not null,
    inserted integer not null,
    first_occurred_at timestamptz not null,
    last_occurred_at timestamptz not null,
    constraint batches_identity primary key (owner_id, id),
    constraint batches_source foreign key (owner_id, source_id)
    references public.sources (owner_id, id) on delete cascade,
    constraint batches_source_body_unique unique (owner_id, source_id, body_sha256),
    constraint batches_body_sha256_length check (length(body_sha256) = 32),
    constraint batches_signature_length check (length(signature) = 64),
    constraint batches_provenance check (
        (key_id is null) = (signature is null) and num_nonnulls(key_id, token_id) = 1
    ),
    constraint batches_counts check (inserted between 0 and events)
);

revoke all on public.batches from anon, authenticated;
revoke all on sequence public.batches_id_seq from anon, authenticated;
grant select on public.batches to authenticated;
grant select, update, delete on public.batches to service_role;
alter table public.batches enable row level security;

create policy batches_select_owner on public.batches
for select to authenticated
using (owner_id = (select auth.uid()));

create index batches_source_received on public.batches (owner_id, source_id, received_at);
create index batches_source_occurred on public.batches (owner_id, source_id, last_occurred_at);

comment on table public.batches is 'Accepted batches: who vouches for what, and when it came.';
comment on column public.batches.key_id is 'The key that signed it; null for a sender without a key.';
comment on column public.batches.token_id is 'The access token that vouches for it; null for a signed batch.';
comment on column public.batches.body_sha256 is 'Of the body as sent, before unpacking.';
comment on column public.batches.events is 'Events in the body.';
comment on column public.batches.inserted is 'Events of the body that were new.';
