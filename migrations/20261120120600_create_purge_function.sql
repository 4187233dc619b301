-- Retention. Raw events go, the sums over them stay, and a receipt says what went. Events of a day whose
-- daily figures are still to be computed stay.

create table public.purge_receipts (
    owner_id uuid not null references public.profiles (id) on delete cascade,
    id uuid not null default gen_random_uuid(),
    first_occurred_at timestamptz not null,
    last_occurred_at timestamptz not null,
    events integer not null,
    digest bytea not null,
    purged_at timestamptz not null default now(),
    constraint purge_receipts_identity primary key (owner_id, id),
    constraint purge_receipts_range check (first_occurred_at <= last_occurred_at),
    constraint purge_receipts_events check (events > 0),
    constraint purge_receipts_digest_length check (length(digest) = 32)
);

revoke all on public.purge_receipts from anon, authenticated;
grant select on public.purge_receipts to authenticated;
grant select, insert, delete on public.purge_receipts to service_role;
alter table public.purge_receipts enable row level security;

create policy purge_receipts_select_owner on public.purge_receipts
for select to authenticated
using (owner_id = (select auth.uid()));

create index purge_receipts_owner on public.purge_receipts (owner_id, purged_at, id);

comment on table public.purge_receipts is 'What retention deleted: one row for each transaction that did.';
comment on column public.purge_receipts.digest is
'SHA-256 over a line {source_id}|{occurred_at}|{id}\n for each event, in the order of occurred_at,
source_id, id; times as 2026-01-31T23:59:59.123456Z.';

-- The purge is alone with the owner's sums, so that no day is marked between the look at the marked days
-- and the commit.
create function public.purge_events(
    p_owner_id uuid,
    p_months integer default null,
    p_now timestamptz default now(),
    p_limit integer default 10000
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_timezone text;
    v_months integer;
    v_before timestamptz;
    v_sources uuid [];
    v_times timestamptz [];
    v_ids text [];
    v_purged integer;
begin
    select p.timezone, least(p.retention_months, p_months) into v_timezone, v_months
    from public.profiles as p
    where p.id = p_owner_id
    for no key update;
    if v_months is null then
        return 0;
    end if;
    perform public.lock_sums(p_owner_id);

    -- A day to be computed takes its neighbours with it, and these read the days beside them.
    select
        least(
            (
                date_trunc('day', p_now at time zone v_timezone) - make_interval(months => v_months)
            ) at time zone v_timezone,
            (min(d.day) - 2)::timestamp at time zone v_timezone
        )
    into v_before
    from public.dirty_days as d
    where d.owner_id = p_owner_id;

    select
        array_agg(s.source_id order by s.occurred_at, s.source_id, s.id collate "C"),
        array_agg(s.occurred_at order by s.occurred_at, s.source_id, s.id collate "C"),
        array_agg(s.id order by s.occurred_at, s.source_id, s.id collate "C")
    into v_sources, v_times, v_ids
    from (
        select
            e.source_id,
            e.occurred_at,
            e.id
        from public.events as e
        where e.owner_id = p_owner_id and e.occurred_at < v_before
        order by e.occurred_at, e.source_id, e.id
        limit p_limit
        for update of e skip locked -- what somebody holds is left for the next call
    ) as s;
    if v_ids is null then
        return 0;
    end if;

    delete from public.events as e
    using unnest(v_sources, v_times, v_ids) as s (source_id, occurred_at, id)
    where
        e.owner_id = p_owner_id
        and e.occurred_at between v_times[1] and v_times[array_upper(v_times, 1)]
        and (e.source_id, e.occurred_at, e.id) = (s.source_id, s.occurred_at, s.id);
    get diagnostics v_purged = row_count;

    insert into public.purge_receipts (owner_id, first_occurred_at, last_occurred_at, events, digest)
    select
        p_owner_id,
        min(s.occurred_at),
        max(s.occurred_at),
        v_purged,
        sha256(
            convert_to(
                string_agg(
                    format(
                        E'%s|%s|%s\n',
                        s.source_id,
                        to_char(s.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                        s.id
                    ),
                    '' order by s.number
                ),
                'UTF8'
            )
        )
    from unnest(v_sources, v_times, v_ids) with ordinality as s (source_id, occurred_at, id, number);

    update public.profiles as p
    set purged_before = v_before
    where p.id = p_owner_id and (p.purged_before is null or p.purged_before < v_before);
    return v_purged;
end
$$;

revoke all on function public.purge_events(uuid, integer, timestamptz, integer)
from public, anon, authenticated;
grant execute on function public.purge_events(uuid, integer, timestamptz, integer) to vibeloom_rollup;

comment on function public.purge_events(uuid, integer, timestamptz, integer) is
'Deletes up to p_limit events that are older than the owner''s or the deployment''s months, whichever are
fewer, and leaves a receipt; the sums stay. Returns how many. Call it until it is 0.';
