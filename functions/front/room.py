"""What `front` is to the house."""

from datetime import timedelta

from functions.core.room import Room, Scheduled

ROOM = Room(
    name="front",
    purpose="Alive, ready, the contract, and the 404 of every path that no room has",
    prefixes=("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"),
    answers_the_rest=True,
    jobs=(Scheduled("report_health", "*/5 * * * *", timedelta(minutes=30)),),
)
