"""How the gateway is served, on a laptop and in a container: one request a process, patience that
ends.

gunicorn's plain worker takes a connection and waits for its first byte however long: two browser
tabs that connect in advance would stop two workers, and nothing would say why. Told to stop, it
lets the kernel take connections that nobody will answer, for as long as its last request lasts.
"""

import os
import select
import socket
import sys
from types import FrameType
from typing import Any

from gunicorn.workers.sync import SyncWorker

UNHEARD = 30  # s that the kernel keeps a silent connection to itself, on Linux
FIRST_BYTE = 0.5  # s for a connection that the kernel has given up on, or never kept
PAUSE = 10.0  # s between two pieces of a request
TIMEOUT = 60  # s for a whole request; statements end after 25
GRACE = 30  # s for a request in flight when the gateway stops
REQUEST_LINE = 8_190  # bytes, gunicorn's most; API Gateway takes 10 KB of it and all headers

# The same app as `functions-framework --source functions/gateway.py --target gateway`.
APP = "functions_framework:create_app('gateway', 'functions/gateway.py', 'http')"


def command(address: str, workers: int) -> list[str]:
    """The command line of a gateway at `host:port`; run it where `functions/` is."""
    return [
        *(sys.executable, "-m", "gunicorn", APP, "--preload"),
        *("--bind", address, "--workers", str(workers)),
        *("--worker-class", f"{__name__}.Worker"),
        *("--timeout", str(TIMEOUT), "--graceful-timeout", str(GRACE)),
        *("--limit-request-line", str(REQUEST_LINE)),
        # Nothing here asks for the client's scheme or address, so nobody is believed about them.
        *("--forwarded-allow-ips", "127.0.0.1"),
        # The functions write a line for each request; gunicorn's would be the same without an id.
        *("--log-level", "error", "--no-control-socket"),
    ]


class Worker(SyncWorker):  # type: ignore[misc]
    """gunicorn's one-request worker, which waits for a client for so long and no longer."""

    def run(self) -> None:
        """Answers requests until told to stop."""
        if sys.platform == "linux":
            for listener in self.sockets:
                if listener.sock.family in (socket.AF_INET, socket.AF_INET6):
                    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, UNHEARD)
        super().run()

    def handle(self, listener: socket.socket, client: socket.socket, addr: Any) -> None:
        """Answers one request; an idle connection is closed, a stalled one ends in a timeout."""
        readable, _, _ = select.select([client], [], [], FIRST_BYTE)
        if not readable:
            client.close()
            return
        client.settimeout(PAUSE)
        super().handle(listener, client, addr)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: the request in flight is answered, and no connection is taken any more.

        The kernel refuses connections once no process listens, so the listener's number becomes a
        socket that listens to nobody. (Closed, it would be missing where the request needs it.)
        """
        super().handle_exit(sig, frame)
        for listener in self.sockets:
            with socket.socket(listener.sock.family) as unused:
                os.dup2(unused.fileno(), listener.fileno(), inheritable=False)

    def accept(self, listener: socket.socket) -> None:
        """Takes a connection, if there is one."""
        try:
            super().accept(listener)
        except OSError:
            if self.alive:
                raise
