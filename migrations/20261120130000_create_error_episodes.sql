-- Errors, each once: from the failure of a command to the success that fixed it. Days, classes and
-- times to fix follow from these rows in any zone, so nothing that is derived can drift from them.
-- Computed from the raw events of commands (functions/rollup/failures.py), anew from a dirty day on.

create table public.error_episodes (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    opened_at timestamptz not null,
    source_id uuid not null,
    event_id text not null,
    project text not null,
    command_sha256 bytea not null,
    class text not null,
    fixed_at timestamptz,
    lane text not null default 'human',
    program text not null default '',
    constraint error_episodes_identity primary key (owner_id, opened_at, source_id, event_id),
    constraint error_episodes_class check (
        class in (
            'syntax', 'missing_dependency', 'permission', 'network', 'test_failure', 'compile', 'timeout',
            'other'
        )
    ),
    constraint error_episodes_command_length check (length(command_sha256) = 32),
    constraint error_episodes_lane check (lane in ('human', 'agent')),
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

comment on column public.error_episodes.event_id is 'Of the failure that began it.';
comment on column public.error_episodes.source_id is 'Where it began; the fix may come from elsewhere.';
comment on column public.error_episodes.project is 'Empty where the event names none.';
comment on column public.error_episodes.fixed_at is 'Null while unresolved.';
comment on table public.error_episodes is
'Errors of commands: begun by a failure. One of a terminal is fixed when the same command in the same project
succeeds, one of an agent when the same program in the same project and session does.';
comment on column public.error_episodes.lane is 'human: typed in a terminal. agent: run by an agent.';
comment on column public.error_episodes.program is
'Of an agent''s command, as `cargo test`; empty where it is not known, and for terminals.';
comment on column public.error_episodes.command_sha256 is
'Of the normalised command, whose text stays in the raw event; for an agent''s, of session and program.';

-- Commands of agents are counted by program, too: how many ran, and how many of them failed.
create table public.agent_runs (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    quarter timestamptz not null,
    source_id uuid not null,
    project text not null,
    program text not null,
    runs bigint not null,
    failed_runs bigint not null,
    constraint agent_runs_identity primary key (owner_id, quarter, source_id, project, program),
    constraint agent_runs_failed check (failed_runs between 0 and runs)
);

revoke all on public.agent_runs from public, anon, authenticated;
grant select on public.agent_runs to authenticated;
grant select, insert, update, delete on public.agent_runs to service_role;
alter table public.agent_runs enable row level security;

create policy agent_runs_select_owner on public.agent_runs
for select to authenticated
using (owner_id = (select auth.uid()));

comment on table public.agent_runs is
'Agents'' commands of a known program that ended; as fresh as the last refresh of their day.';
comment on column public.agent_runs.quarter is
'When the quarter of an hour began, or the owner''s day within it.';
comment on column public.agent_runs.project is 'Empty where the event names none.';
comment on column public.agent_runs.failed_runs is 'Of the runs.';
