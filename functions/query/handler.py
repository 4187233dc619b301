"""The routes of all topics."""

from functions.core import http
from functions.query.blocks import handler as blocks
from functions.query.counts import handler as counts
from functions.query.events import handler as events
from functions.query.failures import handler as failures
from functions.query.heatmap import handler as heatmap
from functions.query.parameters import InvalidFilter
from functions.query.sessions import handler as sessions
from functions.query.summary import handler as summary
from functions.query.time import handler as time
from functions.query.tokens import handler as tokens

# VibeTea's clients may send parameters along that nobody has read so far.
app = http.app(unknown_parameter=InvalidFilter, tolerant=["/v1/query"])
for topic in (summary, counts, tokens, blocks, time, sessions, failures, events, heatmap):
    app.include_router(topic.router)

handler = http.entry(app, "query")
