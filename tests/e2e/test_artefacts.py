"""The artefact that is deployed: made of wheels for Lambda, on this host, twice."""

import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from sam import archive, build, bytecode, licences, sources
from sam.target import BuildError, lambda_target

pytestmark = pytest.mark.deployment("sam", "requirements")

ARM64 = lambda_target("arm64")
EM_AARCH64 = 183  # e_machine in the ELF header, as the processor's ABI has it
LAMBDA_GLIBC = 34  # 2.34, of Amazon Linux 2023
MAGIC_313 = 3571  # of .pyc: Python 3.13
ROOM = "ingest"


def index_answers(folder: Path) -> bool:
    """Whether pip gets anything at all."""
    name = f"iniconfig=={version('iniconfig')}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    done = subprocess.run([*command, "--dest", str(folder), name], check=False)
    return done.returncode == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[build.Artefact]:
    """Ingest for Lambda's arm64."""
    folder = tmp_path_factory.mktemp("lambda")
    try:
        [artefact] = build.build([ROOM], ARM64, folder / "build", print)
    except BuildError:
        if os.environ.get("CI") or index_answers(folder):
            raise
        pytest.skip("no package index can be reached, and wheels for Lambda come from there")
    yield artefact
    shutil.rmtree(folder)


def libraries(artefact: build.Artefact) -> list[Path]:
    return [file for file in artefact.folder.rglob("*") if ".so" in file.name]


def test_a_second_build_by_the_command_has_the_same_hash(
    made: build.Artefact, tmp_path: Path
) -> None:
    """Another process, another folder, another time: the same bytes; and the hash is printed."""
    done = subprocess.run(
        [sys.executable, "-m", "sam", "build", "--room", ROOM, "--out", str(tmp_path)],
        cwd=sources.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{made.sha256}  {tmp_path / ROOM}.zip" in done.stdout.splitlines()
    packed = (tmp_path / f"{ROOM}.zip").read_bytes()
    assert hashlib.sha256(packed).hexdigest() == made.sha256


def test_every_native_library_is_for_arm64_and_lambdas_glibc(made: build.Artefact) -> None:
    """Read from the files themselves, whatever their wheels were called."""
    found = libraries(made)
    for part in ("psycopg_binary/pq", "pydantic_core", "nacl/_sodium", "_cffi_backend", "jiter"):
        assert any(str(file.relative_to(made.folder)).startswith(part) for file in found), part
    for file in found:
        content = file.read_bytes()
        assert content[:4] == b"\x7fELF"
        assert struct.unpack_from("<H", content, 18) == (EM_AARCH64,), file
        wanted = {int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)\0", content)}
        assert max(wanted, default=0) <= LAMBDA_GLIBC, file
        tag = re.search(r"\.cpython-(\d+)", file.name)
        assert tag is None or tag[1] == "313", file


def test_the_zip_is_the_folder_and_within_the_limit(made: build.Artefact) -> None:
    """45 MB unzipped, counted again."""
    with zipfile.ZipFile(made.folder.with_suffix(".zip")) as packed:
        entries = packed.infolist()
        assert packed.testzip() is None
    files = {str(f.relative_to(made.folder)) for f in made.folder.rglob("*") if f.is_file()}
    assert {entry.filename for entry in entries} == files
    assert sum(entry.file_size for entry in entries) == made.unzipped == archive.size(made.folder)
    assert made.unzipped <= 45_000_000


def test_only_what_the_room_needs_is_in_it(made: build.Artefact) -> None:
    """No code or libraries of other rooms, nothing of the platform's, no leftovers of the host.

    Of the other rooms there is what they say of themselves: core knows every scope.
    """
    there = {path.name for path in made.folder.iterdir()}
    others = [room for room in sources.rooms() if room != ROOM]
    assert {"functions", "psycopg", "pydantic", "nacl", "jiter", "LICENSE", licences.FILE} <= there
    assert not there & {"boto3", "botocore", "jwt", "cryptography", "tzdata", "bin", "tests"}
    of_others = [set((made.folder / "functions" / room).glob("*.*")) for room in others]
    assert [{file.name for file in files} for files in of_others] == [{"room.py"}] * len(others)
    assert not [f for f in made.folder.rglob("*") if f.suffix in (".pyi", ".h", ".c")]
    notes = {file.name for file in made.folder.glob("*.dist-info/*")}
    assert notes == {"METADATA"}


def test_bytecode_is_lambdas_or_absent(made: build.Artefact) -> None:
    """Of Python 3.13 where the host has that, for every module; never the host's own."""
    compiled = list(made.folder.rglob("*.pyc"))
    if bytecode.interpreter(ARM64) is None:
        assert compiled == []
        return
    assert len(compiled) == len(list(made.folder.rglob("*.py")))
    assert {struct.unpack_from("<H", f.read_bytes())[0] for f in compiled} == {MAGIC_313}


def test_each_library_stands_in_the_list_of_licences(made: build.Artefact) -> None:
    """By the name under which it is installed, with its version."""
    listed = (made.folder / licences.FILE).read_text().splitlines()
    for info in made.folder.glob("*.dist-info"):
        metadata = dict(line.split(": ") for line in (info / "METADATA").read_text().splitlines())
        title = f"{metadata['Name']} {metadata['Version']}: "
        assert any(line.startswith(title) and len(line) > len(title) for line in listed), title
