"""From facts to events: what is told for the first time, and what corrects what was told.

What is told is known by its own identity (a message's id, a prompt's uuid, a tool call's id, a
session's id), in whatever file and at whatever place it stands:

| told | the telling that holds |
|---|---|
| usage of a message | of its records, the last one: earlier ones are snapshots of a stream |
| everything else | the earliest one |
"""

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from vibeloom import commands, privacy
from vibeloom.entries import (
    MAIN,
    Enqueued,
    Entry,
    Fact,
    Prompt,
    Released,
    SessionEnded,
    ToolCompleted,
    ToolStarted,
)
from vibeloom.events import Event, earliest, event_id, identity_of, latest, milliseconds, rfc3339
from vibeloom.session import MAX_QUEUE, Queued, Session, ToolCall
from vibeloom.tokens import Usage


class Claim(NamedTuple):
    """What is about to be told of one thing, for `Memory.settle`."""

    key: bytes
    revision: int
    digest: bytes  # the same digest again corrects nothing but the time; none: always another
    at: int  # ms


class Memory(Protocol):
    """What must be remembered across lines and restarts."""

    def settle(self, claims: Sequence[Claim]) -> list[int | None]:
        """For each, the revision under which it is to be told, or nothing if what was told holds.

        They are settled in this order, so that one may correct another.
        """

    def begin_call(self, key: bytes, call: ToolCall) -> None:
        """Remember a tool call."""

    def call(self, key: bytes) -> ToolCall | None:
        """The tool call of this id, if it is remembered."""


_COUNTED = re.compile(r"(?:[A-Za-z_.:-]{0,40}[_:.-])?[0-9]{1,4}")


class Telling(msgspec.Struct, frozen=True):
    """One thing to be told, before it is known whether it is news."""

    kind: str
    key: str
    revision: int
    at: datetime
    type: str
    payload: dict[str, Any]
    digest: bytes = b""  # of what a later telling could correct; none: nothing could


def tell(session: Session, entry: Entry, memory: Memory) -> tuple[Session, list[Telling]]:
    """What is known after this entry, and what it tells.

    The session must have a time by now: see `vibeloom.session.advance`.
    """
    tellings: list[Telling] = []
    if _opens_session(session, entry):
        session = replace(session, started=session.session_id)
        tellings.append(_session_started(session))
    for index, fact in enumerate(entry.facts):
        identity = f"{entry.identity}\n{index}"
        session, telling = _told(session, entry, fact, identity, memory)
        if telling is not None:
            tellings.append(telling)
    if entry.answers and session.queue:
        session, late = _delivered_unseen(session)
        tellings += late
    return session, tellings


def news(tellings: Sequence[Telling], memory: Memory) -> list[Event]:
    """The events of what is told for the first time, and of what corrects what was told."""
    identities = [identity_of(each.kind, each.key) for each in tellings]
    revisions = memory.settle(
        [
            Claim(identity[:16], each.revision, each.digest, milliseconds(each.at))
            for identity, each in zip(identities, tellings, strict=True)
        ]
    )
    return [
        Event(event_id(identity), revision, rfc3339(each.at), each.type, each.payload)
        for identity, revision, each in zip(identities, revisions, tellings, strict=True)
        if revision is not None
    ]


def _opens_session(session: Session, entry: Entry) -> bool:
    """Whether this entry is the first that says when and where its session takes place."""
    return (
        session.started != session.session_id
        and entry.standing == MAIN
        and (entry.folder is not None or bool(entry.facts))
    )


def _now(session: Session) -> datetime:
    assert session.last_timestamp is not None  # noqa: S101 - `tell` is not called before
    return session.last_timestamp


def _session_started(session: Session) -> Telling:
    at = _now(session)
    return Telling(
        "session",
        session.session_id,
        earliest(MAIN, at),
        at,
        "session",
        {
            "type": "session",
            "sessionId": session.session_id,
            "action": "started",
            "project": session.project,
            **_branch(session),
        },
    )


def _told(  # noqa: PLR0911 - one per kind of fact
    session: Session, entry: Entry, fact: Fact, identity: str, memory: Memory
) -> tuple[Session, Telling | None]:
    """The session after a fact, and what the fact tells, if anything."""
    at = entry.timestamp or _now(session)
    match fact:
        case Usage():
            return session, _usage(session, entry, fact, identity, at)
        case ToolStarted():
            return session, _started(session, entry, fact, identity, at, memory)
        case ToolCompleted():
            return session, _completed(session, entry, fact, identity, at, memory)
        case Prompt():
            session, asked = _when_typed(session, fact, at)
            return session, _prompt(session, entry.identity, asked)
        case Enqueued():
            return _enqueue(session, Queued(at, fact.digest, fact.typed)), None
        case Released():
            return _release(session, fact), None
        case SessionEnded():
            payload = {
                "type": "summary",
                "sessionId": session.session_id,
                "summary": privacy.SESSION_ENDED,
            }
            revision = earliest(entry.standing, at)
            return session, Telling("summary", identity, revision, at, "summary", payload)


# Prompts.


def _prompt(session: Session, identity: str, at: datetime) -> Telling:
    """A prompt is a person's, unless a program started the session: then it wakes an agent."""
    where = {
        "sessionId": session.session_id,
        "project": session.project,
        **_branch(session),
    }
    revision = earliest(MAIN, at)
    if session.headless:
        payload = {"type": "agent", "state": "prompted", **where}
        return Telling("prompt", identity, revision, at, "agent", payload)
    return Telling("prompt", identity, revision, at, "activity", {"type": "activity", **where})


