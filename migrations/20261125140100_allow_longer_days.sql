-- A day is as long as its zone makes it: 26 hours each October at Troll, 27 at Casey in March of several
-- years, 31 at Vostok on 31 January 1994. The lanes are cut at the day's own bounds, so the seconds never
-- exceed its length; the limit here only keeps out what no day can have. Two days make the longest one,
-- where the date line was moved.

alter table public.time_daily
drop constraint time_daily_seconds,
add constraint time_daily_seconds check (seconds between 1 and 172800);

comment on column public.time_daily.seconds is 'At most as many as the day has in its owner''s zone.';
