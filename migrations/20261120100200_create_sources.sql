-- A source is a monitor: a name that is unique for its owner. One that signs has one or two active keys
-- (two at once so that a key can be replaced without a gap), and its name and keys are unique in the
-- deployment, because a signed request carries nothing else. Challenges prove that whoever registers a key
-- holds its private half.

create table public.sources (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    id uuid not null default gen_random_uuid(),
    name text not null,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz,
    expected_every_hours integer,
    constraint sources_identity primary key (owner_id, id),
    constraint sources_name_unique unique (owner_id, name),
    constraint sources_name_valid
    check (name ~ '^[!-~]([ -~]{0,126}[!-~])?$'),
    constraint sources_expected_every_hours_range check (expected_every_hours between 1 and 8784)
);

create table public.source_keys (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    id uuid not null default gen_random_uuid(),
    source_id uuid not null,
    public_key bytea not null,
    is_configured boolean not null default false,
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    constraint source_keys_identity primary key (owner_id, id),
    constraint source_keys_source foreign key (owner_id, source_id)
    references public.sources (owner_id, id) on delete cascade,
    constraint source_keys_public_key_length check (length(public_key) = 32)
);

create table public.key_challenges (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    challenge text not null,
    expires_at timestamptz not null,
    constraint key_challenges_identity primary key (owner_id, challenge)
);

create table public.source_names (
    name text not null,
    owner_id uuid not null,
    source_id uuid not null,
    constraint source_names_identity primary key (name)
);

create table public.public_keys (
    public_key bytea not null,
    owner_id uuid not null,
    key_id uuid not null,
    constraint public_keys_identity primary key (public_key)
);

revoke all on
public.sources, public.source_keys, public.key_challenges, public.source_names, public.public_keys
from anon, authenticated;
grant select on public.sources, public.source_keys to authenticated;
grant select, insert, update, delete
on public.sources, public.source_keys, public.key_challenges, public.source_names, public.public_keys
to service_role;

alter table public.sources enable row level security;
alter table public.source_keys enable row level security;
alter table public.key_challenges enable row level security;
alter table public.source_names enable row level security;
alter table public.public_keys enable row level security;

create policy sources_select_owner on public.sources
for select to authenticated
using (owner_id = (select auth.uid()));

create policy source_keys_select_owner on public.source_keys
for select to authenticated
using (owner_id = (select auth.uid()));

create index source_keys_source on public.source_keys (owner_id, source_id);
create index source_names_owner on public.source_names (owner_id);
create index public_keys_owner on public.public_keys (owner_id);
create index key_challenges_expiry on public.key_challenges (expires_at);

comment on table public.sources is 'Monitors. Event ids are unique within one source.';
comment on column public.sources.last_seen_at is
'When a batch was last accepted, to the second.';
comment on column public.sources.expected_every_hours is
'A source that is not heard of for longer than this is silent, which is an alarm; null: nothing is
expected of it. At most a leap year.';
comment on table public.source_keys is 'Ed25519 public keys (32 bytes), at most two active a source.';
comment on column public.source_keys.is_configured is
'Came from VIBETEA_PUBLIC_KEYS: counts only while it stands there.';
comment on table public.source_names is 'Directory: whose source signs by this name.';
comment on table public.public_keys is 'Directory: whose key it is. A key is used once.';
comment on table public.key_challenges is
'Nonces to be signed when a key is registered; used once, valid for minutes.';
