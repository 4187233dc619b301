"""`/metrics` of a gateway with two workers: one sum, whoever answers and whoever dies."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.stack_fixture import Gateway, Stack, running_gateway

TOKEN = "metrics-token-of-thirty-two-characters"
REQUESTS = 40


def samples(gateway: Gateway) -> dict[tuple[str, ...], float]:
    """A scrape, by name and values of labels."""
    answer = gateway("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status == 200, answer.text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_all_workers_are_one_sum(stack: Stack) -> None:
    """Every scrape shows every request, refused ones by reason, and a worker's death loses none."""
    counters = stack.home / "counters"
    counters.mkdir()
    with running_gateway(
        stack.home,
        stack.functions_url,
        "metrics",
        VIBELOOM_METRICS_TOKEN=TOKEN,
        PROMETHEUS_MULTIPROC_DIR=str(counters),
    ) as gateway:

        def ask(_: int) -> int:
            return gateway("GET", "/v1/query", token=stack.token).status

        with ThreadPoolExecutor(4) as pool:  # one after the other, one worker might answer all
            assert set(pool.map(ask, range(REQUESTS))) == {200}
        assert gateway("POST", "/v1/ingest", b"[]").status == 401
        assert gateway("GET", "/nothing").status == 404
        assert len(list(counters.glob("counter_*.db"))) == 2, "one worker answered everything"
        answered = ("vibeloom_requests_total", "GET", "query", "200")
        for _ in range(4):
            found = samples(gateway)
            assert found[answered] == REQUESTS
            assert found["vibeloom_request_duration_seconds_count", "query"] == REQUESTS
            assert found["vibeloom_rejected_total", "missing_auth", "ingest"] == 1
            assert found["vibeloom_rejected_total", "not_found", "gateway"] == 1
            assert found["vibeloom_late_jobs",] == 0
        for worker in gateway.workers():
            os.kill(worker.pid, signal.SIGKILL)
        gateway.wait_until_it_answers()
        assert samples(gateway)[answered] == REQUESTS
        assert gateway("GET", "/metrics").status == 401
