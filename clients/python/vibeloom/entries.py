"""One line of a session log in, facts out: the format of the logs is known here and nowhere else.

| entry | facts |
|---|---|
| `assistant` with `tool_use` blocks | `ToolStarted` for each |
| `assistant` with `message.usage` | `Usage`, and one for each other model's call inside it |
| `user` with `tool_result` blocks | `ToolCompleted` for each |
| `user` with a person's words | `Prompt` |
| `queue-operation`, `attachment` with a queued command | `Enqueued`, `Released`, `Prompt` |
| `progress` of a subagent | the facts of the message inside it, as a side chain's |
| `progress`, hook `PostToolUse` | `ToolCompleted` (what older logs have instead of results) |
| `summary` | `SessionEnded` |

Facts hold only what `vibeloom.privacy` has built, and digests that never leave; the line itself
goes no further than this module.
"""

import codecs
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec

from vibeloom import commands, people, privacy
from vibeloom.privacy import Folder
from vibeloom.tokens import Usage, read_usage

EARLIEST_YEAR = 2000  # an older timestamp is a clock that was never set

_REFUSALS = ("User rejected tool use", "Error: User rejected tool use")
MAX_SAID = 8 * 1024  # characters of the head and of the tail of what a failed tool wrote

# Entries that today's logs contain and that say nothing about the work: known, and passed over.
QUIET_TYPES = frozenset(
    {
        "agent-name",
        "ai-title",
        "custom-title",
        "file-history-snapshot",
        "last-prompt",
        "mode",
        "permission-mode",
        "pr-link",
        "system",
    }
)

# How much a copy of something is to be believed; see `vibeloom.telling`.
PROGRESS, SIDECHAIN, MAIN = 0, 1, 2


class Prompt(msgspec.Struct, frozen=True):
    """A person asked something; what, is not kept."""

    digest: bytes | None  # local: finds when the same words were queued


class Enqueued(msgspec.Struct, frozen=True):
    """Something was queued while the agent worked; it is delivered later, or never."""

    digest: bytes | None
    typed: bool  # by a person; otherwise a task's notification or the like


class Released(msgspec.Struct, frozen=True):
    """The oldest queued prompt left the queue; `taken_back` when its writer wants it again."""

    taken_back: bool


class ToolStarted(msgspec.Struct, frozen=True):
    """A tool was called."""

    use_id: str | None  # local: pairs start and completion, never leaves
    tool: str
    context: str | None
    program: str | None


class ToolCompleted(msgspec.Struct, frozen=True):
    """A tool came back; `tool` is unknown where only the id of the call is given."""

    use_id: str | None
    tool: str | None
    success: bool
    said: str = ""  # local: head and tail of a failure's words, from which its class is decided
    refused: bool = False  # by a person or a rule: nothing was run


class SessionEnded(msgspec.Struct, frozen=True):
    """A summary was written; its text is not kept."""


Fact = Prompt | Enqueued | Released | ToolStarted | ToolCompleted | Usage | SessionEnded


class Entry(msgspec.Struct, frozen=True):
    """What one record says."""

    timestamp: datetime | None
    session_id: str | None  # of the session that the record was first written in
    folder: Folder | None
    branch: str | None
    standing: int  # PROGRESS, SIDECHAIN or MAIN
    headless: bool | None  # None: the record does not say
    answers: bool  # written by the model: queued prompts have been read
    identity: str  # the record's own, the same in every copy of it
    facts: list[Fact]


class UnknownEntry(Exception):
    """The line is not an entry of a format known here; it is counted and passed over."""


_DECODER = json.JSONDecoder()
# What records begin with, in any version: one of these fields stands first.
_RECORD = re.compile(
    r'\{\s*"(?:parentUuid|logicalParentUuid|type|sessionId|session_id|isSidechain|uuid|timestamp'
    r'|cwd|userType|version|gitBranch|entrypoint|message|messageId|leafUuid|agentId|forkedFrom)"'
)


