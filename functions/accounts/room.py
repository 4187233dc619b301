"""What `accounts` is to the house."""

from functions.core.room import SIGN_IN, Room

ROOM = Room(
    name="accounts",
    purpose="People, their settings and their access tokens",
    prefixes=("/v1/me", "/v1/tokens"),
    tags={
        "profile": "Your settings are read and changed.",
        "tokens": "Access tokens for programs are made, listed and revoked.",
    },
    scopes={
        "profile:read": "read your settings and see leaderboards",
        "profile:write": "change your settings, make, join and leave leaderboards",
        "tokens:read": "list access tokens",
        "tokens:write": "make and revoke access tokens",
    },
    settings=SIGN_IN | {"VIBELOOM_RETENTION_MONTHS"},
    errors=frozenset({"handle_taken", "precondition_failed"}),
    libraries=("PyJWT[crypto]",),
)
