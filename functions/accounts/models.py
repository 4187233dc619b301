"""Settings and access tokens over the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from functions.core.models import Model
from functions.core.room import scopes

_ID = "7d0b5c1e-4f6a-4c7e-9a54-3f1d2b8c6e90"
MAX_SCOPES = 64  # of one token; as access_tokens_scopes_some says

Handle = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{1,38}$")]
Months = Annotated[int, Field(ge=1, le=1_200)]
Label = Annotated[
    str,
    Field(
        pattern=r"^[^\x00-\x1f\x7f]{1,128}$",
        description="This is a name for the token: 1 to 128 printable characters.",
        examples=["dashboard"],
    ),
]


class Profile(Model):
    """The settings of a person."""

    id: UUID = Field(description="This is the id of your account.", examples=[_ID])
    handle: str | None = Field(
        description="This is the name that others see. It is null if you chose none.",
        examples=["ada"],
    )
    email: str | None = Field(
        description="This is the e-mail address that your sign-in says. It cannot be changed here.",
        examples=["ada@example.org"],
    )
    timezone: str = Field(
        description="This is the IANA time zone by which your days are cut.",
        examples=["Europe/Berlin"],
    )
    idle_timeout_minutes: int = Field(
        description="Events that are at most this many minutes apart are one stretch of work.",
        examples=[15],
    )
    retention_months: int | None = Field(
        description="Raw events are kept for this many months. It is null if you set no limit.",
        examples=[24],
    )
    effective_retention_months: int | None = Field(
        description="This is the shorter of your limit and the deployment's. It is null if there is"
        " none.",
        examples=[12],
    )
    leaderboard_opt_in: bool = Field(
        description="This says whether leaderboards show you to others.", examples=[False]
    )
    purged_before: datetime | None = Field(
        description="Raw events before this instant are deleted or are being deleted. It is null if"
        " none are.",
        examples=["2025-11-01T00:00:00Z"],
    )
    created_at: datetime = Field(
        description="The account was made at this instant.", examples=["2026-11-01T08:00:00Z"]
    )


class ProfileChanges(Model):
    """Settings to be changed. What is absent stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    handle: Handle | None = Field(
        default_factory=lambda: None,
        description="This is the name that others see: 2 to 39 of a–z, 0–9, _ and -. It is unique"
        " in the deployment. Null takes it away.",
        examples=["ada"],
    )
    timezone: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        default_factory=lambda: "UTC",
        description="This is the IANA time zone by which your days are cut. The daily figures are"
        " computed anew.",
        examples=["Europe/Berlin"],
    )
    idle_timeout_minutes: Annotated[int, Field(ge=1, le=120)] = Field(
        default_factory=lambda: 15,
        description="Events that are at most this many minutes apart are one stretch of work. The"
        " daily figures are computed anew.",
        examples=[15],
    )
    retention_months: Months | None = Field(
        default_factory=lambda: None,
        description="Raw events are kept for this many months. Null takes the limit away.",
        examples=[24],
    )
    leaderboard_opt_in: bool = Field(
        default_factory=lambda: False,
        description="This says whether leaderboards show you to others. It needs a handle.",
        examples=[True],
    )


class Purge(Model):
    """The receipt of one deletion by retention."""

    id: UUID = Field(description="This is the id of the receipt.", examples=[_ID])
    first_occurred_at: datetime = Field(
        description="This is the instant of the oldest event that was deleted.",
        examples=["2025-10-01T00:03:00Z"],
    )
    last_occurred_at: datetime = Field(
        description="This is the instant of the newest event that was deleted.",
        examples=["2025-10-31T23:41:00Z"],
    )
    events: int = Field(
        description="This is the number of events that were deleted.", examples=[18204]
    )
    digest: str = Field(
        description="This is the SHA-256 over the identities of the events, in hexadecimal.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    )
    purged_at: datetime = Field(
        description="The events were deleted at this instant.", examples=["2026-11-01T03:41:00Z"]
    )


class Purges(Model):
    """A page of receipts, the oldest first."""

    items: list[Purge] = Field(description="These are the receipts of this page, the oldest first.")
    next: UUID | None = Field(
        description="This is the `cursor` of the next page. It is null on the last page.",
        examples=[_ID],
    )


class NewToken(Model):
    """An access token to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Label
    scopes: Annotated[
        list[Annotated[str, Field(json_schema_extra={"enum": sorted(scopes())})]],
        Field(
            min_length=1,
            max_length=MAX_SCOPES,
            description="This says what the token may do. It cannot do more than whoever makes it.",
            examples=[["query:read"]],
        ),
    ]
    expires_in_days: (
        Annotated[
            int,
            Field(ge=1, le=3_650, strict=True),
        ]
        | None
    ) = Field(
        default=None,
        description="The token expires after this many days. Without it, the token never expires.",
        examples=[365],
    )


class Token(Model):
    """An access token, without its secret."""

    id: UUID = Field(description="This is the id of the token.", examples=[_ID])
    name: str = Field(description="This is the name of the token.", examples=["dashboard"])
    scopes: list[str] = Field(
        description="This says what the token may do.", examples=[["query:read"]]
    )
    created_at: datetime = Field(
        description="The token was made at this instant.", examples=["2026-11-01T08:00:00Z"]
    )
    expires_at: datetime | None = Field(
        description="The token expires at this instant. It is null if the token never expires.",
        examples=["2027-11-01T08:00:00Z"],
    )
    last_used_at: datetime | None = Field(
        description="The token was last used at this instant. It is null before the first use.",
        examples=["2026-11-20T09:45:00Z"],
    )


class IssuedToken(Token):
    """An access token at the only moment when its secret is shown."""

    token: str = Field(
        description="This is the secret, to be sent as `Authorization: Bearer …`. It is not shown"
        " again.",
        examples=["vlm_Yk2mQ8sVt1xWb4nLz7pRc0dFg3hJe6uA9iKoTqXvMwE"],
    )


class Tokens(Model):
    """A page of tokens, the oldest first."""

    items: list[Token] = Field(description="These are the tokens of this page, the oldest first.")
    next: str | None = Field(
        description="This is the `cursor` of the next page. It is null on the last page.",
        examples=[_ID],
    )