def read_entries(line: bytes, allowlist: frozenset[str] | None = None) -> tuple[list[Entry], int]:
    """The entries of one line, and how many pieces of it are none; raises nothing.

    A writer that was killed leaves a record without an end, on the same line as the next one.
    """
    try:
        documents, damaged = [_parsed(line.removeprefix(codecs.BOM_UTF8))], False
    except (ValueError, RecursionError):
        documents, damaged = _whole_records(line)
    found: list[Entry] = []
    unknown = 0
    for number, document in enumerate(documents):
        try:
            found += _entries(document, line, number, allowlist)
        except UnknownEntry:
            unknown += 1
    return found, int(damaged) if damaged else unknown


def _parsed(line: bytes) -> Any:
    """One JSON document; `json` takes what msgspec does not: NaN, half a surrogate pair."""
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return json.loads(line)


def _whole_records(line: bytes) -> tuple[list[Any], bool]:
    """The records of a damaged line that are whole, and whether anything else stands on it.

    Parts of a broken record may be among them, which are no entries.
    """
    text = line.replace(b"\0", b" ").decode(errors="replace")
    found: list[Any] = []
    rest = []  # what is between the records
    end = 0
    begin = _RECORD.search(text)
    while begin is not None:
        try:
            document, after = _DECODER.raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            begin = _RECORD.search(text, begin.start() + 1)
        else:
            found.append(document)
            rest.append(text[end : begin.start()])
            end = after
            begin = _RECORD.search(text, end)
    rest.append(text[end:])
    return found, not found or any(piece.strip(" \t\r\ufeff\ufffd") for piece in rest)


def _entries(
    document: object, line: bytes, number: int, allowlist: frozenset[str] | None
) -> list[Entry]:
    if not isinstance(document, dict):
        raise UnknownEntry
    kind = document.get("type")
    if not isinstance(kind, str):
        raise UnknownEntry
    standing = SIDECHAIN if document.get("isSidechain") is True else MAIN
    fork = _object(document.get("forkedFrom"))
    entry = Entry(
        timestamp=_timestamp(document.get("timestamp")),
        session_id=privacy.session_id(fork.get("sessionId") or document.get("sessionId")),
        folder=privacy.folder(document.get("cwd")),
        branch=privacy.branch_name(document.get("gitBranch")),
        standing=standing,
        headless=people.is_headless(document),
        answers=kind == "assistant" and standing == MAIN,
        identity=_text(document.get("uuid")) or f"{sha256(line).hexdigest()}\n{number}",
        facts=_facts(kind, document, standing, allowlist),
    )
    if kind == "progress":
        return [entry, *_of_subagent(document, entry, allowlist)]
    return [entry]


def _of_subagent(
    document: dict[str, Any], outer: Entry, allowlist: frozenset[str] | None
) -> Iterator[Entry]:
    """The messages of a subagent that a progress line carries: one, or in some versions a list."""
    data = _object(document.get("data"))
    several = data.get("normalizedMessages")
    for number, message in enumerate(
        [data.get("message"), *(several if isinstance(several, list) else [])]
    ):
        inner = _object(message)
        if inner.get("type") in ("assistant", "user"):
            yield _inner(inner, number, outer, allowlist)


def _inner(
    inner: dict[str, Any], number: int, outer: Entry, allowlist: frozenset[str] | None
) -> Entry:
    return Entry(
        timestamp=_timestamp(inner.get("timestamp")) or outer.timestamp,
        session_id=outer.session_id,
        folder=outer.folder,
        branch=outer.branch,
        standing=PROGRESS,
        headless=None,
        answers=False,
        identity=_text(inner.get("uuid")) or f"{outer.identity}\nprogress\n{number}",
        facts=_facts(inner["type"], inner, PROGRESS, allowlist),
    )


def _timestamp(value: object) -> datetime | None:
    """RFC 3339 as UTC; a time without a zone is taken for UTC, which the logs are written in."""
    if not isinstance(value, str) or not 10 < len(value) < 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year >= EARLIEST_YEAR else None


