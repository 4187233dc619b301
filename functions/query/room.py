"""What `query` is to the house."""

from functions.core.room import SIGN_IN, Room

ROOM = Room(
    name="query",
    purpose="Questions out",
    prefixes=("/v1/query", "/v1/events", "/v1/events.ndjson"),
    tags={
        "query": "Questions about your events are answered with figures.",
        "events": "Your events are listed and exported, with their payloads.",
    },
    scopes={"query:read": "read answers and events"},
    settings=SIGN_IN,
    errors=frozenset(
        {
            "invalid_days",
            "invalid_range",
            "invalid_timezone",
            "invalid_filter",
            "invalid_limit",
            "invalid_budget",
        }
    ),
    libraries=("PyJWT[crypto]",),
    memory=1024,
)
