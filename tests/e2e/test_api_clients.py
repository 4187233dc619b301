"""The API document as a product: what others' tools make of it calls every route."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests import tools
from tests.e2e.stack_fixture import JWT_SECRET, Gateway, Stack, running_gateway

HERE = tools.API_CLIENTS
JOB_TOKEN = "runs-every-job-of-the-end-to-end-tests"
SECONDS = 120

Document = dict[str, Any]


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[Gateway]:
    """The stack's gateway, with a token for its jobs."""
    with running_gateway(
        stack.home,
        stack.functions_url,
        "clients",
        VIBELOOM_JWT_SECRET=JWT_SECRET,
        VIBELOOM_JOB_TOKEN=JOB_TOKEN,
    ) as answering:
        yield answering


@pytest.fixture(scope="module")
def file(api: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document that the running stack serves."""
    found = tmp_path_factory.mktemp("contract") / "openapi.json"
    found.write_text(api("GET", "/openapi.json").text)
    return found


@pytest.fixture(scope="module")
def document(file: Path) -> Document:
    """The same, read."""
    read: Document = json.loads(file.read_text())
    return read


def run(*command: Path | str, cwd: Path, **environment: str) -> str:
    """What a tool says; it must succeed. It gets nobody's home and settings."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(cwd), **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-4_000:]}\n{done.stderr[-4_000:]}"
    return done.stdout


def people(stack: Stack, api: Gateway) -> dict[str, str]:
    """Who calls: two people and a scheduler."""
    return {
        "URL": f"http://127.0.0.1:{api.port}",
        "TOKEN": stack.person(),
        "FRIEND_TOKEN": stack.person(),
        "JOB_TOKEN": JOB_TOKEN,
    }


def operations(document: Document) -> dict[str, Document]:
    """The operations of the document by their ids."""
    return {
        operation["operationId"]: {"path": path, "method": method.upper(), **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def check(document: Document, operation: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
    """Holds an answer against what the document says of it."""
    response = operation["responses"][str(answer["status"])]
    [schema] = [media["schema"] for media in response.get("content", {}).values()] or [None]
    if schema is None:
        assert answer["body"] == ""
    elif schema.get("type") != "string":
        whole = {**schema, "components": document["components"]}
        jsonschema_rs.validator_for(whole, validate_formats=True).validate(
            json.loads(answer["body"])
        )


def test_spectral_finds_nothing(file: Path) -> None:
    """No error, no warning, no hint, by any of its rules."""
    said = run(
        tools.node(),
        tools.api_client_module("@stoplight/spectral-cli/dist/index.js"),
        *("lint", "--ruleset", str(HERE / "spectral.yaml"), "--fail-severity", "hint", str(file)),
        cwd=file.parent,
    )
    assert "No results with a severity of 'hint' or higher found!" in said


def test_a_strict_typescript_client(
    stack: Stack, api: Gateway, file: Path, document: Document, tmp_path: Path
) -> None:
    """openapi-typescript and openapi-fetch: `tsc --strict` passes, and every route answers."""
    node = tools.node()
    generator = tools.api_client_module("openapi-typescript/bin/cli.js")
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    for name in ("every_route.ts", "tsconfig.json", "package.json"):
        shutil.copy(HERE / name, tmp_path / name)
    run(node, generator, str(file), "--output", "schema.d.ts", cwd=tmp_path)
    run(node, tools.api_client_module("typescript/bin/tsc"), "--strict", cwd=tmp_path)
    found = operations(document)
    jobs = [operation["path"] for operation in found.values() if operation["tags"] == ["jobs"]]
    said = run(
        *(node, "made/every_route.js"),
        cwd=tmp_path,
        JOBS=json.dumps(jobs),
        **people(stack, api),
    )
    by_route = {(operation["method"], operation["path"]): name for name, operation in found.items()}
    called = set()
    for answer in map(json.loads, said.splitlines()):
        name = by_route[answer["method"], answer["path"]]
        check(document, found[name], answer)
        called.add(name)
    assert called == found.keys()


def test_a_python_client(
    stack: Stack, api: Gateway, file: Path, document: Document, tmp_path: Path
) -> None:
    """openapi-python-client: nothing of the document is left out, and every route answers."""
    python = tools.api_client_python()
    run(
        python.with_name("openapi-python-client"),
        *("generate", "--path", str(file), "--config", str(HERE / "generator.yaml")),
        *("--meta", "none", "--output-path", "vibeloom_api", "--fail-on-warning"),
        cwd=tmp_path,
        PATH=f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    )
    found = operations(document)
    jobs = [name for name, operation in found.items() if operation["tags"] == ["jobs"]]
    shutil.copy(HERE / "every_route.py", tmp_path)
    said = run(
        *(python, "every_route.py"),
        cwd=tmp_path,
        JOBS=json.dumps(jobs),
        **people(stack, api),
    )
    called = set()
    for answer in map(json.loads, said.splitlines()):
        check(document, found[answer["operation"]], answer)
        called.add(answer["operation"])
    assert called == found.keys()
