"""Calls every operation of the API with the client that openapi-python-client made.

Run by the test in the generator's environment, beside the generated package `vibeloom_api`. Each
answer is decoded by the client, and written as a line of JSON like the TypeScript client's.
"""

import base64
import importlib
import json
import os
import pkgutil
import re
import uuid
from collections.abc import Generator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from nacl.signing import SigningKey

vibeloom_api: Any = importlib.import_module("vibeloom_api")
models: Any = importlib.import_module("vibeloom_api.models")
_api: Any = importlib.import_module("vibeloom_api.api")
OPERATIONS = {
    module.name.rpartition(".")[2]: module.name
    for module in pkgutil.walk_packages(_api.__path__, "vibeloom_api.api.")
}


class Signed(httpx.Auth):
    """Signs the body as it is sent, as a monitor does."""

    def __init__(self, key: SigningKey) -> None:
        self.key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Adds the signature."""
        request.headers["X-Signature"] = base64.b64encode(
            self.key.sign(request.read()).signature
        ).decode()
        yield request


class Caller:
    """Calls operations by their ids, with one token."""

    def __init__(self, token: str) -> None:
        self.client = vibeloom_api.AuthenticatedClient(os.environ["URL"], token=token)

    def __call__(self, operation: str, *path: Any, status: int = 200, **arguments: Any) -> Any:
        """The decoded answer, which must have this status."""
        return call(self.client, operation, *path, status=status, **arguments)


def call(client: Any, operation: str, *path: Any, status: int = 200, **arguments: Any) -> Any:
    """The answer of `operation`, as the client decoded it."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
    module: Any = importlib.import_module(OPERATIONS[name])
    answer = module.sync_detailed(*path, client=client, **arguments)
    assert answer.status_code == status, (operation, answer)
    assert (answer.parsed is None) == (status == 204), (operation, answer)
    body = answer.content.decode()
    print(json.dumps({"operation": operation, "status": status, "body": body}))
    return answer.parsed


def proof(me: Caller, name: str, key: SigningKey) -> dict[str, str]:
    """What shows that `key` is at hand."""
    challenge = me("createChallenge", status=201).challenge
    public_key = base64.b64encode(bytes(key.verify_key)).decode()
    statement = f"vibeloom-source-v1\n{name}\n{public_key}\n{challenge}".encode()
    signature = base64.b64encode(key.sign(statement).signature).decode()
    return {"public_key": public_key, "challenge": challenge, "signature": signature}


def event(source: str, kind: str, **payload: Any) -> Any:
    """An event of a minute ago."""
    return models.Event.from_dict(
        {
            "id": f"evt_{uuid.uuid4().hex[:20]}",
            "source": source,
            "timestamp": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
            "type": kind,
            "payload": payload,
        }
    )


def send(me: Caller) -> str:
    """Registers a source, changes it, and sends events; its name."""
    name, key = f"python-{uuid.uuid4().hex[:8]}", SigningKey.generate()
    new = models.NewSource(name=name, **proof(me, name, key))
    source = me("registerSource", body=new, status=201)
    changes = models.SourceChanges(expected_every_hours=24)
    assert me("updateSource", source.id, body=changes).expected_every_hours == 24
    second = models.Proof(**proof(me, name, SigningKey.generate()))
    keys = me("addSourceKey", source.id, body=second, status=201).keys
    [added] = [found for found in keys if found.public_key == second.public_key]
    me("revokeSourceKey", source.id, added.id, status=204)
    batch = [
        event(name, "tool", tool="Read", project="loom", language="rust", sessionId="s1"),
        event(name, "terminal", command="cargo test", exit_code=1, project="loom"),
        event(name, "llm", provider="acme", model="loom-1", input_tokens=9, output_tokens=8),
    ]
    monitor = vibeloom_api.Client(os.environ["URL"], httpx_args={"auth": Signed(key)})
    accepted = call(monitor, "ingestEvents", body=batch, x_source_id=name)
    assert accepted.inserted == len(batch)
    [seen] = [found for found in me("listSources", limit=50).items if found.name == name]
    assert isinstance(seen.last_seen_at, datetime)
    return name


def ask(me: Caller, name: str) -> None:
    """Every question, with some of its parameters."""
    today = datetime.now(UTC).date()
    heatmap = me("getHeatmap", days=models.GetHeatmapDays(30), source=name)
    assert sum(found.event_count for found in heatmap.aggregates) == 3
    assert me("getSummary", from_=today, to=today, tz="UTC").totals.events == 3
    since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    timeline = me(
        "getTimeline",
        from_=since,
        by=models.GetTimelineBy.HOUR,
        group=models.GetTimelineGroup.KIND,
    )
    assert {row.name for row in timeline.items} == {"tool", "terminal", "llm"}
    assert me("listProjects", days=2).items[0].last_day == today
    me("listLanguages", days=2, project="loom")
    costs = me("getTokenCosts", budget_usd=99.9, by=models.GetTokenCostsBy.MONTH)
    assert (costs.totals.cost_usd, costs.unpriced_models[0].model) == (None, "loom-1")
    assert isinstance(costs.items[0].day, date)
    assert me("listBlocks", days=3).items[0].calls == 1
    me("getTime", by=models.GetTimeBy.PROJECT, days=2)
    me("listSessions", lane=models.ListSessionsLane.AGENT, days=2)
    assert me("getErrors", days=2).totals.failed_runs == 1
    page = me("listEvents", order=models.ListEventsOrder.ASC, limit=2)
    assert [found.source for found in page.items] == [name, name]
    assert len(me("listEvents", order=models.ListEventsOrder.ASC, cursor=page.next_).items) == 1
    assert len(me("exportEvents", kind="llm").splitlines()) == 1
    assert me("getSummary", days=0, status=400).error == "invalid_range"


def change(me: Caller, friend: Caller) -> None:
    """The account, its tokens, and the leaderboards that it is in."""
    handle = f"py-{str(me('getProfile').id)[:8]}"
    changes = models.ProfileChanges(handle=handle, leaderboard_opt_in=True)
    assert me("updateProfile", body=changes, if_match="*").handle == handle
    me("listPurges", limit=10)
    new = models.NewToken(name="t", scopes=[models.NewTokenScopesItem.QUERYREAD])
    token = me("createToken", body=new, status=201)
    assert token.id in {found.id for found in me("listTokens", limit=10).items}
    me("deleteToken", token.id, status=204)
    board = me("createLeaderboard", body=models.NewLeaderboard(name="Weavers"), status=201)
    assert board.id in {found.id for found in me("listLeaderboards").items}
    code = me("replaceInvitationCode", board.id, status=201).code
    friend("joinLeaderboard", body=models.Invitation(code=code))
    ranking = me("getRanking", board.id, metric=models.Metric.EVENTS, period=models.Period.MONTH)
    assert [found.handle for found in ranking.items] == [handle]
    me("getPublicRanking", limit=5)
    friend("leaveLeaderboard", board.id, status=204)
    me("deleteLeaderboard", board.id, status=204)


if __name__ == "__main__":
    person = Caller(os.environ["TOKEN"])
    ask(person, send(person))
    change(person, Caller(os.environ["FRIEND_TOKEN"]))
    scheduler = Caller(os.environ["JOB_TOKEN"])
    for job in json.loads(os.environ["JOBS"]):
        assert scheduler(job).status == "done"
