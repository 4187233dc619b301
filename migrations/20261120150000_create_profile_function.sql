-- A person's settings change in one call. Days and pauses are cut by the owner's zone and timeout: when one
-- of them changes, every day that has something is computed anew.

-- The two steps of a change that touch more than the person's own rows. They run for whoever is signed in,
-- and nobody else.
create function public.lock_own_sums()
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select public.lock_sums(auth.uid());
$$;

create function public.mark_own_days()
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select
        public.mark_days(
            p.id,
            array(
                select (s.quarter_at at time zone p.timezone)::date
                from public.activity_sums as s
                where s.owner_id = p.id
                union
                select t.day from public.time_daily as t where t.owner_id = p.id
                union
                select n.day from public.session_daily as n where n.owner_id = p.id
            )
        )
    from public.profiles as p
    where p.id = auth.uid();
$$;

create function public.update_profile(
    p_id uuid,
    p_handle text,
    p_timezone text,
    p_idle_timeout_minutes integer,
    p_retention_months integer,
    p_leaderboard_opt_in boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_zone text;
    v_timeout integer;
    v_handle text;
    v_constraint text;
begin
    -- Held before the sums, in the order of a purge: whoever computes days holds the profile for long, and
    -- the sums must stay free for events meanwhile.
    select p.timezone, p.idle_timeout_minutes, p.handle into v_zone, v_timeout, v_handle
    from public.profiles as p
    where p.id = p_id
    for no key update;
    if not found then
        raise exception 'there is no such person' using errcode = 'VL014';
    end if;

    if v_zone <> p_timezone or v_timeout <> p_idle_timeout_minutes then
        perform public.lock_own_sums();
        update public.profiles as p
        set timezone = p_timezone, idle_timeout_minutes = p_idle_timeout_minutes
        where p.id = p_id;
        perform public.mark_own_days();
    end if;

    if p_handle is distinct from v_handle then
        delete from public.handles as h where h.handle = v_handle and h.owner_id = p_id;
        if p_handle is not null then
            insert into public.handles (handle, owner_id) values (p_handle, p_id)
            on conflict (handle) do nothing;
            if not found then
                raise exception 'the handle is taken' using errcode = 'VL011';
            end if;
        end if;
    end if;
    update public.profiles as p
    set
        handle = p_handle,
        retention_months = p_retention_months,
        leaderboard_opt_in = p_leaderboard_opt_in
    where p.id = p_id;
exception
    when check_violation then
        get stacked diagnostics v_constraint = constraint_name;
        raise exception 'the settings violate %', v_constraint using errcode = case v_constraint
            when 'profiles_leaderboard_handle' then 'VL012'
            when 'timezone_name_known' then 'VL013'
            else 'VL014'
        end;
end
$$;

revoke all on function
public.lock_own_sums(),
public.mark_own_days(),
public.update_profile(uuid, text, text, integer, integer, boolean)
from public, anon, authenticated;
grant execute on function
public.lock_own_sums(),
public.mark_own_days(),
public.update_profile(uuid, text, text, integer, integer, boolean)
to vibeloom_member;

comment on function public.lock_own_sums() is 'Holds the sums of whoever is signed in, as lock_sums does.';
comment on function public.mark_own_days() is
'Has every day of whoever is signed in computed anew that has something.';
comment on function public.update_profile(uuid, text, text, integer, integer, boolean) is
'Sets everything that a person may set. VL011: somebody else has the handle, VL012: leaderboards need a
handle, VL013: the server does not know the zone, VL014: another setting is out of its
range, or there is no such person.';
