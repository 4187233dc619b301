-- Commands of agents fail and succeed, too. A completed call of a tool that names its program, or the class
-- of its failure, is one: its errors stand beside those of terminals, and its runs are counted by program.

alter table public.error_episodes
add column lane text not null default 'human',
add column program text not null default '',
add constraint error_episodes_lane check (lane in ('human', 'agent'));

comment on table public.error_episodes is
'Errors of commands: begun by a failure. One of a terminal is fixed when the same command in the same project
succeeds, one of an agent when the same program in the same project and session does.';
comment on column public.error_episodes.lane is 'human: typed in a terminal. agent: run by an agent.';
comment on column public.error_episodes.program is
'Of an agent''s command, as `cargo test`; empty where it is not known, and for terminals.';
comment on column public.error_episodes.command_sha256 is
'Of the normalised command, whose text stays in the raw event; for an agent''s, of session and program.';

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

-- Most events are no tool's, and cost one comparison of their kind; a tool's costs two looks for a key.
create index events_agent_runs on public.events (owner_id, occurred_at)
where kind = 'tool' and (payload ? 'program' or payload ? 'errorClass');
