-- What a session was on one day: an agent's by the id that its events carry, a person's as one
-- unbroken stretch of the human lane, cut at midnight.

create table public.session_daily (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    day date not null,
    lane text not null,
    session text not null,
    project text not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    events bigint not null,
    tools jsonb not null,
    tokens_input bigint not null,
    tokens_output bigint not null,
    tokens_cache_read bigint not null,
    tokens_cache_write bigint not null,
    cost_usd numeric not null,
    project_seconds jsonb not null default '{}',
    models text [] not null default '{}',
    calls bigint not null default 0,
    unpriced bigint not null default 0,
    constraint session_daily_identity primary key (owner_id, day, lane, session),
    constraint session_daily_lane check (lane in ('human', 'agent')),
    constraint session_daily_order check (started_at <= ended_at)
);

create index session_daily_session on public.session_daily (owner_id, lane, session, day);

revoke all on public.session_daily from anon, authenticated;
grant select on public.session_daily to authenticated;
grant select, insert, update, delete on public.session_daily to service_role;
alter table public.session_daily enable row level security;

create policy session_daily_select_owner on public.session_daily
for select to authenticated
using (owner_id = (select auth.uid()));

comment on table public.session_daily is
'Sessions by day of the owner''s zone: an agent''s by sessionId, a person''s by when it began.';
comment on column public.session_daily.cost_usd is 'Of the priced events.';
comment on column public.session_daily.project is
'Of an agent''s session, the last one named that day; of a person''s, the one with most of the time that
day; empty: none was named.';
comment on column public.session_daily.project_seconds is
'Of a person''s session: seconds by project. Which one most of a session went into, its days'' sums say.';
comment on column public.session_daily.tools is
'By tool, the number of reports that a call began and the number of all others: [starts, ends]. A session
has as many calls as the larger sum over its days.';
comment on column public.session_daily.models is 'Models that were called that day, by name.';
comment on column public.session_daily.calls is 'Calls of models.';
comment on column public.session_daily.unpriced is 'Calls of models that have no price.';
