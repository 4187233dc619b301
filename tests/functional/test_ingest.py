"""`POST /v1/ingest` from a gateway event to rows: every row of the contract's table."""

import base64
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from nacl.signing import SigningKey

from functions.core.kinds import VIBETEA_KINDS
from tests.support import Api, Database, Registered, event_id, fresh_process, register_source
from tests.support import timestamp as ago


def test_a_batch_is_stored_once(api: Api, laptop: Registered, database: Database) -> None:
    """New events are counted, repeated ones are skipped, and the message is the contract's."""
    events = [laptop.event() for _ in range(1000)]
    first = laptop.send(api, events[:153])
    again = laptop.send(api, events)

    assert (first.status, first.json) == (
        200,
        {"inserted": 153, "message": "Successfully processed 153 events"},
    )
    assert (again.status, again.json) == (
        200,
        {
            "inserted": 847,
            "message": "Successfully processed 1000 events (153 duplicates skipped)",
        },
    )
    assert database.value("select count(*) from events") == 1000


def test_the_same_body_again_leaves_no_second_batch(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A replayed request is answered and changes nothing, so a captured one is worth nothing."""
    body = json.dumps([laptop.event()]).encode()
    assert laptop.send(api, body).json["inserted"] == 1
    assert laptop.send(api, body).json == {
        "inserted": 0,
        "message": "Successfully processed 1 events (1 duplicates skipped)",
    }
    assert database.value("select count(*) from batches") == 1


def test_what_is_stored(api: Api, laptop: Registered, database: Database) -> None:
    """Each column holds what the event said, and the batch what can be verified later."""
    event = laptop.event(
        timestamp="2026-11-01T10:00:00.123456789+01:00",
        payload={
            "project": "loom",
            "language": "rust",
            "deep": {"é": [1, 2.5, None, "\U0001f3b9"]},
        },
    )
    body = json.dumps(event).encode()
    assert laptop.send(api, body).json["inserted"] == 1

    [row] = database.rows(
        "select source_id, id, occurred_at, kind, project, language, payload, batch_id from events"
    )
    [batch] = database.rows("select * from batches")
    occurred_at = datetime(2026, 11, 1, 9, 0, 0, 123457, UTC)
    assert row == {
        "source_id": batch["source_id"],
        "id": event["id"],
        "occurred_at": occurred_at,
        "kind": "tool",
        "project": "loom",
        "language": "rust",
        "payload": event["payload"],
        "batch_id": batch["id"],
    }
    assert (batch["events"], batch["inserted"], batch["token_id"]) == (1, 1, None)
    assert batch["first_occurred_at"] == batch["last_occurred_at"] == occurred_at
    assert str(batch["key_id"]) == laptop.key_id
    laptop.key.verify_key.verify(body, batch["signature"])


@pytest.mark.parametrize("kind", VIBETEA_KINDS)
def test_every_kind_is_accepted(api: Api, laptop: Registered, kind: str) -> None:
    """The published kinds and what newer monitors send."""
    assert laptop.send(api, [laptop.event(type=kind)]).status == 200


@pytest.mark.parametrize(
    "naming",
    [{"type": None, "eventType": "tool"}, {"type": "tool"}, {"type": "tool", "eventType": "tool"}],
)
def test_type_and_event_type_are_one(
    api: Api, laptop: Registered, database: Database, naming: dict[str, Any]
) -> None:
    """The contract says eventType, monitors send type: either is taken."""
    assert laptop.send(api, [laptop.event(**naming)]).status == 200
    assert database.value("select kind from events") == "tool"


def test_both_paths_are_one_route(api: Api, laptop: Registered) -> None:
    """Supabase-style monitors post below /functions."""
    body = json.dumps(laptop.event()).encode()
    answer = api("POST", "/functions/v1/ingest", body, headers=laptop.sign(body))
    assert (answer.status, answer.json["inserted"]) == (200, 1)


def test_a_text_body_is_verified_over_its_bytes(api: Api, laptop: Registered) -> None:
    """API Gateway hands over text bodies as text; the signature is over the UTF-8."""
    text = json.dumps([laptop.event(payload={"note": "Zürich 🎹"})], ensure_ascii=False)
    from functions.gateway import Context
    from functions.ingest.handler import handler
    from tests.support import gateway_event

    event = gateway_event("POST", "/v1/ingest", text, laptop.sign(text.encode()))
    assert handler(event, Context())["statusCode"] == 200


BAD_EVENTS: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("no id", {"id": None}, 400, "invalid_event", "index 1: id"),
    ("short id", {"id": "evt_abc"}, 400, "invalid_event", "index 1: id"),
    ("upper id", {"id": "evt_" + "A" * 20}, 400, "invalid_event", "index 1: id"),
    ("newline id", {"id": "evt_" + "a" * 20 + "\n"}, 400, "invalid_event", "index 1: id"),
    ("id number", {"id": 7}, 400, "invalid_event", "index 1: id"),
    ("no source", {"source": None}, 400, "invalid_event", "index 1: source"),
    ("empty source", {"source": ""}, 400, "invalid_event", "index 1: source"),
    ("no timestamp", {"timestamp": None}, 400, "invalid_event", "index 1: timestamp"),
    ("unix time", {"timestamp": 1764000000}, 400, "invalid_event", "index 1: timestamp"),
    ("no zone", {"timestamp": "2026-11-01T10:00:00"}, 400, "invalid_event", "timestamp"),
    ("no such day", {"timestamp": "2026-02-30T10:00:00Z"}, 400, "invalid_event", "timestamp"),
    ("no such zone", {"timestamp": "2026-02-03T10:00:00+23:00"}, 400, "invalid_event", "timestamp"),
    ("arabic digits", {"timestamp": "٢٠٢٦-02-03T10:00:00Z"}, 400, "invalid_event", "timestamp"),
    ("no type", {"type": None}, 400, "invalid_event", "index 1: eventType"),
    ("type null", {"type": 3}, 400, "invalid_event", "index 1: type"),
    ("differ", {"eventType": "agent"}, 400, "invalid_event", "index 1: eventType and type differ"),
    ("no payload", {"payload": None}, 400, "invalid_event", "index 1: payload"),
    ("payload list", {"payload": []}, 400, "invalid_event", "index 1: payload"),
    ("unknown kind", {"type": "x"}, 422, "invalid_event_type", "Invalid event type 'x' at index 1"),
    ("other source", {"source": "desk"}, 422, "source_mismatch", "'desk' does not match"),
    ("long ago", {"timestamp": ago(timedelta(days=3_654))}, 422, "timestamp_out_of_range", "1"),
    ("far ahead", {"timestamp": ago(-timedelta(hours=25))}, 422, "timestamp_out_of_range", "1"),
    ("year 1", {"timestamp": "0001-01-01T00:00:00+15:00"}, 422, "timestamp_out_of_range", "1"),
    ("inf", {"payload": {"x": [{"y": 10**400}]}}, 400, "invalid_event", "index 1"),
    ("nul", {"payload": {"x": "a\0b"}}, 400, "invalid_event", "index 1: a text holds a NUL"),
    ("nul key", {"payload": {"a\0b": 1}}, 400, "invalid_event", "index 1: a text holds a NUL"),
]


@pytest.mark.parametrize(
    ("change", "status", "error", "named"),
    [pytest.param(*case[1:], id=case[0]) for case in BAD_EVENTS],
)
def test_one_bad_event_refuses_the_batch(
    api: Api,
    laptop: Registered,
    database: Database,
    change: dict[str, Any],
    status: int,
    error: str,
    named: str,
) -> None:
    """The batch is atomic, and the answer names the index and the field."""
    answer = laptop.send(api, [laptop.event(), laptop.event(**change), laptop.event()])
    assert (answer.status, answer.error) == (status, error)
    assert named in answer.message
    assert database.value("select count(*) from events") == 0


def test_the_first_bad_event_decides(api: Api, laptop: Registered) -> None:
    """As in the original: events are judged in order, whatever is wrong with later ones."""
    answer = laptop.send(api, [laptop.event(type="x"), laptop.event(id="nope")])
    assert (answer.error, answer.message) == (
        "invalid_event_type",
        "Invalid event type 'x' at index 0",
    )


@pytest.mark.parametrize(
    ("ahead", "status"), [(timedelta(hours=23), 200), (timedelta(hours=25), 422)]
)
def test_clocks_may_be_off_by_a_day(
    api: Api, laptop: Registered, ahead: timedelta, status: int
) -> None:
    """A monitor whose clock is nearly a day ahead is believed, one beyond it is not."""
    assert laptop.send(api, [laptop.event(timestamp=ago(-ahead))]).status == status


BAD_BODIES: list[tuple[str, bytes, str]] = [
    ("empty", b"", "invalid_request"),
    ("not json", b"{", "invalid_request"),
    ("text", b'"hello"', "invalid_request"),
    ("number", b"7", "invalid_request"),
    ("null", b"null", "invalid_request"),
    ("two values", b"[] []", "invalid_request"),
    ("nan", b"[NaN]", "invalid_request"),
    ("infinity", b"[-Infinity]", "invalid_request"),
    ("bom", b"\xef\xbb\xbf[]", "invalid_request"),
    ("latin-1", b'["\xe9"]', "invalid_request"),
    ("raw nul", b'["\x00"]', "invalid_request"),
    ("lone surrogate", rb'["\ud800"]', "invalid_request"),
    ("surrogates swapped", rb'["\udc00\ud800"]', "invalid_request"),
    ("a thousand levels", b"[" * 1000 + b"]" * 1000, "invalid_request"),
    ("a thousand levels of objects", b'{"a":' * 1000 + b"1" + b"}" * 1000, "invalid_request"),
    ("never closed", b"[" * 1_000_000, "invalid_request"),
    ("a digit too many", b"[" + b"9" * 5000 + b"]", "invalid_request"),
    ("not objects", b"[1]", "invalid_event"),
    ("null event", b"[null]", "invalid_event"),
    ("none", b"[]", "empty_batch"),
    ("an empty object", b"{}", "invalid_event"),
]


@pytest.mark.parametrize(
    ("body", "error"), [pytest.param(*case[1:], id=case[0]) for case in BAD_BODIES]
)
def test_a_bad_body_is_a_400(api: Api, laptop: Registered, body: bytes, error: str) -> None:
    """Whatever is signed and is not a batch is the sender's error, never ours."""
    answer = laptop.send(api, body)
    assert (answer.status, answer.error) == (400, error)


RAW_NUMBERS = [
    b"9" * 1000,
    b"-" + b"9" * 1000,
    b"1." + b"1" * 1000,
    b"0." + b"0" * 1000 + b"1",
    b"1e400",
    b"-1e400",
    b"9223372036854775808",
    b"1e" + b"9" * 40,
    b"1e-20000",
    b"0e99999999999999999999",
]


@pytest.mark.parametrize("number", RAW_NUMBERS)
def test_numbers_that_cannot_be_kept_are_refused(
    api: Api, laptop: Registered, number: bytes
) -> None:
    """Numbers of a thousand digits, or beyond a double or 64 bits: a 400 that names the event."""
    body = json.dumps([laptop.event(payload={"n": "N"})]).encode().replace(b'"N"', number)
    answer = laptop.send(api, body)
    assert (answer.status, answer.error) == (400, "invalid_event")
    assert "index 0" in answer.message


@pytest.mark.parametrize("text", ["9" * 5000, "\\u0000 written out", "0" * 40])
def test_text_that_looks_suspicious_is_kept(
    api: Api, laptop: Registered, database: Database, text: str
) -> None:
    """Only numbers are held to digits, and only real NULs are refused."""
    assert laptop.send(api, [laptop.event(payload={"n": text})]).status == 200
    assert database.value("select payload ->> 'n' from events") == text


def test_a_key_twice_in_an_object_is_refused(api: Api, laptop: Registered) -> None:
    """Two parsers must never disagree about which value was signed."""
    event = json.dumps(laptop.event())
    for body in (
        event.replace('"id"', '"id": "x", "id"', 1),
        event.replace("}", ', "a":1,"a":2}', 1),
    ):
        answer = laptop.send(api, body.encode())
        assert (answer.status, answer.error) == (400, "invalid_request")


def test_the_size_limits(api: Api, laptop: Registered) -> None:
    """1000 events are a batch, 1001 are not; 5 MB as sent is the end."""
    thousand = [laptop.event() for _ in range(1000)]
    assert laptop.send(api, thousand).json["inserted"] == 1000
    answer = laptop.send(api, [*thousand, laptop.event()])
    assert (answer.status, answer.error, answer.message) == (
        400,
        "batch_too_large",
        "Maximum batch size is 1000 events",
    )
    answer = laptop.send(api, b"[" + b" " * (5 * 1024 * 1024) + b"]")
    assert (answer.status, answer.error) == (413, "payload_too_large")
    whole = json.dumps([laptop.event(payload={"x": "y" * (5 * 1024 * 1024 - 500)})]).encode()
    assert len(whole) <= 5 * 1024 * 1024
    assert laptop.send(api, whole).status == 200


def test_gzip(api: Api, laptop: Registered) -> None:
    """Packed bodies are taken, the signature being over the bytes as sent."""
    body = json.dumps([laptop.event() for _ in range(10)]).encode()
    assert laptop.send_gzip(api, body).json["inserted"] == 10


def test_a_decompression_bomb_is_refused(api: Api, laptop: Registered) -> None:
    """20 MB unpacked is the end, and no more than that is ever unpacked."""
    import tracemalloc

    bomb = gzip.compress(b"[" + b" " * 200_000_000 + b"]")
    tracemalloc.start()
    answer = laptop.send(api, bomb, **{"Content-Encoding": "gzip"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status, answer.error) == (413, "payload_too_large")
    assert peak < 60_000_000


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-4],
        lambda packed: packed + b"x",
        lambda packed: packed[:20] + b"\0\0\0" + packed[23:],
        lambda packed: b"not gzip",
    ],
)
def test_damaged_gzip_is_a_400(api: Api, laptop: Registered, damage: Any) -> None:
    """Cut, continued, damaged or never packed."""
    packed = damage(gzip.compress(json.dumps([laptop.event()]).encode()))
    answer = laptop.send(api, packed, **{"Content-Encoding": "gzip"})
    assert (answer.status, answer.error) == (400, "invalid_request")


