"""The monitor's Ed25519 key: made once, kept in a directory, used to sign every batch.

`key.priv` is the raw 32-byte seed (0600), `key.pub` the public key in standard base64 (0644): the
same two files that a VibeTea monitor writes, so an existing key works unchanged.
"""

import base64
import os
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from vibeloom.errors import KeyFileError

SEED_BYTES = 32  # RFC 8032: an Ed25519 private key is a 32-byte seed


@dataclass(frozen=True)
class Signer:
    """Signs bytes with one key."""

    key: SigningKey

    @property
    def public_key(self) -> str:
        """The public key in standard base64."""
        return base64.b64encode(bytes(self.key.verify_key)).decode()

    def sign(self, message: bytes) -> str:
        """The Ed25519 signature over exactly these bytes, in standard base64."""
        return base64.b64encode(self.key.sign(message).signature).decode()


def private_key_path(home: Path) -> Path:
    """Where the seed lies."""
    return home / "key.priv"


def public_key_path(home: Path) -> Path:
    """Where the public key lies."""
    return home / "key.pub"


def prepare_home(home: Path) -> None:
    """Make the directory for keys and spool, readable for its owner alone."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise KeyFileError(
            f"{home} cannot be created ({problem.strerror}); set VIBELOOM_KEY_PATH to a directory "
            "that you may write to"
        ) from None


def _place(path: Path, content: bytes, mode: int) -> None:
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(mode)  # the umask may have taken bits away
    draft.replace(path)


def create(home: Path) -> Signer:
    """Make a new key; refuses when one is there, because the server knows the monitor by it."""
    for path in (private_key_path(home), public_key_path(home)):
        if path.exists() or path.is_symlink():
            raise KeyFileError(
                f"{path} is already there; keep it, or replace it with "
                "`vibeloom monitor init --force` and register the new key"
            )
    return replace(home)


def replace(home: Path) -> Signer:
    """Make a new key, whether or not one is there."""
    prepare_home(home)
    signer = Signer(SigningKey.generate())
    try:
        _place(private_key_path(home), bytes(signer.key), 0o600)
        _place(public_key_path(home), signer.public_key.encode(), 0o644)
    except OSError as problem:
        raise KeyFileError(
            f"the key cannot be written to {home} ({problem.strerror}); "
            "make room or set VIBELOOM_KEY_PATH to another directory"
        ) from None
    return signer


def load(home: Path) -> Signer:
    """Read the key from its directory."""
    path = private_key_path(home)
    try:
        seed = path.read_bytes()
    except FileNotFoundError:
        raise KeyFileError(f"there is no key in {home}; run `vibeloom monitor init`") from None
    except OSError as problem:
        raise KeyFileError(
            f"{path} cannot be read ({problem.strerror}); give yourself read access to it"
        ) from None
    if len(seed) != SEED_BYTES:
        raise KeyFileError(
            f"{path} holds {len(seed)} bytes instead of {SEED_BYTES}; restore it from a backup, or "
            "make a new key with `vibeloom monitor init --force`"
        )
    return Signer(SigningKey(seed))
