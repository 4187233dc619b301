-- Errors, each once: from the failure of a command to the success that fixed it. Days, classes and
-- times to fix follow from these rows in any zone, so nothing that is derived can drift from them.
-- Computed from the raw terminal events (functions/rollup/failures.py), anew from a dirty day on.

create table public.error_episodes (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    opened_at timestamptz not null,
    source_id uuid not null,
    event_id text not null,
    project text not null,
    command_sha256 bytea not null,
    class text not null,
    fixed_at timestamptz,
    constraint error_episodes_identity primary key (owner_id, opened_at, source_id, event_id),
    constraint error_episodes_class check (
        class in (
            'syntax', 'missing_dependency', 'permission', 'network', 'test_failure', 'compile', 'timeout',
            'other'
        )
    ),
    constraint error_episodes_command_length check (length(command_sha256) = 32),
    constraint error_episodes_order check (fixed_at >= opened_at)
);

revoke all on public.error_episodes from anon, authenticated;
grant select on public.error_episodes to authenticated;
grant select, insert, update, delete on public.error_episodes to service_role;
alter table public.error_episodes enable row level security;

create policy error_episodes_select_owner on public.error_episodes
for select to authenticated
using (owner_id = (select auth.uid()));

create index error_episodes_fixed on public.error_episodes (owner_id, fixed_at);

-- The few kinds whose rows are read one by one; the others cost a comparison.
create index events_captured on public.events (owner_id, kind, occurred_at)
where kind in ('terminal', 'emotion');

comment on table public.error_episodes is
'Errors of commands: begun by a failure, fixed when the same command in the same project succeeds.';
comment on column public.error_episodes.event_id is 'Of the failure that began it.';
comment on column public.error_episodes.source_id is 'Where it began; the fix may come from elsewhere.';
comment on column public.error_episodes.project is 'Empty where the event names none.';
comment on column public.error_episodes.command_sha256 is
'Of the normalised command; its text stays in the raw event.';
comment on column public.error_episodes.fixed_at is 'Null while unresolved.';
