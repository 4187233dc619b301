-- What storing and rolling up need to know of a kind of event; the same rows as functions/core/kinds.py.

create table public.event_kinds (
    kind text not null,
    detail_field text,
    duration_field text,
    error_rule jsonpath,
    has_tokens boolean not null default false,
    constraint event_kinds_identity primary key (kind),
    constraint event_kinds_duration_field check (duration_field ~ '_(ms|min)$')
);

revoke all on public.event_kinds from anon, authenticated;
grant select on public.event_kinds to authenticated, service_role;
alter table public.event_kinds enable row level security;

create policy event_kinds_select_everybody on public.event_kinds
for select to authenticated
using (true);

comment on table public.event_kinds is 'The kinds of events; the same for everybody.';
comment on column public.event_kinds.detail_field is
'The field of the payload that says more about what time went into: a tool, an action, a category.';
comment on column public.event_kinds.duration_field is
'The field that says how long it lasted, in milliseconds (…_ms) or minutes (…_min).';
comment on column public.event_kinds.error_rule is 'The predicate over the payload that makes it an error.';
comment on column public.event_kinds.has_tokens is 'It may report tokens, and is then a call of a model.';

insert into public.event_kinds (kind, detail_field, duration_field, error_rule, has_tokens)
values
('session', null, 'duration_ms', null, false),
('activity', null, null, null, false),
('tool', 'tool', null, '$.success == false', false),
('agent', null, null, null, false),
('summary', null, null, null, false),
('error', null, null, '1 == 1', false),
('agent_spawn', null, null, null, false),
('skill_invocation', null, null, null, false),
('token_usage', null, null, null, true),
('session_metrics', null, null, null, false),
('activity_pattern', null, null, null, false),
('model_distribution', null, null, null, false),
('todo_progress', null, null, null, false),
('file_change', null, null, null, false),
('project_activity', null, null, null, false),
('terminal', null, 'duration_ms', '$.exit_code != 0', false),
('editor', 'action', null, '$.action == "error"', false),
('window', null, 'duration_ms', null, false),
('browser', 'category', 'duration_ms', null, false),
('heartbeat', 'category', null, null, false),
('emotion', null, null, null, false),
('llm', null, null, null, true),
('manual', null, 'duration_min', null, false),
('custom', null, null, null, false);
