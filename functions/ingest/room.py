"""What `ingest` is to the house."""

from functions.core.metrics import Metric
from functions.core.room import DAILY, OWNER, Room, Scheduled

BATCHES = Metric("Batches", "Count", "vibeloom_batches", "Batches accepted")
EVENTS = Metric("Events", "Count", "vibeloom_events", "Events stored")
DUPLICATES = Metric("Duplicates", "Count", "vibeloom_duplicates", "Events that were there already")

ROOM = Room(
    name="ingest",
    purpose="Signed batches in",
    prefixes=("/v1/ingest",),
    tags={"ingest": "Monitors store events in signed batches."},
    settings=OWNER | {"VIBETEA_PUBLIC_KEYS"},
    errors=frozenset(
        {
            "empty_batch",
            "batch_too_large",
            "invalid_event",
            "invalid_event_type",
            "source_mismatch",
            "timestamp_out_of_range",
            "unknown_source",
            "invalid_signature",
        }
    ),
    metrics=(BATCHES, EVENTS, DUPLICATES),
    jobs=(Scheduled("make_partitions", "17 3 * * *", DAILY),),
    libraries=("PyNaCl", "jiter"),
    memory=1024,  # checking signatures and events is CPU
    most_unzipped=45,  # a monitor waits for its cold start
)
