-- name: lock_failures(owner)$
-- One computation of an owner's failures at a time; a statement of its own, so that the next ones see
-- what the one before has committed.
select pg_advisory_xact_lock(hashtextextended('vibeloom.failures.' || :owner::text, 0)) is null;

-- name: find_stretch(owner, first, last)^
-- From the first moment of the first day to that after the last day, in the owner's zone; never
-- before the moment up to which raw events are purged. The account stays until the transaction ends.
select
    greatest(public.day_start(:first::date, p.timezone), p.purged_before) as since,
    public.day_start(:last::date + 1, p.timezone) as until
from public.profiles as p
where p.id = :owner::uuid
for key share;

-- name: find_last_moment(owner)$
-- The last instant of any command or failure. Rides on events_captured, events_agent_runs and both
-- indexes of error_episodes.
select greatest(
    (
        select max(v.occurred_at) from public.events as v
        where v.owner_id = :owner::uuid and v.kind = 'terminal'
    ),
    (
        select max(v.occurred_at) from public.events as v
        where
            v.owner_id = :owner::uuid
            and v.kind = 'tool'
            and (v.payload ? 'program' or v.payload ? 'errorClass')
    ),
    (select max(e.opened_at) from public.error_episodes as e where e.owner_id = :owner::uuid),
    (select max(e.fixed_at) from public.error_episodes as e where e.owner_id = :owner::uuid)
);

-- name: find_open_failures(owner, moment)
-- The failures that were open just before a moment, at most one for each project and command. A failure
-- that nothing can fix is never open.
select
    e.project,
    e.command_sha256,
    e.source_id,
    e.event_id,
    e.opened_at,
    e.class,
    e.fixed_at,
    e.lane,
    e.program
from public.error_episodes as e
where
    e.owner_id = :owner::uuid
    and e.opened_at < :moment::timestamptz
    and (e.fixed_at is null or e.fixed_at >= :moment::timestamptz)
    and (e.lane = 'human' or e.program <> '');

-- name: find_runs(owner, since, until)
-- Commands in the order of time; equal moments have an order too. Rides on events_captured and on
-- events_agent_runs. An agent's call without a class was refused, or is of a program that is not known.
select
    v.occurred_at,
    v.source_id,
    v.id,
    coalesce(v.project, '') as project,
    coalesce(v.payload ->> 'command', '') as command,
    v.is_error,
    case
        when v.is_error and jsonb_typeof(v.payload -> 'exit_code') = 'number'
            then (v.payload ->> 'exit_code')::numeric::bigint
    end as exit_code,
    case when v.is_error then coalesce(v.payload ->> 'stderr', '') else '' end as stderr,
    v.payload ->> 'stderr_class' as declared,
    'human' as lane,
    null::text as program,
    null::text as session
from public.events as v
where
    v.owner_id = :owner::uuid
    and v.kind = 'terminal'
    and v.occurred_at >= :since::timestamptz
    and v.occurred_at < :until::timestamptz
union all
select
    v.occurred_at,
    v.source_id,
    v.id,
    coalesce(v.project, '') as project,
    '' as command,
    v.payload -> 'success' = 'false'::jsonb as is_error,
    null as exit_code,
    '' as stderr,
    case
        when jsonb_typeof(v.payload -> 'errorClass') = 'string' then left(v.payload ->> 'errorClass', 32)
    end as declared,
    'agent' as lane,
    case
        when jsonb_typeof(v.payload -> 'program') = 'string' then left(v.payload ->> 'program', 128)
    end as program,
    case
        when jsonb_typeof(v.payload -> 'sessionId') = 'string' then left(v.payload ->> 'sessionId', 128)
    end as session
from public.events as v
where
    v.owner_id = :owner::uuid
    and v.kind = 'tool'
    and (v.payload ? 'program' or v.payload ? 'errorClass')
    and v.occurred_at >= :since::timestamptz
    and v.occurred_at < :until::timestamptz
    and v.payload ->> 'status' = 'completed'
    and (
        (v.payload -> 'success' = 'true'::jsonb and v.payload ? 'program')
        or (v.payload -> 'success' = 'false'::jsonb and v.payload -> 'errorClass' <> 'null'::jsonb)
    )
order by occurred_at, source_id, id;

-- name: find_failures(owner, since, until)
-- Failures that began in a stretch, in the order of find_open_failures; `until` null: to the end.
select
    e.project,
    e.command_sha256,
    e.source_id,
    e.event_id,
    e.opened_at,
    e.class,
    e.fixed_at,
    e.lane,
    e.program
from public.error_episodes as e
where
    e.owner_id = :owner::uuid
    and e.opened_at >= :since::timestamptz
    and (:until::timestamptz is null or e.opened_at < :until::timestamptz);

-- name: delete_failures(owner, opened, sources, events)!
-- Failures that no longer exist, or that have changed.
delete from public.error_episodes as e
using
    unnest(:opened::timestamptz [], :sources::uuid [], :events::text []) as n (opened_at, source_id, event_id)
where
    e.owner_id = :owner::uuid
    and (e.opened_at, e.source_id, e.event_id) = (n.opened_at, n.source_id, n.event_id);

-- name: insert_failures(owner, opened, sources, events, projects, commands, classes, fixed, lanes, programs)!
-- Many failures in one statement.
insert into public.error_episodes (
    owner_id, opened_at, source_id, event_id, project, command_sha256, class, fixed_at, lane, program
)
select
    :owner::uuid,
    n.opened_at,
    n.source_id,
    n.event_id,
    n.project,
    n.command_sha256,
    n.class,
    n.fixed_at,
    n.lane,
    n.program
from
    unnest(
        :opened::timestamptz [], :sources::uuid [], :events::text [], :projects::text [],
        :commands::bytea [], :classes::text [], :fixed::timestamptz [], :lanes::text [],
        :programs::text []
    ) as n (
        opened_at, source_id, event_id, project, command_sha256, class, fixed_at, lane, program
    );

-- name: update_fixes(owner, opened, sources, events, fixed)!
-- Failures that began before the stretch and whose end has changed.
update public.error_episodes as e
set fixed_at = n.fixed_at
from
    unnest(
        :opened::timestamptz [], :sources::uuid [], :events::text [], :fixed::timestamptz []
    ) as n (opened_at, source_id, event_id, fixed_at)
where
    e.owner_id = :owner::uuid
    and (e.opened_at, e.source_id, e.event_id) = (n.opened_at, n.source_id, n.event_id);

-- name: delete_agent_runs(owner, since, until)!
-- Removes the counts of the stretch.
delete from public.agent_runs as r
where
    r.owner_id = :owner::uuid
    and r.quarter >= :since::timestamptz
    and r.quarter < :until::timestamptz;

-- name: insert_agent_runs(owner, quarters, sources, projects, programs, runs, failed)!
-- Writes the counts of the stretch.
insert into public.agent_runs (owner_id, quarter, source_id, project, program, runs, failed_runs)
select
    :owner::uuid,
    n.quarter,
    n.source_id,
    n.project,
    n.program,
    n.runs,
    n.failed_runs
from
    unnest(
        :quarters::timestamptz [], :sources::uuid [], :projects::text [], :programs::text [],
        :runs::bigint [], :failed::bigint []
    ) as n (quarter, source_id, project, program, runs, failed_runs);
