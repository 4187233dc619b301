"""The stretch of time that a question is about, and its time zone.

`from` and `to` are days of the zone (both are included) or RFC 3339 instants (`to` is not
included); `days` are that many days of the zone, the last of them today. Postgres computes where
days begin and on which day an instant lies. It also cuts the counts into days, and Python may have
the rules of the zones of another year.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from psycopg.rows import TupleRow

from functions.core import db, sql
from functions.core.actor import User
from functions.core.db import Connection
from functions.query.models import Asked, PeriodAnswer
from functions.query.parameters import InvalidRange, InvalidTimezone
from functions.rollup import pending_days, refresh_days

DEFAULT_DAYS = 30
MAX_HOURLY = timedelta(days=5 * 366)
QUARTER = timedelta(minutes=15)  # what is counted is kept by quarters of an hour

queries = sql.load(__file__)

# Names of zones that Postgres has confirmed to this process. It reads its list from files, which
# takes 10 ms. Only zones that exist are kept, so there are never more than a few hundred.
_known = {"UTC"}


@dataclass(frozen=True)
class Stretch:
    """From `since` up to, not including, `until`; each has the offset of `zone` at that instant."""

    since: datetime
    until: datetime
    zone: str

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

    def answer(self) -> PeriodAnswer:
        """How an answer names it."""
        return PeriodAnswer.model_validate(
            {
                "from": self.since.isoformat(),
                "to": self.until.isoformat(),
                "timezone": self.zone,
            }
        )


@dataclass(frozen=True)
class Period(Stretch):
    """What a question is about."""

    today: date  # of the zone, as are the others
    first_day: date  # on which it begins
    last_day: date  # on which it ends
    is_of_own_days: bool  # whole days of the profile's zone, by which daily figures are kept
    previous: Stretch  # as many whole days before it, or else as much time, up to its beginning

    @property
    def ends(self) -> tuple[date, date]:
        """Its first and its last day."""
        return self.first_day, self.last_day

    @property
    def days(self) -> int:
        """Days of the zone that it touches."""
        return (self.last_day - self.first_day).days + 1


@dataclass(frozen=True)
class Written:
    """`from`, `to` and `days` as they were written: each end a day, an instant, or the default."""

    since_day: date | None = None
    since_at: datetime | None = None
    until_day: date | None = None
    until_at: datetime | None = None
    days: int = DEFAULT_DAYS  # before the end, where there is no beginning


@contextmanager
def reading(
    user: User, asked: Asked, now: datetime, days: int = DEFAULT_DAYS
) -> Iterator[tuple[Connection, Period]]:
    """The transaction of a question, which only reads, and the period that `asked` means at `now`.

    The period is in the zone of `user` if `asked` names none. Where nothing says when it begins, it
    has `days` days.

    Raises `InvalidRange`, `InvalidTimezone`.
    """
    words = {"tz": asked.tz, "known": asked.tz in _known, "now": now, **vars(read(asked, days))}
    with db.reading(user, queries.find_period.sql, words) as (connection, rows):
        if not rows:
            raise InvalidTimezone
        if asked.tz is not None:
            _known.add(asked.tz)
        yield connection, _period(rows[0])


@contextmanager
def reading_computed(
    user: User,
    asked: Asked,
    now: datetime,
    needed: Callable[[Period], Sequence[tuple[date, date]]] = lambda span: [span.ends],
    most: int | None = None,
) -> Iterator[tuple[Connection, Period, int]]:
    """As `reading`, after the daily figures of all days that are `needed` were computed.

    The stretches of `needed` are computed in their order; the last one holds the others. If more
    than `most` of its days are pending, or if nothing is, no day is computed and there is one
    transaction. Also yields how many days are pending then.
    """
    with reading(user, asked, now) as (connection, span):
        stretches = needed(span)
        pending = pending_days(connection, user.id, *stretches[-1]) if stretches else 0
        if pending == 0 or (most is not None and pending > most):
            yield connection, span, pending
            return
    for stretch in stretches:
        refresh_days(user.id, *stretch)
    with reading(user, asked, now) as (connection, span):
        yield connection, span, pending_days(connection, user.id, *stretches[-1])


def _period(row: TupleRow) -> Period:
    zone, today, first_day, last_day, is_of_own_days, *moments = row
    since, until, before = (
        in_zone(moment, clock) for moment, clock in zip(moments[::2], moments[1::2], strict=True)
    )
    if since >= until:
        raise InvalidRange("from must be before to; a day as to is included.")
    return Period(
        since,
        until,
        zone,
        today=today,
        first_day=first_day,
        last_day=last_day,
        is_of_own_days=is_of_own_days,
        previous=Stretch(before, since, zone),
    )


def in_zone(moment: datetime, clock: datetime) -> datetime:
    """`moment` with the offset of the place where clocks show `clock`, a naive time, then."""
    offset = clock - moment.astimezone(UTC).replace(tzinfo=None)
    return clock.replace(tzinfo=timezone(offset))


def day_starts(connection: Connection, span: Period) -> list[int]:
    """Where the days that `span` touches begin, and the last of them ends; s, Unix time."""
    rows = queries.day_starts(connection, zone=span.zone, first=span.first_day, last=span.last_day)
    return [starts for (starts,) in rows]


def read(asked: Asked, days: int = DEFAULT_DAYS) -> Written:
    """The words of `asked`, with `days` where it says nothing. Raises `InvalidRange`."""
    if asked.days is not None:
        if asked.since is not None or asked.until is not None:
            raise InvalidRange("Either days, or from and to.")
        return Written(days=asked.days)
    return Written(*_end(asked.since), *_end(asked.until), days)


def refuse_long(period: Stretch, grain: str) -> None:
    """Raises `InvalidRange` for more hours than anybody can look at."""
    if grain == "hour" and period.until - period.since > MAX_HOURLY:
        raise InvalidRange("By hour, at most 5 years are accepted; by day or week, any range is.")


def _end(moment: date | datetime | None) -> tuple[date | None, datetime | None]:
    """`moment` as a day or as an instant."""
    return (None, moment) if isinstance(moment, datetime) else (moment, None)
