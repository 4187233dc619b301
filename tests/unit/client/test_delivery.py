"""What the server says, and what becomes of the events."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.client.conftest import FakeTime
from tests.unit.client.loopback import Answer, Loopback, Request
from vibeloom import deliver, keys
from vibeloom.deliver import Courier, backoff, retry_after
from vibeloom.errors import Undelivered
from vibeloom.events import Event
from vibeloom.pump import Pump, flush
from vibeloom.settings import Endpoint, Settings
from vibeloom.spool import Spool

AWAY: Answer = (503, {"error": "unavailable", "message": "later"}, {})


def _fill(spool: Spool, count: int, padding: int = 0) -> list[str]:
    """Spool some events; gives their ids."""
    ids = [f"evt_{number:020d}" for number in range(count)]
    with spool.transaction():
        for event_id in ids:
            payload = {"type": "activity", "project": "x" * padding}
            spool.add(Event(event_id, 0, "2026-09-14T09:26:53.000000Z", "activity", payload))
    return ids


def _arrived(server: Loopback) -> list[str]:
    return sorted(event_id for _, event_id, _ in server.events)


def _refusing(bad: set[str], status: int = 422, naming: bool = True) -> Any:
    """A server that will not have these events, with or without saying where they are."""

    def answer(request: Request) -> Answer | None:
        for index, event in enumerate(request.document):
            if event["id"] in bad:
                where = f" at index {index}" if naming else ""
                return status, {"error": "invalid_event", "message": f"Bad event{where}."}, {}
        return None

    return answer


def test_a_batch_is_the_contract(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime
) -> None:
    """Headers, signature and body are exactly what the ingest function expects."""
    (event_id,) = _fill(spool, 1)
    flush(courier, spool, time.clock, 3)
    (request,) = server.requests
    assert request.path == "/v1/ingest"
    assert request.headers["x-source-id"] == "laptop"
    assert request.headers["content-type"] == "application/json"
    assert "content-encoding" not in request.headers
    assert json.loads(request.body) == [
        {
            "id": event_id,
            "revision": 0,
            "timestamp": "2026-09-14T09:26:53.000000Z",
            "type": "activity",
            "payload": {"type": "activity", "project": ""},
            "source": "laptop",
        }
    ]
    assert _arrived(server) == [event_id]  # the server has checked the signature


def test_a_batch_has_at_most_a_thousand_events(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime
) -> None:
    """Large spools leave in batches of 1000, gzipped, oldest first."""
    ids = _fill(spool, 2_500)
    flush(courier, spool, time.clock, 3)
    assert [len(batch) for batch in server.batches()] == [1_000, 1_000, 500]
    assert {request.headers["content-encoding"] for request in server.requests} == {"gzip"}
    assert _arrived(server) == ids
    assert spool.number("acknowledged") == 2_500


def test_a_batch_stays_below_five_megabytes(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime
) -> None:
    """Events of 100 kB each leave in as many batches as the limit takes."""
    ids = _fill(spool, 100, padding=100_000)
    flush(courier, spool, time.clock, 3)
    sizes = [len(json.dumps(batch, separators=(",", ":"))) for batch in server.batches()]
    assert max(sizes) < 5_000_000
    assert len(sizes) == 3
    assert _arrived(server) == ids


def test_a_vibetea_server_gets_no_gzip(
    configured: Settings, spool: Spool, server: Loopback, time: FakeTime
) -> None:
    """An older server that knows no Content-Encoding is spoken to in plain JSON."""
    endpoint = Endpoint(f"{server.url}/functions/v1", vibeloom=False)
    courier = Courier(endpoint, "laptop", keys.load(configured.home), spool, time.now)
    ids = _fill(spool, 100)
    flush(courier, spool, time.clock, 3)
    courier.close()
    assert [request.path for request in server.requests] == ["/functions/v1/ingest"]
    assert "content-encoding" not in server.requests[0].headers
    assert _arrived(server) == ids


def test_waiting_doubles_up_to_a_minute() -> None:
    """1, 2, 4 … 60 seconds, for ever."""
    assert [backoff(attempt, lambda: 0.5) for attempt in (1, 2, 3, 4, 5, 6, 7, 8, 10**9)] == [
        1, 2, 4, 8, 16, 32, 60, 60, 60,
    ]  # fmt: skip


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_jitter_is_a_quarter_at_most(attempt: int, chance: float) -> None:
    """Monitors that were cut off together do not come back together."""
    middle = backoff(attempt, lambda: 0.5)
    assert 0.75 * middle <= backoff(attempt, lambda: chance) <= 1.25 * middle


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Mon, 14 Sep 2026 10:00:30 GMT", 30.0),
        ("Mon, 14 Sep 2026 09:00:00 GMT", 0.0),
        ("999999999", 3_600.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    """Both spellings of the header are understood, nonsense is ignored."""
    assert retry_after(value, datetime(2026, 9, 14, 10, tzinfo=UTC)) == seconds


def test_a_flush_gives_up_after_its_tries_and_loses_nothing(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime
) -> None:
    """The retry limit ends a flush, the spool keeps everything, and a later flush delivers it."""
    ids = _fill(spool, 5)
    server.script = [AWAY] * 3
    with pytest.raises(Undelivered, match="5 events wait"):
        flush(courier, spool, time.clock, 3)
    assert (time.slept, spool.depth()) == ([1.0, 2.0], 5)
    assert "503 unavailable: later" in (spool.fact("last_error") or "")
    flush(courier, spool, time.clock, 3)
    assert _arrived(server) == ids


def test_a_flush_waits_as_long_as_the_server_asks(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime
) -> None:
    """`Retry-After` takes the place of the schedule; an hour is not waited for, but told."""
    _fill(spool, 1)
    server.script = [(503, {}, {"Retry-After": "17"}), (429, {}, {"Retry-After": "5"})]
    flush(courier, spool, time.clock, 3)
    assert time.slept == [17.0, 5.0]
    _fill(spool, 1)
    server.script = [(503, {}, {"Retry-After": "3600"})]
    with pytest.raises(Undelivered):
        flush(courier, spool, time.clock, 3)
    assert time.slept == [17.0, 5.0]


def test_a_dead_server_is_no_loss(configured: Settings, spool: Spool, time: FakeTime) -> None:
    """A refused connection counts as a try."""
    _fill(spool, 2)
    endpoint = Endpoint("http://127.0.0.1:9/v1", vibeloom=True)
    courier = Courier(endpoint, "laptop", keys.load(configured.home), spool, time.now)
    with pytest.raises(Undelivered, match="does not answer"):
        flush(courier, spool, time.clock, 2)
    courier.close()
    assert (time.slept, spool.depth()) == ([1.0], 2)


@pytest.mark.parametrize(
    "answer", [(200, {"hotel": "please sign in"}, {}), (302, {}, {}), (404, {}, {})]
)
def test_only_an_ingest_function_is_believed(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime, answer: Answer
) -> None:
    """A portal that answers 200 to everything, or a wrong address, empties no spool."""
    _fill(spool, 2)
    server.always = lambda _: answer
    with pytest.raises(Undelivered):
        flush(courier, spool, time.clock, 2)
    assert (spool.depth(), spool.set_aside_count()) == (2, 0)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_sending(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime, status: int
) -> None:
    """Asking again would change nothing: one try, what to do, and everything stays."""
    _fill(spool, 3)
    server.always = lambda _: (status, {"error": "unknown_source", "message": "who?"}, {})
    with pytest.raises(Undelivered, match="vibeloom monitor register"):
        flush(courier, spool, time.clock, 3)
    said: list[str] = []
    pump = Pump(courier, spool, time.clock, 1, 60, said.append)
    for _ in range(5):
        pump.step()
        time.advance(3_600)
    assert (len(server.requests), len(said), spool.depth()) == (2, 1, 3)


@pytest.mark.parametrize("answer", [(400, True), (400, False), (422, True), (422, False)])
def test_refused_events_are_set_aside_and_the_rest_goes_on(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime, answer: tuple[int, bool]
) -> None:
    """Whether the server names the place or not, exactly the bad events are set aside."""
    status, naming = answer
    ids = _fill(spool, 100)
    bad = {ids[0], ids[41], ids[42], ids[99]}
    server.always = _refusing(bad, status, naming)
    flush(courier, spool, time.clock, 3)
    assert _arrived(server) == sorted(set(ids) - bad)
    assert {event.id for event in spool.set_aside()} == bad
    assert all(
        event.reason.startswith(f"{status} invalid_event: Bad") for event in spool.set_aside()
    )
    assert (spool.depth(), time.slept, courier.refused) == (0, [], 4)


def test_an_index_outside_the_batch_is_not_believed(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime
) -> None:
    """A server that counts wrong still only loses the event it refuses."""
    ids = _fill(spool, 8)
    server.always = lambda request: (
        (422, {"error": "x", "message": "bad at index 99"}, {})
        if any(event["id"] == ids[5] for event in request.document)
        else None
    )
    flush(courier, spool, time.clock, 3)
    assert [event.id for event in spool.set_aside()] == [ids[5]]


def test_set_aside_events_can_be_sent_once_more(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime
) -> None:
    """What was refused waits with its reason, apart from the others, and can be requeued."""
    ids = _fill(spool, 3)
    server.always = _refusing({ids[1]})
    flush(courier, spool, time.clock, 3)
    assert (spool.depth(), spool.set_aside_count()) == (0, 1)
    server.always = None
    assert spool.requeue() == 1
    flush(courier, spool, time.clock, 3)
    assert _arrived(server) == ids


def test_a_batch_that_is_too_large_is_halved(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime
) -> None:
    """413 makes this and the following batches smaller until they pass."""
    ids = _fill(spool, 1_000)
    server.always = lambda request: (
        (413, {"error": "payload_too_large", "message": "at index 3"}, {})
        if len(request.document) > 300
        else None
    )
    flush(courier, spool, time.clock, 3)
    assert [len(batch) for batch in server.batches()] == [1_000, 500, 250, 250, 250, 250]
    assert _arrived(server) == ids


def test_one_event_that_is_too_large_is_set_aside(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime
) -> None:
    """An event that alone is too large does not block the others."""
    ids = _fill(spool, 4)
    server.always = lambda request: (
        (413, {}, {}) if any(event["id"] == ids[2] for event in request.document) else None
    )
    flush(courier, spool, time.clock, 3)
    assert [event.id for event in spool.set_aside()] == [ids[2]]
    assert _arrived(server) == [ids[0], ids[1], ids[3]]


def test_a_lost_acknowledgement_is_sent_again(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime
) -> None:
    """A batch that arrived without our knowing goes out again, and the server knows it."""
    ids = _fill(spool, 3)

    def swallow(request: Request) -> Answer:
        server.events |= {
            (event["source"], event["id"], event["timestamp"]): event for event in request.document
        }
        return 500, {}, {}

    server.script = [swallow]
    flush(courier, spool, time.clock, 3)
    assert (_arrived(server), len(server.batches())) == (ids, 2)


def test_a_running_monitor_sends_full_batches_at_once_and_others_in_time(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime
) -> None:
    """The threshold or the interval, whichever comes first."""
    pump = Pump(courier, spool, time.clock, threshold=10, interval=60)
    assert not pump.step()  # nothing from an earlier run
    _fill(spool, 3)
    steps = [pump.step()]
    for _ in range(6):
        time.advance(10)
        steps.append(pump.step())
    assert steps == [False] * 6 + [True]
    assert not pump.step()
    _fill(spool, 10)
    assert pump.step()
    assert [len(batch) for batch in server.batches()] == [3, 10]


def test_a_running_monitor_keeps_trying_for_ever(
    spool: Spool, courier: Courier, server: Loopback, time: FakeTime
) -> None:
    """The schedule is kept without sleeping, honours Retry-After, and starts anew after success."""
    _fill(spool, 1)
    server.script = [*[AWAY] * 9, (503, {}, {"Retry-After": "100"})]
    pump = Pump(courier, spool, time.clock, threshold=10, interval=60)
    tries = []
    for _ in range(8_000):
        before = len(server.requests)
        pump.step()
        tries += [time.elapsed] * (len(server.requests) - before)
        time.advance(0.5)
        if not spool.depth():
            break
    waits = [after - before for before, after in itertools.pairwise(tries)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 100]
    assert (time.slept, spool.depth()) == ([], 0)


def test_an_index_is_read_from_the_servers_words() -> None:
    """The message formats of the contract all give the index."""
    for message in ("Event at index 3: id: bad", "Invalid event type 'x' at index 3"):
        found = deliver._INDEX.search(message)
        assert found is not None
        assert found[1] == "3"
