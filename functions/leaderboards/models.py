"""Rankings over the wire. Of other people they show a handle, a place and a value, never more."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from functions.core.models import Model

PUBLIC = "public"
CODE_PATTERN = r"^[A-Za-z0-9_-]{22}$"  # 128 bits in URL-safe base64

_CODE = "Yk2mQ8sVt1xWb4nLz7pRc0"


class Metric(StrEnum):
    """People are ranked by one of these figures."""

    EVENTS = "events"
    ACTIVE_DAYS = "active_days"
    ACTIVE_HOURS = "active_hours"
    TOKENS = "tokens"


class Period(StrEnum):
    """The current week (from Monday) or month, in UTC."""

    WEEK = "week"
    MONTH = "month"


BoardKey = Annotated[
    UUID | str,
    Field(
        description="This is the id of the leaderboard, or `public`.",
        union_mode="left_to_right",
        examples=["7d0b5c1e-4f6a-4c7e-9a54-3f1d2b8c6e90"],
    ),
]


class _Body(Model):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewLeaderboard(_Body):
    """A private ranking to be made."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[^\x00-\x1f\x7f]{1,64}$",
            description="This is the name of the leaderboard: 1 to 64 printable characters.",
            examples=["Night weavers"],
        ),
    ]


class Invitation(_Body):
    """The code of a private ranking."""

    code: Annotated[
        str,
        Field(
            pattern=CODE_PATTERN,
            description="This is the invitation code that a member passed on.",
            examples=[_CODE],
        ),
    ]


class Leaderboard(Model):
    """A ranking that you may see."""

    id: BoardKey
    name: str = Field(
        description="This is the name of the leaderboard.", examples=["Night weavers"]
    )
    is_owner: bool = Field(
        description="This says whether the leaderboard is yours.", examples=[True]
    )
    created_at: datetime | None = Field(
        description="The leaderboard was made at this instant. It is null for the public one.",
        examples=["2026-11-01T08:00:00Z"],
    )


class Leaderboards(Model):
    """All leaderboards that you may see, the public one first."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    items: list[Leaderboard] = Field(description="These are the leaderboards, never more than 21.")
    next: None = Field(
        default=None,
        description="It is always null, because there is one page only.",
        examples=[None],
    )


class InvitingLeaderboard(Leaderboard):
    """A ranking at the only moment when its invitation code is shown."""

    code: str = Field(
        description="This is the invitation code, to be passed on. It is not shown again.",
        examples=[_CODE],
    )


class Standing(Model):
    """The place of one person."""

    rank: int = Field(description="This is the place, which equal values share.", examples=[1])
    handle: str = Field(description="This is the handle that the person chose.", examples=["ada"])
    value: int = Field(description="The person has this much of what is compared.", examples=[4210])


class Ranking(Model):
    """A page of a ranking, the best first."""

    id: BoardKey
    name: str = Field(
        description="This is the name of the leaderboard.", examples=["Night weavers"]
    )
    metric: Metric = Field(description="People are ranked by this figure.", examples=["events"])
    period: Period = Field(description="The current week or month is compared.", examples=["week"])
    starts_at: datetime = Field(
        description="The period begins at this instant.", examples=["2026-11-16T00:00:00Z"]
    )
    ends_at: datetime = Field(
        description="The period ends before this instant.", examples=["2026-11-23T00:00:00Z"]
    )
    items: list[Standing] = Field(description="These are the places of this page, the best first.")
    next: str | None = Field(
        description="This is the `cursor` of the next page. It is null on the last page.",
        examples=["4210.ada"],
    )
