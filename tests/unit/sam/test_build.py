"""What goes into an artefact, what stays out, and what must not be shipped."""

import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from importlib.util import cache_from_source
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from sam import archive, build, bytecode, libraries, licences, sources
from sam.target import ELF_MACHINES, HOST, BuildError, Target, lambda_target

ARM64 = lambda_target("arm64")
Library = Callable[..., None]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with installed libraries; none yet."""
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def library(site: Path) -> Library:
    """Installs a library as pip does: its files, its metadata, the list of both."""

    def install(
        name: str, version: str = "1.0", metadata: str = "", files: Mapping[str, str] | None = None
    ) -> None:
        info = f"{name}-{version}.dist-info"
        written = {
            f"{info}/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n"
            + metadata,
            f"{info}/INSTALLER": "pip",
            **(files or {f"{name}.py": ""}),
        }
        for path, text in written.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text)
        (site / info / "RECORD").write_text("".join(f"{path},,\n" for path in written))

    return install


def needed(site: Path, *requirements: str, target: Target = ARM64) -> list[str]:
    chosen = libraries.needed(map(Requirement, requirements), libraries.installed(site), target)
    return [each.metadata["Name"] for each in chosen]


# --- which libraries ----------------------------------------------------------------------------


def test_libraries_bring_what_they_require_with_the_extras_that_were_asked_for(
    site: Path, library: Library
) -> None:
    """And nothing of the other rooms', although it lies beside them."""
    library("driver", metadata='Requires-Dist: fast; extra == "binary"\nRequires-Dist: base\n')
    library("fast")
    library("base")
    library("another")
    assert needed(site, "driver") == ["base", "driver"]
    assert needed(site, "driver[binary]") == ["base", "driver", "fast"]


def test_markers_are_the_targets_and_not_the_hosts(site: Path, library: Library) -> None:
    """pip evaluates them with the Python that runs it."""
    library(
        "driver",
        metadata='Requires-Dist: backport; python_version < "3.13"\n'
        'Requires-Dist: native; platform_machine == "aarch64"\n'
        'Requires-Dist: windows; sys_platform == "win32"\n',
    )
    library("backport")
    library("native")
    assert needed(site, "driver") == ["driver", "native"]
    python312 = Target((3, 12), "x86_64")
    assert needed(site, "driver", target=python312) == ["backport", "driver"]


def test_a_library_that_is_missing_is_named(site: Path, library: Library) -> None:
    """An artefact without it would fail on Lambda only."""
    library("driver", metadata="Requires-Dist: base>=2\n")
    with pytest.raises(BuildError, match=r"base>=2 is needed .* name it in the room's"):
        needed(site, "driver")
    library("base", "1.9")
    with pytest.raises(BuildError, match=r"base>=2 is wanted, 1\.9 is installed"):
        needed(site, "driver")


@pytest.mark.parametrize("name", ["boto3", "Botocore"])
def test_the_platforms_own_sdk_is_refused(site: Path, library: Library, name: str) -> None:
    """Lambda has it, and it is larger than everything else together."""
    library(name)
    library("driver", metadata=f"Requires-Dist: {name}\n")
    with pytest.raises(BuildError, match="must not be in an artefact"):
        needed(site, "driver")


def test_a_requirements_file_is_read_with_those_that_it_names(tmp_path: Path) -> None:
    """Comments and constraints are no requirements."""
    (tmp_path / "one.txt").write_text("# why\n-c constraints.txt\n-r two.txt\na==1 # because\n")
    (tmp_path / "two.txt").write_text("b[x]==2\n")
    assert [str(each) for each in libraries.required(tmp_path / "one.txt")] == ["b[x]==2", "a==1"]


def test_only_what_runs_is_kept(site: Path, library: Library, tmp_path: Path) -> None:
    """No tests, stubs, headers, scripts or notes of pip; the version can still be asked for."""
    files = ["pkg/__init__.py", "pkg/data.json", "pkg/latest.py", "pkg/x.pyi", "pkg/x.h"]
    files += ["pkg/py.typed", "pkg/tests/test_x.py", "pkg/__pycache__/x.cpython-311.pyc"]
    files += ["bin/tool", "../outside"]
    library("a-pkg", metadata="License: MIT\n\nA long text.", files=dict.fromkeys(files, ""))
    found = libraries.installed(site)
    libraries.slim(found.values(), tmp_path / "shelf", ARM64)
    libraries.put(found.values(), tmp_path / "shelf", tmp_path / "artefact")
    kept = [each for each in (tmp_path / "artefact").rglob("*") if each.is_file()]
    assert sorted(str(each.relative_to(tmp_path / "artefact")) for each in kept) == [
        "a_pkg-1.0.dist-info/METADATA",
        "pkg/__init__.py",
        "pkg/data.json",
        "pkg/latest.py",
    ]
    [distribution] = libraries.installed(tmp_path / "artefact").values()
    assert (distribution.metadata["Name"], distribution.version) == ("a-pkg", "1.0")


