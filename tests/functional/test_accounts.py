"""Monitors, keys and tokens over the API."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from nacl.signing import SigningKey

from tests.support import Api, Database, Registered, proof, register_source, run_job

STRANGER_SCOPES = ["query:read", "sources:read", "sources:write", "tokens:read", "tokens:write"]


@pytest.fixture
def stranger_token(database: Database, api: Api) -> str:
    """Another account's token with every scope."""
    from datetime import UTC, datetime

    from functions.accounts import tokens
    from functions.accounts.models import NewToken
    from functions.core.actor import User

    stranger = database.value(
        "insert into profiles (email) values ('eve@example.org') returning id"
    )
    new = NewToken(name="eve", scopes=STRANGER_SCOPES)
    return tokens.issue(User(stranger), new, datetime.now(UTC)).token


def challenge(api: Api, token: str) -> str:
    return str(api("POST", "/v1/sources/challenge", token=token).json["challenge"])


def register(api: Api, token: str, name: str, key: SigningKey) -> Any:
    body = {"name": name, **proof(name, key, challenge(api, token))}
    return api("POST", "/v1/sources", body, token=token)


def test_registering_a_source(api: Api, owner_token: str) -> None:
    """201 with the source and its key; the same again is 200 and the same."""
    key = SigningKey.generate()
    first = register(api, owner_token, "studio mac", key)
    again = register(api, owner_token, "studio mac", key)
    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert first.json["name"] == "studio mac"
    [stored] = first.json["keys"]
    assert stored["public_key"] == proof("", key, "")["public_key"]
    assert stored["revoked_at"] is None


def test_registration_proves_possession(api: Api, owner_token: str, stranger_token: str) -> None:
    """A key of somebody else, a used or foreign challenge, another name: invalid_proof."""
    key, other = SigningKey.generate(), SigningKey.generate()
    nonce = challenge(api, owner_token)
    good = {"name": "mac", **proof("mac", key, nonce)}
    for bad in (
        good | {"public_key": proof("mac", other, nonce)["public_key"]},
        good | {"name": "max"},
        good | {"challenge": "made-up", **proof("mac", key, "made-up")},
        {"name": "mac", **proof("mac", key, challenge(api, stranger_token))},
    ):
        answer = api("POST", "/v1/sources", bad, token=owner_token)
        assert (answer.status, answer.error) == (422, "invalid_proof")
    assert api("POST", "/v1/sources", good, token=owner_token).status == 201
    answer = api("POST", "/v1/sources", good, token=owner_token)
    assert (answer.status, answer.error) == (422, "invalid_proof")


def test_an_old_challenge_is_worth_nothing(api: Api, owner_token: str, database: Database) -> None:
    """It lives for ten minutes, and the hourly job clears it."""

    key = SigningKey.generate()
    nonce = challenge(api, owner_token)
    database.rows("update key_challenges set expires_at = now() - interval '1 second'")
    answer = api("POST", "/v1/sources", {"name": "m", **proof("m", key, nonce)}, token=owner_token)
    assert answer.error == "invalid_proof"
    run_job("delete_expired_challenges")
    assert database.value("select count(*) from key_challenges") == 0


def test_a_small_order_key_cannot_be_registered(api: Api, owner_token: str) -> None:
    """A key that anybody can sign for proves nothing."""
    import base64

    identity = base64.b64encode(bytes([1]) + bytes(31)).decode()
    signature = base64.b64encode(bytes([1]) + bytes(63)).decode()
    body = {
        "name": "m",
        "public_key": identity,
        "challenge": challenge(api, owner_token),
        "signature": signature,
    }
    answer = api("POST", "/v1/sources", body, token=owner_token)
    assert (answer.status, answer.error) == (422, "invalid_proof")


def test_names_and_keys_are_unique_in_the_deployment(
    api: Api, owner_token: str, stranger_token: str
) -> None:
    """A taken name, a used key and a second first key are told apart."""
    key = SigningKey.generate()
    assert register(api, owner_token, "mac", key).status == 201
    assert register(api, stranger_token, "mac", SigningKey.generate()).error == "source_name_taken"
    assert register(api, stranger_token, "pc", key).error == "key_taken"
    answer = register(api, owner_token, "mac", SigningKey.generate())
    assert (answer.status, answer.error) == (409, "source_exists")
    assert [s["name"] for s in api("GET", "/v1/sources", token=stranger_token).json["items"]] == []


