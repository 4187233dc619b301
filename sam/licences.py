"""The licences of what is shipped: the libraries', from their own metadata and files."""

import json
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import PurePosixPath

from sam.target import BuildError

FILE = "THIRD_PARTY_LICENCES.txt"

_RULE = "=" * 78
_OSI = "License :: OSI Approved :: "
_TEXTS = ("licen", "copying", "notice", "authors")  # beginnings of the names of such files
MAX_NAME = 100  # characters; some put the whole text where a name belongs


def listed(chosen: Iterable[Distribution]) -> str:
    """A list of names, then every text in full. Raises `BuildError` where there is no licence."""
    libraries = sorted(chosen, key=lambda each: each.metadata["Name"].lower())
    names = [f"{_title(each)}: {licence(each)}" for each in libraries]
    return "\n".join(["Third-party libraries in this artefact", "", *names, "", *_all(libraries)])


def licence(distribution: Distribution) -> str:
    """The licence's name: an SPDX expression where the library gives one."""
    metadata = distribution.metadata.json
    if expression := metadata.get("license_expression"):
        return str(expression)
    named = str(metadata.get("license", "")).strip()
    if named and named != "UNKNOWN" and len(named) <= MAX_NAME and "\n" not in named:
        return named
    classifiers = metadata.get("classifier", ())
    approved = [each.removeprefix(_OSI) for each in classifiers if each.startswith(_OSI)]
    if approved:
        return ", ".join(approved)
    raise BuildError(
        f"{_title(distribution)} does not say what its licence is; do without the library,"
        " or ask its authors to name it"
    )


def _title(distribution: Distribution) -> str:
    return f"{distribution.metadata['Name']} {distribution.version}"


def _all(libraries: Iterable[Distribution]) -> Iterator[str]:
    for library in libraries:
        yield from (_RULE, _title(library), _RULE, "")
        if bundled := sorted(_bundled(library)):
            yield "Built into it, by its bill of materials:"
            yield from (f"  {each}" for each in bundled)
            yield ""
        for file in sorted(library.files or ()):
            if _is_text(file):
                yield file.read_text().rstrip() + "\n"


def _metadata_file(file: PurePosixPath) -> bool:
    return any(part.endswith(".dist-info") for part in file.parts)


def _is_text(file: PurePosixPath) -> bool:
    return _metadata_file(file) and file.name.lower().startswith(_TEXTS)


def _bundled(library: Distribution) -> Iterator[str]:
    """What was compiled or copied into a wheel: the components of its CycloneDX documents."""
    for file in library.files or ():
        if not (_metadata_file(file) and "sboms" in file.parts and file.suffix == ".json"):
            continue
        for component in json.loads(file.read_text()).get("components", ()):
            if component["name"].replace("_", "-") == library.metadata["Name"].replace("_", "-"):
                continue
            names = [_component_licence(each) for each in component.get("licenses", ())]
            suffix = f": {' '.join(names)}" if names else ""
            yield f"{component['name']} {component.get('version', '')}{suffix}"


def _component_licence(entry: dict[str, dict[str, str] | str]) -> str:
    """CycloneDX: either an expression, or an object with an SPDX id or a name."""
    if isinstance(expression := entry.get("expression"), str):
        return expression
    named = entry.get("license")
    return str(named.get("id") or named.get("name")) if isinstance(named, dict) else "unknown"