@pytest.mark.parametrize("machine", ELF_MACHINES)
def test_a_native_library_for_another_processor_is_refused(
    site: Path, library: Library, tmp_path: Path, machine: str
) -> None:
    """Whatever name it has: its header says what it is."""
    library("native", files={"native.cpython-313-aarch64-linux-gnu.so": ""})
    header = b"\x7fELF".ljust(18, b"\0") + struct.pack("<H", ELF_MACHINES[machine])
    (site / "native.cpython-313-aarch64-linux-gnu.so").write_bytes(header)
    found = libraries.installed(site).values()
    if machine == "aarch64":
        libraries.slim(found, tmp_path / "shelf", ARM64)
        return
    with pytest.raises(BuildError, match="is not for aarch64"):
        libraries.slim(found, tmp_path / "shelf", ARM64)


@pytest.mark.parametrize(("architecture", "machine"), [("arm64", "aarch64"), ("x86_64", "x86_64")])
def test_only_wheels_for_lambdas_system_are_asked_for(architecture: str, machine: str) -> None:
    """Amazon Linux 2023 has glibc 2.34: nothing newer, and nothing that must be compiled."""
    options = lambda_target(architecture).pip_options()
    assert "--only-binary=:all:" in options
    assert options[options.index("--python-version") + 1] == "3.13"
    platforms = [options[i + 1] for i, option in enumerate(options) if option == "--platform"]
    assert all(platform.endswith(f"_{machine}") for platform in platforms)
    assert platforms[0] == f"manylinux_2_34_{machine}"
    assert f"manylinux_2_28_{machine}" in platforms
    assert f"manylinux2014_{machine}" in platforms


# --- licences -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: see file\n", "MIT OR Apache-2.0"),
        ("License: Apache-2.0\n", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: MIT License\n", "MIT License"),
        (
            "License: Permission is hereby granted\n\tto anybody\n"
            "Classifier: License :: OSI Approved :: BSD License\n",
            "BSD License",
        ),
    ],
)
def test_a_licence_is_read_from_wherever_it_is_named(
    site: Path, library: Library, metadata: str, name: str
) -> None:
    """The expression first; a whole text is no name."""
    library("lib", metadata=metadata)
    assert licences.licence(libraries.installed(site)["lib"]) == name


@pytest.mark.parametrize("metadata", ["", "License: UNKNOWN\n", "Classifier: Topic :: Office\n"])
def test_a_library_without_a_licence_is_not_shipped(
    site: Path, library: Library, metadata: str
) -> None:
    """The error names it."""
    library("lib", metadata=metadata)
    with pytest.raises(BuildError, match=r"lib 1\.0 does not say what its licence is"):
        licences.listed(libraries.installed(site).values())


def test_the_list_has_every_name_text_and_bundled_part(site: Path, library: Library) -> None:
    """What was compiled into a wheel is under a licence, too."""
    sbom = (
        '{"components": [{"name": "libsodium", "version": "1.0.20",'
        ' "licenses": [{"license": {"id": "ISC"}}]}, {"name": "krb5", "version": "1"}]}'
    )
    library(
        "lib",
        metadata="License-Expression: MIT\n",
        files={
            "lib.py": "",
            "lib-1.0.dist-info/licenses/LICENSE": "The text of lib.",
            "lib-1.0.dist-info/sboms/auditwheel.cdx.json": sbom,
        },
    )
    library("other", metadata="License: BSD\n", files={"other-1.0.dist-info/COPYING": "Copy it."})
    listed = licences.listed(libraries.installed(site).values())
    for part in ("lib 1.0: MIT", "other 1.0: BSD", "The text of lib.", "Copy it."):
        assert part in listed
    assert "libsodium 1.0.20: ISC" in listed
    assert "krb5 1\n" in listed


# --- our own files ------------------------------------------------------------------------------


@pytest.mark.parametrize("room", sources.rooms())
def test_a_room_has_its_own_folder_core_and_the_schedule(room: str) -> None:
    """Every module and statement of them, and of the gateway nothing."""
    files = set(sources.needed(room))
    for folder in (f"functions/{room}", "functions/core"):
        for pattern in ("*.py", "*.sql"):
            there = {f.relative_to(sources.ROOT) for f in (sources.ROOT / folder).rglob(pattern)}
            assert there <= files
    assert {Path("functions/__init__.py"), Path("functions/schedule.py")} <= files
    assert {Path(f"functions/{each}/room.py") for each in sources.rooms()} <= files
    assert Path("functions/rooms.py") not in files
    assert Path("functions/gateway.py") not in files
    assert not any(file.suffix == ".md" for file in files)


@pytest.mark.parametrize("room", sources.rooms())
def test_a_room_has_the_doors_of_no_other(room: str) -> None:
    """Not even front, which shows what all of them answer: it has that as a file."""
    doors = {Path(f"functions/{each}/handler.py") for each in sources.rooms()}
    files = set(sources.needed(room))
    assert doors & files == {Path(f"functions/{room}/handler.py")}
    assert (Path("functions/front/openapi.json") in files) == (room == "front")


