"""One line of a session log in, facts out: the format of the logs is known here and nowhere else.

| entry | facts |
|---|---|
| `assistant` with `tool_use` blocks | `ToolStarted` for each |
| `assistant` with `message.usage` | `Usage` |
| `user` with `tool_result` blocks | `ToolCompleted` for each |
| `user` with a person's words | `Prompt` |
| `progress`, hook `PostToolUse` | `ToolCompleted` (what older logs have instead of results) |
| `summary` | `SessionEnded` |

Facts hold only what `vibeloom.privacy` has built; the line itself goes no further than this module.
"""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vibeloom import privacy

EARLIEST_YEAR = 2000  # an older timestamp is a clock that was never set

# Entries that today's logs contain and that say nothing about the work: known, and passed over.
QUIET_TYPES = frozenset(
    {
        "agent-name",
        "ai-title",
        "attachment",
        "custom-title",
        "file-history-snapshot",
        "last-prompt",
        "mode",
        "permission-mode",
        "pr-link",
        "queue-operation",
        "system",
    }
)


@dataclass(frozen=True)
class Prompt:
    """A person asked something; what, is not kept."""


@dataclass(frozen=True)
class ToolStarted:
    """A tool was called."""

    use_id: str | None  # local: pairs start and completion, never leaves
    tool: str
    context: str | None


@dataclass(frozen=True)
class ToolCompleted:
    """A tool came back; `tool` is unknown where only the id of the call is given."""

    use_id: str | None
    tool: str | None
    success: bool


@dataclass(frozen=True)
class Usage:
    """Tokens of one message; the same message may stand on several lines."""

    message_id: str | None  # local: counts a message once, never leaves
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_creation_tokens: int


@dataclass(frozen=True)
class SessionEnded:
    """A summary was written; its text is not kept."""


Fact = Prompt | ToolStarted | ToolCompleted | Usage | SessionEnded


@dataclass(frozen=True)
class Entry:
    """What one line says."""

    timestamp: datetime | None
    session_id: str | None
    project: str | None
    branch: str | None
    sidechain: bool  # written by an agent that another agent started
    facts: tuple[Fact, ...]


class UnknownEntry(Exception):
    """The line is not an entry of a format known here; it is counted and passed over."""


def read_entry(line: bytes, allowlist: frozenset[str] | None = None) -> Entry:
    """Read one line, or raise `UnknownEntry`; no other exception, whatever the bytes are."""
    try:
        document = json.loads(line.removeprefix(codecs.BOM_UTF8).decode())
    except (ValueError, RecursionError):
        raise UnknownEntry from None
    if not isinstance(document, dict):
        raise UnknownEntry
    kind = document.get("type")
    if not isinstance(kind, str):
        raise UnknownEntry
    sidechain = document.get("isSidechain") is True
    return Entry(
        timestamp=_timestamp(document.get("timestamp")),
        session_id=privacy.session_id(document.get("sessionId")),
        project=privacy.project_name(document.get("cwd")),
        branch=privacy.branch_name(document.get("gitBranch")),
        sidechain=sidechain,
        facts=tuple(_facts(kind, document, sidechain, allowlist)),
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
    kind: str, document: dict[str, Any], sidechain: bool, allowlist: frozenset[str] | None
) -> Iterator[Fact]:
    match kind:
        case "assistant":
            yield from _assistant(_object(document.get("message")), allowlist)
        case "user":
            yield from _user(document, sidechain)
        case "progress":
            yield from _progress(document)
        case "summary":
            yield SessionEnded()
        case _ if kind not in QUIET_TYPES:
            raise UnknownEntry


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _blocks(message: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    content = message.get("content")
    if not isinstance(content, list):
        return []
    return [block for block in content if isinstance(block, dict) and block.get("type") == kind]


def _assistant(message: dict[str, Any], allowlist: frozenset[str] | None) -> Iterator[Fact]:
    for block in _blocks(message, "tool_use"):
        tool = privacy.tool_name(block.get("name"))
        context = privacy.tool_context(tool, block.get("input"), allowlist)
        yield ToolStarted(_text(block.get("id")), tool, context)
    usage = _object(message.get("usage"))
    counts = [
        privacy.token_count(usage.get(name))
        for name in (
            "input_tokens",
            "output_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
        )
    ]
    if any(counts):
        yield Usage(_text(message.get("id")), privacy.model_name(message.get("model")), *counts)


def _user(document: dict[str, Any], sidechain: bool) -> Iterator[Fact]:
    message = _object(document.get("message"))
    results = _blocks(message, "tool_result")
    for block in results:
        succeeded = block.get("is_error") is not True
        yield ToolCompleted(_text(block.get("tool_use_id")), None, succeeded)
    written_by_software = (
        sidechain or document.get("isMeta") is True or document.get("isCompactSummary") is True
    )
    if not results and not written_by_software:
        yield Prompt()


def _progress(document: dict[str, Any]) -> Iterator[Fact]:
    """Both spellings: `data.hookName` "PostToolUse:Read", and `progress.tool_name` "Read"."""
    data = _object(document.get("data")) or _object(document.get("progress"))
    if "PostToolUse" not in (data.get("hookEvent"), data.get("type")):
        return
    hook = data.get("hookName")
    named = hook.partition(":")[2] if isinstance(hook, str) else None
    tool = privacy.tool_name(named or data.get("tool_name") or data.get("toolName"))
    succeeded = _object(data.get("result")).get("success") is not False
    yield ToolCompleted(_text(document.get("toolUseID")), tool, succeeded)
