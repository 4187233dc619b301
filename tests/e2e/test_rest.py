"""`vibeloom.rest()` against a real PostgREST: a person's own rows, and nobody else's."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from postgrest import APIError, CountMethod, SyncPostgrestClient

from tests.e2e.rest_fixture import API_KEY, MAX_ROWS, DataApi, running_data_api
from tests.e2e.stack_fixture import JWT_SECRET, ROOT, Stack, environment, running_gateway
from tests.support import event_id, register_source
from vibeloom import rest

README = ROOT / "clients/python/README.md"
JOB_TOKEN = "runs-the-jobs-of-the-tests-of-rest"


def sign_in(subject: str, secret: str = JWT_SECRET, **changes: Any) -> str:
    """An access token as Supabase issues it."""
    claims = {
        "sub": subject,
        "aud": "authenticated",
        "role": "authenticated",
        "exp": datetime.now(UTC) + timedelta(minutes=5),
        "session_id": str(uuid4()),
    } | changes
    return jwt.encode(claims, secret, algorithm="HS256")


@pytest.fixture(scope="module")
def data_api(stack: Stack) -> Iterator[DataApi]:
    """The project's Data API."""
    with running_data_api(stack) as running:
        yield running


def working_day(name: str) -> list[dict[str, Any]]:
    """Events of every kind that some view is about, one error repaired, of five days ago."""
    began = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    began -= timedelta(days=5)
    usage = {"model": "claude-sonnet-4", "inputTokens": 100, "outputTokens": 20}
    command = {"command": "pytest", "project": "loom", "language": "python"}
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("terminal", command | {"exit_code": 1}),
        ("editor", {"action": "edit", "project": "loom", "language": "python"}),
        ("token_usage", usage | {"project": "loom"}),
        ("emotion", {"emotion": "smile", "score": 1.0, "trigger": "editor"}),
        ("terminal", command | {"exit_code": 0}),
        ("tool", {"tool": "Bash", "status": "completed", "success": True, "program": "pytest"}),
    ]
    return [
        {
            "id": event_id(),
            "source": name,
            "timestamp": (began + timedelta(minutes=minute)).isoformat(),
            "type": kind,
            "payload": payload,
            **({"revision": 1} if kind == "token_usage" else {}),
        }
        for minute, (kind, payload) in enumerate(kinds)
    ]


@pytest.fixture(scope="module")
def people(stack: Stack) -> dict[str, str]:
    """Two people with a working day each; the jobs have run. Name → access token."""
    tokens = {name: sign_in(str(uuid4()), email=f"{name}@example.org") for name in ("ada", "bob")}
    for name, token in tokens.items():
        body = {"name": "x", "scopes": ["sources:write", "sources:read"]}
        made = stack.gateway("POST", "/v1/tokens", body, token=token)
        monitor = register_source(stack.gateway, made.json["token"], name)
        assert monitor.send(stack.gateway, working_day(name)).status == 200
    with running_gateway(
        stack.home, stack.functions_url, "jobs", workers=1, VIBELOOM_JOB_TOKEN=JOB_TOKEN
    ) as gateway:
        assert gateway("POST", "/v1/jobs/refresh_days", token=JOB_TOKEN).status == 200
    return tokens


@pytest.fixture
def ada(data_api: DataApi, people: dict[str, str]) -> Iterator[SyncPostgrestClient]:
    """What Ada has after `rest()`."""
    with rest(data_api.url, API_KEY, people["ada"]) as client:
        yield client


def documented() -> list[str]:
    """The tables and views that the README offers."""
    _, _, section = README.read_text().partition("## Your rows, in Python")
    lines = section.partition("\n## ")[0].splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def rows(query: Any) -> list[dict[str, Any]]:
    """What PostgREST answers."""
    found: list[dict[str, Any]] = query.execute().data
    return found


def refused(client: Any) -> str:
    """The code with which PostgREST refuses, or what else answers."""
    with pytest.raises(APIError) as raised:
        client.execute()
    return str(raised.value.code or raised.value.message)


def test_what_is_sent(data_api: DataApi, ada: SyncPostgrestClient, people: dict[str, str]) -> None:
    """The path, the key, the person's token, and the schema: nothing else decides."""
    data_api.received.clear()
    ada.from_("sources").select("name").eq("name", "ada").execute()
    [(method, target, headers)] = data_api.received
    assert (method, target) == ("GET", "/rest/v1/sources?select=name&name=eq.ada")
    wanted = {
        "apikey": API_KEY,
        "authorization": f"Bearer {people['ada']}",
        "accept-profile": "public",
    }
    assert {name: headers.get(name) for name in wanted} == wanted


EVERYBODY_S = {"event_kinds", "model_prices", "price_lists"}


