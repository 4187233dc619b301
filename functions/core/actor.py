"""Who is asking: what decides the Postgres role and the claims that row-level security reads."""

import json
from dataclasses import dataclass
from uuid import UUID

from functions.core.errors import Forbidden

SCOPES = {
    "profile:read": "read your settings and see leaderboards",
    "profile:write": "change your settings, make, join and leave leaderboards",
    "query:read": "read answers and events",
    "sources:read": "list monitors and their keys",
    "sources:write": "register monitors, add and revoke keys",
    "tokens:read": "list access tokens",
    "tokens:write": "make and revoke access tokens",
}
ALL_SCOPES = frozenset(SCOPES)


@dataclass(frozen=True)
class User:
    """A person, through a sign-in or a token. Sees their own rows."""

    id: UUID
    scopes: frozenset[str] = ALL_SCOPES
    role = "authenticated"

    @property
    def claims(self) -> str:
        """The JSON that auth.uid() reads."""
        return json.dumps({"sub": str(self.id), "role": self.role})

    def require(self, scope: str) -> None:
        """Raises `Forbidden` unless the token was made for `scope`."""
        if scope not in self.scopes:
            raise Forbidden(f"This token lacks the scope {scope}.")


@dataclass(frozen=True)
class Monitor:
    """Somebody who posts batches. May look up keys and insert, and reads nothing."""

    role = "vibeloom_ingest"
    claims = "{}"


@dataclass(frozen=True)
class Service:
    """The house itself, past row-level security. Made by `db.service` alone."""

    reason: str
    role = "service_role"
    claims = '{"role": "service_role"}'


Actor = User | Monitor | Service
