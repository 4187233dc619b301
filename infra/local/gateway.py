"""How the gateway is started on a laptop: the framework's app, one request a process, patience
that ends.

gunicorn's plain worker takes a connection and waits for its first byte however long: two browser
tabs that connect in advance would stop two workers, and nothing would say why.
"""

import select
import socket
import sys
from typing import Any

from gunicorn.workers.sync import SyncWorker

FIRST_BYTE = 0.5  # s; whoever connects on loopback sends at once
PAUSE = 10.0  # s between two pieces of a request
TIMEOUT = 60  # s for a whole request; statements end after 25
GRACE = 30  # s for a request in flight when the stack stops

# The same app as `functions-framework --source functions/gateway.py --target gateway`.
APP = "functions_framework:create_app('gateway', 'functions/gateway.py', 'http')"


def command(port: int, workers: int) -> list[str]:
    """The command line of a gateway on loopback; run it in the repository's root."""
    return [
        *(sys.executable, "-m", "gunicorn", APP, "--preload"),
        *("--bind", f"127.0.0.1:{port}", "--workers", str(workers)),
        *("--worker-class", f"{__name__}.Worker", "--limit-request-line", "0"),
        *("--timeout", str(TIMEOUT), "--graceful-timeout", str(GRACE)),
        *("--log-level", "error", "--no-control-socket"),
    ]


class Worker(SyncWorker):  # type: ignore[misc]
    """gunicorn's one-request worker, which waits for a client for so long and no longer."""

    def handle(self, listener: socket.socket, client: socket.socket, addr: Any) -> None:
        """Answers one request; an idle connection is closed, a stalled one ends in a timeout."""
        readable, _, _ = select.select([client], [], [], FIRST_BYTE)
        if not readable:
            client.close()
            return
        client.settimeout(PAUSE)
        super().handle(listener, client, addr)
