"""The roll-ups' doors: their jobs, and no others."""

from functions.core import http
from functions.jobs import entry

app = http.app()

handler = entry(app, "rollup")
