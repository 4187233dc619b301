-- A person's settings change in one call, which says in a word why it refuses.

create function public.update_profile(
    p_id uuid,
    p_handle text,
    p_timezone text,
    p_idle_timeout_minutes integer,
    p_retention_months integer,
    p_leaderboard_opt_in boolean
)
returns text
language plpgsql
set search_path = ''
as $$
declare
    v_constraint text;
begin
    -- The handle comes last: its change locks the row harder than somebody may bear who computes days
    -- that a new zone is about to mark.
    update public.profiles as p
    set
        timezone = p_timezone,
        idle_timeout_minutes = p_idle_timeout_minutes,
        retention_months = p_retention_months
    where p.id = p_id;
    update public.profiles as p
    set
        handle = p_handle,
        leaderboard_opt_in = p_leaderboard_opt_in
    where
        p.id = p_id
        and (p.handle is distinct from p_handle or p.leaderboard_opt_in <> p_leaderboard_opt_in);
    return 'done';
exception
    when unique_violation or check_violation or invalid_parameter_value then
        get stacked diagnostics v_constraint = constraint_name;
        return case v_constraint
            when 'profiles_handle_unique' then 'handle_taken'
            when 'profiles_leaderboard_handle' then 'handle_missing'
            when 'profiles_timezone_known' then 'timezone_unknown'
            else 'invalid'
        end;
end
$$;

revoke all on function public.update_profile(uuid, text, text, integer, integer, boolean) from public;
grant execute on function public.update_profile(uuid, text, text, integer, integer, boolean)
to service_role;

comment on function public.update_profile(uuid, text, text, integer, integer, boolean) is
'Sets everything that a person may set. Returns done, handle_taken, handle_missing, timezone_unknown or
invalid, and changes nothing unless it is done.';
