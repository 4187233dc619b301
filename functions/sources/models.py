"""Sources over the wire: their registration, their keys and their health."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from functions.core.config import SOURCE_NAME
from functions.core.models import Model

_ID = "7d0b5c1e-4f6a-4c7e-9a54-3f1d2b8c6e90"
_KEY = "o5Ia7nXg0bHc6q2l1TzP9rWmYkVd3sEuJf8xRt4CwLQ="

SourceName = Annotated[
    str,
    Field(
        pattern=SOURCE_NAME,
        description="This is the name of the monitor: 1 to 128 printable ASCII characters without a"
        " space at the ends. It is unique in the deployment.",
        examples=["laptop"],
    ),
]
PublicKey = Annotated[
    str,
    Field(
        min_length=44,
        max_length=44,
        description="This is the Ed25519 public key: 32 bytes in base64.",
        examples=[_KEY],
    ),
]
Signature = Annotated[
    str,
    Field(
        min_length=88,
        max_length=88,
        description="This is the Ed25519 signature over the statement, as the README says: 64 bytes"
        " in base64.",
        examples=[
            "9Zb1nQmT4cVwYxK7rLsD2aHfJ0uGpEoR5iXkB8tNqM3yWvZ6jCdSgU1lPeFhAaOzT4cVwYxK7rLsD2aHfJ0uGg=="
        ],
    ),
]
Hours = Annotated[int, Field(ge=1, le=8_784)]  # at most a leap year


class _Body(Model):
    model_config = ConfigDict(extra="forbid")


class Challenge(Model):
    """A nonce to be signed; the README says with which statement."""

    challenge: str = Field(
        description="This is the nonce, which one registration may use.",
        examples=["Yk2mQ8sVt1xWb4nLz7pRc0dFg3hJe6uA9iKoTqXvMwE"],
    )
    expires_at: datetime = Field(
        description="The nonce is valid until this instant.", examples=["2026-11-20T09:55:00Z"]
    )


class Proof(_Body):
    """A public key, and a signature that shows that its private half is at hand."""

    public_key: PublicKey
    challenge: Annotated[
        str,
        Field(
            min_length=1,
            max_length=64,
            description="This is a nonce from `POST /v1/sources/challenge`.",
            examples=["Yk2mQ8sVt1xWb4nLz7pRc0dFg3hJe6uA9iKoTqXvMwE"],
        ),
    ]
    signature: Signature


class NewSource(Proof):
    """A monitor to be registered."""

    name: SourceName


class Key(Model):
    """A key of a source."""

    id: UUID = Field(description="This is the id of the key.", examples=[_ID])
    public_key: str = Field(
        description="This is the Ed25519 public key: 32 bytes in base64.", examples=[_KEY]
    )
    configured: bool = Field(
        description="This says whether the key comes from the deployment's settings.",
        examples=[False],
    )
    created_at: datetime = Field(
        description="The key was added at this instant.", examples=["2026-11-01T08:00:00Z"]
    )
    revoked_at: datetime | None = Field(
        description="The key was revoked at this instant. It is null while the key may sign.",
        examples=["2026-11-19T18:00:00Z"],
    )


class Lag(Model):
    """How long the newest event of a batch took to arrive, for the newest batches of a day."""

    median_seconds: float | None = Field(
        description="This is the median of the batches that are not late. It is below zero if the"
        " monitor's clock is ahead, and null if there are no such batches.",
        examples=[4.2],
    )
    max_seconds: float | None = Field(
        description="This is the longest of the batches that are not late. It is null if there are"
        " none.",
        examples=[61.5],
    )
    batches: int = Field(
        description="This many batches were looked at: the newest 50 of the last 24 hours.",
        examples=[50],
    )
    late_batches: int = Field(
        description="This many batches came more than an hour late: they were kept while"
        " offline, were imported, or the monitor's clock is slow.",
        examples=[0],
    )


class Gap(Model):
    """A stretch without a batch that is longer than expected."""

    model_config = ConfigDict(serialize_by_alias=True)

    since: datetime = Field(
        alias="from",
        description="The last batch before the gap came at this instant.",
        examples=["2026-11-18T20:00:00Z"],
    )
    until: datetime | None = Field(
        alias="to",
        description="The next batch came at this instant. It is null while the gap lasts.",
        examples=["2026-11-20T08:00:00Z"],
    )
    first_event_at: datetime | None = Field(
        description="This is the instant of the first event in the batch that ended the gap. If it"
        " is near `from`, nothing was lost. It is null while the gap lasts.",
        examples=["2026-11-20T07:58:00Z"],
    )


class Source(Model):
    """A monitor, and whether it is heard of."""

    id: UUID = Field(description="This is the id of the source.", examples=[_ID])
    name: str = Field(description="This is the name of the monitor.", examples=["laptop"])
    created_at: datetime = Field(
        description="The source was registered at this instant.", examples=["2026-11-01T08:00:00Z"]
    )
    last_seen_at: datetime | None = Field(
        description="The last batch was accepted at this instant. It is null before the first one.",
        examples=["2026-11-20T09:45:02Z"],
    )
    last_event_at: datetime | None = Field(
        description="This is the instant of the newest event, by the monitor's clock. It is null"
        " before the first one.",
        examples=["2026-11-20T09:45:00Z"],
    )
    expected_every_hours: int | None = Field(
        description="A batch is expected within this many hours. It is null if nothing is"
        " expected.",
        examples=[24],
    )
    silent: bool = Field(
        description="This says whether the source was not heard of for longer than is expected.",
        examples=[False],
    )
    lag: Lag = Field(description="This says how long events take to arrive.")
    gaps: list[Gap] = Field(
        description="These are the gaps of the last 14 days, the newest first, ten at most."
    )
    keys: list[Key] = Field(description="These are the keys of the source, revoked ones included.")


class SourceChanges(_Body):
    """What is to be changed of a source. What is absent stays as it is."""

    model_config = ConfigDict(strict=True)

    expected_every_hours: Hours | None = Field(
        default_factory=lambda: None,
        description="A batch is expected within this many hours. Null takes the expectation away.",
        examples=[24],
    )


class Sources(Model):
    """A page of monitors, by name."""

    items: list[Source] = Field(description="These are the monitors of this page, by name.")
    next: str | None = Field(
        description="This is the `cursor` of the next page. It is null on the last page.",
        examples=["laptop"],
    )
