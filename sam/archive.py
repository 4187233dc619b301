"""A zip that is the same, byte for byte, whenever and wherever the same files are packed."""

import hashlib
import zipfile
from pathlib import Path

# The earliest that a zip can say: no build has a date.
EPOCH = (1980, 1, 1, 0, 0, 0)
FILE_MODE = 0o100644  # S_IFREG, readable for whichever user Lambda chooses
UNIX = 3  # the system whose modes are meant
LEVEL = 6


def pack(folder: Path, archive: Path) -> str:
    """Packs the files of `folder`, in order; returns the archive's SHA-256 in hex."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as packed:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), EPOCH)
            entry.create_system = UNIX
            entry.external_attr = FILE_MODE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, file.read_bytes(), compresslevel=LEVEL)
    with archive.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


def size(folder: Path) -> int:
    """Bytes of all files, as Lambda counts an unzipped artefact."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
