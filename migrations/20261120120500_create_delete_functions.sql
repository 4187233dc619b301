-- How events go: out of the table and out of the sums in one transaction. Accounts and sources are deleted
-- in steps of a bounded size, so that no statement runs long and no lock is held for long; killed half-way,
-- the next call goes on.

create function public.delete_events(
    p_owner_id uuid, p_times timestamptz [], p_sources uuid [], p_ids text []
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted integer;
    v_deltas public.sum_delta [];
begin
    perform public.lock_sums(p_owner_id);
    with gone as (
        delete from public.events as e
        using unnest(p_times, p_sources, p_ids) as k (occurred_at, source_id, id)
        where
            e.owner_id = p_owner_id
            and (e.occurred_at, e.source_id, e.id) = (k.occurred_at, k.source_id, k.id)
            and e.occurred_at between (select min(t.at) from unnest(p_times) as t (at))
            and (select max(t.at) from unnest(p_times) as t (at))
        returning e.*
    ),

    deltas as (
        select
            row(
                date_bin('15 minutes', g.occurred_at, 'epoch'),
                g.source_id,
                g.kind,
                coalesce(g.project, ''),
                coalesce(g.language, ''),
                coalesce(g.provider, ''),
                coalesce(g.model, ''),
                -count(*),
                -count(*) filter (where g.is_error),
                -count(*) filter (where g.tokens_input is not null),
                -count(*) filter (where g.tokens_input is not null and g.cost_usd is null),
                -coalesce(sum(g.tokens_input), 0),
                -coalesce(sum(g.tokens_output), 0),
                -coalesce(sum(g.tokens_cache_read), 0),
                -coalesce(sum(g.tokens_cache_write), 0),
                -coalesce(sum(g.cost_usd), 0)
            )::public.sum_delta as delta
        from gone as g
        group by
            date_bin('15 minutes', g.occurred_at, 'epoch'), g.source_id, g.kind,
            coalesce(g.project, ''), coalesce(g.language, ''), coalesce(g.provider, ''), coalesce(g.model, '')
    )

    select (select count(*) from gone), array_agg(d.delta) into v_deleted, v_deltas
    from deltas as d;
    if v_deleted > 0 then
        perform public.add_to_sums(p_owner_id, v_deltas);
    end if;
    return v_deleted;
end
$$;

create function public.delete_source(p_owner_id uuid, p_source_id uuid, p_limit integer default 10000)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_times timestamptz [];
    v_ids text [];
begin
    -- One deletion of an owner at a time: who waits for a key that another step revokes keeps it locked.
    perform pg_advisory_xact_lock(hashtextextended('vibeloom.deletion ' || p_owner_id::text, 0));
    -- Nothing new comes in: a batch under way is waited for, later ones are refused.
    update public.source_keys as k
    set revoked_at = now()
    where k.owner_id = p_owner_id and k.source_id = p_source_id and k.revoked_at is null;
    -- Before the look at the events: a batch that no key vouches for is waited for, too.
    perform public.lock_sums(p_owner_id);

    select array_agg(e.occurred_at), array_agg(e.id) into v_times, v_ids
    from (
        select
            v.occurred_at,
            v.id
        from public.events as v
        where v.owner_id = p_owner_id and v.source_id = p_source_id
        order by v.occurred_at
        limit p_limit
    ) as e;
    if v_ids is not null then
        perform public.delete_events(
            p_owner_id, v_times, array_fill(p_source_id, array[cardinality(v_ids)]), v_ids
        );
        return false;
    end if;

    -- Sums of events that a purge has taken go with the source.
    delete from public.event_sums as s where s.owner_id = p_owner_id and s.source_id = p_source_id;
    delete from public.token_sums as s where s.owner_id = p_owner_id and s.source_id = p_source_id;
    delete from public.activity_sums as s where s.owner_id = p_owner_id and s.source_id = p_source_id;
    delete from public.event_days as s where s.owner_id = p_owner_id and s.source_id = p_source_id;
    delete from public.token_days as s where s.owner_id = p_owner_id and s.source_id = p_source_id;
    delete from public.source_names as n where n.owner_id = p_owner_id and n.source_id = p_source_id;
    delete from public.public_keys as n
    using public.source_keys as k
    where
        n.owner_id = p_owner_id
        and k.owner_id = p_owner_id
        and k.source_id = p_source_id
        and n.key_id = k.id;
    delete from public.sources as s where s.owner_id = p_owner_id and s.id = p_source_id;
    return true;
end
$$;

create function public.delete_account(p_owner_id uuid, p_limit integer default 10000)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted integer;
begin
    perform pg_advisory_xact_lock(hashtextextended('vibeloom.deletion ' || p_owner_id::text, 0));
    update public.source_keys as k
    set revoked_at = now()
    where k.owner_id = p_owner_id and k.revoked_at is null;
    delete from public.token_hashes as h where h.owner_id = p_owner_id;
    delete from public.access_tokens as t where t.owner_id = p_owner_id;
    -- The profile before the sums, in the order of a purge and of a change of zone.
    perform from public.profiles as p where p.id = p_owner_id for no key update;
    perform public.lock_sums(p_owner_id);

    delete from public.events as e
    using (
        select
            v.occurred_at,
            v.source_id,
            v.id
        from public.events as v
        where v.owner_id = p_owner_id
        order by v.occurred_at, v.source_id, v.id
        limit p_limit
    ) as g
    where
        e.owner_id = p_owner_id
        and (e.occurred_at, e.source_id, e.id) = (g.occurred_at, g.source_id, g.id);
    get diagnostics v_deleted = row_count;
    if v_deleted > 0 then
        return false;
    end if;

    delete from public.event_versions as v
    using (
        select n.id from public.event_versions as n
        where n.owner_id = p_owner_id
        order by n.id
        limit p_limit
    ) as g
    where v.owner_id = p_owner_id and v.id = g.id;
    get diagnostics v_deleted = row_count;
    if v_deleted > 0 then
        return false;
    end if;

    delete from public.event_sums as s where s.owner_id = p_owner_id;
    delete from public.token_sums as s where s.owner_id = p_owner_id;
    delete from public.activity_sums as s where s.owner_id = p_owner_id;
    delete from public.event_days as s where s.owner_id = p_owner_id;
    delete from public.token_days as s where s.owner_id = p_owner_id;
    -- In one order, because two people who leave may be members of each other's boards.
    perform
    from public.leaderboard_members as m
    where
        m.owner_id = p_owner_id
        or m.leaderboard_id in (select b.id from public.leaderboards as b where b.owner_id = p_owner_id)
    order by m.leaderboard_id, m.owner_id
    for update;
    delete from public.source_names as n where n.owner_id = p_owner_id;
    delete from public.public_keys as n where n.owner_id = p_owner_id;
    delete from public.handles as n where n.owner_id = p_owner_id;
    delete from public.deployment as n where n.owner_id = p_owner_id;
    delete from public.work_items as w where w.owner_id = p_owner_id;
    delete from public.leaderboards as b where b.owner_id = p_owner_id;
    delete from public.profiles as p where p.id = p_owner_id;
    return true;
end
$$;

create function public.find_rows_without_owner()
returns table (table_name text, owners bigint)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    for table_name in
        select c.relname
        from pg_class as c
        inner join pg_attribute as a on c.oid = a.attrelid
        where
            c.relnamespace = 'public'::regnamespace
            and c.relkind in ('r', 'p')
            and a.attname = 'owner_id'
            and not exists (
                select from pg_constraint as k
                where
                    k.conrelid = c.oid
                    and k.contype = 'f'
                    and k.confrelid = 'public.profiles'::regclass
            )
        order by c.relname
    loop
        -- One probe of the primary key for each owner.
        execute format(
            'with recursive present as (
                (select t.owner_id from public.%1$I as t order by t.owner_id limit 1)
                union all
                select (
                    select t.owner_id from public.%1$I as t
                    where t.owner_id > p.owner_id
                    order by t.owner_id
                    limit 1
                )
                from present as p
                where p.owner_id is not null
            )
            select count(*)
            from present as p
            where
                p.owner_id is not null
                and not exists (select from public.profiles as o where o.id = p.owner_id)',
            table_name
        ) into owners;
        if owners > 0 then
            return next;
        end if;
    end loop;
end
$$;

revoke all on function
public.delete_events(uuid, timestamptz [], uuid [], text []),
public.delete_source(uuid, uuid, integer),
public.delete_account(uuid, integer),
public.find_rows_without_owner()
from public, anon, authenticated;
grant execute on function
public.delete_events(uuid, timestamptz [], uuid [], text []),
public.delete_source(uuid, uuid, integer),
public.delete_account(uuid, integer),
public.find_rows_without_owner()
to service_role;

comment on function public.delete_events(uuid, timestamptz [], uuid [], text []) is
'Deletes these events of an owner and takes them out of the sums; returns how many there were. With a
revision they do not come back.';
comment on function public.delete_source(uuid, uuid, integer) is
'Revokes the source''s keys and deletes up to p_limit of its events. When none is left it deletes its sums
and the source, and returns true. Call it until it does.';
comment on function public.delete_account(uuid, integer) is
'Revokes the owner''s keys and tokens and deletes up to p_limit of the events. When none is left it deletes
everything else of the owner, and returns true. Call it until it does.';
comment on function public.find_rows_without_owner() is
'Tables without a foreign key to profiles that have rows of owners who are gone, and how many owners. No
row: all is well.';
