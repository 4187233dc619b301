"""Requests that nobody thought of, over HTTP: whatever comes in, the answer is never a 5xx."""

import hashlib
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.e2e.stack_fixture import Stack
from tests.support import Registered, event_id, examples, register_source

# Every call goes to one running stack: time is its business, and so are fixtures used again.
bounded = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
MAX_ADDRESS = 8_000  # bytes; the server in front answers longer ones itself, as it does no HTTP
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def fuzzed(stack: Stack) -> Registered:
    """A monitor of the owner's that sends odd things."""
    return register_source(stack.gateway, stack.token, "fuzzed")


@pytest.fixture(scope="module")
def schema(stack: Stack) -> OpenApiSchema:
    """The document that the running stack serves."""
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{stack.gateway.port}/openapi.json")


# --- what the document allows, and what it does not -------------------------------------------


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_the_document_holds(
    stack: Stack, fuzzed: Registered, schema: OpenApiSchema, mode: schemathesis.GenerationMode
) -> None:
    """Each operation answers as documented to what is allowed and to what is not."""
    session = requests.Session()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        strategy = found.ok().as_strategy(generation_mode=mode)
        fuzz(strategy, lambda case, known: ask(stack, fuzzed, session, case, known))


def fuzz(strategy: st.SearchStrategy[Any], check: Callable[[Any, bool], None]) -> None:
    """Runs `check` with cases of one operation, as somebody known or not."""

    @settings(bounded, max_examples=examples(25))
    @given(case=strategy, known=st.sampled_from([True, True, True, False]))
    def run(case: Any, known: bool) -> None:
        check(case, known)

    run()


def ask(
    stack: Stack, source: Registered, session: requests.Session, case: Any, known: bool
) -> None:
    """Sends a case, signed and with a token if it comes from somebody known, and checks it."""
    host = f"http://127.0.0.1:{stack.gateway.port}"
    request = requests.Request(**case.as_transport_kwargs(base_url=host)).prepare()
    if len(request.path_url) > MAX_ADDRESS:
        return
    if known:
        body = request.body or b""
        assert isinstance(body, str | bytes)
        signed = source.sign(body.encode() if isinstance(body, str) else body)
        del signed["Content-Type"]
        request.headers.update({"Authorization": f"Bearer {stack.token}", **signed})
    case.validate_response(session.send(request, timeout=30), checks=CHECKS)


# --- valid batches of anything ----------------------------------------------------------------

texts = st.text(max_size=40) | st.sampled_from(
    ["", "\0", "\u2028", "\U0001f3b9", "e\u0301", "\ufffe", "\\u0000", "NaN", "9" * 100, "Infinity"]
)
surrogates = st.text(alphabet=st.characters(min_codepoint=0xD7F0, max_codepoint=0xE010), max_size=3)
numbers = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**400, 5e-324, 1.8e308, -0.0])
    | st.floats()
)
leaves = st.none() | st.booleans() | numbers | texts | surrogates
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
# How a number may be written; Python would write none of these.
written = st.from_regex(
    r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,6})?", fullmatch=True
)
WRITTEN = "a number stands here"

NOW = datetime.now(UTC)  # once, since a strategy must not change while it is used
zones = st.integers(-15 * 60, 15 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@st.composite
def timestamps(draw: st.DrawFn) -> str:
    """RFC 3339, in every way that the contract allows; of the last ten years, nearly always."""
    ago = draw(st.timedeltas(timedelta(0), timedelta(days=3_660)))
    moment = (NOW - ago).astimezone(draw(zones))
    text = moment.isoformat(timespec="seconds")
    fraction = draw(st.text("0123456789", max_size=9))
    text = f"{text[:19]}.{fraction}{text[19:]}" if fraction else text
    return draw(st.sampled_from([text, text.replace("T", "t"), text.replace("T", " ")]))


@st.composite
def nested(draw: st.DrawFn) -> Any:
    """Something deep inside lists and objects."""
    value: Any = draw(leaves)
    for level in range(draw(st.integers(0, 250))):
        value = [value] if level % 3 else {"in": value}
    return value


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[dict[str, Any]], str | None]:
    """Events with payloads of anything, and a number to be written into them."""
    payloads = st.dictionaries(
        texts | st.sampled_from(["project", "language"]),
        values | nested() | st.just(WRITTEN),
        max_size=5,
    )
    events = draw(
        st.lists(
            st.fixed_dictionaries(
                {"timestamp": timestamps(), "payload": payloads},
                optional={"eventType": st.just("tool"), "anything": values},
            ),
            min_size=1,
            max_size=5,
        )
    )
    return events, draw(st.none() | written)


def body_of(events: list[dict[str, Any]], number: str | None, *, ascii_only: bool) -> bytes:
    """The JSON text, with `number` for each placeholder."""
    body = json.dumps(events if len(events) > 1 else events[0], ensure_ascii=ascii_only)
    if number is not None:
        body = body.replace(f'"{WRITTEN}"', number)
    return body.encode("utf-8", "surrogatepass")


def canonical(value: Any) -> Any:
    """`value` with whole numbers beyond 64 bits as doubles, as most readers of JSON have them."""
    if isinstance(value, dict):
        return {name: canonical(item) for name, item in value.items()}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if isinstance(value, int) and not -(2**53) <= value <= 2**53:
        return float(value)  # a double that is whole is written out as all of its digits
    return value


def test_what_is_accepted_reads_back_equal(stack: Stack, fuzzed: Registered) -> None:
    """A signed batch of any JSON is stored as it is, or refused with a 4xx."""
    seen: dict[int, int] = {}

    @settings(bounded, max_examples=examples(250))
    @given(batch=batches(), ascii_only=st.booleans())
    def run(batch: tuple[list[dict[str, Any]], str | None], ascii_only: bool) -> None:
        events, number = batch
        sent = [
            {"id": event_id(), "source": fuzzed.name, "type": "tool", **event} for event in events
        ]
        body = body_of(sent, number, ascii_only=ascii_only)
        answer = fuzzed.send(stack.gateway, body)
        seen[answer.status] = seen.get(answer.status, 0) + 1
        assert answer.status == 200 or 400 <= answer.status < 500, (answer, body)
        stored = stack.database.rows(
            "select e.id, e.occurred_at, e.payload from events as e"
            " join batches as b on b.id = e.batch_id where b.body_sha256 = %s",
            hashlib.sha256(body).digest(),
        )
        if answer.status != 200:
            assert stored == []
            return
        read = json.loads(body)
        read = read if isinstance(read, list) else [read]
        assert answer.json["inserted"] == len(read)
        by_id = {event["id"]: event for event in read}
        assert {row["id"]: canonical(row["payload"]) for row in stored} == {
            name: canonical(event["payload"]) for name, event in by_id.items()
        }
        for row in stored:
            occurred_at = datetime.fromisoformat(by_id[row["id"]]["timestamp"].upper())
            off = abs((row["occurred_at"] - occurred_at).total_seconds())
            assert off <= 1e-6 or math.isclose(off, 1e-6)

    run()
    assert seen[200] > examples(50)  # or nothing was tried but what is refused
    assert seen[400] > examples(10)
