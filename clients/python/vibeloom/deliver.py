"""Delivering the spool: signed batches out, and what each answer means.

| answer | meaning |
|---|---|
| 200 | acknowledged: the batch leaves the spool |
| 400, 422 "… at index N" | event N is set aside with the server's words, the rest goes on |
| 400, 422 without an index | the batch is halved until the culprit is found, which is set aside |
| 413 | the batch is halved; one event alone that is too large is set aside |
| 401, 403 | sending stops until a person has done something; the spool keeps everything |
| anything else, or none | tried again after 1, 2, 4 … 60 s ± 25 %, or after `Retry-After` |
"""

import gzip
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

import httpx

from vibeloom import __version__
from vibeloom.events import rfc3339, wire
from vibeloom.keys import Signer
from vibeloom.settings import MAX_BATCH, Endpoint
from vibeloom.spool import Spool, Waiting

MAX_BODY = 4_500_000  # bytes; the server takes 5 MB
GZIP_ABOVE = 1_024  # bytes; below, the header costs more than it saves
FIRST_DELAY = 1.0  # seconds
LONGEST_DELAY = 60.0  # seconds
JITTER = 0.25
LONGEST_RETRY_AFTER = 3_600.0  # seconds; a server that says "next year" is asked again in an hour
TIMEOUT = httpx.Timeout(30.0, connect=10.0)  # seconds
_INDEX = re.compile(r"\bat index (\d{1,6})\b")


def backoff(attempt: int, chance: Callable[[], float] = random.random) -> float:
    """Seconds to wait after this many failures in a row: 1, 2, 4 … 60, give or take a quarter."""
    delay = min(FIRST_DELAY * 2.0 ** min(attempt - 1, 16), LONGEST_DELAY)
    return delay * (1 + JITTER * (2 * chance() - 1))


def retry_after(value: str | None, now: datetime) -> float | None:
    """`Retry-After` in seconds, given as seconds or as a date."""
    if not value:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        seconds = float(value)
    else:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


class Verdict(Enum):
    """What one answer amounts to."""

    PROGRESS = "progress"  # acknowledged or set aside: go on
    AGAIN = "again"  # later
    STOP = "stop"  # not without a person


@dataclass(frozen=True)
class Outcome:
    """The verdict on one try, and what to say about it."""

    verdict: Verdict
    problem: str | None = None
    wait: float | None = None  # seconds, when the server named them


class Courier:
    """Carries the spool's events to one server."""

    def __init__(
        self,
        endpoint: Endpoint,
        source: str,
        signer: Signer,
        spool: Spool,
        now: Callable[[], datetime],
    ) -> None:
        self._endpoint = endpoint
        self._source = source
        self._signer = signer
        self._spool = spool
        self._now = now
        self._client = httpx.Client(timeout=TIMEOUT)
        self._limit = MAX_BATCH  # events in the next batch
        self._ceiling = MAX_BATCH  # events, lowered when the server says that a batch is too large
        self.sent = 0
        self.refused = 0

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def deliver_one_batch(self) -> Outcome:
        """Try the oldest batch once; every event of it that is settled leaves the spool."""
        batch, parts = self._fill(self._spool.oldest(self._limit))
        if not batch:
            return Outcome(Verdict.PROGRESS)
        try:
            answer = self._post(parts)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            reason = str(problem) or type(problem).__name__
            return self._failed(f"{self._endpoint.ingest} does not answer: {reason}")
        return self._judge(batch, answer)

    def _fill(self, events: Sequence[Waiting]) -> tuple[list[Waiting], list[bytes]]:
        batch: list[Waiting] = []
        parts: list[bytes] = []
        size = 2
        for event in events:
            part = wire(self._source, event.body)
            if batch and size + len(part) + 1 > MAX_BODY:
                break
            size += len(part) + 1
            batch.append(event)
            parts.append(part)
        return batch, parts

    def _post(self, parts: Sequence[bytes]) -> httpx.Response:
        body = b"[" + b",".join(parts) + b"]"
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"vibeloom-monitor/{__version__}",
            "X-Source-ID": self._source,
        }
        if self._endpoint.vibeloom and len(body) > GZIP_ABOVE:
            body = gzip.compress(body, compresslevel=6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        headers["X-Signature"] = self._signer.sign(body)
        return self._client.post(self._endpoint.ingest, content=body, headers=headers)

    def _judge(self, batch: list[Waiting], answer: httpx.Response) -> Outcome:
        status = answer.status_code
        if status == 200:
            if not _acknowledges(answer):
                return self._failed(
                    f"{self._endpoint.ingest} answered 200 without saying how many events it "
                    "inserted: something else answers there, check VIBELOOM_URL"
                )
            self._spool.acknowledge(batch, self._now())
            self.sent += len(batch)
            self._limit = min(self._limit * 2, self._ceiling)
            return Outcome(Verdict.PROGRESS)
        said = _said(answer)
        if status in (401, 403):
            return self._failed(
                f"the server refused this monitor ({said}): run `vibeloom monitor register` for "
                f"source {self._source!r}, then start the monitor again; the spool keeps all",
                Verdict.STOP,
            )
        if status in (400, 413, 422):
            return self._refuse(batch, status, said)
        return self._failed(
            f"{self._endpoint.ingest} answered {said}",
            wait=retry_after(answer.headers.get("Retry-After"), self._now()),
        )

    def _refuse(self, batch: list[Waiting], status: int, said: str) -> Outcome:
        """The server will not have something in this batch: find it and set it aside."""
        index = _INDEX.search(said) if status != 413 else None
        if index and int(index[1]) < len(batch):
            culprit = batch[int(index[1])]
        elif len(batch) == 1:
            culprit = batch[0]
        else:
            self._limit = len(batch) // 2
            if status == 413:
                self._ceiling = self._limit
            return Outcome(Verdict.PROGRESS)
        self._spool.put_aside(culprit, said, self._now())
        self.refused += 1
        return Outcome(Verdict.PROGRESS, f"event {culprit.id} was set aside: {said}")

    def _failed(
        self, problem: str, verdict: Verdict = Verdict.AGAIN, wait: float | None = None
    ) -> Outcome:
        self._spool.note("last_error", problem)
        self._spool.note("last_error_at", rfc3339(self._now()))
        return Outcome(verdict, problem, wait)


def _acknowledges(answer: httpx.Response) -> bool:
    """Whether this is an ingest function's answer: a sign-in page of a hotel also says 200."""
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and isinstance(document.get("inserted"), int)


def _said(answer: httpx.Response) -> str:
    """The status and the server's own words, on one line of bounded length."""
    words = ""
    try:
        document = json.loads(answer.content[:65_536])
        if isinstance(document, dict):
            words = f"{document.get('error', '')}: {document.get('message', '')}".strip(": ")
    except (ValueError, RecursionError):
        pass
    return f"{answer.status_code} {' '.join(words.split())[:300]}".strip()
