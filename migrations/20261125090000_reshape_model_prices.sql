-- Prices as the makers of models list them: by day, by mode (fast, batch …), and by the length of the
-- prompt, since a request with a long prompt costs more as a whole. The rows come from a kept list; see
-- `python -m migrations.prices`. A model that is not listed has no price, and its cost is null: never a
-- guess.

drop function public.price_tokens(text, timestamptz, bigint, bigint, bigint, bigint);
drop table public.model_prices;

create table public.model_prices (
    model text not null,
    mode text not null,
    effective_from date not null,
    above_tokens bigint not null,
    provider text not null,
    input_usd numeric not null,
    output_usd numeric not null,
    cache_read_usd numeric not null,
    cache_write_usd numeric not null,
    cache_write_1h_usd numeric not null,
    web_search_usd numeric not null,
    is_listed boolean not null default false,
    constraint model_prices_identity primary key (model, mode, effective_from, above_tokens),
    constraint model_prices_mode check (mode in ('standard', 'fast', 'batch', 'priority', 'flex')),
    constraint model_prices_above_tokens check (above_tokens >= 0),
    constraint model_prices_positive check (
        least(
            input_usd, output_usd, cache_read_usd, cache_write_usd, cache_write_1h_usd, web_search_usd
        ) >= 0
    )
);

create table public.price_lists (
    source text not null,
    version text not null,
    listed_on date not null,
    applied_at timestamptz not null default now(),
    constraint price_lists_identity primary key (source, version)
);

revoke all on public.model_prices, public.price_lists from public, anon, authenticated;
grant select on public.model_prices, public.price_lists to authenticated;
grant select, insert, update, delete on public.model_prices to service_role;
grant select on public.price_lists to service_role;
alter table public.model_prices enable row level security;
alter table public.price_lists enable row level security;

create policy model_prices_select_everybody on public.model_prices
for select to authenticated
using (true);

create policy price_lists_select_everybody on public.price_lists
for select to authenticated
using (true);

comment on table public.model_prices is
'List prices in US dollars per million tokens, and per thousand web searches.';
comment on column public.model_prices.model is
'As the list writes it, in lower case. `price_names` gives the spellings under which a model is looked up.';
comment on column public.model_prices.mode is 'A mode without rows costs what the standard mode costs.';
comment on column public.model_prices.effective_from is 'The first day, UTC, on which the price holds.';
comment on column public.model_prices.above_tokens is
'The price holds for the whole of a request whose prompt has more tokens than this; 0 for any request.';
comment on column public.model_prices.is_listed is
'Came with a price list, whose successor replaces it. Rows of one''s own stay, and hold against listed ones.';
comment on column public.model_prices.cache_write_usd is 'Of a cache entry that lives five minutes.';
comment on table public.price_lists is 'The price lists that model_prices was filled from.';

-- The spellings under which a model may stand in the list, the most exact one first: clouds and proxies
-- put routes and regions before a name, and versions, dates and options behind it.
create function public.price_names(p_model text)
returns text []
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    with routed as (
        select regexp_replace(lower(p_model), '^.*/', '') as name
    ),

    bare as (
        select
            r.name,
            regexp_replace(
                regexp_replace(
                    regexp_replace(
                        r.name,
                        '^((us|eu|apac|au|jp|ca|sa|me|af|il|uk|global|us-gov)\.)?'
                        || '(anthropic|meta|amazon|mistral|deepseek|qwen|openai|cohere|ai21|moonshot|moonshotai'
                        || '|zai|minimax|nvidia|google|x-?ai)\.',
                        ''
                    ),
                    '-v[0-9]+(:[0-9]+)?$', ''
                ),
                '(\[1m\]|:thinking|-thinking|:beta|:nitro|:exacto|:extended)$', ''
            ) as plain,
            r.name ~ '^(us|eu|apac|au|jp|ca|sa|me|af|il|uk|us-gov)\.' as is_regional
        from routed as r
    ),

    undated as (
        select
            b.*,
            regexp_replace(
                regexp_replace(b.plain, '[-@](20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2}|latest|default)$', ''),
                '-v[0-9]+$', ''
            ) as short
        from bare as b
    ),

    spelled as (
        select
            u.*,
            -- claude-opus-4.5 and claude-4.5-opus are claude-opus-4-5
            case
                when u.short ~ '^claude-[0-9][0-9.-]*-(opus|sonnet|haiku|fable|mythos)$' and u.short !~ '^claude-3'
                    then replace(
                        regexp_replace(u.short, '^claude-([0-9][0-9.-]*)-([a-z]+)$', 'claude-\2-\1'), '.', '-'
                    )
                when u.short ~ '^claude-' then replace(u.short, '.', '-')
                else regexp_replace(u.short, '-preview-[0-9]{2}-[0-9]{2,4}$', '-preview')
            end as canonical
        from undated as u
    )

    select
        case
            when s.is_regional
                then array[
                    'regional.' || s.plain, 'regional.' || s.short, 'regional.' || s.canonical,
                    s.name, s.plain, s.short, s.canonical
                ]
            else array[s.name, s.plain, s.short, s.canonical]
        end
    from spelled as s;
$$;

