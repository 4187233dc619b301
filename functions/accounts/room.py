"""What `accounts` is to the house."""

from functions.core.room import SIGN_IN, Room

ROOM = Room(
    name="accounts",
    purpose="People, monitors and their keys, access tokens, rankings",
    prefixes=("/v1/sources", "/v1/tokens", "/v1/me", "/v1/leaderboards"),
    scopes={
        "profile:read": "read your settings and see leaderboards",
        "profile:write": "change your settings, make, join and leave leaderboards",
        "sources:read": "list monitors and their keys",
        "sources:write": "register monitors, add and revoke keys",
        "tokens:read": "list access tokens",
        "tokens:write": "make and revoke access tokens",
    },
    settings=SIGN_IN | {"VIBELOOM_RETENTION_MONTHS"},
    errors=frozenset(
        {
            "handle_taken",
            "invalid_proof",
            "leaderboard_full",
            "owner_stays",
            "precondition_failed",
            "too_many_leaderboards",
        }
    ),
    libraries=("PyNaCl", "PyJWT[crypto]"),
)
