"""Lambda without Lambda: its Runtime API on loopback, and its own runtime client over an artefact.

The client (`awslambdaric`) is what runs on Lambda; only the other side of its four endpoints is
ours. A started function sees the artefact, the client and Python's own library, nothing else.
"""

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

API = "/2018-06-01/runtime"
ARN = "arn:aws:lambda:eu-central-1:000000000000:function:"
CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
ANSWER_SECONDS = 60.0  # the machine may be busy with other tests
STOP_SECONDS = 10.0
TIMEOUT = 30.0  # seconds; what the template gives a function

# On Lambda, part of the environment of every function.
FIXED = {
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_REGION": "eu-central-1",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
}


class NotStarted(Exception):
    """The handler could not be imported; Lambda would start another process."""


@dataclass(frozen=True)
class Outcome:
    """What the runtime client reported of one invocation."""

    payload: Any  # the handler's answer, or the description of the error
    failed: bool
    seconds: float  # from the hand-over of the event to its outcome

    @property
    def answer(self) -> Any:
        """The handler's answer; AssertionError if it raised."""
        assert not self.failed, self.payload
        return self.payload


@dataclass
class Function:
    """One execution environment: a process of the runtime client with one artefact."""

    folder: Path
    client: Path
    log: Path
    process: subprocess.Popen[bytes]
    started: float  # time.perf_counter() just before the process was
    events: queue.Queue[tuple[str, bytes]] = field(default_factory=queue.Queue)
    outcomes: queue.Queue[tuple[str, str, bytes, float]] = field(default_factory=queue.Queue)

    def invoke(self, event: object) -> Outcome:
        """Hands over an event (bytes as they are) and waits for its outcome.

        Raises `NotStarted`.
        """
        request_id = str(uuid4())
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        began = time.perf_counter()
        self.events.put((request_id, body))
        deadline = began + ANSWER_SECONDS
        while True:
            try:
                about, kind, payload, ended = self.outcomes.get(timeout=0.25)
                break
            except queue.Empty:
                assert self.process.poll() is None, self.log.read_text()
                assert time.perf_counter() < deadline, self.log.read_text()
        if kind == "init":
            raise NotStarted(json.loads(payload)["errorMessage"])
        assert about == request_id
        return Outcome(json.loads(payload), failed=kind == "error", seconds=ended - began)

    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def cpu(self) -> float:
        """Seconds of the processor so far, user and system."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


def install_client(folder: Path) -> Path:
    """The runtime client alone in `folder`, as on Lambda: copied from where it is installed."""
    for name in CLIENT:
        for file in distribution(name).files or ():
            if ".." not in file.parts:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(str(file.locate()), folder / file)
    return folder


def environment(folder: Path, client: Path, address: str, **settings: str) -> dict[str, str]:
    """All that the process knows of the world."""
    handler = settings.pop("_HANDLER")
    return FIXED | {
        "AWS_LAMBDA_FUNCTION_NAME": folder.name,
        "AWS_LAMBDA_RUNTIME_API": address,
        "LAMBDA_TASK_ROOT": str(folder),
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join([str(folder), str(client)]),
        "_HANDLER": handler,
        **settings,
    }


# No site-packages, also not the user's own; nothing is written into the artefact, which on Lambda
# is read-only.
PYTHON = (sys.executable, "-S", "-B", "-P")


@contextmanager
def running(
    folder: Path,
    client: Path,
    log: Path,
    handler: str,
    options: tuple[str, ...] = (),
    **settings: str,
) -> Iterator[Function]:
    """The runtime client with `handler` of the artefact in `folder`."""
    server = _Server(("127.0.0.1", 0), _Endpoints)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = f"127.0.0.1:{server.server_address[1]}"
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [*PYTHON, *options, "-m", "awslambdaric", handler],
            cwd=folder,
            env=environment(folder, client, address, _HANDLER=handler, **settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    function = Function(folder, client, log, process, started)
    server.function = function
    try:
        yield function
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    function: Function

    def handle_error(self, request: object, client_address: object) -> None:
        """A function that is ended hangs up in the middle of waiting for its next event."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Endpoints(BaseHTTPRequestHandler):
    """`next`, `response`, `error` and `init/error`, as AWS documents them."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer goes out in one piece, as it is flushed
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        assert self.path == f"{API}/invocation/next", self.path
        request_id, event = self._function.events.get()
        self._say(
            200,
            event,
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + TIMEOUT) * 1_000)),
                "Lambda-Runtime-Invoked-Function-Arn": ARN + self._function.folder.name,
                "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
            },
        )

    def do_POST(self) -> None:
        ended = time.perf_counter()
        payload = self._body()
        self._say(202, b'{"status":"OK"}', {"Content-Type": "application/json"})
        parts = self.path.removeprefix(f"{API}/").split("/")
        if parts == ["init", "error"]:
            self._function.outcomes.put(("", "init", payload, ended))
            return
        [invocation, request_id, kind] = parts
        assert (invocation, kind) in (("invocation", "response"), ("invocation", "error")), parts
        self._function.outcomes.put((request_id, kind, payload, ended))

    @property
    def _function(self) -> Function:
        while not hasattr(self.server, "function"):  # the process asks before Popen has returned
            time.sleep(0.001)
        return self.server.function

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _say(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Says nothing: the function's own log is what counts."""
