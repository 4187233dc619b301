"""A Supabase project that moves from its secret to signing keys: nobody is signed out."""

import base64
import hmac
import json
from collections.abc import Iterator
from uuid import uuid4

import jwt
import pytest

from tests.functional.supabase_auth import LEGACY_SECRET, Project
from tests.support import Api, fresh_process


@pytest.fixture
def moving(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A deployment that knows the project's legacy secret and its key set."""
    project = Project()
    project.create_key("first")
    settings = project.settings | {"VIBELOOM_JWT_SECRET": LEGACY_SECRET}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    fresh_process()
    yield project
    project.stop()


def status(api: Api, token: str) -> int:
    return api("GET", "/v1/query", token=token).status


def test_old_and_new_sign_ins_count_at_once(api: Api, moving: Project) -> None:
    """Before the rotation and after it, each person's token is verified with its own key."""
    before = moving.sign_in_with_secret()
    assert status(api, before) == 200
    after = moving.sign_in("first")
    assert [status(api, after), status(api, before)] == [200, 200]


def test_the_move_ends_when_the_secret_is_taken_away(
    api: Api, moving: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without VIBELOOM_JWT_SECRET only the key set counts."""
    monkeypatch.delenv("VIBELOOM_JWT_SECRET")
    fresh_process()
    assert [status(api, moving.sign_in("first")), status(api, moving.sign_in_with_secret())] == [
        200,
        401,
    ]


def test_a_key_of_another_algorithm_takes_over(api: Api, moving: Project) -> None:
    """From P-256 to RSA: both kinds are believed while both are published."""
    old = moving.sign_in("first")
    moving.create_key("second", "RSA")
    assert [status(api, moving.sign_in("second")), status(api, old)] == [200, 200]


def test_one_algorithm_can_be_insisted_on(
    api: Api, moving: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VIBELOOM_JWT_ALGORITHM leaves the others out."""
    monkeypatch.setenv("VIBELOOM_JWT_ALGORITHM", "ES256")
    fresh_process()
    moving.create_key("second", "RSA")
    tokens = [moving.sign_in("first"), moving.sign_in("second"), moving.sign_in_with_secret()]
    assert [status(api, token) for token in tokens] == [200, 401, 401]


def signed_with(key: bytes, header: dict[str, str], issuer: str) -> str:
    """HMAC over claims, made by hand: PyJWT itself refuses a public key as its secret."""
    parts = (
        header,
        {"sub": str(uuid4()), "aud": "authenticated", "iss": issuer, "exp": 4_000_000_000},
    )
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts)
    digest = base64.urlsafe_b64encode(hmac.digest(key, signed, "sha256")).rstrip(b"=")
    return f"{signed.decode()}.{digest.decode()}"


def test_no_key_counts_for_another_s_algorithm(api: Api, moving: Project) -> None:
    """A published key is no secret, the secret is no published key, and `none` is nothing."""
    moving.create_key("second", "RSA")
    claims = moving.claims()
    public = json.dumps(moving.public("first")).encode()
    with_public = [
        signed_with(public, {"alg": "HS256", "kid": kid}, moving.issuer) for kid in ("first", "x")
    ]
    swapped = [
        jwt.encode(claims, moving.private["first"], "ES256", headers={"kid": "second"}),
        jwt.encode(claims, moving.private["second"], "RS256", headers={"kid": "first"}),
        jwt.encode(claims, moving.private["first"], "ES256"),
        jwt.encode(claims, LEGACY_SECRET, "HS384"),
        jwt.encode(claims, "", "none", headers={"kid": "first"}),
    ]
    secret = LEGACY_SECRET.encode()
    assert status(api, signed_with(secret, {"alg": "HS256"}, moving.issuer)) == 200  # by hand, too
    for token in (*with_public, *swapped):
        assert status(api, token) == 401
