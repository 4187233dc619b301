-- What a call costs. A price is looked up by the whole name of a model, and by what is known about who runs
-- it: open weights cost what their host asks, so another host's models have no price unless the list has
-- that host's.

-- Functions whose body is an expression (`return`) are bound to what they name when they are made, so they
-- need no search path, and Postgres computes them in place: they cost nothing for each event.
create function public.token_count(p_value jsonb)
returns bigint
language sql
immutable
return case
    when jsonb_typeof(p_value) = 'number' and p_value::numeric between 0 and 1000000000
        then p_value::numeric::bigint
    else 0
end;

-- The names under which a model may stand in the list, the most exact one first. Routes, clouds and proxies
-- put a prefix before a name, and versions, dates and options behind it. A name is only ever taken apart by
-- these rules and then looked up as a whole: what merely begins like a listed model is not listed.
create function public.price_names(p_model text)
returns text []
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    -- A model that only its maker runs costs the maker's price at every reseller. Open weights have a price
    -- at their maker and at OpenRouter only: another host asks its own price, and a local one none.
    c_closed constant text := '^(claude-|gpt-[0-9]|chatgpt-|codex-|o[1-9](-|$)|gemini-|grok-)';
    v_name text := lower(btrim(p_model));
    v_parts text [];
    v_is_regional boolean;
    v_names text [] := '{}';
begin
    v_name := regexp_replace(v_name, '^arn:aws[a-z-]*:bedrock:[^/]*:(foundation-model|inference-profile)/', '');
    v_name := regexp_replace(v_name, '^(projects/.*/)?publishers/[^/]+/models/', '');
    -- [1m] of Claude Code, (high) of a proxy, :beta of OpenRouter; `:free` and `:batch` are models of their
    -- own
    v_name := regexp_replace(
        v_name, '(\[[0-9]+[km]\]|\([a-z0-9]+\)|:(thinking|beta|nitro|floor|exacto|online))+$', ''
    );
    v_is_regional := v_name ~ '(^|/)[a-z]{2}(-gov)?-[a-z]+-[0-9]/';
    v_name := regexp_replace(
        v_name,
        '^((openrouter|litellm|litellm_proxy|~?(anthropic|openai|google|x-ai|xai|mistral|mistralai|deepseek'
        || '|qwen|dashscope|z-ai|zai|zhipuai|bigmodel|moonshotai|moonshot|minimax|meta-llama|cohere|xiaomi))/)+',
        ''
    );
    if v_name ~ '/' and (
        regexp_replace(v_name, '^.*/', '') ~ c_closed
        or v_name ~ '^(bedrock|bedrock_converse|bedrock_mantle|amazon_bedrock|amazon-bedrock)/'
    ) then
        v_name := regexp_replace(v_name, '^.*/', '');
    end if;

    -- Bedrock: us.anthropic.claude-opus-4-5-20251101-v1:0
    v_parts := regexp_match(
        v_name,
        '^(?:(us|eu|apac|ap|au|jp|in|ca|sa|me|af|il|uk|us-gov|global)\.)?'
        || '(ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai|nvidia'
        || '|openai|qwen|writer|xai|zai)\.(.+)$'
    );
    if v_parts is not null then
        v_is_regional := v_is_regional or coalesce(v_parts[1] <> 'global', false);
        v_name := regexp_replace(
            regexp_replace(v_parts[3], ':[0-9]+(:[0-9a-z]+)?$', ''),
            case v_parts[2] when 'anthropic' then '-v[0-9]+$' else '-v1$' end,
            ''
        );
        v_names := array[
            v_parts[2] || '.' || v_name,
            v_parts[2] || '.' || regexp_replace(v_name, '-20[0-9]{6}$', '')
        ];
        if v_is_regional then
            v_names := array['regional.' || v_names[1], 'regional.' || v_names[2]] || v_names;
        elsif v_parts[1] = 'global' then
            v_names := array['global.' || v_names[1]] || v_names;
        elsif v_parts[2] <> 'anthropic' then -- in one region; Claude's are shown at the maker's price
            v_names := v_names || array['regional.' || v_names[1]];
        end if;
        if v_name !~ c_closed then
            return v_names;
        end if;
    end if;

    v_names := v_names || v_name;
    if v_name ~ '^claude-' then
        -- claude-4.5-opus-20251101-thinking is claude-opus-4-5
        v_name := regexp_replace(v_name, '-thinking$', '');
        v_name := regexp_replace(v_name, '-v[0-9]+(:[0-9]+)?$', '');
        v_name := regexp_replace(v_name, '[-@](20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2}|latest|default)$', '');
        v_name := regexp_replace(v_name, '(-thinking|-v[0-9]+)$', '');
        v_names := v_names || v_name;
        v_name := replace(v_name, '.', '-');
        if v_name !~ '^claude-3-' then
            v_name := regexp_replace(v_name, '^claude-([0-9](?:-[0-9])?)-([a-z]+)$', 'claude-\2-\1');
        end if;
    elsif v_name ~ '^gemini-' then
        v_name := regexp_replace(v_name, '-00[1-9]$', '');
        v_name := regexp_replace(v_name, '-preview-[0-9]{2}-[0-9]{2,4}$', '-preview');
        v_name := regexp_replace(v_name, '[-@](latest|default)$', '');
    else
        v_name := regexp_replace(v_name, '[-@](20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2}|latest|default)$', '');
    end if;
    return v_names || v_name;
