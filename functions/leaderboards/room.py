"""What `leaderboards` is to the house. Its scopes are those of a person's settings, in accounts."""

from functions.core.room import SIGN_IN, Room

ROOM = Room(
    name="leaderboards",
    purpose="Rankings among those who agreed",
    prefixes=("/v1/leaderboards",),
    tags={"leaderboards": "People who opted in are ranked."},
    settings=SIGN_IN,
    errors=frozenset({"leaderboard_full", "owner_stays", "too_many_leaderboards"}),
    libraries=("PyJWT[crypto]",),
)
