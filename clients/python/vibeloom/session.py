"""What a log has said so far about where and when it happens, kept between two looks at it."""

import json
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from vibeloom import privacy
from vibeloom.entries import Entry

MAX_QUEUE = 32  # queued prompts that are remembered; nobody has more waiting


class Queued(msgspec.Struct, frozen=True):
    """A prompt, or a notification, that came while the agent worked."""

    at: datetime
    digest: bytes | None
    typed: bool = True  # by a person
    released: bool = False  # it has left the queue; what it became has not been read yet


class Session(msgspec.Struct, frozen=True):
    """What a log has said so far about where it happens."""

    session_id: str
    project: str = privacy.UNKNOWN_PROJECT
    root: bytes | None = None  # digest of the directory that it began in
    root_project: str = privacy.UNKNOWN_PROJECT
    branch: str | None = None
    last_timestamp: datetime | None = None
    started: str | None = None  # the session whose start has been told
    headless: bool = False
    queue: tuple[Queued, ...] = ()


class ToolCall(msgspec.Struct, frozen=True):
    """A tool that was started."""

    tool: str
    context: str | None
    program: str | None = None


def advance(session: Session, entry: Entry) -> Session:
    """Where and when this entry is; one without a time of its own gets the last one's.

    An agent that changes into a folder below the one it began in has not left its project.
    """
    folder = entry.folder
    if folder is not None:
        if session.root is None and not folder.is_home:
            session = replace(session, root=folder.digest, root_project=folder.project)
        inside = session.root in folder.above
        project = session.root_project if inside else folder.project
    else:
        project = session.project
    return replace(
        session,
        session_id=entry.session_id or session.session_id,
        project=project,
        branch=entry.branch or session.branch,
        last_timestamp=entry.timestamp or session.last_timestamp,
        headless=session.headless if entry.headless is None else entry.headless,
    )


def dump(session: Session) -> str:
    """What a log has said so far, as text; bytes are written in hexadecimal."""
    return json.dumps(
        msgspec.to_builtins(session, builtin_types=(bytes, datetime)),
        default=lambda value: value.hex() if isinstance(value, bytes) else value.isoformat(),
        separators=(",", ":"),
    )


def load(text: str) -> Session:
    document: dict[str, Any] = json.loads(text)
    last = document["last_timestamp"]
    return Session(
        **{
            **document,
            "root": _bytes(document["root"]),
            "last_timestamp": None if last is None else datetime.fromisoformat(last),
            "queue": tuple(
                Queued(
                    datetime.fromisoformat(each["at"]),
                    _bytes(each["digest"]),
                    each["typed"],
                    each["released"],
                )
                for each in document["queue"]
            ),
        }
    )


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else bytes.fromhex(value)