def test_everything_documented_can_be_read(
    stack: Stack, ada: SyncPostgrestClient, people: dict[str, str]
) -> None:
    """Each table and view of the README has rows of the person's, and no row of another's."""
    subject = jwt.decode(people["ada"], options={"verify_signature": False})["sub"]
    found = {name: rows(ada.from_(name).select("*")) for name in documented()}
    assert len(found) > 10
    assert [name for name, some in found.items() if not some] == []
    for name, some in found.items():
        if name not in EVERYBODY_S:
            owners = {row.get("owner_id", row.get("id")) for row in some}
            assert owners == {subject}, name


def test_nothing_readable_is_left_undocumented(stack: Stack) -> None:
    """What a person may read over PostgREST is in the README's table, or is in the list here."""
    own_business = {  # of the house, or better asked for over the API
        *("access_tokens", "dirty_days", "purge_receipts", "leaderboards", "leaderboard_members"),
    }
    readable = stack.database.rows(
        "select c.relname as name from pg_class as c"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')"
        " and (has_table_privilege('authenticated', c.oid, 'select')"
        " or has_any_column_privilege('authenticated', c.oid, 'select'))"
    )
    assert {row["name"] for row in readable} - own_business == {*documented()}


def test_the_readme_s_example_runs(data_api: DataApi, people: dict[str, str]) -> None:
    """The block of code in the README, with the settings that it names."""
    _, _, section = README.read_text().partition("## Your rows, in Python")
    [code] = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.S)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(
            VIBELOOM_REST_URL=data_api.url,
            VIBELOOM_REST_KEY=API_KEY,
            VIBELOOM_REST_JWT=people["ada"],
            PYTHONPATH=str(ROOT / "clients/python"),
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "claude-sonnet-4" in done.stdout


def test_a_stranger_sees_nothing(data_api: DataApi, people: dict[str, str]) -> None:
    """Somebody who has signed in and sent nothing finds every table empty but everybody's."""
    with rest(data_api.url, API_KEY, sign_in(str(uuid4()))) as client:
        found = {name: rows(client.from_(name).select("*")) for name in documented()}
    assert {name for name, some in found.items() if some} == EVERYBODY_S


def test_nothing_can_be_written(ada: SyncPostgrestClient) -> None:
    """Also not one's own rows: what changes them are the functions."""
    attempts = [
        ada.from_("events").insert({"kind": "tool"}),
        ada.from_("sources").update({"name": "mine"}).neq("name", ""),
        ada.from_("batches").delete().neq("id", 0),
        ada.from_("profiles").upsert({"id": str(uuid4())}),
        ada.from_("key_challenges").select("*"),
        ada.from_("token_hashes").select("token_sha256"),
    ]
    assert {refused(attempt) for attempt in attempts} == {"42501"}
    assert refused(ada.rpc("fold_days", {"p_owner_id": str(uuid4())})) in ("42501", "PGRST202")
    assert refused(ada.from_("nothing").select("*")) in ("42P01", "PGRST205")


def test_pages(stack: Stack, ada: SyncPostgrestClient) -> None:
    """An answer holds 1,000 rows at most, silently; `range` gets the others, `count` tells."""
    sources = stack.database.rows("select * from sources where name = 'ada'")
    stack.database.rows(
        "insert into batches (owner_id, source_id, key_id, body_sha256, signature, events,"
        " inserted, first_occurred_at, last_occurred_at)"
        " select b.owner_id, b.source_id, b.key_id, sha256(n::text::bytea), b.signature, 0,"
        " 0, b.first_occurred_at, b.last_occurred_at"
        " from batches as b cross join generate_series(1, 1500) as n where b.source_id = %s",
        sources[0]["id"],
    )
    counted = ada.from_("batches").select("id", count=CountMethod.exact).order("id").execute()
    assert (len(counted.data), counted.count) == (MAX_ROWS, 1_501)
    page = ada.from_("batches").select("id").order("id")
    both = [*rows(page.range(0, 999)), *rows(page.range(1_000, 1_999))]
    assert len({row["id"] for row in both}) == 1_501


@pytest.mark.parametrize(
    ("key", "token", "said"),
    [
        ("sb_publishable_another", sign_in(str(uuid4())), "Invalid API key"),
        (API_KEY, sign_in(str(uuid4()), secret="x" * 40), "PGRST301"),
        (API_KEY, sign_in(str(uuid4()), exp=1_700_000_000), "PGRST301"),
    ],
    ids=["key", "signature", "expired"],
)
def test_credentials_that_do_not_count(
    data_api: DataApi, people: dict[str, str], key: str, token: str, said: str
) -> None:
    """A wrong key, another project's token, an expired one: an error, never an empty list."""
    with rest(data_api.url, key, token) as client:
        assert said == refused(client.from_("sources").select("*"))


def test_a_redirect_gets_no_credentials(data_api: DataApi, people: dict[str, str]) -> None:
    """Whatever answers at the project's address, key and token go nowhere else."""
    elsewhere = DataApi(0)
    data_api.redirect = f"{elsewhere.url}/rest/v1/sources"
    try:
        with rest(data_api.url, API_KEY, people["ada"]) as client:
            refused(client.from_("sources").select("*"))
        assert elsewhere.received == []
    finally:
        data_api.redirect = None
        elsewhere.stop()
