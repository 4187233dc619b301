"""What `sources` is to the house."""

from functions.core.room import SIGN_IN, Room

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
    libraries=("PyNaCl", "PyJWT[crypto]"),
)
