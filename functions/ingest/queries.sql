-- name: find_source_keys(source)
-- The active keys of a source; rides on source_names_identity.
select
    k.owner_id,
    k.key_id,
    k.public_key,
    k.is_configured
from public.find_source_keys(:source::text) as k;

-- name: bulk_insert_events(owner_id, key_id, events, body_sha256, signature)$
-- The hot path: one call, one transaction, everything or nothing.
select public.bulk_insert_events(
    :owner_id::uuid, :key_id::uuid, :events::jsonb, :body_sha256::bytea, :signature::bytea
);

-- name: add_configured_key(owner_id, source, public_key)^
-- Keys from VIBETEA_PUBLIC_KEYS become rows, so that revocation and provenance hold for them too.
select
    k.key_id,
    k.created
from public.add_source_key(:owner_id::uuid, :source::text, :public_key::bytea, true) as k;

-- name: make_event_partitions()$
-- Makes the partitions of the coming months, daily.
select public.make_event_partitions();
