"""Making a monitor's key known to a server, by proving that one holds it."""

from dataclasses import dataclass

from vibeloom.errors import ServerError
from vibeloom.keys import Signer
from vibeloom.server import Server

CREATED = 201


@dataclass(frozen=True)
class Registration:
    """A source that the server knows."""

    source: str
    public_key: str
    created: bool  # False: it was known with this key already


def proof(source: str, public_key: str, challenge: str) -> bytes:
    """The bytes to sign: name and key are in them, so a proof is good for nothing else."""
    return f"vibeloom-source-v1\n{source}\n{public_key}\n{challenge}".encode()


def register(server: Server, signer: Signer, source: str) -> Registration:
    """Register this key as the first of a new source; safe to repeat."""
    status, _ = server.post("/sources", {"name": source, **_proven(server, signer, source)})
    return Registration(source, signer.public_key, created=status == CREATED)


def add_key(server: Server, signer: Signer, source: str) -> Registration:
    """Register this key as a further one of a source that is there; safe to repeat.

    Until the old key is revoked both are good, so a key is replaced without a gap.
    """
    place = f"/sources/{_source_id(server, source)}/keys"
    status, _ = server.post(place, _proven(server, signer, source))
    return Registration(source, signer.public_key, created=status == CREATED)


def _proven(server: Server, signer: Signer, source: str) -> dict[str, str]:
    """The key, and that it is ours: a fresh challenge, signed."""
    _, issued = server.post("/sources/challenge")
    challenge = issued.get("challenge")
    if not isinstance(challenge, str) or not challenge:
        raise ServerError(
            "the server gave no challenge; check that VIBELOOM_URL is a Vibeloom server"
        )
    return {
        "public_key": signer.public_key,
        "challenge": challenge,
        "signature": signer.sign(proof(source, signer.public_key, challenge)),
    }


def _source_id(server: Server, source: str) -> str:
    cursor: str | None = ""
    while cursor is not None:
        page = server.get("/sources", {"cursor": cursor} if cursor else {})
        for item in page.get("items", []):
            if item["name"] == source:
                return str(item["id"])
        cursor = page.get("next")
    raise ServerError(f"you have no source {source}; register it without --add-key")
