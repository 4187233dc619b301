"""Rankings over the wire: others are a handle, a place and a value, never more."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

PUBLIC = "public"
CODE_PATTERN = r"^[A-Za-z0-9_-]{22}$"  # 128 bits in URL-safe base64


class Metric(StrEnum):
    """What is compared."""

    EVENTS = "events"
    ACTIVE_DAYS = "active_days"
    ACTIVE_HOURS = "active_hours"
    TOKENS = "tokens"


class Period(StrEnum):
    """The current week (from Monday) or month, UTC."""

    WEEK = "week"
    MONTH = "month"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewLeaderboard(_Body):
    """A private ranking to be made."""

    name: Annotated[
        str,
        Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$", description="1–64 printable characters"),
    ]


class Invitation(_Body):
    """The code of a private ranking."""

    code: Annotated[str, Field(pattern=CODE_PATTERN)]


class Leaderboard(BaseModel):
    """A ranking that you may see."""

    id: UUID | str = Field(description="Or `public`", union_mode="left_to_right")
    name: str
    is_owner: bool
    created_at: datetime | None = Field(description="Null for the public one")


class Leaderboards(BaseModel):
    """All that you may see, the public one first; never more than 21, so `next` is null."""

    items: list[Leaderboard]
    next: None = None


class InvitingLeaderboard(Leaderboard):
    """A ranking at the only moment when its invitation code is shown."""

    code: str


class Standing(BaseModel):
    """One person's place. Equal values share a place."""

    rank: int
    handle: str
    value: int


class Ranking(BaseModel):
    """A page of a ranking, best first."""

    id: UUID | str = Field(union_mode="left_to_right")
    name: str
    metric: Metric
    period: Period
    starts_at: datetime
    ends_at: datetime
    items: list[Standing]
    next: str | None