end
$$;

create function public.find_price(p_model text, p_day date, p_mode text)
returns public.model_prices []
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name text;
    v_found public.model_prices;
begin
    -- Name by name, each a look into the primary key: the list is long, and most models are found at once.
    foreach v_name in array public.price_names(p_model) loop
        select k.* into v_found
        from public.model_prices as k
        where
            k.model = v_name
            and k.mode in (p_mode, 'standard')
            and k.effective_from <= p_day
        order by k.mode = p_mode desc, k.is_listed, k.effective_from desc
        limit 1;
        if found then
            return array(
                select m
                from public.model_prices as m
                where
                    m.model = v_found.model
                    and m.mode = v_found.mode
                    and m.is_listed = v_found.is_listed
                    and m.effective_from = v_found.effective_from
                order by m.above_tokens desc
            );
        end if;
    end loop;
    return null;
end
$$;

create function public.price_mode(p_payload jsonb)
returns text
language sql
immutable
return case
    when p_payload -> 'speed' = '"fast"' then 'fast'
    when coalesce(p_payload ->> 'service_tier', p_payload ->> 'serviceTier') in ('batch', 'priority', 'flex')
        then coalesce(p_payload ->> 'service_tier', p_payload ->> 'serviceTier')
    else 'standard'
end;

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

create function public.detailed_cost(
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

-- Most events say nothing that needs a look into their requests.
create function public.usage_cost(
    p_prices public.model_prices [],
    p_input bigint,
    p_output bigint,
    p_cache_read bigint,
    p_cache_write bigint,
    p_payload jsonb
)
returns numeric
language sql
immutable
return case
    when p_prices is null or p_input is null then null
    when p_payload ?| array['requests', 'web_searches', 'webSearches']
        then public.detailed_cost(p_prices, p_input, p_output, p_cache_read, p_cache_write, p_payload)
    else
        public.request_cost(
            p_prices,
            p_input,
            p_output,
            p_cache_read,
            p_cache_write,
            public.token_count(
                coalesce(p_payload -> 'cache_creation_1h_tokens', p_payload -> 'cacheCreation1hTokens')
            )
        )
end;

revoke all on function
public.token_count(jsonb),
public.price_names(text),
public.find_price(text, date, text),
public.price_mode(jsonb),
public.request_cost(public.model_prices [], bigint, bigint, bigint, bigint, bigint),
public.detailed_cost(public.model_prices [], bigint, bigint, bigint, bigint, jsonb),
public.usage_cost(public.model_prices [], bigint, bigint, bigint, bigint, jsonb)
from public, anon, authenticated;
grant execute on function
public.token_count(jsonb),
public.price_names(text),
public.find_price(text, date, text),
public.price_mode(jsonb),
public.request_cost(public.model_prices [], bigint, bigint, bigint, bigint, bigint),
public.detailed_cost(public.model_prices [], bigint, bigint, bigint, bigint, jsonb),
public.usage_cost(public.model_prices [], bigint, bigint, bigint, bigint, jsonb)
to service_role;

comment on function public.price_names(text) is
'The names under which a model is looked up in model_prices, the most exact one first. Open weights keep the
name of a host whose prices are not known, and are not found. A region of Bedrock is looked up as
`regional.` first.';
comment on function public.find_price(text, date, text) is
'The prices of a model on a day in a mode, by length of the prompt, the longest first; null when none is
listed.';
comment on function public.price_mode(jsonb) is
'The mode that an event names: fast, batch, priority, flex, standard.';
comment on function
public.request_cost(public.model_prices [], bigint, bigint, bigint, bigint, bigint) is
'US dollars of one request; p_cache_write_1h is a part of p_cache_write.';
comment on function public.detailed_cost(public.model_prices [], bigint, bigint, bigint, bigint, jsonb) is
'usage_cost of an event that names its requests or web searches.';
comment on function public.usage_cost(public.model_prices [], bigint, bigint, bigint, bigint, jsonb) is
'US dollars of an event with these totals; null without a price. The payload says which part of the cache
writes lives an hour, how many web searches there were, and of which requests the message was made
(`requests`, which count only if they sum to the totals). Odd values in it count as 0.';
comment on function public.token_count(jsonb) is
'A token count from a payload; 0 for what is no number between 0 and 10^9. The bound keeps every sum over
events within a bigint.';
