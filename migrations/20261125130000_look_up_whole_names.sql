-- A price is looked up by the whole name of a model, and by what is known about who runs it: open weights
-- cost what their host asks, so another host's models have no price unless the list has that host's. Prices
-- of one's own stand beside listed ones and are used before them.

alter table public.model_prices
drop constraint model_prices_identity,
add constraint model_prices_identity primary key (model, mode, effective_from, above_tokens, is_listed);

comment on column public.model_prices.model is
'As the list writes it, in lower case; Bedrock''s as `vendor.model`, with `regional.` or `global.` before it
where that has a price of its own. `price_names` gives the names under which a model is looked up.';
comment on column public.model_prices.is_listed is
'Came with a price list, whose successor replaces it. Rows of one''s own (false) stay, and are used before
listed ones of the same model and mode, from their first day on.';

-- The names under which a model may stand in the list, the most exact one first. Routes, clouds and proxies
-- put a prefix before a name, and versions, dates and options behind it. A name is only ever taken apart by
-- these rules and then looked up as a whole: what merely begins like a listed model is not listed.
create or replace function public.price_names(p_model text)
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
    -- [1m] of Claude Code, (high) of a proxy, :beta of OpenRouter; `:free` and `:batch` are models of their own
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

create or replace function public.find_price(p_model text, p_day date, p_mode text)
returns public.model_prices []
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(m order by m.above_tokens desc)
    from public.model_prices as m
    where
        (m.model, m.mode, m.is_listed, m.effective_from) = (
            select
                k.model,
                k.mode,
                k.is_listed,
                k.effective_from
            from unnest(public.price_names(p_model)) with ordinality as n (name, place)
            inner join public.model_prices as k on n.name = k.model
            where k.mode in (p_mode, 'standard') and k.effective_from <= p_day
            order by n.place, k.mode = p_mode desc, k.is_listed, k.effective_from desc
            limit 1
        );
$$;

comment on function public.price_names(text) is
'The names under which a model is looked up in model_prices, the most exact one first. Open weights keep the
name of a host whose prices are not known, and are not found. A region of Bedrock is looked up as `regional.`
first.';
