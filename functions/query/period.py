"""Which stretch of time is asked about, in whose zone: one parser for every question.

`from` and `to` are days of the zone (both are included) or RFC 3339 instants (`to` is not
included); `days` are that many days of the zone, the last of them today.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from functions.core.errors import ApiError
from functions.query.models import Asked, PeriodAnswer

DEFAULT_DAYS = 30
MAX_DAYS = 3_660  # ten years: ingest takes nothing older
MAX_HOURLY = timedelta(days=5 * 366)
FIRST_YEAR, LAST_YEAR = 1970, 2199
QUARTER = timedelta(minutes=15)  # what is counted is kept by quarters of an hour
MAX_TEXT = 512  # characters of a filter

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
# Not what a system's folder of zones holds besides them, which the database does not know.
ZONE = re.compile(r"(?!posix|right/|localtime|Factory)[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", re.ASCII)
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


class InvalidFilter(ApiError):
    """A filter is a text without NUL."""

    status = 400
    error = "invalid_filter"


@dataclass(frozen=True)
class Period:
    """From `since` up to, not including, `until`; its days are days of `zone`."""

    since: datetime
    until: datetime
    zone: ZoneInfo

    @property
    def first_day(self) -> date:
        """The day of the zone on which it begins."""
        return self.since.astimezone(self.zone).date()

    @property
    def last_day(self) -> date:
        """The day of the zone on which it ends."""
        return (self.until - timedelta(microseconds=1)).astimezone(self.zone).date()

    @property
    def days(self) -> int:
        """Days of the zone that it touches."""
        return (self.last_day - self.first_day).days + 1

    @property
    def bounds(self) -> dict[str, datetime]:
        """The parameters by which statements restrict what is counted.

        Raises `InvalidRange` unless both ends are on a quarter of an hour.
        """
        for moment in (self.since, self.until):
            if (moment - datetime.min.replace(tzinfo=UTC)) % QUARTER:
                raise InvalidRange(
                    "Counts are kept by quarters of an hour: from and to must be on one"
                    " (…:00, …:15, …:30 or …:45), or days."
                )
        return {"since": self.since, "until": self.until}

    def previous(self) -> "Period":
        """As many whole days before it, or else as much time, up to its beginning."""
        if self == of_days(self.first_day, self.last_day, self.zone):
            last = self.first_day - timedelta(days=1)
            return of_days(last - timedelta(days=self.days - 1), last, self.zone)
        return Period(self.since - (self.until - self.since), self.since, self.zone)

    def answer(self) -> PeriodAnswer:
        """How an answer names it."""
        return PeriodAnswer.model_validate(
            {
                "from": self.since.astimezone(self.zone).isoformat(),
                "to": self.until.astimezone(self.zone).isoformat(),
                "timezone": self.zone.key,
            }
        )


def of_days(first: date, last: date, zone: ZoneInfo) -> Period:
    """The days `first` to `last`, both included, however long a clock change makes them."""
    return Period(day_start(first, zone), day_start(last + timedelta(days=1), zone), zone)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day` in `zone`, in UTC; where midnight is skipped, what follows it."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def zone_named(name: str) -> ZoneInfo:
    """The IANA zone `name`. Raises `InvalidTimezone`."""
    try:
        if ZONE.fullmatch(name) and len(name) <= 64:
            return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a folder of zones, a file that is none, unknown
        pass
    raise InvalidTimezone


def parse(asked: Asked, zone_name: str, now: datetime) -> Period:
    """The period that `asked` means at `now`; `zone_name` counts where it names no zone.

    Raises `InvalidRange`, `InvalidTimezone`.
    """
    zone = zone_named(asked.tz if asked.tz is not None else zone_name)
    today = now.astimezone(zone).date()
    if asked.days is not None:
        if asked.since is not None or asked.until is not None:
            raise InvalidRange("Either days, or from and to.")
        return of_days(today - timedelta(days=_number(asked.days) - 1), today, zone)
    until = day_start(today + timedelta(days=1), zone)
    if asked.until is not None:
        until = _end("to", asked.until, zone)
    if asked.since is not None:
        since = _start("from", asked.since, zone)
    else:
        last = (until - timedelta(microseconds=1)).astimezone(zone).date()
        since = day_start(last - timedelta(days=DEFAULT_DAYS - 1), zone)
    if since >= until:
        raise InvalidRange("from must be before to; a day as to is included.")
    return Period(since, until, zone)


def refuse_long(period: Period, grain: str) -> None:
    """Raises `InvalidRange` for more hours than anybody can look at."""
    if grain == "hour" and period.until - period.since > MAX_HOURLY:
        raise InvalidRange("By hour, at most 5 years are accepted; by day or week, any range is.")


def filters(asked: Asked, *accepted: str) -> dict[str, str | None]:
    """The filters of `asked` as parameters. Raises `InvalidFilter` for one not `accepted`."""
    found: dict[str, str | None] = {}
    for name in ("source", "project", "language", "kind"):
        value: str | None = getattr(asked, name)
        if name not in accepted:
            if value is not None:
                raise InvalidFilter(f"Accepted filters are {', '.join(accepted)}; not {name}.")
            continue
        found[name] = text_filter(name, value)
    return found


def text_filter(name: str, value: str | None) -> str | None:
    """`value` if it can stand in the database. Raises `InvalidFilter`."""
    if value is not None and (len(value) > MAX_TEXT or not _storable(value)):
        raise InvalidFilter(f"{name} is a text of up to {MAX_TEXT} characters without NUL.")
    return value


def _storable(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _number(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) and 1 <= int(text) <= MAX_DAYS:
        return int(text)
    raise InvalidRange(f"days is a whole number from 1 to {MAX_DAYS}.")


def _start(name: str, text: str, zone: ZoneInfo) -> datetime:
    moment = _moment(name, text)
    return moment if isinstance(moment, datetime) else day_start(moment, zone)


def _end(name: str, text: str, zone: ZoneInfo) -> datetime:
    moment = _moment(name, text)
    if isinstance(moment, datetime):
        return moment
    return day_start(moment + timedelta(days=1), zone)


def _moment(name: str, text: str) -> datetime | date:
    moment: datetime | date
    try:
        if DAY.fullmatch(text):
            moment = date.fromisoformat(text)
        elif INSTANT.fullmatch(text):
            moment = datetime.fromisoformat(text.upper())
        else:
            raise InvalidRange(f"{name} must be {ACCEPTED}.")
    except ValueError:
        raise InvalidRange(f"{name} must be {ACCEPTED}.") from None
    if not FIRST_YEAR < moment.year < LAST_YEAR:
        raise InvalidRange(f"{name} must be in the years {FIRST_YEAR + 1} to {LAST_YEAR - 1}.")
    return moment.astimezone(UTC) if isinstance(moment, datetime) else moment
