"""A Supabase project's sign-in server, as far as its tokens and its key set go."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

LEGACY_SECRET = "the legacy secret of a project, which is about as long as this one"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Project:
    """Issues tokens; publishes the keys that are standby, current or previously used."""

    def __init__(self) -> None:
        self.private: dict[str, Key] = {}
        self.published: list[str] = []
        self.extra: list[dict[str, Any]] = []  # of the key set, as they are
        self.answer: tuple[int, bytes] | None = None  # instead of the key set
        self.fetched: list[str] = []
        project = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                project.fetched.append(self.path)
                status, body = project.answer or (200, json.dumps(project.key_set()).encode())
                self.send_response(status)
                self.send_header("Cache-Control", "public, max-age=600")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/auth/v1"

    @property
    def settings(self) -> dict[str, str]:
        """What supabase/README.md says to set."""
        return {
            "VIBELOOM_JWKS_URL": f"{self.issuer}/.well-known/jwks.json",
            "VIBELOOM_JWT_ISSUER": self.issuer,
        }

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def create_key(self, name: str, kind: str = "EC") -> None:
        """A standby key: published, not yet used."""
        self.private[name] = (
            ec.generate_private_key(ec.SECP256R1())
            if kind == "EC"
            else rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        )
        self.published.append(name)

    def revoke(self, name: str) -> None:
        self.published.remove(name)

    def key_set(self) -> dict[str, Any]:
        return {"keys": [*self.extra, *(self.public(name) for name in self.published)]}

    def public(self, name: str) -> dict[str, Any]:
        key = self.private[name]
        if isinstance(key, rsa.RSAPrivateKey):
            values = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            values |= {"alg": "RS256"}
        else:
            values = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
            values |= {"alg": "ES256"}
        return values | {"kid": name, "use": "sig", "key_ops": ["verify"], "ext": True}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of an access token; None leaves one out."""
        now = datetime.now(UTC)
        every: dict[str, Any] = {
            "iss": self.issuer,
            "sub": str(uuid4()),
            "aud": "authenticated",
            "exp": now + timedelta(hours=1),
            "iat": now,
            "email": "ada@example.org",
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {"email_verified": True},
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": int(now.timestamp())}],
            "session_id": str(uuid4()),
            "is_anonymous": False,
        } | changes
        return {name: value for name, value in every.items() if value is not None}

    def sign_in(self, key: str, **changes: Any) -> str:
        """An access token signed with one of the keys."""
        algorithm = "RS256" if isinstance(self.private[key], rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(
            self.claims(**changes), self.private[key], algorithm, headers={"kid": key}
        )

    def sign_in_with_secret(self, secret: str = LEGACY_SECRET, **changes: Any) -> str:
        """An access token of the legacy kind; a project that has begun to move names the key."""
        return jwt.encode(self.claims(**changes), secret, "HS256", headers={"kid": "legacy"})

    def api_key(self, role: str) -> str:
        """The legacy `anon` or `service_role` key: a JWT of the same secret, and nobody's."""
        claims = {"iss": "supabase", "ref": "project", "role": role, "iat": 1, "exp": 4_000_000_000}
        return jwt.encode(claims, LEGACY_SECRET, "HS256")
