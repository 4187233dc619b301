-- Time that adds up: each instant of a lane belongs to one project, language and category, so the seconds
-- of any grouping sum to the lane's total, and no lane is longer than its day. Of the time in which human
-- and agent were at work at once, a group may claim only what both lanes have attributed to it: a row of
-- the lane both says for each grouping whether that is so.

-- A day is as long as its zone makes it: 26 hours each October at Troll, 27 at Casey in March of several
-- years, 31 at Vostok on 31 January 1994. The lanes are cut at the day's own bounds, so the seconds never
-- exceed its length; the limit here only keeps out what no day can have. Two days make the longest one,
-- where the date line was moved.

create table public.time_daily (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    day date not null,
    lane text not null,
    project text not null,
    language text not null,
    category text not null,
    seconds integer not null,
    same_project boolean not null default false,
    same_language boolean not null default false,
    same_category boolean not null default false,
    constraint time_daily_identity primary key (
        owner_id, day, lane, project, language, category, same_project, same_language, same_category
    ),
    constraint time_daily_same check (
        lane = 'both' or not (same_project or same_language or same_category)
    ),
    constraint time_daily_lane check (lane in ('human', 'agent', 'both', 'waiting')),
    constraint time_daily_seconds check (seconds between 1 and 172800)
);

revoke all on public.time_daily from anon, authenticated;
grant select on public.time_daily to authenticated;
grant select, insert, update, delete on public.time_daily to service_role;
alter table public.time_daily enable row level security;

create policy time_daily_select_owner on public.time_daily
for select to authenticated
using (owner_id = (select auth.uid()));

comment on table public.time_daily is
'Seconds by lane, project, language and category on a day of the owner''s zone; empty text: not named.';
comment on column public.time_daily.lane is
'human, agent, both (human and agent at once), waiting (an agent waits for the next prompt).';
comment on column public.time_daily.seconds is 'At most as many as the day has in its owner''s zone.';
comment on column public.time_daily.project is 'Of the lane both: the human lane''s.';
comment on column public.time_daily.language is 'Of the lane both: the human lane''s.';
comment on column public.time_daily.category is 'Of the lane both: the human lane''s.';
comment on column public.time_daily.same_project is
'Of the lane both: whether the agent lane had the same project at that time.';
comment on column public.time_daily.same_language is
'Of the lane both: whether the agent lane had the same language at that time.';
comment on column public.time_daily.same_category is
'Of the lane both: whether the agent lane had the same category at that time.';
