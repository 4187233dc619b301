-- A token may have 64 scopes: each room adds its own, and the owner's token has all of them.
alter table public.access_tokens
drop constraint access_tokens_scopes_some,
add constraint access_tokens_scopes_some check (cardinality(scopes) between 1 and 64);
