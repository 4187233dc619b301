"""What a server knows of one owner's events, in a few lines: one id, one event, one revision.

The real server does the same in Postgres (`tests/functional/test_ingest.py`); tests of the monitor
that need thousands of small runs use this.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.session_logs import Day, Tokens, Truth

Event = dict[str, Any]


@dataclass
class Owner:
    """One person's events, from any number of machines."""

    events: dict[str, Event] = field(default_factory=dict)

    def take(self, events: Iterable[Event]) -> None:
        """Stores events; of two with the same id the one with the higher revision stays."""
        for event in events:
            known = self.events.get(event["id"])
            if known is None or event["revision"] > known["revision"]:
                self.events[event["id"]] = event

    def of(self, kind: str) -> list[Event]:
        """The events of one kind."""
        return [event for event in self.events.values() if event["type"] == kind]

    def tokens(self, zone: str = "UTC") -> dict[tuple[Day, str], Tokens]:
        """By day of the zone, and model."""
        sums: dict[tuple[Day, str], Tokens] = {}
        for event in self.of("token_usage"):
            payload = event["payload"]
            key = (_day(event, zone), payload["model"])
            sums[key] = sums.get(key, Tokens()) + Tokens(
                payload["inputTokens"],
                payload["outputTokens"],
                payload["cacheReadTokens"],
                payload["cacheCreationTokens"],
            )
        return sums

    def summary(self) -> dict[str, Any]:
        """Everything that the logs' truth knows as well."""
        tools = self.of("tool")
        return {
            "tokens": self.tokens(),
            "calls": Counter(event["payload"]["model"] for event in self.of("token_usage")),
            "written for an hour": sum(
                event["payload"].get("cacheCreation1hTokens", 0) for event in self.of("token_usage")
            ),
            "prompts": sorted(_moment(event) for event in self.of("activity")),
            "sessions": sorted(event["payload"]["sessionId"] for event in self.of("session")),
            "started": Counter(
                event["payload"]["tool"]
                for event in tools
                if event["payload"]["status"] == "started"
            ),
            "completed": Counter(
                (event["payload"]["tool"], event["payload"]["success"])
                for event in tools
                if event["payload"]["status"] == "completed"
            ),
        }


def right(truth: Truth) -> dict[str, Any]:
    """What `Owner.summary` must say."""
    return {
        "tokens": truth.tokens(),
        "calls": truth.calls_by_model(),
        "written for an hour": sum(call.cache_write_1h for call in truth.calls),
        "prompts": sorted(truth.prompts),
        "sessions": sorted(truth.sessions),
        "started": truth.started,
        "completed": truth.completed,
    }


def _moment(event: Event) -> datetime:
    return datetime.fromisoformat(event["timestamp"])


def _day(event: Event, zone: str) -> Day:
    return _moment(event).astimezone(ZoneInfo(zone)).date().isoformat()
