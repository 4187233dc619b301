"""Making a monitor's key known to a server, by proving that one holds it."""

from dataclasses import dataclass

from vibeloom.errors import ServerError
from vibeloom.keys import Signer
from vibeloom.server import Server


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
    """Register this key under this source name; safe to repeat."""
    _, issued = server.post("/sources/challenge")
    challenge = issued.get("challenge")
    if not isinstance(challenge, str) or not challenge:
        raise ServerError(
            "the server gave no challenge; check that VIBELOOM_URL is a Vibeloom server"
        )
    status, _ = server.post(
        "/sources",
        {
            "name": source,
            "public_key": signer.public_key,
            "challenge": challenge,
            "signature": signer.sign(proof(source, signer.public_key, challenge)),
        },
    )
    return Registration(source, signer.public_key, created=status == 201)