def _when_typed(session: Session, prompt: Prompt, at: datetime) -> tuple[Session, datetime]:
    """When this prompt was typed: when it was queued, if it was; it leaves the queue then."""
    typed = [each for each in session.queue if each.typed]
    same = [each for each in typed if prompt.digest is not None and each.digest == prompt.digest]
    # Pasted text is queued in other words than it is delivered in.
    unlike = [each for each in typed if each.released or None in (each.digest, prompt.digest)]
    for each in (*same, *unlike):
        rest = tuple(other for other in session.queue if other is not each)
        return replace(session, queue=rest), min(each.at, at)
    return session, at


def _enqueue(session: Session, queued: Queued) -> Session:
    if any((each.at, each.digest) == (queued.at, queued.digest) for each in session.queue):
        return session  # the same line twice
    return replace(session, queue=(*session.queue, queued)[-MAX_QUEUE:])


def _release(session: Session, fact: Released) -> Session:
    if fact.taken_back:  # to be typed on, and sent as another prompt
        return replace(session, queue=())
    for index, each in enumerate(session.queue):
        if not each.released:
            left = (replace(each, released=True),) if each.typed else ()
            queue = (*session.queue[:index], *left, *session.queue[index + 1 :])
            return replace(session, queue=queue)
    return session


def _delivered_unseen(session: Session) -> tuple[Session, list[Telling]]:
    """Prompts that left the queue and stand nowhere in the log, now that the model goes on."""
    gone = [each for each in session.queue if each.released]
    if not gone:
        return session, []
    session = replace(session, queue=tuple(each for each in session.queue if not each.released))
    return session, [
        _prompt(session, f"{session.session_id}\nqueued\n{each.at.isoformat()}", each.at)
        for each in gone
    ]


# Tools.


def _tool_key(session: Session, use_id: str) -> str:
    """Ids of tool calls are unique, but those that only count (`call_3`) within their session."""
    return f"{session.session_id}\n{use_id}" if _COUNTED.fullmatch(use_id) else use_id


def _started(  # noqa: PLR0913, PLR0917 - all of it is where and when
    session: Session,
    entry: Entry,
    fact: ToolStarted,
    identity: str,
    at: datetime,
    memory: Memory,
) -> Telling:
    call = ToolCall(fact.tool, fact.context, fact.program)
    key = identity
    if fact.use_id is not None:
        key = _tool_key(session, fact.use_id)
        memory.begin_call(identity_of("call", key)[:16], call)
    revision = earliest(entry.standing, at)
    return Telling("started", key, revision, at, "tool", _tool(session, call, "started"))


def _completed(  # noqa: PLR0913, PLR0917 - all of it is where and when
    session: Session,
    entry: Entry,
    fact: ToolCompleted,
    identity: str,
    at: datetime,
    memory: Memory,
) -> Telling:
    call = None
    key = identity
    if fact.use_id is not None:
        # Several hooks and the result may each report the same call.
        key = _tool_key(session, fact.use_id)
        call = memory.call(identity_of("call", key)[:16])
    call = call or ToolCall(fact.tool or privacy.OTHER, None)
    payload = {**_tool(session, call, "completed"), "success": fact.success}
    if call.tool == "Bash" and not fact.refused:
        if call.program:
            payload["program"] = call.program
        if not fact.success:
            payload["errorClass"] = commands.error_class(fact.said, call.program)
    # A result says more than a hook's line, which has nothing but the tool's name.
    revision = earliest(entry.standing, at) if fact.tool is None else 0
    return Telling("completed", key, revision, at, "tool", payload)


def _branch(session: Session) -> dict[str, Any]:
    return {"branch": session.branch} if session.branch else {}


def _tool(session: Session, call: ToolCall, status: str) -> dict[str, Any]:
    language = privacy.language(call.context)
    return {
        "type": "tool",
        "sessionId": session.session_id,
        "tool": call.tool,
        "status": status,
        "context": call.context,
        "project": session.project,
        **_branch(session),
        **({"language": language} if language else {}),
    }


# Tokens.


def _usage(session: Session, entry: Entry, fact: Usage, identity: str, at: datetime) -> Telling:
    tokens = fact.tokens
    payload: dict[str, Any] = {
        "type": "token_usage",
        "model": fact.model,
        "inputTokens": tokens.input,
        "outputTokens": tokens.output,
        "cacheReadTokens": tokens.cache_read,
        "cacheCreationTokens": tokens.cache_write,
    }
    if tokens.cache_write_1h:
        payload["cacheCreation1hTokens"] = tokens.cache_write_1h
    if fact.web_searches:
        payload["webSearches"] = fact.web_searches
    if fact.requests:
        payload["requests"] = [list(each) for each in fact.requests]
    if fact.fast:
        payload["speed"] = "fast"
    if fact.batch:
        payload["serviceTier"] = "batch"
    counted = f"{fact.model} {tokens} {fact.web_searches} {fact.requests} {fact.fast} {fact.batch}"
    digest = sha256(counted.encode()).digest()[:8]
    payload |= {
        "sessionId": session.session_id,
        "project": session.project,
        **_branch(session),
    }
    revision = latest(entry.standing, at, tokens.output)
    key = fact.message or identity
    return Telling("usage", key, revision, at, "token_usage", payload, digest)
