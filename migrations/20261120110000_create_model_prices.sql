-- What tokens cost, from a day on. Maintained by SQL: a new price is a new row, an old one stays true
-- for its time. A model that is not listed has no price, and its cost is null: never a guess.

create table public.model_prices (
    model text not null,
    effective_from date not null,
    provider text not null,
    input_usd numeric not null,
    output_usd numeric not null,
    cache_read_usd numeric not null,
    cache_write_usd numeric not null,
    constraint model_prices_identity primary key (model, effective_from),
    constraint model_prices_positive check (
        least(input_usd, output_usd, cache_read_usd, cache_write_usd) >= 0
    )
);

revoke all on public.model_prices from anon, authenticated;
grant select on public.model_prices to authenticated;
grant select, insert, update, delete on public.model_prices to service_role;
alter table public.model_prices enable row level security;

create policy model_prices_select_everybody on public.model_prices
for select to authenticated
using (true);

comment on table public.model_prices is
'List prices in US dollars per million tokens. A dated name (model-20250514) has its model''s price.';
comment on column public.model_prices.effective_from is 'The first day, UTC, on which it holds.';

create function public.price_tokens(
    p_model text,
    p_at timestamptz,
    p_input bigint,
    p_output bigint,
    p_cache_read bigint,
    p_cache_write bigint
)
returns numeric
language sql
stable
set search_path = ''
as $$
    select
        (
            m.input_usd * p_input
            + m.output_usd * p_output
            + m.cache_read_usd * p_cache_read
            + m.cache_write_usd * p_cache_write
        ) / 1000000
    from public.model_prices as m
    where
        m.model = regexp_replace(p_model, '[-@](20[0-9]{6}|latest)$', '')
        and m.effective_from <= (p_at at time zone 'UTC')::date
    order by m.effective_from desc
    limit 1;
$$;

create function public.token_count(p_value jsonb)
returns bigint
language sql
immutable
set search_path = ''
as $$
    select case
        when jsonb_typeof(p_value) = 'number' and (p_value)::numeric between 0 and 1000000000000
            then (p_value)::numeric::bigint
        else 0
    end;
$$;

revoke all on function public.price_tokens(text, timestamptz, bigint, bigint, bigint, bigint)
from public;
revoke all on function public.token_count(jsonb) from public;
grant execute on function
public.price_tokens(text, timestamptz, bigint, bigint, bigint, bigint), public.token_count(jsonb)
to service_role;

comment on function public.price_tokens(text, timestamptz, bigint, bigint, bigint, bigint) is
'US dollars at that moment''s list price; null when the model has none.';
comment on function public.token_count(jsonb) is
'A token count from a payload; 0 for what is no number between 0 and 10^12.';

-- Anthropic's list prices per model generation (cache writes: the five-minute kind).
insert into public.model_prices (
    model, effective_from, provider, input_usd, output_usd, cache_read_usd, cache_write_usd
)
values
('claude-3-5-haiku', '2024-11-04', 'anthropic', 0.80, 4.00, 0.08, 1.00),
('claude-3-5-sonnet', '2024-06-20', 'anthropic', 3.00, 15.00, 0.30, 3.75),
('claude-3-7-sonnet', '2025-02-24', 'anthropic', 3.00, 15.00, 0.30, 3.75),
('claude-sonnet-4', '2025-05-22', 'anthropic', 3.00, 15.00, 0.30, 3.75),
('claude-opus-4', '2025-05-22', 'anthropic', 15.00, 75.00, 1.50, 18.75),
('claude-opus-4-1', '2025-08-05', 'anthropic', 15.00, 75.00, 1.50, 18.75),
('claude-sonnet-4-5', '2025-09-29', 'anthropic', 3.00, 15.00, 0.30, 3.75),
('claude-haiku-4-5', '2025-10-15', 'anthropic', 1.00, 5.00, 0.10, 1.25),
('claude-opus-4-5', '2025-11-24', 'anthropic', 5.00, 25.00, 0.50, 6.25);
