"""What `sources` is to the house."""

from functions.core.room import HOURLY, SIGN_IN, Room, Scheduled

ROOM = Room(
    name="sources",
    purpose="Monitors, their keys, their health",
    prefixes=("/v1/sources",),
    tags={"sources": "Monitors and their keys are registered, listed and revoked."},
    scopes={
        "sources:read": "list monitors and their keys",
        "sources:write": "register monitors, add and revoke keys",
    },
    settings=SIGN_IN,
    errors=frozenset({"invalid_proof"}),
    jobs=(Scheduled("delete_expired_challenges", "43 * * * *", HOURLY),),
    libraries=("PyNaCl", "PyJWT[crypto]"),
)