def test_two_active_keys_at_the_most(api: Api, owner_token: str, laptop: Registered) -> None:
    """A third is refused until one is revoked; a revoked key cannot come back."""
    target = f"/v1/sources/{laptop.id}/keys"

    def add(key: SigningKey) -> Any:
        body = proof("laptop", key, challenge(api, owner_token))
        return api("POST", target, body, token=owner_token)

    second = add(SigningKey.generate())
    assert second.status == 201
    third = add(SigningKey.generate())
    assert (third.status, third.error) == (409, "too_many_keys")
    for _ in range(2):
        assert api("DELETE", f"{target}/{laptop.key_id}", token=owner_token).status == 204
    assert add(SigningKey.generate()).status == 201
    assert add(laptop.key).error == "key_taken"


def test_the_limit_of_two_holds_under_concurrency(database: Database, laptop: Registered) -> None:
    """Eight additions at once: one gets the second place."""

    def add(number: int) -> bool:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            try:
                connection.execute(
                    "select add_source_key(owner_id, name, sha256(%s::bytea), false, id)"
                    " from sources where name = 'laptop'",
                    (str(number).encode(),),
                )
            except psycopg.Error as error:
                assert error.sqlstate == "VL003"
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(8))) == 1


def test_another_account_s_ids_are_not_found(
    api: Api, laptop: Registered, stranger_token: str, owner_token: str
) -> None:
    """Not there and not yours are the same 404, and change nothing."""
    body = proof("laptop", SigningKey.generate(), challenge(api, stranger_token))
    token_id = api("GET", "/v1/tokens", token=owner_token).json["items"][0]["id"]
    for answer in (
        api("POST", f"/v1/sources/{laptop.id}/keys", body, token=stranger_token),
        api("DELETE", f"/v1/sources/{laptop.id}/keys/{laptop.key_id}", token=stranger_token),
        api("DELETE", f"/v1/tokens/{token_id}", token=stranger_token),
    ):
        assert (answer.status, answer.error) == (404, "not_found")
    assert laptop.send(api, [laptop.event()]).status == 200
    assert api("GET", "/v1/tokens", token=owner_token).status == 200


def test_pages(api: Api, owner_token: str) -> None:
    """Lists are `items` and `next`, and following `next` shows everything once."""
    for name in ("c", "a", "b"):
        register_source(api, owner_token, name)
        api("POST", "/v1/tokens", {"name": name, "scopes": ["query:read"]}, token=owner_token)
    for path, field, expected in (
        ("/v1/sources", "name", ["a", "b", "c"]),
        ("/v1/tokens", "name", ["test", "c", "a", "b"]),
    ):
        seen, cursor = [], ""
        while cursor is not None:
            page = api(
                "GET", f"{path}?limit=2{cursor and '&cursor='}{cursor}", token=owner_token
            ).json
            seen += [item[field] for item in page["items"]]
            cursor = page["next"]
        assert seen == expected


def test_a_token_is_shown_once_and_kept_as_a_hash(
    api: Api, owner_token: str, database: Database
) -> None:
    """The secret is in the answer alone: not in the list, not in the database."""
    made = api("POST", "/v1/tokens", {"name": "ci", "scopes": ["query:read"]}, token=owner_token)
    secret = made.json["token"]
    assert (made.status, secret[:4], len(secret)) == (201, "vlm_", 47)
    assert secret not in api("GET", "/v1/tokens", token=owner_token).text
    stored = database.rows("select access_tokens::text as row from access_tokens")
    assert not any(secret[4:] in row["row"] for row in stored)
    assert api("GET", "/v1/query", token=secret).status == 200


def test_scopes_limit_a_token(api: Api, owner_token: str) -> None:
    """A token does what it was made for, and cannot make one that does more."""
    body = {"name": "x", "scopes": ["tokens:write", "sources:read"]}
    secret = api("POST", "/v1/tokens", body, token=owner_token).json["token"]
    assert api("GET", "/v1/sources", token=secret).status == 200
    for answer in (
        api("GET", "/v1/query", token=secret),
        api("GET", "/v1/tokens", token=secret),
        api("POST", "/v1/sources/challenge", token=secret),
        api("POST", "/v1/tokens", {"name": "y", "scopes": ["query:read"]}, token=secret),
    ):
        assert (answer.status, answer.error) == (403, "insufficient_scope")


