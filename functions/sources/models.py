"""What a monitor is registered with, and what is told of it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from functions.core.config import SOURCE_NAME

SourceName = Annotated[
    str,
    Field(
        pattern=SOURCE_NAME,
        description="1–128 printable ASCII characters, no space at the ends; unique here",
    ),
]
PublicKey = Annotated[
    str, Field(min_length=44, max_length=44, description="Ed25519, 32 bytes in base64")
]
Signature = Annotated[
    str,
    Field(min_length=88, max_length=88, description="Ed25519 over the statement, 64 bytes, base64"),
]
Hours = Annotated[int, Field(ge=1, le=8_784, description="Hours; at most a leap year")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Challenge(BaseModel):
    """A nonce to sign; see the README for the statement."""

    challenge: str
    expires_at: datetime


class Proof(_Body):
    """A public key, and a signature that shows that its private half is at hand."""

    public_key: PublicKey
    challenge: Annotated[str, Field(min_length=1, max_length=64)]
    signature: Signature


class NewSource(Proof):
    """A monitor to be registered."""

    name: SourceName


class Key(BaseModel):
    """A key of a source. `revoked_at` is null while it may sign."""

    id: UUID
    public_key: str
    configured: bool
    created_at: datetime
    revoked_at: datetime | None


class Lag(BaseModel):
    """How long the newest event of a batch took to arrive, of the newest batches of a day."""

    median_seconds: float | None = Field(
        description="Of those that are not late; below zero: the monitor's clock is ahead"
    )
    max_seconds: float | None = Field(description="Of those that are not late")
    batches: int = Field(description="That were looked at: the newest 50, of 24 hours")
    late_batches: int = Field(
        description="More than an hour behind: kept while offline, imported, or the clock is slow"
    )


class Gap(BaseModel):
    """A stretch without a batch, longer than expected."""

    model_config = ConfigDict(serialize_by_alias=True)

    since: datetime = Field(alias="from", description="The last batch before it")
    until: datetime | None = Field(alias="to", description="The next batch; null: it lasts")
    first_event_at: datetime | None = Field(
        description="Of the batch that ended it: near `from`, nothing was lost"
    )


class Source(BaseModel):
    """A monitor, and whether it is heard of."""

    id: UUID
    name: str
    created_at: datetime
    last_seen_at: datetime | None = Field(description="The last batch that was accepted")
    last_event_at: datetime | None = Field(description="The newest event, by the monitor's clock")
    expected_every_hours: int | None = Field(description="Null: nothing is expected of it")
    silent: bool = Field(description="Not heard of for longer than is expected")
    lag: Lag
    gaps: list[Gap] = Field(description="Of 14 days, newest first, ten at most")
    keys: list[Key]


class SourceChanges(_Body):
    """What is to be changed of a source; what is absent stays. Null takes the expectation away."""

    model_config = ConfigDict(strict=True)

    expected_every_hours: Hours | None = Field(default_factory=lambda: None)


class Sources(BaseModel):
    """A page of monitors, by name."""

    items: list[Source]
    next: str | None
