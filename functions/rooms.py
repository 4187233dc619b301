"""Which room answers which path: the map behind the gateway, the API's routes and the contract."""

from functions.schedule import JOBS

__all__ = ["ROUTES", "room_of"]

# Longest prefix first matters not: no prefix is the beginning of another's path segment.
ROUTES = {
    "/healthz": "functions.front.handler",
    "/readyz": "functions.front.handler",
    "/metrics": "functions.front.handler",
    "/openapi.json": "functions.front.handler",
    "/docs": "functions.front.handler",
    "/v1/ingest": "functions.ingest.handler",
    "/v1/query": "functions.query.handler",
    "/v1/events": "functions.query.handler",
    "/v1/events.ndjson": "functions.query.handler",
    "/v1/sources": "functions.accounts.handler",
    "/v1/tokens": "functions.accounts.handler",
    "/v1/me": "functions.accounts.handler",
    "/v1/leaderboards": "functions.accounts.handler",
    **{f"/v1/jobs/{job.name}": f"functions.{job.room}.handler" for job in JOBS.values()},
}


def room_of(path: str) -> str | None:
    """The module that owns `path`."""
    return next(
        (
            module
            for prefix, module in ROUTES.items()
            if path == prefix or path.startswith(prefix + "/")
        ),
        None,
    )
