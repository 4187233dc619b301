"""Sign-ins of a Supabase project: its claims, its key set, and what its keys go through."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from functions.core import bearer
from tests.functional.supabase_auth import LEGACY_SECRET, Project
from tests.support import Api, Database, Registered, fresh_process, register_source

PATH = "/auth/v1/.well-known/jwks.json"


@pytest.fixture
def project(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A deployment over a project with the signing key `first`, set up as documented."""
    supabase = Project()
    supabase.create_key("first")
    for name, value in supabase.settings.items():
        monkeypatch.setenv(name, value)
    fresh_process()
    yield supabase
    supabase.stop()


@pytest.fixture
def legacy(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same with the legacy secret instead of a key set."""
    monkeypatch.delenv("VIBELOOM_JWKS_URL")
    monkeypatch.setenv("VIBELOOM_JWT_SECRET", LEGACY_SECRET)
    fresh_process()
    return project


def status(api: Api, token: str) -> int:
    return api("GET", "/v1/query", token=token).status


def test_a_sign_in_reads_its_own(
    api: Api, project: Project, database: Database, laptop: Registered
) -> None:
    """Whoever signed in is a person with an address, who reads what their monitors sent only."""
    assert laptop.send(api, [laptop.event()]).status == 200
    ada, bob = str(uuid4()), str(uuid4())
    token = project.sign_in("first", sub=ada)
    scopes = ["sources:write", "sources:read"]
    made = api("POST", "/v1/tokens", {"name": "x", "scopes": scopes}, token=token)
    monitor = register_source(api, made.json["token"], "studio")
    assert monitor.send(api, [monitor.event()]).status == 200
    found = [
        api("GET", "/v1/query", token=asked).json["aggregates"]
        for asked in (token, project.sign_in("first", sub=bob, email="bob@example.org"))
    ]
    assert [[row["source"] for row in rows] for rows in found] == [["studio"], []]
    emails = {str(row["id"]): row["email"] for row in database.rows("select * from profiles")}
    assert (emails[ada], emails[bob]) == ("ada@example.org", "bob@example.org")
    assert project.fetched == [PATH]


def test_a_key_lives_and_is_rotated_out(
    api: Api, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standby, current, previously used, revoked: nobody is signed out before the last of these."""
    project.create_key("second")
    old = project.sign_in("first")
    assert status(api, old) == 200
    new = project.sign_in("second")
    assert [status(api, new), status(api, old)] == [200, 200]
    assert len(project.fetched) == 1  # the standby key was in the set before it was needed
    project.revoke("first")
    assert status(api, old) == 200  # within KEY_SET_LIFESPAN
    monkeypatch.setattr(bearer, "KEY_SET_LIFESPAN", 1e-9)
    fresh_process()
    assert [status(api, new), status(api, old)] == [200, 401]
    project.published.append("first")  # moved back to standby, as the dashboard allows
    monkeypatch.setattr(bearer, "MIN_REFETCH", 0)
    assert status(api, old) == 200


def test_a_key_that_was_never_standby_is_fetched(api: Api, project: Project) -> None:
    """Created and rotated to at once: the first token that names it brings it."""
    assert status(api, project.sign_in("first")) == 200
    project.create_key("second")
    assert status(api, project.sign_in("second")) == 200
    assert len(project.fetched) == 2


def test_the_legacy_secret(api: Api, legacy: Project) -> None:
    """A project that never moved: HS256, with or without a key id, and no key set is asked for."""
    unnamed = jwt.encode(legacy.claims(), LEGACY_SECRET, "HS256")
    assert [status(api, token) for token in (legacy.sign_in_with_secret(), unnamed)] == [200, 200]
    assert legacy.fetched == []


def test_a_key_of_the_project_is_nobody(api: Api, legacy: Project) -> None:
    """API keys are no sign-ins, whatever their role, signed though they are with the secret."""
    subject = {"sub": str(uuid4()), "role": "service_role"}
    for token in (
        legacy.api_key("anon"),
        legacy.api_key("service_role"),
        legacy.sign_in_with_secret(**subject),
        legacy.sign_in_with_secret(role="supabase_admin"),
        "sb_publishable_n0tAR3alK3y_abcdefgh",
        "sb_secret_n0tAR3alK3y_abcdefgh",
        LEGACY_SECRET,
    ):
        assert status(api, token) == 401


def test_an_anonymous_sign_in_is_a_person_of_their_own(
    api: Api, project: Project, laptop: Registered
) -> None:
    """Supabase gives it the role `authenticated` and an id; it sees what that id owns: nothing."""
    assert laptop.send(api, [laptop.event()]).status == 200
    token = project.sign_in("first", is_anonymous=True, email="", amr=[{"method": "anonymous"}])
    assert api("GET", "/v1/query", token=token).json["aggregates"] == []


def test_another_project_s_sign_ins_are_refused(api: Api, project: Project) -> None:
    """A key that is not ours, also under a name of ours; and an issuer that is not ours."""
    stranger = Project()
    try:
        stranger.create_key("first")
        stranger.create_key("theirs")
        assert status(api, project.sign_in("first")) == 200
        for key in ("first", "theirs"):
            assert status(api, stranger.sign_in(key, iss=project.issuer)) == 401
        assert status(api, project.sign_in("first", iss=stranger.issuer)) == 401
        assert stranger.fetched == []  # no token says where its key is fetched
    finally:
        stranger.stop()


CLAIMS: list[tuple[dict[str, Any], int]] = [
    ({"exp": timedelta(seconds=-10)}, 200),
    ({"exp": timedelta(seconds=-60)}, 401),
    ({"iat": timedelta(seconds=10)}, 200),
    ({"iat": timedelta(seconds=120)}, 401),
    ({"aud": ["authenticated", "other"]}, 200),
    ({"aud": "other"}, 401),
    ({"role": None}, 200),
    ({"session_id": None, "aal": None, "amr": None, "is_anonymous": None}, 200),
]


def test_claims_and_clocks(api: Api, project: Project) -> None:
    """Half a minute between the clocks is forgiven; what Vibeloom does not read is not required."""
    now = datetime.now(UTC)
    found = []
    for changes, _ in CLAIMS:
        claims = {
            name: now + value if isinstance(value, timedelta) else value
            for name, value in changes.items()
        }
        found.append((changes, status(api, project.sign_in("first", **claims))))
    assert found == CLAIMS


def test_other_keys_in_the_set_do_no_harm(api: Api, project: Project) -> None:
    """What cannot be used is passed over; a published secret signs nobody in."""
    octets = {"kty": "oct", "kid": "octets", "alg": "HS256", "k": "A" * 43}
    project.extra = [
        {"kty": "AKP", "kid": "of the future", "alg": "ML-DSA-65", "pub": "AAAA"},
        {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "AA", "y": "AA", "alg": "ES256"},
        {key: value for key, value in project.public("first").items() if key != "kid"},
        octets,
    ]
    assert status(api, project.sign_in("first")) == 200
    forged = jwt.encode(project.claims(), bytes(32), "HS256", headers={"kid": "octets"})
    assert status(api, forged) == 401
    for name in ("broken", "of the future"):
        token = jwt.encode(
            project.claims(), project.private["first"], "ES256", headers={"kid": name}
        )
        assert status(api, token) == 401


PAUSED = (
    (200, b"<!doctype html><title>Project paused</title>"),
    (200, b'{"keys": []}'),
    (200, b"[]"),
    (404, b"{}"),
    (540, b""),
)


def test_a_project_that_is_paused_is_a_503(
    api: Api, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever signed in is told to try again, not that their token is bad."""
    monkeypatch.setattr(bearer, "MIN_RETRY", 0)  # each of them is asked for
    for project.answer in PAUSED:
        refused = api("GET", "/v1/query", token=project.sign_in("first"))
        assert (refused.status, refused.error) == (503, "unavailable")
        assert refused.headers["Retry-After"] == "5"
    project.answer = None
    assert status(api, project.sign_in("first")) == 200
