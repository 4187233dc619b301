-- Rankings among people who opted in: one that everybody may see, which needs no row, and private ones
-- that an invitation code opens. Of the code only the hash is kept; a board's owner may replace it.

create table public.leaderboards (
    id uuid primary key default gen_random_uuid(),
    owner_id uuid not null,
    name text not null,
    code_sha256 bytea not null,
    created_at timestamptz not null default now(),
    constraint leaderboards_name_length check (length(name) between 1 and 64),
    constraint leaderboards_code_unique unique (code_sha256),
    constraint leaderboards_code_length check (length(code_sha256) = 32)
);

create table public.leaderboard_members (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    leaderboard_id uuid not null references public.leaderboards (id) on delete cascade,
    joined_at timestamptz not null default now(),
    constraint leaderboard_members_identity primary key (owner_id, leaderboard_id)
);

revoke all on public.leaderboards, public.leaderboard_members from anon, authenticated;
grant select (id, owner_id, name, created_at) on public.leaderboards to authenticated;
grant select on public.leaderboard_members to authenticated;
grant select, insert, update, delete on public.leaderboards, public.leaderboard_members to service_role;
alter table public.leaderboards enable row level security;
alter table public.leaderboard_members enable row level security;

create policy leaderboards_select_owner on public.leaderboards
for select to authenticated
using (
    owner_id = (select auth.uid())
    or exists (
        select from public.leaderboard_members as m
        where m.owner_id = (select auth.uid()) and m.leaderboard_id = leaderboards.id
    )
);

create policy leaderboard_members_select_owner on public.leaderboard_members
for select to authenticated
using (owner_id = (select auth.uid()));

create index leaderboards_owner on public.leaderboards (owner_id);
create index leaderboard_members_board on public.leaderboard_members (leaderboard_id);

comment on table public.leaderboards is 'Private rankings; the public one is everybody who opted in.';
comment on column public.leaderboards.code_sha256 is 'SHA-256 of the invitation code''s text.';
comment on table public.leaderboard_members is
'Who joined which ranking, its owner among them. Nobody is shown there without the opt-in.';