def test_imports_are_followed_also_inside_functions(tmp_path: Path) -> None:
    """What a room borrows from another comes along, with its statements; other rooms do not."""
    tree = {
        "__init__.py": "",
        "schedule.py": "import functions.core.log\n",
        "rooms.py": "",
        "jobs.sql": "",
        "gateway.py": "",
        "core/__init__.py": "",
        "core/log.py": "",
        "core/room.py": "",
        "ants/__init__.py": "",
        "ants/room.py": "",
        "bees/room.py": "",
        "cows/room.py": "",
        "ants/handler.py": "import json\ndef f():\n    from functions.cows import milk\n",
        "bees/__init__.py": "",
        "bees/handler.py": "",
        "bees/hive.py": "",
        "cows/__init__.py": "import functions.cows.stable\n",
        "cows/handler.py": "",
        "cows/stable.py": "",
        "cows/queries.sql": "",
    }
    for path, text in tree.items():
        (tmp_path / "functions" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "functions" / path).write_text(text)
    found = {str(file.relative_to("functions")) for file in sources.needed("ants", tmp_path)}
    left_out = {"gateway.py", "rooms.py", "bees/__init__.py", "bees/handler.py", "bees/hive.py"}
    assert found == set(tree) - left_out - {"cows/handler.py"}


# --- bytes --------------------------------------------------------------------------------------


def test_the_same_files_make_the_same_zip_whatever_their_dates_modes_and_order(
    tmp_path: Path,
) -> None:
    """And everybody may read what Lambda unpacks."""
    digests = set()
    for number, names in enumerate([["a.py", "b/c.py"], ["b/c.py", "a.py"]]):
        folder = tmp_path / str(number)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
            (folder / name).chmod(0o600 + number)
            os.utime(folder / name, (number * 1e9, number * 1e9))
        digests.add(archive.pack(folder, tmp_path / f"{number}.zip"))
    assert len(digests) == 1
    entries = zipfile.ZipFile(tmp_path / "0.zip").infolist()
    assert [entry.filename for entry in entries] == ["a.py", "b/c.py"]
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert archive.size(tmp_path / "0") == len("a.py") + len("b/c.py")


def test_bytecode_is_believed_without_a_look_at_the_source(tmp_path: Path) -> None:
    """PEP 552, unchecked: flag 1 and not 2; and a traceback shows where Lambda has the file."""
    (tmp_path / "shown.py").write_text("def where():\n    return where.__code__.co_filename\n")
    bytecode.compile_all(sys.executable, tmp_path)
    compiled = Path(cache_from_source(str(tmp_path / "shown.py")))
    assert struct.unpack_from("<I", compiled.read_bytes(), 4) == (1,)
    assert b"/var/task/shown.py" in compiled.read_bytes()


def test_a_file_that_does_not_compile_stops_the_build(tmp_path: Path) -> None:
    """With Python's own words."""
    (tmp_path / "broken.py").write_text("def :\n")
    with pytest.raises(BuildError, match=r"broken\.py"):
        bytecode.compile_all(sys.executable, tmp_path)


def test_a_python_is_asked_who_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A launcher on the path with no interpreter behind it is passed over."""
    target = Target((3, 99), "x86_64")
    for folder, script in (("shim", "exit 127"), ("real", "echo cpython 3 99")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "python3.99").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / folder / "python3.99").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "shim"))
    assert bytecode.interpreter(target) is None
    monkeypatch.setenv("PATH", f"{tmp_path / 'shim'}{os.pathsep}{tmp_path / 'real'}")
    assert bytecode.interpreter(target) == str(tmp_path / "real/python3.99")
    assert bytecode.interpreter(HOST) == sys.executable


@pytest.mark.parametrize(("room", "limit"), [("ingest", 45_000_000), ("query", 120_000_000)])
def test_an_artefact_that_is_too_large_is_not_passed(tmp_path: Path, room: str, limit: int) -> None:
    """45 MB for ingest, 120 MB for the others."""
    build.refuse_too_large(build.Artefact(room, tmp_path, 1, unzipped=limit))
    with pytest.raises(BuildError, match=f"{room} has .* more than its {limit // 1_000_000} MB"):
        build.refuse_too_large(build.Artefact(room, tmp_path, 1, unzipped=limit + 1))


def test_a_room_that_is_none_is_a_clear_error(tmp_path: Path) -> None:
    """From the code, and on the command line with the names there are."""
    with pytest.raises(BuildError, match="there is no room kitchen"):
        build.build(["kitchen"], HOST, tmp_path, print)
    done = subprocess.run(
        [sys.executable, "-m", "sam", "build", "--room", "kitchen"],
        cwd=sources.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "ingest" in done.stderr
