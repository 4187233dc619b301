"""What an artefact is built for: a Python, a processor, a system, whatever the host is.

The default is Lambda's python3.13 on arm64, which is Amazon Linux 2023. `HOST` is the Python that
runs the build, with the libraries it has: the tests run such an artefact here.
"""

import platform
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import default_environment

LAMBDA_PYTHON = (3, 13)
NEWEST_GLIBC = 34  # glibc 2.34: Amazon Linux 2023
OLDEST_GLIBC = 17  # the oldest that wheels of today name (manylinux2014)

# Lambda's name of an architecture → the name in wheels and markers.
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}

ELF_MAGIC = b"\x7fELF"
ELF_MACHINE_AT = 18  # bytes: e_machine of the ELF header, two bytes, little-endian on both
ELF_MACHINES = {"x86_64": 62, "aarch64": 183}  # ELF gABI: EM_X86_64, EM_AARCH64


class BuildError(Exception):
    """An artefact cannot be built, or must not be shipped; the message says what to do."""


@dataclass(frozen=True)
class Target:
    """A Python on a machine."""

    python: tuple[int, int]
    machine: str  # as in wheels and markers
    is_host: bool = False

    @property
    def name(self) -> str:
        """For a person."""
        return f"python{self.version} on {self.machine}"

    @property
    def version(self) -> str:
        """`3.13`."""
        return ".".join(map(str, self.python))

    def pip_options(self) -> list[str]:
        """What makes pip choose wheels for this target, and never compile anything."""
        glibcs = range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1)
        # pip takes a tag as it stands: only manylinux2014 stands for older ones as well.
        tags = [f"manylinux_2_{minor}_{self.machine}" for minor in glibcs]
        tags.append(f"manylinux2014_{self.machine}")
        options = ["--only-binary=:all:", "--implementation", "cp"]
        options += ["--python-version", self.version]
        for tag in tags:
            options += ["--platform", tag]
        return options

    def markers(self) -> Mapping[str, str]:
        """The environment in which requirements' markers are evaluated."""
        environment = {name: str(value) for name, value in default_environment().items()}
        if self.is_host:
            return environment
        return environment | {
            "implementation_name": "cpython",
            "implementation_version": f"{self.version}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{self.version}.0",
            "python_version": self.version,
            "sys_platform": "linux",
        }

    def refuse_foreign(self, library: Path) -> None:
        """Raises `BuildError` if a native library is not for this target's processor."""
        with library.open("rb") as file:
            header = file.read(ELF_MACHINE_AT + 2)
        if header[:4] != ELF_MAGIC:
            return
        (machine,) = struct.unpack_from("<H", header, ELF_MACHINE_AT)
        if machine != ELF_MACHINES.get(self.machine):
            raise BuildError(f"{library} is not for {self.machine}: its ELF machine is {machine}")


def lambda_target(architecture: str) -> Target:
    """Lambda's Python on `arm64` or `x86_64`."""
    return Target(LAMBDA_PYTHON, MACHINES[architecture])


HOST = Target((sys.version_info.major, sys.version_info.minor), platform.machine(), is_host=True)
