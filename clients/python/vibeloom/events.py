"""Events as they are spooled and sent, and how facts become events."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol

from vibeloom import privacy
from vibeloom.entries import (
    Entry,
    Fact,
    Prompt,
    SessionEnded,
    ToolCompleted,
    ToolStarted,
    Usage,
)

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 20  # characters after `evt_`: 103 bits, and what VibeTea's servers accept


@dataclass(frozen=True)
class Event:
    """One event; its source is put in when it is sent."""

    id: str
    timestamp: str
    type: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class Session:
    """What a log has said so far about where it happens."""

    session_id: str
    log: str  # the identity of the log; ids inside it mean something only there
    project: str = privacy.UNKNOWN_PROJECT
    branch: str | None = None
    last_timestamp: datetime | None = None
    started: bool = False  # the "session started" event has been written


@dataclass(frozen=True)
class ToolCall:
    """A tool that was started and has not come back yet."""

    tool: str
    context: str | None


class Memory(Protocol):
    """What must be remembered across lines and restarts."""

    def first_time(self, kind: str, key: str) -> bool:
        """True the first time that this is asked, False ever after."""

    def begin_call(self, use_id: str, call: ToolCall) -> None:
        """Remember a tool call until it ends."""

    def end_call(self, use_id: str) -> ToolCall | None:
        """The tool call that this id began, if it is remembered; then forget it."""


def event_id(source: str, identity: str, offset: int, index: int | str) -> str:
    """The same place in the same file of the same source always gives the same id."""
    digest = sha256(f"{source}\n{identity}\n{offset}\n{index}".encode()).digest()
    number = int.from_bytes(digest)
    characters = []
    for _ in range(ID_LENGTH):
        number, remainder = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[remainder])
    return "evt_" + "".join(characters)


def rfc3339(moment: datetime) -> str:
    """UTC with microseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def wire(event_source: str, stored: str) -> bytes:
    """The bytes of one event as sent: what the spool holds, with the source."""
    document = json.loads(stored)
    document["source"] = event_source
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def stored(event: Event) -> str:
    """The event as the spool holds it."""
    return json.dumps(
        {
            "id": event.id,
            "timestamp": event.timestamp,
            "type": event.type,
            "payload": event.payload,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def advance(session: Session, entry: Entry) -> Session:
    """What is known after this entry; a line without a time of its own gets the last one's."""
    return replace(
        session,
        session_id=entry.session_id or session.session_id,
        project=entry.project or session.project,
        branch=entry.branch or session.branch,
        last_timestamp=entry.timestamp or session.last_timestamp,
    )


def opens_session(session: Session, entry: Entry) -> bool:
    """Whether this entry is the first that says when and where its session takes place."""
    return (
        not session.started
        and not entry.sidechain
        and session.last_timestamp is not None
        and (entry.project is not None or bool(entry.facts))
    )


def session_started(session: Session) -> tuple[str, dict[str, Any]]:
    """The event that a new log begins with."""
    return "session", {
        "type": "session",
        "sessionId": session.session_id,
        "action": "started",
        "project": session.project,
        **_branch(session),
    }


def describe(  # noqa: PLR0911 - one per kind of fact
    fact: Fact, session: Session, memory: Memory
) -> tuple[str, dict[str, Any]] | None:
    """The type and payload of the event for one fact, or nothing if it has been told before."""
    match fact:
        case Prompt():
            return "activity", {
                "type": "activity",
                "sessionId": session.session_id,
                "project": session.project,
                **_branch(session),
            }
        case ToolStarted():
            call = ToolCall(fact.tool, fact.context)
            if fact.use_id is not None:
                if not _news("started", fact.use_id, session, memory):
                    return None
                memory.begin_call(f"{session.log}\n{fact.use_id}", call)
            return "tool", _tool(session, call, "started")
        case ToolCompleted():
            return _completed(fact, session, memory)
        case Usage():
            if fact.message_id and not _news("usage", fact.message_id, session, memory):
                return None
            return "token_usage", _usage(fact, session)
        case SessionEnded():
            return "summary", {
                "type": "summary",
                "sessionId": session.session_id,
                "summary": privacy.SESSION_ENDED,
            }


def _news(kind: str, key: str, session: Session, memory: Memory) -> bool:
    """Whether this has not been told before: not in this log, and not at this moment in another.

    The second is what a resumed or forked session looks like: its log begins with a copy of the old
    one.
    """
    return memory.first_time(kind, f"{session.log}\n{key}") and memory.first_time(
        kind, f"{key}\n{session.last_timestamp}"
    )


def _completed(
    fact: ToolCompleted, session: Session, memory: Memory
) -> tuple[str, dict[str, Any]] | None:
    call = None
    if fact.use_id is not None:
        # several hooks and the result may each report the same call
        if not _news("completed", fact.use_id, session, memory):
            return None
        call = memory.end_call(f"{session.log}\n{fact.use_id}")
    call = call or ToolCall(fact.tool or privacy.OTHER, None)
    return "tool", {**_tool(session, call, "completed"), "success": fact.success}


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


def _usage(fact: Usage, session: Session) -> dict[str, Any]:
    return {
        "type": "token_usage",
        "model": fact.model,
        "inputTokens": fact.input_tokens,
        "outputTokens": fact.output_tokens,
        "cacheReadTokens": fact.cache_read_tokens,
        "cacheCreationTokens": fact.cache_creation_tokens,
        "sessionId": session.session_id,
        "project": session.project,
        **_branch(session),
    }
