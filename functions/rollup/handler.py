"""The roll-ups' doors: their jobs, and no others."""

from functions.core import http, jobs
from functions.schedule import JOBS

app = http.app()

handler = jobs.entry(app, "rollup", JOBS)
