"""Sign-ins: which JWTs are believed, and which never."""

import base64
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from functions.core import bearer
from tests.support import Api, Database, fresh_process

SECRET = "a-secret-of-at-least-thirty-two-characters"
ISSUER = "https://project.example/auth/v1"


def claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    all_claims: dict[str, Any] = {
        "sub": str(uuid4()),
        "aud": "authenticated",
        "iss": ISSUER,
        "role": "authenticated",
        "email": "ada@example.org",
        "exp": now + timedelta(hours=1),
        "iat": now,
    } | changes
    return {name: value for name, value in all_claims.items() if value is not None}


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture
def hs256(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A deployment that signs in with a shared secret."""
    monkeypatch.setenv("VIBELOOM_JWT_SECRET", SECRET)
    monkeypatch.setenv("VIBELOOM_JWT_ISSUER", ISSUER)
    fresh_process()
    return api


def test_a_sign_in_is_a_user(hs256: Api, database: Database) -> None:
    """The subject becomes a profile on first sight and reads as itself."""
    subject = str(uuid4())
    token = jwt.encode(claims(sub=subject), SECRET)
    assert hs256("GET", "/v1/query", token=token).status == 200
    assert (
        hs256("POST", "/v1/tokens", {"name": "x", "scopes": ["query:read"]}, token=token).status
        == 201
    )
    token = jwt.encode(claims(sub=subject, email="new@example.org"), SECRET)
    assert hs256("GET", "/v1/query", token=token).status == 200
    assert [
        {**row, "id": str(row["id"])} for row in database.rows("select id, email from profiles")
    ] == [{"id": subject, "email": "new@example.org"}]


@pytest.mark.parametrize("email", ["\ud800@x", "x\0", "a\nb", "x" * 400, 7, None])
def test_an_odd_address_is_left_out(hs256: Api, database: Database, email: object) -> None:
    """Who signed in is the subject; an address that cannot be kept keeps nobody out."""
    assert hs256("GET", "/v1/query", token=jwt.encode(claims(email=email), SECRET)).status == 200
    assert database.value("select email from profiles") is None


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("expired", {"exp": datetime(2020, 1, 1, tzinfo=UTC)}),
    ("no expiry", {"exp": None}),
    ("other audience", {"aud": "anon"}),
    ("no audience", {"aud": None}),
    ("other issuer", {"iss": "https://evil.example"}),
    ("no issuer", {"iss": None}),
    ("no subject", {"sub": None}),
    ("subject is no uuid", {"sub": "admin"}),
    ("service key", {"role": "service_role"}),
    ("anonymous key", {"role": "anon"}),
    ("not yet valid", {"nbf": datetime.now(UTC) + timedelta(days=1)}),
]


@pytest.mark.parametrize("change", [pytest.param(c, id=name) for name, c in REFUSED])
def test_claims_are_checked(hs256: Api, change: dict[str, Any]) -> None:
    """aud, iss, exp, sub and role, each on its own."""
    answer = hs256("GET", "/v1/query", token=jwt.encode(claims(**change), SECRET))
    assert (answer.status, answer.error) == (401, "invalid_token")


def test_the_algorithm_is_the_configuration_s(hs256: Api) -> None:
    """`none`, another hash, or a token signed with another secret: refused."""
    header = {"alg": "none", "typ": "JWT"}
    unsigned = f"{_part(header)}.{_part(claims(exp=4_000_000_000, iat=1))}"
    for token in (
        unsigned + ".",
        jwt.encode(claims(), "x" * 64, algorithm="HS512"),
        jwt.encode(claims(), SECRET + SECRET, algorithm="HS512"),
        jwt.encode(claims(), "another-secret-of-thirty-two-characters"),
        jwt.encode(claims(), SECRET) + "x",
        "a.b.c",
        "..",
    ):
        assert hs256("GET", "/v1/query", token=token).error == "invalid_token"


class KeySet:
    """An identity provider's key set on loopback."""

    def __init__(self) -> None:
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.fetched = 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.fetched += 1
                body = json.dumps({"keys": [owner.public(name) for name in owner.keys]}).encode()
                self.send_response(200 if owner.keys else 500)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def public(self, name: str) -> dict[str, Any]:
        public: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(
            self.keys[name].public_key(), as_dict=True
        )
        return public | {"kid": name, "alg": "ES256", "use": "sig"}

    def add(self, name: str) -> None:
        self.keys[name] = ec.generate_private_key(ec.SECP256R1())

    def token(self, name: str, **changes: Any) -> str:
        return jwt.encode(claims(**changes), self.keys[name], "ES256", headers={"kid": name})


@pytest.fixture
def key_set(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeySet]:
    """A deployment that signs in with a published key set."""
    provider = KeySet()
    provider.add("first")
    monkeypatch.setenv("VIBELOOM_JWKS_URL", provider.url)
    fresh_process()
    yield provider
    provider.server.shutdown()
    provider.server.server_close()


def test_a_key_set_is_fetched_once_and_rotates(
    api: Api, key_set: KeySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new key id is fetched when first seen; made-up ids cannot cause a flood of fetches."""
    for _ in range(3):
        assert api("GET", "/v1/query", token=key_set.token("first")).status == 200
    assert key_set.fetched == 1
    key_set.add("second")
    assert api("GET", "/v1/query", token=key_set.token("second")).status == 200
    assert key_set.fetched == 2
    forged = jwt.encode(
        claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "x"}
    )
    for _ in range(20):
        assert api("GET", "/v1/query", token=forged).error == "invalid_token"
    assert key_set.fetched == 2
    monkeypatch.setattr(bearer, "MIN_REFETCH", 0)
    assert api("GET", "/v1/query", token=forged).error == "invalid_token"
    assert key_set.fetched == 3


def test_a_public_key_is_no_shared_secret(api: Api, key_set: KeySet) -> None:
    """A token signed HS256 with the published key as its secret is refused."""
    header = {"alg": "HS256", "typ": "JWT", "kid": "first"}
    signed = f"{_part(header)}.{_part(claims(exp=4_000_000_000, iat=1))}"
    secret = json.dumps(key_set.public("first")).encode()
    digest = hmac.digest(secret, signed.encode(), "sha256")
    forged = f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    unnamed = jwt.encode(claims(), key_set.keys["first"], "ES256")
    for token in (forged, unnamed):
        assert api("GET", "/v1/query", token=token).error == "invalid_token"


def test_an_unreachable_key_set_is_a_503(api: Api, key_set: KeySet) -> None:
    """Nobody is told that their token is bad when we could not check it, or waits for each try."""
    token = key_set.token("first")
    key_set.keys.clear()
    for _ in range(3):
        answer = api("GET", "/v1/query", token=token)
        assert (answer.status, answer.error) == (503, "unavailable")
    assert key_set.fetched == 1


def test_known_keys_outlive_a_failed_fetch(api: Api, key_set: KeySet) -> None:
    """Made-up key ids while the provider is away keep nobody out whose key is known."""
    good, forged = (
        key_set.token("first"),
        jwt.encode(claims(), key_set.keys["first"], "ES256", headers={"kid": "x"}),
    )
    assert api("GET", "/v1/query", token=good).status == 200
    key_set.keys.clear()
    assert api("GET", "/v1/query", token=forged).status == 503
    for _ in range(3):
        assert api("GET", "/v1/query", token=good).status == 200
    assert key_set.fetched == 2
