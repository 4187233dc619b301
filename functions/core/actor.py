"""Who is asking: what decides the Postgres role and the claims that row-level security reads."""

import json
from dataclasses import dataclass
from uuid import UUID

from functions.core.errors import Forbidden


@dataclass(frozen=True)
class User:
    """A person, through a sign-in or a token. Sees their own rows."""

    id: UUID
    scopes: frozenset[str] | None = None  # of the token; None: a sign-in, which may do everything
    role = "authenticated"

    @property
    def claims(self) -> str:
        """The JSON that auth.uid() reads."""
        return json.dumps({"sub": str(self.id), "role": self.role})

    @property
    def writing(self) -> "Member":
        """The same person, to write their own rows."""
        return Member(self.id)

    def may(self, scope: str) -> bool:
        """Whether the sign-in or the token allows `scope`."""
        return self.scopes is None or scope in self.scopes

    def require(self, scope: str) -> None:
        """Raises `Forbidden` unless the token was made for `scope`."""
        if not self.may(scope):
            raise Forbidden(f"This token lacks the scope {scope}.")


@dataclass(frozen=True)
class Monitor:
    """Somebody who posts batches. May look up keys and insert, and reads nothing."""

    role = "vibeloom_ingest"
    claims = "{}"


@dataclass(frozen=True)
class Member:
    """A person who writes their own rows, under a role that PostgREST cannot become."""

    id: UUID
    role = "vibeloom_member"

    @property
    def claims(self) -> str:
        """The JSON that auth.uid() reads."""
        return json.dumps({"sub": str(self.id), "role": self.role})


@dataclass(frozen=True)
class Room:
    """A room that works for everybody, with exactly the rights of its role."""

    name: str  # of the room, or `door`, which finds out who is asking
    reason: str  # why no person can do it
    claims = "{}"

    @property
    def role(self) -> str:
        """The role that migrations/…_grant_rooms.sql gives its rights to."""
        return f"vibeloom_{self.name}"


Actor = User | Monitor | Member | Room
