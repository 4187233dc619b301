"""Session log entries in today's format, with everything in them that must never leave."""

import json
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

SESSION = "6f1f0f2a-7d55-4a0e-9d4b-0c5a54a1c0de"
SECRET = "hunter2-topsecret"
CWD = f"/home/{SECRET}/code/tidewatch"
TIME = "2026-09-14T09:26:53.589Z"
WIRE_TIME = "2026-09-14T09:26:53.589000Z"

Entry = dict[str, Any]


def entry(kind: str, time: str | None = TIME, **fields: Any) -> Entry:
    """The frame that every entry has."""
    frame: Entry = {
        "type": kind,
        "cwd": CWD,
        "sessionId": SESSION,
        "gitBranch": "feature/41-tide-tables",
        "isSidechain": False,
        "userType": "external",
        "uuid": str(uuid5(NAMESPACE_OID, f"{kind} {time}")),
        **fields,
    }
    return frame if time is None else {**frame, "timestamp": time}


def prompt(time: str | None = TIME) -> Entry:
    """A person asks something."""
    return entry("user", time, message={"role": "user", "content": f"please {SECRET}"})


def tool_use(
    name: str, inputs: dict[str, Any], use_id: str | None = "toolu_1", time: str | None = TIME
) -> Entry:
    """A tool is called."""
    block = {"type": "tool_use", "id": use_id, "name": name, "input": inputs}
    return entry("assistant", time, message={"role": "assistant", "content": [block]})


def tool_result(
    use_id: str = "toolu_1", is_error: bool | None = None, time: str | None = TIME
) -> Entry:
    """A tool comes back."""
    block: Entry = {"type": "tool_result", "tool_use_id": use_id, "content": SECRET}
    if is_error is not None:
        block["is_error"] = is_error
    return entry("user", time, message={"role": "user", "content": [block]})


def answer(
    message_id: str = "msg_1", model: str = "claude-opus-4-5-20251101", time: str | None = TIME
) -> Entry:
    """The model says something that cost tokens."""
    return entry(
        "assistant",
        time,
        message={
            "id": message_id,
            "model": model,
            "content": [{"type": "text", "text": SECRET}],
            "usage": {
                "input_tokens": 3,
                "output_tokens": 50,
                "cache_read_input_tokens": 700,
                "cache_creation_input_tokens": 9,
            },
        },
    )


def line(document: Entry) -> bytes:
    """One line of a log."""
    return json.dumps(document).encode() + b"\n"


def write(path: Path, *documents: Entry) -> Path:
    """Append entries to a log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.writelines(line(document) for document in documents)
    return path
