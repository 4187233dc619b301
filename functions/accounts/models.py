"""What a person is told of their settings and tokens, and may change of them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from functions.core.room import scopes

MAX_SCOPES = 64  # of one token; as access_tokens_scopes_some says

Handle = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{1,38}$",
        description="2–39 of a–z, 0–9, _ and -; unique in the deployment",
    ),
]
Zone = Annotated[
    str, Field(min_length=1, max_length=64, description="IANA name, such as Asia/Kathmandu")
]
Minutes = Annotated[
    int, Field(ge=1, le=120, description="Points closer than this are one stretch of work")
]
Label = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]
Months = Annotated[int, Field(ge=1, le=1_200, description="How long raw events are kept")]


class Profile(BaseModel):
    """A person's settings."""

    id: UUID
    handle: str | None
    email: str | None = Field(description="As the sign-in says; not changed here")
    timezone: str
    idle_timeout_minutes: int
    retention_months: int | None = Field(description="Null: as long as the deployment says")
    effective_retention_months: int | None = Field(
        description="The shorter of the deployment's and your own; null: for ever"
    )
    leaderboard_opt_in: bool
    purged_before: datetime | None = Field(description="Raw events before this are gone or going")
    created_at: datetime


class ProfileChanges(BaseModel):
    """Settings to be changed; what is absent stays. Null takes a handle or a limit away."""

    model_config = ConfigDict(extra="forbid", strict=True)

    handle: Handle | None = Field(default_factory=lambda: None)
    timezone: Zone = Field(default_factory=lambda: "UTC")
    idle_timeout_minutes: Minutes = Field(default_factory=lambda: 15)
    retention_months: Months | None = Field(default_factory=lambda: None)
    leaderboard_opt_in: bool = Field(default_factory=lambda: False)


class Purge(BaseModel):
    """The receipt of one deletion by retention."""

    id: UUID
    first_occurred_at: datetime
    last_occurred_at: datetime
    events: int
    digest: str = Field(description="SHA-256 over the events' identities, hexadecimal")
    purged_at: datetime


class Purges(BaseModel):
    """A page of receipts, oldest first."""

    items: list[Purge]
    next: UUID | None


class NewToken(BaseModel):
    """An access token to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Label
    scopes: Annotated[
        list[Annotated[str, Field(json_schema_extra={"enum": sorted(scopes())})]],
        Field(min_length=1, max_length=MAX_SCOPES),
    ]
    expires_in_days: Annotated[int, Field(ge=1, le=3_650, strict=True)] | None = None


class Token(BaseModel):
    """An access token, without its secret."""

    id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class IssuedToken(Token):
    """An access token at the only moment when its secret is shown."""

    token: str


class Tokens(BaseModel):
    """A page of tokens, oldest first."""

    items: list[Token]
    next: str | None
