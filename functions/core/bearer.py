"""From an `Authorization: Bearer …` header to a `User`.

Three kinds of token are taken: an access token of ours (`vlm_…`), the deployment's subscriber
token (`VIBETEA_SUBSCRIBER_TOKEN`, the owner's data, read only), and a sign-in of the identity
provider (a JWT; which keys are believed, and each with which algorithm, the configuration says).
"""

import functools
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from functions.core import db, sql
from functions.core.actor import Member, Room, User
from functions.core.config import JwtConfig, config
from functions.core.errors import InvalidToken, MissingAuth, Unavailable
from functions.core.observability import logger
from functions.core.secret import Secret

TOKEN_PREFIX = "vlm_"  # noqa: S105 (a prefix, not a secret)
SUBSCRIBER_SCOPES = frozenset({"query:read"})

MAX_TOKEN = 8_192  # characters; a sign-in token is about 1,000
CLOCK_LEEWAY = 30  # s between the identity provider's clock and ours
KEY_SET_LIFESPAN = 300  # s; how long a key that was rotated out is still believed
KEY_SET_TIMEOUT = 5  # s
MIN_REFETCH = 10  # s between fetches of the key set that unknown key ids may cause
MIN_RETRY = 10  # s between fetches of a key set that could not be fetched: nobody waits for each

_NO_KEYS = "The identity provider's keys cannot be fetched."

queries = sql.load(__file__)


def authenticate(headers: Mapping[str, str]) -> User:
    """The user whose token `headers` (names in lower case) carries.

    Raises `MissingAuth`, `InvalidToken` or `Unavailable`.
    """
    token = bearer_token(headers)
    if _is_subscriber(token):
        return User(deployment_owner(), SUBSCRIBER_SCOPES)
    if token.startswith(TOKEN_PREFIX):
        return _token_user(token)
    jwt_config = config().jwt
    if jwt_config is None:
        raise InvalidToken
    return _signed_in(token, jwt_config)


def hash_token(token: str) -> bytes:
    """What is stored of a token: its SHA-256. 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


@functools.cache
def deployment_owner() -> UUID:
    """The owner account of this deployment, made when there is none."""
    with db.transaction(Room("door", "the deployment's owner must exist")) as connection:
        owner: UUID = queries.ensure_deployment_owner(
            connection, email=config().owner_email, id=config().owner_id
        )
    return owner


def _is_subscriber(token: str) -> bool:
    expected = config().subscriber_token
    return expected is not None and same_token(token, expected)


def same_token(token: str, expected: Secret) -> bool:
    """Whether `token` is the configured one, found out in the same time either way."""
    return hmac.compare_digest(token.encode(), expected.reveal().encode())


def bearer_token(headers: Mapping[str, str]) -> str:
    """The token in `headers` (names in lower case). Raises `MissingAuth`, `InvalidToken`."""
    header = headers.get("authorization", "").strip()
    if not header:
        raise MissingAuth
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN:
        raise InvalidToken
    return token


def require_token(headers: Mapping[str, str], expected: Secret | None) -> None:
    """Raises `MissingAuth` or `InvalidToken` unless `headers` carry the configured token."""
    token = bearer_token(headers)
    if expected is None or not same_token(token, expected):
        raise InvalidToken


def _token_user(token: str) -> User:
    rows = db.call(
        Room("door", "a token is looked up before anybody is known"),
        queries.use_access_token.sql,
        {"token_sha256": hash_token(token)},
    )
    if not rows:
        raise InvalidToken
    [(owner, scopes)] = rows
    return User(owner, frozenset(scopes))


def _signed_in(token: str, settings: JwtConfig) -> User:
    import jwt

    try:
        key, algorithm = _verification_key(token, settings)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=settings.audience,
            issuer=settings.issuer,
            leeway=CLOCK_LEEWAY,
            options={"require": ["exp", "sub", "aud", *(["iss"] if settings.issuer else [])]},
        )
        user = UUID(claims["sub"])
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
        logger.info("sign-in refused", cause=type(error).__name__)
        raise InvalidToken from error
    if claims.get("role", "authenticated") != "authenticated":
        raise InvalidToken
    _ensure_profile(user, _email(claims.get("email")))
    return User(user)


def _email(claim: object) -> str | None:
    """The address in a sign-in, if it is a text that can be kept."""
    return claim if isinstance(claim, str) and len(claim) <= 320 and claim.isprintable() else None


@functools.lru_cache(maxsize=1_024)
def _ensure_profile(user: UUID, email: str | None) -> None:
    with db.transaction(Member(user)) as connection:
        queries.ensure_profile(connection, id=user, email=email)


def _verification_key(token: str, settings: JwtConfig) -> tuple[Any, str]:
    """The key that may have signed `token`, and the algorithm that goes with it.

    The secret goes with HS256 alone and a published key never with it, so that nobody can pass a
    public key off as the secret. A project that moves from its secret to a key set has both, until
    the last sign-in from before has expired.
    """
    import jwt

    algorithm = jwt.get_unverified_header(token).get("alg")
    if algorithm not in settings.algorithms:
        raise jwt.InvalidAlgorithmError("not an algorithm that is believed here")
    if algorithm == "HS256":
        assert settings.secret is not None  # noqa: S101 (config.py made sure)
        return settings.secret.reveal(), algorithm
    assert settings.jwks_url is not None  # noqa: S101 (config.py made sure)
    return _key_set(settings.jwks_url).signing_key(token), algorithm


class _KeySet:
    """A key set (RFC 7517) that is fetched when it is old, or when a token names a newer key."""

    def __init__(self, url: str) -> None:
        from jwt import PyJWKClient

        self._client = PyJWKClient(url, cache_jwk_set=False, timeout=KEY_SET_TIMEOUT)
        self._keys: list[Any] = []
        self._fetched = self._refetched = self._failed = float("-inf")

    def signing_key(self, token: str) -> Any:
        """The key that `token`'s header names. Raises `jwt.InvalidTokenError`, `Unavailable`."""
        import jwt

        key_id = jwt.get_unverified_header(token).get("kid")
        if time.monotonic() - self._fetched >= KEY_SET_LIFESPAN:
            self._fetch()
        known = self._find(key_id, self._keys)
        if known is None and time.monotonic() - self._refetched >= MIN_REFETCH:
            self._refetched = time.monotonic()
            self._fetch()
            known = self._find(key_id, self._keys)
        if known is None:
            raise jwt.InvalidTokenError("unknown key id")
        return known

    def _fetch(self) -> None:
        import jwt

        if time.monotonic() - self._failed < MIN_RETRY:
            raise Unavailable(_NO_KEYS)
        try:
            self._keys = self._client.get_signing_keys(refresh=True)
        except (jwt.PyJWKClientError, jwt.PyJWKSetError, ValueError) as error:
            self._failed = time.monotonic()
            logger.error("the key set cannot be fetched", cause=str(error))
            raise Unavailable(_NO_KEYS) from error
        self._fetched = time.monotonic()

    @staticmethod
    def _find(key_id: str | None, keys: list[Any]) -> Any:
        return next((key.key for key in keys if key_id is not None and key.key_id == key_id), None)


@functools.cache
def _key_set(url: str) -> _KeySet:
    return _KeySet(url)