create function public.find_price(p_model text, p_day date, p_mode text)
returns public.model_prices []
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(m order by m.above_tokens desc)
    from public.model_prices as m
    where
        (m.model, m.mode, m.effective_from) = (
            select
                k.model,
                k.mode,
                k.effective_from
            from unnest(public.price_names(p_model)) with ordinality as n (name, place)
            inner join public.model_prices as k on n.name = k.model
            where k.mode in (p_mode, 'standard') and k.effective_from <= p_day
            order by n.place, k.mode = p_mode desc, k.effective_from desc
            limit 1
        );
$$;

create function public.price_mode(p_payload jsonb)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_payload -> 'speed' = '"fast"' then 'fast'
        when coalesce(p_payload ->> 'service_tier', p_payload ->> 'serviceTier') in ('batch', 'priority', 'flex')
            then coalesce(p_payload ->> 'service_tier', p_payload ->> 'serviceTier')
        else 'standard'
    end;
$$;

-- One request, at the price of the length of its prompt. `p_prices` has the longest prompts first.
create function public.request_cost(
    p_prices public.model_prices [],
    p_input bigint,
    p_output bigint,
    p_cache_read bigint,
    p_cache_write bigint,
    p_cache_write_1h bigint
)
returns numeric
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_price public.model_prices;
begin
    foreach v_price in array p_prices loop
        exit when v_price.above_tokens = 0 or p_input + p_cache_read + p_cache_write > v_price.above_tokens;
    end loop;
    return (
        v_price.input_usd * p_input
        + v_price.output_usd * p_output
        + v_price.cache_read_usd * p_cache_read
        + v_price.cache_write_usd * (p_cache_write - least(p_cache_write_1h, p_cache_write))
        + v_price.cache_write_1h_usd * least(p_cache_write_1h, p_cache_write)
    ) / 1000000;
end
$$;

create function public.usage_cost(
    p_prices public.model_prices [],
    p_input bigint,
    p_output bigint,
    p_cache_read bigint,
    p_cache_write bigint,
    p_payload jsonb
)
returns numeric
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_requests jsonb := p_payload -> 'requests';
    v_cost numeric;
    v_sums bigint [];
    v_price public.model_prices;
begin
    if p_prices is null or p_input is null then
        return null;
    end if;
    if jsonb_typeof(v_requests) = 'array' and jsonb_array_length(v_requests) between 1 and 1000 then
        select
            array[sum(r.input), sum(r.output), sum(r.cache_read), sum(r.cache_write)],
            sum(public.request_cost(p_prices, r.input, r.output, r.cache_read, r.cache_write, r.cache_write_1h))
        into v_sums, v_cost
        from (
            select
                public.token_count(e.request -> 0) as input,
                public.token_count(e.request -> 1) as output,
                public.token_count(e.request -> 2) as cache_read,
                public.token_count(e.request -> 3) as cache_write,
                public.token_count(e.request -> 4) as cache_write_1h
            from jsonb_array_elements(v_requests) as e (request)
        ) as r;
    end if;
    if v_sums is distinct from array[p_input, p_output, p_cache_read, p_cache_write] then
        v_cost := public.request_cost(
            p_prices,
            p_input,
            p_output,
            p_cache_read,
            p_cache_write,
            public.token_count(
                coalesce(p_payload -> 'cache_creation_1h_tokens', p_payload -> 'cacheCreation1hTokens')
            )
        );
    end if;
    v_price := p_prices[array_upper(p_prices, 1)];
    return v_cost + v_price.web_search_usd / 1000 * least(
        public.token_count(coalesce(p_payload -> 'web_searches', p_payload -> 'webSearches')), 1000000
    );
end
$$;

revoke all on function
public.price_names(text),
public.find_price(text, date, text),
public.price_mode(jsonb),
public.request_cost(public.model_prices [], bigint, bigint, bigint, bigint, bigint),
public.usage_cost(public.model_prices [], bigint, bigint, bigint, bigint, jsonb)
from public, anon, authenticated;
grant execute on function
public.price_names(text),
public.find_price(text, date, text),
public.price_mode(jsonb),
public.request_cost(public.model_prices [], bigint, bigint, bigint, bigint, bigint),
public.usage_cost(public.model_prices [], bigint, bigint, bigint, bigint, jsonb)
to service_role;

comment on function public.price_names(text) is
'The spellings under which a model is looked up in model_prices, the most exact one first. A name of a region
of a cloud that has prices of its own is looked up with the prefix `regional.` first.';
comment on function public.find_price(text, date, text) is
'The prices of a model on a day in a mode, by length of the prompt, the longest first; null when none is
listed.';
comment on function public.price_mode(jsonb) is
'The mode that an event names: fast, batch, priority, flex, standard.';
comment on function
public.request_cost(public.model_prices [], bigint, bigint, bigint, bigint, bigint) is
'US dollars of one request; p_cache_write_1h is a part of p_cache_write.';
comment on function public.usage_cost(public.model_prices [], bigint, bigint, bigint, bigint, jsonb) is
'US dollars of an event with these totals; null without a price. The payload says which part of the cache
writes lives an hour, how many web searches there were, and of which requests the message was made
(`requests`, which count only if they sum to the totals). Odd values in it count as 0.';
