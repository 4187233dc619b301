"""What cloud-scheduler.sh says; `python -m infra.generate` writes it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from infra.serving import TIMEOUT

SCRIPT = Path(__file__).with_name("cloud-scheduler.sh")

HEAD = f"""\
#!/usr/bin/env bash
# Made by `python -m infra.generate` from the jobs in functions/*/room.py; edit those.
#
# Gives Cloud Scheduler the jobs of a service on Cloud Run, or corrects those that are there:
#
#   PROJECT=mine REGION=europe-west1 URL=https://… VIBELOOM_JOB_TOKEN=… bash cloud-scheduler.sh
set -euo pipefail
: "${{PROJECT:?}}" "${{REGION:?}}" "${{URL:?}}" "${{VIBELOOM_JOB_TOKEN:?}}"

job() {{ # job NAME CRON, in UTC
    local id="vibeloom-${{1//_/-}}" place=(--project "$PROJECT" --location "$REGION")
    local verb=create headers=--headers
    if gcloud scheduler jobs describe "$id" "${{place[@]}}" >/dev/null 2>&1; then
        verb=update headers=--update-headers
    fi
    gcloud scheduler jobs "$verb" http "$id" "${{place[@]}}" \\
        --schedule "$2" --time-zone Etc/UTC \\
        --uri "${{URL%/}}/v1/jobs/$1" --http-method POST \\
        "$headers" "Authorization=Bearer $VIBELOOM_JOB_TOKEN" \\
        --attempt-deadline {TIMEOUT}s
}}

"""


class Job(Protocol):
    """What a scheduler needs to know of a job."""

    @property
    def name(self) -> str:
        """As in its address."""

    @property
    def cron(self) -> str:
        """When, in UTC."""


def script(jobs: Iterable[Job]) -> str:
    """The whole file."""
    return HEAD + "".join(f"job {job.name} '{job.cron}'\n" for job in jobs)