def test_other_encodings_are_refused(api: Api, laptop: Registered) -> None:
    """415 says what is read here."""
    answer = laptop.send(api, b"x", **{"Content-Encoding": "br"})
    assert (answer.status, answer.error) == (415, "unsupported_media_type")


def _signature(laptop: Registered, body: bytes) -> str:
    return laptop.sign(body)["X-Signature"]


def test_missing_headers(api: Api, laptop: Registered) -> None:
    """A header missing or empty is missing_auth."""
    body = json.dumps([laptop.event()]).encode()
    complete = laptop.sign(body)
    for name in ("X-Source-ID", "X-Signature"):
        without = {key: value for key, value in complete.items() if key != name}
        for headers in (without, without | {name: ""}):
            answer = api("POST", "/v1/ingest", body, headers=headers)
            assert (answer.status, answer.error) == (401, "missing_auth")


@pytest.mark.parametrize("name", ["nobody", "lap\0top", "ü", "x" * 5000, "laptop'--"])
def test_unknown_sources(api: Api, laptop: Registered, name: str) -> None:
    """A name without a key is unknown_source, whatever the name."""
    answer = laptop.send(api, [laptop.event()], **{"X-Source-ID": name})
    assert (answer.status, answer.error) == (401, "unknown_source")


def test_wrong_signatures(api: Api, laptop: Registered, database: Database) -> None:
    """Length, base64, another's key, another body: anything wrong is invalid_signature."""
    body = json.dumps([laptop.event()]).encode()
    good = _signature(laptop, body)
    raw = base64.b64decode(good)
    last = base64.b64encode(raw).decode()
    non_canonical = last[:-3] + chr(ord(last[-3]) + 1) + "=="
    assert base64.b64decode(non_canonical) == raw
    for signature in (
        "x",
        good[:-4],
        good.replace("=", ""),
        good + "AAAA",
        good + "\u2028",
        non_canonical,
        base64.urlsafe_b64encode(b"\xff" * 64).decode(),
        base64.b64encode(bytes(64)).decode(),
        base64.b64encode(raw[:32] + bytes(32)).decode(),
        base64.b64encode(SigningKey.generate().sign(body).signature).decode(),
        _signature(laptop, body + b" "),
    ):
        answer = api(
            "POST", "/v1/ingest", body, headers=laptop.sign(body) | {"X-Signature": signature}
        )
        assert (answer.status, answer.error) == (401, "invalid_signature"), signature
    assert database.value("select count(*) from batches") == 0


