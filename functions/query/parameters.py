"""The types of the query parameters, each with its description and the error that refuses it."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, WrapValidator

from functions.core import paging
from functions.core.errors import ApiError, InvalidCursor
from functions.core.parameters import WHOLE, ZONE, refused_as

MAX_DAYS = 3_660  # ten years: ingest takes nothing older
FIRST_YEAR, LAST_YEAR = 1970, 2199
MAX_TEXT = 512  # characters of a filter
MAX_ZONE = 64  # characters

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
ACCEPTED = (
    "a day (2026-11-20, of the zone `tz`) or an RFC 3339 instant (2026-11-20T09:45:00Z; write the"
    " + of an offset as %2B)"
)


class InvalidRange(ApiError):
    """from and to are days or RFC 3339 instants, from before to; or days is a number."""

    status = 400
    error = "invalid_range"


class InvalidTimezone(ApiError):
    """tz is an IANA time zone such as Europe/Berlin, Asia/Kathmandu or UTC."""

    status = 400
    error = "invalid_timezone"


class InvalidDays(ApiError):
    """days parameter must be 7 or 30"""

    status = 400
    error = "invalid_days"


class InvalidFilter(ApiError):
    """A filter is a text without NUL."""

    status = 400
    error = "invalid_filter"


class InvalidLimit(ApiError):
    """limit is a whole number."""

    status = 400
    error = "invalid_limit"


class InvalidBudget(InvalidFilter):
    """budget_usd is an amount in US dollars above 0, such as 50 or 99.90."""

    error = "invalid_budget"


def _end(name: str) -> BeforeValidator:
    """Reads `from` or `to`: a day or an instant. Raises `InvalidRange`."""

    def read(value: object) -> object:
        if not isinstance(value, str):
            return value
        moment: date | None = None
        try:
            if DAY.fullmatch(value):
                moment = date.fromisoformat(value)
            elif INSTANT.fullmatch(value):
                moment = datetime.fromisoformat(value.upper())
        except ValueError:
            pass
        if moment is None:
            raise InvalidRange(f"{name} must be {ACCEPTED}.")
        if not FIRST_YEAR < moment.year < LAST_YEAR:
            raise InvalidRange(f"{name} must be in the years {FIRST_YEAR + 1} to {LAST_YEAR - 1}.")
        return moment.astimezone(UTC) if isinstance(moment, datetime) else moment

    return BeforeValidator(read)


def _zone(value: str) -> str:
    """`value`, if it looks like a zone; whether there is one, Postgres says."""
    if not ZONE.fullmatch(value):
        raise ValueError("not a zone's name")
    return value


def _amount(value: object) -> object:
    """`value`, if it is an amount of money as people write it. Raises `ValueError`."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,4})?", value, re.ASCII):
        raise ValueError("not an amount")
    return value


def _text(name: str) -> WrapValidator:
    return refused_as(
        InvalidFilter, f"{name} is a text of up to {MAX_TEXT} characters without NUL."
    )


def one_of(name: str, accepted: Any) -> WrapValidator:
    """Refuses what is none of the texts of `accepted`, a Literal."""
    return refused_as(InvalidFilter, f"{name} is one of {', '.join(get_args(accepted))}.")


def at_most(limit: int) -> WrapValidator:
    """Refuses a number of items that is not from 1 to `limit`."""
    return refused_as(InvalidLimit, f"limit is a whole number from 1 to {limit}.")


_Moment = Annotated[
    date | datetime | None,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
            ]
        }
    ),
]
_Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(paging.text)]

From = Annotated[
    _Moment,
    _end("from"),
    Field(
        alias="from",
        description="The period begins with this day of the zone `tz`, or at this RFC 3339"
        " instant. Without it, the period has as many days as `days` says.",
        examples=["2026-11-01"],
    ),
]
To = Annotated[
    _Moment,
    _end("to"),
    Field(
        alias="to",
        description="The period ends with this day of the zone `tz`, which is included, or at this"
        " RFC 3339 instant, which is not included. Without it, the period ends with today.",
        examples=["2026-11-20"],
    ),
]
Days = Annotated[
    Annotated[int, Field(ge=1, le=MAX_DAYS), WHOLE] | None,
    refused_as(InvalidRange, f"days is a whole number from 1 to {MAX_DAYS}."),
    Field(
        description="The period has this many days of the zone `tz`, and today is the last of them."
        " It cannot be combined with `from` or `to`.",
        examples=[30],
    ),
]
Zone = Annotated[
    Annotated[str, Field(min_length=1, max_length=MAX_ZONE), AfterValidator(_zone)] | None,
    refused_as(InvalidTimezone),
    Field(
        description="Days and weeks are those of this IANA time zone. Without it, they are those of"
        " the zone in your profile.",
        examples=["Europe/Berlin"],
    ),
]
Cursor = Annotated[
    Annotated[str, Field(max_length=paging.MAX_CURSOR)] | None,
    refused_as(InvalidCursor),
    Field(
        description="The page begins after the end of another page, whose `next` this is. Leave it"
        " out for the first page.",
        examples=["WyJkZXNjIiwiMjAyNi0xMS0yMFQwOTo0NTowMFoiXQ"],
    ),
]
SourceFilter = Annotated[
    _Text | None,
    _text("source"),
    Field(description="Only what the source of this name sent counts.", examples=["laptop"]),
]
ProjectFilter = Annotated[
    _Text | None,
    _text("project"),
    Field(description="Only what names this project counts.", examples=["loom"]),
]
LanguageFilter = Annotated[
    _Text | None,
    _text("language"),
    Field(description="Only what names this programming language counts.", examples=["rust"]),
]
KindFilter = Annotated[
    _Text | None,
    _text("kind"),
    Field(description="Only events of this kind count.", examples=["tool"]),
]
ProviderFilter = Annotated[
    _Text | None,
    _text("provider"),
    Field(description="Only calls of this provider's models count.", examples=["anthropic"]),
]
ModelFilter = Annotated[
    _Text | None,
    _text("model"),
    Field(description="Only calls of this model count.", examples=["claude-opus-4-5"]),
]
BudgetUsd = Annotated[
    Annotated[float, Field(gt=0, lt=1e9), BeforeValidator(_amount)] | None,
    refused_as(InvalidBudget),
    Field(
        description="The answer says when the costs of the current month reach this many US"
        " dollars.",
        examples=[99.9],
    ),
]
