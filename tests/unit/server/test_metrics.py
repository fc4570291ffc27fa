from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vmafx_tune._version import __version__
from vmafx_tune.server.admission import Admission
from vmafx_tune.server.metrics import DURATION_BUCKETS_S, Counter, Metrics

NAMES = {
    "vmafx_build_info",
    "vmafx_server_score_requests_total",
    "vmafx_server_score_errors_total",
    "vmafx_server_score_failures_total",
    "vmafx_server_log_lines_dropped_total",
    "vmafx_server_health_requests_total",
    "vmafx_server_ready_requests_total",
    "vmafx_server_score_duration_seconds_bucket",
    "vmafx_server_score_duration_seconds_sum",
    "vmafx_server_score_duration_seconds_count",
    "vmafx_stream_sessions",
    "vmafx_stream_frames_total",
    "vmafx_server_scores_running",
    "vmafx_server_scores_queued",
}


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Value by name and bucket, of the server's own metrics."""
    text = metrics.scrape().body.decode()
    return {
        (sample.name, sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("vmafx_")
    }


def value(metrics: Metrics, name: str, bucket: str = "") -> float:
    return samples(metrics)[name, bucket]


def test_all_metrics_are_there_from_the_start_and_no_other() -> None:
    assert {name for name, _bucket in samples(Metrics())} == NAMES


def test_those_of_the_process_are_there_too() -> None:
    assert b"process_resident_memory_bytes" in Metrics().scrape().body


def test_the_version_is_a_label() -> None:
    assert f'vmafx_build_info{{version="{__version__}"}} 1.0'.encode() in Metrics().scrape().body


@pytest.mark.parametrize(
    ("counter", "name"),
    [
        (Counter.SCORE_REQUESTS, "vmafx_server_score_requests_total"),
        (Counter.SCORE_ERRORS, "vmafx_server_score_errors_total"),
        (Counter.SCORE_FAILURES, "vmafx_server_score_failures_total"),
        (Counter.HEALTH_REQUESTS, "vmafx_server_health_requests_total"),
        (Counter.READY_REQUESTS, "vmafx_server_ready_requests_total"),
        (Counter.STREAM_FRAMES, "vmafx_stream_frames_total"),
    ],
)
def test_each_counter_counts_its_own(counter: Counter, name: str) -> None:
    metrics = Metrics()

    metrics.count(counter)
    metrics.count(counter)

    assert value(metrics, name) == 2
    assert sum(samples(metrics).values()) == 2 + 1


def test_durations_fall_into_the_buckets_that_they_do_not_exceed() -> None:
    metrics = Metrics()
    for seconds in (0.05, 0.06, 2000):
        metrics.score_took(seconds)

    name = "vmafx_server_score_duration_seconds"
    assert value(metrics, f"{name}_bucket", "0.05") == 1
    assert value(metrics, f"{name}_bucket", "0.1") == 2
    assert value(metrics, f"{name}_bucket", "1800.0") == 2
    assert value(metrics, f"{name}_bucket", "+Inf") == value(metrics, f"{name}_count") == 3
    assert value(metrics, f"{name}_sum") == pytest.approx(2000.11)
    assert len(DURATION_BUCKETS_S) == 14


def test_open_streams_are_shown_while_they_are_open() -> None:
    metrics = Metrics()
    with metrics.stream_session():
        assert value(metrics, "vmafx_stream_sessions") == 1
    assert value(metrics, "vmafx_stream_sessions") == 0


def test_what_runs_and_waits_is_shown() -> None:
    async def scenario() -> None:
        metrics, admission = Metrics(), Admission(1, 1)
        metrics.watch(admission)
        async with admission.slot():
            waiting = asyncio.ensure_future(admission.slot().__aenter__())
            await asyncio.sleep(0)
            assert value(metrics, "vmafx_server_scores_running") == 1
            assert value(metrics, "vmafx_server_scores_queued") == 1
            waiting.cancel()
            await asyncio.sleep(0)

    asyncio.run(scenario())


def test_counting_does_not_load_the_library_that_writes_the_format() -> None:
    program = (
        "import sys; from vmafx_tune.server.metrics import Counter, Metrics;"
        "Metrics().count(Counter.SCORE_REQUESTS);"
        "print('prometheus_client' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "False"
