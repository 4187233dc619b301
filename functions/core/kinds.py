"""The kinds of events: one row each, with what storing and rolling up need to know of it.

`public.event_kinds` has what SQL needs of the same rows; a test compares the two. The fields of a
capture kind's payload are in `functions/ingest/kinds.py`.
"""

from typing import Literal, NamedTuple

__all__ = ["BY_NAME", "CAPTURE_KINDS", "KINDS", "VIBETEA_KINDS", "Kind"]

Actor = Literal["human", "agent", "prompt"]


class Kind(NamedTuple):
    """A kind of event."""

    name: str
    actor: Actor | None = None  # whose time it is a sign of; prompt: a person's that begins a turn
    category: str = ""  # what the time goes into, unless `detail` says more
    detail: str = ""  # the field of the payload that says more: a tool, an action, a category
    duration: str = ""  # the field that says how long it lasted, in ms (…_ms) or minutes (…_min)
    error: str = ""  # the jsonpath predicate over the payload that makes it an error
    has_tokens: bool = False  # it may report tokens, and is then a call of a model
    is_capture: bool = False  # its payload has a model; VibeTea's payloads are free


# The first six are VibeTea's published contract, the others up to the capture kinds are what newer
# VibeTea monitors send.
KINDS = (
    Kind("session", "agent", "session", duration="duration_ms"),
    Kind("activity", "prompt", "prompting"),
    Kind("tool", "agent", "tools", detail="tool", error="$.success == false"),
    Kind("agent", "agent", "delegating"),
    Kind("summary"),
    Kind("error", error="1 == 1"),
    Kind("agent_spawn", "agent", "delegating"),
    Kind("skill_invocation", "agent", "delegating"),
    Kind("token_usage", "agent", "thinking", has_tokens=True),
    Kind("session_metrics"),
    Kind("activity_pattern"),
    Kind("model_distribution"),
    Kind("todo_progress", "agent", "planning"),
    Kind("file_change"),
    Kind("project_activity"),
    Kind(
        "terminal",
        "human",
        "terminal",
        duration="duration_ms",
        error="$.exit_code != 0",
        is_capture=True,
    ),
    Kind(
        "editor",
        "human",
        "coding",
        detail="action",
        error='$.action == "error"',
        is_capture=True,
    ),
    Kind("window", "human", "application", duration="duration_ms", is_capture=True),
    Kind(
        "browser", "human", "browsing", detail="category", duration="duration_ms", is_capture=True
    ),
    Kind("heartbeat", "human", "coding", detail="category", is_capture=True),
    Kind("emotion", is_capture=True),
    Kind("llm", "agent", "thinking", has_tokens=True, is_capture=True),
    Kind("manual", "human", "manual", duration="duration_min", is_capture=True),
    Kind("custom", is_capture=True),
)
BY_NAME = {kind.name: kind for kind in KINDS}
VIBETEA_KINDS = tuple(kind.name for kind in KINDS if not kind.is_capture)
CAPTURE_KINDS = tuple(kind.name for kind in KINDS if kind.is_capture)
