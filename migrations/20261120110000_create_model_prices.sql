-- Prices as the makers of models list them: by day, by mode (fast, batch …), and by the length of the
-- prompt, since a request with a long prompt costs more as a whole. The rows come from a kept list; see
-- `python -m migrations.prices`. A model that is not listed has no price, and its cost is null: never a
-- guess.

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
    constraint model_prices_identity primary key (model, mode, effective_from, above_tokens, is_listed),
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
'As the list writes it, in lower case; Bedrock''s as `vendor.model`, with `regional.` or `global.` before it
where that has a price of its own. `price_names` gives the names under which a model is looked up.';
comment on column public.model_prices.is_listed is
'Came with a price list, whose successor replaces it. Rows of one''s own (false) stay, and are used before
listed ones of the same model and mode, from their first day on.';
comment on column public.model_prices.mode is 'A mode without rows costs what the standard mode costs.';
comment on column public.model_prices.effective_from is 'The first day, UTC, on which the price holds.';
comment on column public.model_prices.above_tokens is
'The price holds for the whole of a request whose prompt has more tokens than this; 0 for any request.';
comment on column public.model_prices.cache_write_usd is 'Of a cache entry that lives five minutes.';
comment on table public.price_lists is 'The price lists that model_prices was filled from.';