def test_tokens_end(api: Api, owner_token: str, database: Database) -> None:
    """Revoked or expired, a token is invalid at once; using one leaves a trace."""
    body = {"name": "x", "scopes": ["query:read"], "expires_in_days": 1}
    first, second = (api("POST", "/v1/tokens", body, token=owner_token).json for _ in range(2))
    assert api("GET", "/v1/query", token=first["token"]).status == 200
    last_used = "select last_used_at is not null from access_tokens where id = %s"
    assert database.value(last_used, first["id"]) is True
    assert api("DELETE", f"/v1/tokens/{first['id']}", token=owner_token).status == 204
    assert api("GET", "/v1/query", token=first["token"]).error == "invalid_token"
    database.rows("update access_tokens set expires_at = now() where id = %s", second["id"])
    assert api("GET", "/v1/query", token=second["token"]).error == "invalid_token"


BAD: list[tuple[str, str, object, int, str]] = [
    ("POST", "/v1/tokens", {"name": "", "scopes": ["query:read"]}, 422, "invalid_field"),
    ("POST", "/v1/tokens", {"name": "x", "scopes": []}, 422, "invalid_field"),
    ("POST", "/v1/tokens", {"name": "x", "scopes": ["root"]}, 422, "invalid_field"),
    ("POST", "/v1/tokens", {"name": "x"}, 422, "invalid_field"),
    ("POST", "/v1/tokens", {"name": "x\0", "scopes": ["query:read"]}, 422, "invalid_field"),
    ("POST", "/v1/tokens", {"name": "\ud800", "scopes": ["query:read"]}, 422, "invalid_field"),
    (
        "POST",
        "/v1/tokens",
        {"name": "x", "scopes": ["query:read"], "expires_in_days": 0},
        422,
        "invalid_field",
    ),
    (
        "POST",
        "/v1/tokens",
        {"name": "x", "scopes": ["query:read"], "admin": True},
        422,
        "invalid_field",
    ),
    ("POST", "/v1/tokens", [], 422, "invalid_field"),
    ("POST", "/v1/tokens", b"{", 400, "invalid_request"),
    ("POST", "/v1/tokens", b"\xff", 400, "invalid_request"),
    ("POST", "/v1/tokens", b"[" * 60_000, 400, "invalid_request"),
    ("POST", "/v1/tokens", b"[" * 100_000, 413, "payload_too_large"),
    ("POST", "/v1/sources", {"name": "x"}, 422, "invalid_field"),
    ("DELETE", "/v1/tokens/7", None, 422, "invalid_field"),
    ("DELETE", "/v1/sources/x/keys/y", None, 422, "invalid_field"),
    ("GET", "/v1/sources?limit=0", None, 422, "invalid_field"),
    ("GET", "/v1/sources?limit=x", None, 422, "invalid_field"),
    ("GET", "/v1/tokens?cursor=x", None, 422, "invalid_field"),
    ("GET", "/v1/tokens/x/y", None, 404, "not_found"),
    ("PUT", "/v1/tokens", None, 405, "method_not_allowed"),
]


@pytest.mark.parametrize(("method", "target", "body", "status", "error"), BAD)
def test_bad_requests(
    api: Api, owner_token: str, method: str, target: str, body: object, status: int, error: str
) -> None:
    """Unreadable is 400, readable but wrong is 422, and the shape is always the same."""
    answer = api(method, target, body, token=owner_token)
    assert (answer.status, answer.error) == (status, error), answer.text
    assert json.loads(answer.text).keys() == {"error", "message"}


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v1/sources/challenge"),
        ("GET", "/v1/sources"),
        ("GET", "/v1/tokens"),
        ("DELETE", "/v1/tokens/00000000-0000-0000-0000-000000000000"),
    ],
)
def test_every_route_asks_who_you_are(api: Api, method: str, target: str) -> None:
    """Without a token: 401."""
    assert api(method, target).error == "missing_auth"
    assert api(method, target, token="vlm_x").error == "invalid_token"


def test_a_body_of_another_type_is_a_415(api: Api, owner_token: str, laptop: Registered) -> None:
    """What curl sends by itself is no JSON; the answer says so, not that fields are missing."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for method, path, body in (
        ("POST", "/v1/tokens", b'{"name": "x", "scopes": ["query:read"]}'),
        ("PATCH", f"/v1/sources/{laptop.id}", b'{"expected_every_hours": 2}'),
    ):
        answer = api(method, path, body, token=owner_token, headers=headers)
        assert (answer.status, answer.error) == (415, "unsupported_media_type")
        assert "application/json" in answer.message
