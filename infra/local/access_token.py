"""The owner's access token of the local stack, kept in a file that only its owner may read."""

import http.client
import subprocess
import sys
from pathlib import Path

from infra.local.settings import ROOT
from infra.local.stack import Stack, StackError, write_private

REFUSED = (http.client.UNAUTHORIZED, http.client.FORBIDDEN)
# In a process of its own, with the functions' configuration; what it logs is not the token.
ISSUE = """
import sys
answer, sys.stdout = sys.stdout, sys.stderr
from functions.accounts import issue_owner_token
answer.write(issue_owner_token(sys.argv[1]))
"""


def ensure_token(stack: Stack) -> Path:
    """The token's file, with a new token unless the gateway accepts the one that is there."""
    path = stack.settings.home / "access-token"
    if path.exists():
        kept = path.read_text().strip()
        status, _ = stack.answer("/v1/query?days=7", {"Authorization": f"Bearer {kept}"})
        if kept and status not in REFUSED:
            return path
    issued = subprocess.run(  # noqa: S603
        [sys.executable, "-c", ISSUE, "local stack"],
        env=stack.environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if issued.returncode != 0 or not issued.stdout.strip():
        raise StackError(f"no access token could be issued:\n{issued.stderr.strip()}")
    write_private(path, issued.stdout.strip() + "\n")
    return path