def test_two_sources_may_use_the_same_ids(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """One source's ids cannot suppress another's events."""
    desk = register_source(api, owner_token, "desk")
    event = laptop.event()
    assert laptop.send(api, [event]).json["inserted"] == 1
    assert desk.send(api, [event | {"source": "desk"}]).json["inserted"] == 1
    assert database.value("select count(distinct source_id) from events") == 2


def test_a_revoked_key_is_refused_at_once(
    api: Api, laptop: Registered, owner_token: str, database: Database
) -> None:
    """Although the key is still remembered from the batch before."""
    assert laptop.send(api, [laptop.event()]).status == 200
    target = f"/v1/sources/{laptop.id}/keys/{laptop.key_id}"
    assert api("DELETE", target, token=owner_token).status == 204
    answer = laptop.send(api, [laptop.event()])
    assert (answer.status, answer.error) == (401, "unknown_source")
    assert database.value("select count(*) from events") == 1


def test_revocation_waits_for_a_batch_under_way(
    api: Api, laptop: Registered, database: Database
) -> None:
    """A batch that was let in commits; the revocation comes after it, never in its middle."""
    statement = (
        "select bulk_insert_events(owner_id, id, %s::jsonb, sha256('x'), %s)"
        " from source_keys where id = %s"
    )
    parameters = (json.dumps([laptop.event()]), bytes(64), laptop.key_id)
    revoke = "update source_keys set revoked_at = now() where id = %s"
    with (
        psycopg.connect(database.admin_url) as batch,
        psycopg.connect(database.admin_url) as revocation,
    ):
        batch.execute(statement, parameters)
        revocation.execute("set lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            revocation.execute(revoke, (laptop.key_id,))
        revocation.rollback()
        batch.commit()
        revocation.execute(revoke, (laptop.key_id,))
        revocation.commit()
        with pytest.raises(psycopg.Error, match="not active"):
            batch.execute(statement, parameters)


def test_keys_rotate_without_a_gap(api: Api, laptop: Registered, owner_token: str) -> None:
    """A batch signed with a key that was just added is taken although the old one is remembered."""
    from tests.support import proof

    assert laptop.send(api, [laptop.event()]).status == 200
    new = Registered("laptop", SigningKey.generate())
    challenge = api("POST", "/v1/sources/challenge", token=owner_token).json["challenge"]
    body = proof("laptop", new.key, challenge)
    assert api("POST", f"/v1/sources/{laptop.id}/keys", body, token=owner_token).status == 201
    assert new.send(api, [new.event()]).status == 200
    assert laptop.send(api, [laptop.event()]).status == 200


def test_concurrent_batches_with_the_same_events(
    database: Database, laptop: Registered, api: Api
) -> None:
    """Overlapping batches in any order neither deadlock nor store anything twice."""
    events = [laptop.event() for _ in range(300)]

    def insert(number: int) -> int:
        batch = events[number * 10 :] if number % 2 else events[::-1][number * 10 :]
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            row = connection.execute(
                "select bulk_insert_events(owner_id, id, %s::jsonb, sha256(%s::bytea), %s)"
                " from source_keys where id = %s",
                (json.dumps(batch), str(number).encode(), bytes(64), laptop.key_id),
            ).fetchone()
            assert row is not None
            return int(row[0])

    with ThreadPoolExecutor(8) as pool:
        inserted = list(pool.map(insert, range(16)))
    assert sum(inserted) == 300 == database.value("select count(*) from events")
    assert database.value("select sum(inserted) from batches") == 300


def test_configured_keys(api: Api, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """VIBETEA_PUBLIC_KEYS needs no registration, belongs to the owner, and ends with its entry."""
    desk = Registered("desk-1", SigningKey.generate())
    other = Registered("desk-2", SigningKey.generate())
    monkeypatch.setenv("VIBELOOM_OWNER_EMAIL", "ada@example.org")
    monkeypatch.setenv(
        "VIBETEA_PUBLIC_KEYS", f"desk-1:{desk.public_key}, desk-2:{other.public_key},"
    )
    fresh_process()
    assert desk.send(api, [desk.event()]).status == 200
    assert other.send(api, [other.event()]).status == 200
    assert database.rows(
        "select p.email, count(*) as events from deployment as d join profiles as p"
        " on d.owner_id = p.id join events as e on e.owner_id = p.id group by p.id"
    ) == [{"email": "ada@example.org", "events": 2}]

    monkeypatch.setenv("VIBETEA_PUBLIC_KEYS", f"desk-2:{other.public_key}")
    fresh_process()
    assert desk.send(api, [desk.event()]).error == "unknown_source"
    assert other.send(api, [other.event()]).status == 200


def test_a_configured_name_that_is_taken_harms_no_other(
    api: Api, laptop: Registered, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name of another account stays theirs; the remaining entries work."""
    database.rows(
        "with p as (insert into profiles default values returning id)"
        " update deployment set owner_id = (select id from p)"
    )
    thief = Registered("laptop", SigningKey.generate())
    desk = Registered("desk", SigningKey.generate())
    monkeypatch.setenv("VIBETEA_PUBLIC_KEYS", f"laptop:{thief.public_key},desk:{desk.public_key}")
    fresh_process()
    assert thief.send(api, [thief.event()]).error == "invalid_signature"
    assert desk.send(api, [desk.event()]).status == 200


def test_an_unreachable_database_is_a_503(
    api: Api, laptop: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Retry-After, CORS and the request id, so that a monitor waits and nothing is lost."""
    monkeypatch.setenv("VIBELOOM_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    fresh_process()
    answer = laptop.send(api, [laptop.event()], Origin="https://example.org")
    assert (answer.status, answer.error) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Request-Id"]


def test_a_bug_is_a_500_that_says_nothing(api: Api, laptop: Registered, database: Database) -> None:
    """The cause is logged, not told; the shape and the headers are those of every error."""
    database.rows("drop function bulk_insert_events(uuid, uuid, jsonb, bytea, bytea)")
    answer = laptop.send(api, [laptop.event()], Origin="https://example.org")
    assert (answer.status, answer.error) == (500, "internal_error")
    assert "bulk" not in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_last_seen(api: Api, laptop: Registered, database: Database) -> None:
    """A source shows when it was last heard of."""
    assert database.value("select last_seen_at from sources") is None
    laptop.send(api, [laptop.event(id=event_id())])
    assert database.value("select now() - last_seen_at < interval '1 minute' from sources") is True
