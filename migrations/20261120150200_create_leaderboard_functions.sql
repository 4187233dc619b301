-- Making, joining and leaving a ranking, and the ranking itself. Limits hold under concurrency because
-- a person's own row, and then the board's, are locked before anything is counted.

-- 20 boards a person, 500 people a board: a ranking stays something that one query sums.
create function public.create_leaderboard(p_owner_id uuid, p_name text, p_code_sha256 bytea)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    perform from public.profiles as p where p.id = p_owner_id for no key update;
    if (select count(*) from public.leaderboard_members as m where m.owner_id = p_owner_id) >= 20 then
        raise exception 'the person is in 20 leaderboards' using errcode = 'VL021';
    end if;
    insert into public.leaderboards (owner_id, name, code_sha256)
    values (p_owner_id, p_name, p_code_sha256)
    returning id into v_id;
    insert into public.leaderboard_members (owner_id, leaderboard_id)
    values (p_owner_id, v_id);
    return v_id;
end
$$;

create function public.join_leaderboard(p_owner_id uuid, p_code_sha256 bytea)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    if coalesce(auth.uid(), p_owner_id) <> p_owner_id then
        raise insufficient_privilege;
    end if;
    perform from public.profiles as p where p.id = p_owner_id for no key update;
    select b.id into v_id
    from public.leaderboards as b
    where b.code_sha256 = p_code_sha256
    for no key update;
    if v_id is null then
        raise exception 'no leaderboard has this code' using errcode = 'VL022';
    end if;
    if exists (
        select from public.leaderboard_members as m
        where m.leaderboard_id = v_id and m.owner_id = p_owner_id
    ) then
        return v_id;
    end if;
    if (select count(*) from public.leaderboard_members as m where m.owner_id = p_owner_id) >= 20 then
        raise exception 'the person is in 20 leaderboards' using errcode = 'VL021';
    end if;
    if (select count(*) from public.leaderboard_members as m where m.leaderboard_id = v_id) >= 500 then
        raise exception 'the leaderboard has 500 members' using errcode = 'VL023';
    end if;
    insert into public.leaderboard_members as m (owner_id, leaderboard_id)
    values (p_owner_id, v_id);
    return v_id;
end
$$;

-- As a definer function it sums other people's rows and lets out three columns.
create function public.rank_leaderboard(
    p_leaderboard_id uuid,
    p_metric text,
    p_from timestamptz,
    p_to timestamptz,
    p_after_value numeric,
    p_after_handle text,
    p_limit integer
)
returns table (place bigint, handle text, value numeric)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with people as (
        select
            p.id,
            p.handle
        from public.profiles as p
        where
            p.leaderboard_opt_in
            and (
                p_leaderboard_id is null
                or exists (
                    select from public.leaderboard_members as o
                    where o.leaderboard_id = p_leaderboard_id and o.owner_id = auth.uid()
                )
                and exists (
                    select from public.leaderboard_members as m
                    where m.leaderboard_id = p_leaderboard_id and m.owner_id = p.id
                )
            )
    ),

    sums as (
        select
            p.handle,
            case p_metric
                when 'events' then sum(c.events)
                when 'active_days' then count(distinct (c.quarter_at at time zone 'UTC')::date)
                when 'active_hours' then count(distinct date_trunc('hour', c.quarter_at, 'UTC'))
                when 'tokens' then sum(c.tokens_input + c.tokens_output)
            end as value
        from people as p
        inner join public.event_sums as c on p.id = c.owner_id
        where c.quarter_at >= p_from and c.quarter_at < p_to
        group by p.id, p.handle
    ),

    ranked as (
        select
            rank() over (order by s.value desc) as place,
            s.handle,
            s.value
        from sums as s
        where s.value > 0
    )

    select
        r.place,
        r.handle,
        r.value
    from ranked as r
    where
        p_after_value is null
        or r.value < p_after_value
        or (r.value = p_after_value and r.handle collate "C" > p_after_handle)
    order by r.value desc, r.handle collate "C" asc
    limit p_limit;
$$;

revoke all on function public.create_leaderboard(uuid, text, bytea) from public, anon, authenticated;
revoke all on function public.join_leaderboard(uuid, bytea) from public, anon, authenticated;
revoke all on function public.rank_leaderboard(
    uuid, text, timestamptz, timestamptz, numeric, text, integer
) from public, anon, authenticated;
grant execute on function public.create_leaderboard(uuid, text, bytea) to vibeloom_member;
grant execute on function public.join_leaderboard(uuid, bytea) to vibeloom_member;
grant execute on function public.rank_leaderboard(
    uuid, text, timestamptz, timestamptz, numeric, text, integer
) to vibeloom_member;

comment on function public.create_leaderboard(uuid, text, bytea) is
'A private ranking with its owner as the first member. VL021: that person is in 20 already.';
comment on function public.join_leaderboard(uuid, bytea) is
'The leaderboard that the code opens, with the person in it, also if that was so before. VL021: the person is
in 20, VL022: no leaderboard has the code, VL023: 500 people are in it.';
comment on function public.rank_leaderboard(
    uuid, text, timestamptz, timestamptz, numeric, text, integer
) is
'A page of a ranking, or of the public one when the id is null: place, handle and value of the members
who opted in and have any. Metrics: events, active_days and active_hours (UTC), tokens (in and out).';