def _facts(
    kind: str, document: dict[str, Any], standing: int, allowlist: frozenset[str] | None
) -> list[Fact]:
    if kind == "assistant":
        found = _assistant(document, allowlist)
    elif kind == "user":
        found = _user(document, standing)
    elif kind == "attachment":
        found = _attachment(document, standing)
    elif kind == "queue-operation":
        found = _queue(document)
    elif kind == "progress":
        found = _hook(document)
    elif kind == "summary":
        return [SessionEnded()]
    elif kind in QUIET_TYPES:
        return []
    else:
        raise UnknownEntry
    return list(found)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _blocks(message: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    content = message.get("content")
    if not isinstance(content, list):
        return []
    return [block for block in content if isinstance(block, dict) and block.get("type") == kind]


def _assistant(document: dict[str, Any], allowlist: frozenset[str] | None) -> Iterator[Fact]:
    message = _object(document.get("message"))
    for kind in ("tool_use", "server_tool_use"):
        for block in _blocks(message, kind):
            tool = privacy.tool_name(block.get("name"))
            inputs = block.get("input")
            yield ToolStarted(
                _text(block.get("id")),
                tool,
                privacy.tool_context(tool, inputs, allowlist),
                _program(tool, inputs),
            )
    usage = message.get("usage")
    model = privacy.model_name(message.get("model"))
    if isinstance(usage, dict) and model is not None:
        message_id = _text(message.get("id")) or _text(document.get("requestId"))
        yield from read_usage(usage, message_id, model)


def _program(tool: str, inputs: object) -> str | None:
    command = inputs.get("command") if isinstance(inputs, dict) else None
    return commands.program(command) if tool == "Bash" and isinstance(command, str) else None


def _user(document: dict[str, Any], standing: int) -> Iterator[Fact]:
    message = _object(document.get("message"))
    results = _blocks(message, "tool_result")
    denied = "toolDenialKind" in document or _text(document.get("toolUseResult")) in _REFUSALS
    for block in results:
        succeeded = block.get("is_error") is not True
        said = "" if succeeded else _said(block.get("content"))
        refused = not succeeded and (denied or commands.is_refusal(said))
        yield ToolCompleted(_text(block.get("tool_use_id")), None, succeeded, said, refused)
    if not results and standing == MAIN and people.wrote(document):
        yield Prompt(_digest(message.get("content")))


def _said(content: object) -> str:
    """The words of a result, as far as its class is decided from them."""
    if isinstance(content, list):
        content = "\n".join(
            text
            for block in content
            if isinstance(block, dict) and isinstance(text := block.get("text"), str)
        )
    if not isinstance(content, str):
        return ""
    return (
        content if len(content) <= 2 * MAX_SAID else f"{content[:MAX_SAID]}\n{content[-MAX_SAID:]}"
    )


def _digest(content: object) -> bytes | None:
    """Tells whether two prompts have the same words; none for what is more than words."""
    if isinstance(content, list):
        if len(content) != 1 or _object(content[0]).get("type") != "text":
            return None
        content = content[0].get("text")
    if not isinstance(content, str):
        return None
    return sha256(content.strip().encode("utf-8", "surrogatepass")).digest()[:16]


def _attachment(document: dict[str, Any], standing: int) -> Iterator[Fact]:
    """What was typed while the agent worked, at the moment in which the agent reads it."""
    attachment = _object(document.get("attachment"))
    if attachment.get("type") != "queued_command" or standing != MAIN:
        return
    prompt = attachment.get("prompt")
    if attachment.get("commandMode", "prompt") in people.TYPED_MODES and people.wrote(
        {**document, "message": {"content": prompt}, "origin": attachment.get("origin")}
    ):
        yield Prompt(_digest(prompt))


def _queue(document: dict[str, Any]) -> Iterator[Fact]:
    content = document.get("content")
    match document.get("operation"):
        case "enqueue":
            yield Enqueued(_digest(content), content is None or people.typed(content))
        case "dequeue" | "remove":
            yield Released(taken_back=False)
        case "popAll":
            yield Released(taken_back=True)


def _hook(document: dict[str, Any]) -> Iterator[Fact]:
    """Both spellings: `data.hookName` "PostToolUse:Read", and `progress.tool_name` "Read"."""
    data = _object(document.get("data")) or _object(document.get("progress"))
    if "PostToolUse" not in (data.get("hookEvent"), data.get("type")):
        return
    hook = data.get("hookName")
    named = hook.partition(":")[2] if isinstance(hook, str) else None
    tool = privacy.tool_name(named or data.get("tool_name") or data.get("toolName"))
    succeeded = _object(data.get("result")).get("success") is not False
    yield ToolCompleted(_text(document.get("toolUseID")), tool, succeeded)
