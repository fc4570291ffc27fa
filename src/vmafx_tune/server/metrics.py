"""What the server counts.

The numbers are kept here and turned into Prometheus' format when somebody asks for them, so that
nothing of prometheus_client is loaded before that, and counting is adding to a number.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from contextlib import contextmanager
from enum import Enum
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from vmafx_tune._version import __version__
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import CollectorRegistry, Metric

    from vmafx_tune.server.admission import Admission
    from vmafx_tune.server.logs import LogWriter

__all__ = ["DURATION_BUCKETS_S", "Counter", "Metrics", "Scrape"]

DURATION_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
"""Upper bounds of the buckets of `vmafx_server_score_duration_seconds`."""


class Counter(Enum):
    """What is counted, by its name in Prometheus without `_total`, and what that says."""

    SCORE_REQUESTS = "vmafx_server_score_requests", "Scores asked for, over both transports."
    SCORE_ERRORS = "vmafx_server_score_errors", "Scores asked for that failed or were refused."
    SCORE_FAILURES = (
        "vmafx_server_score_failures",
        "Scores that failed although the request was in order.",
    )
    HEALTH_REQUESTS = "vmafx_server_health_requests", "Questions whether the server lives."
    READY_REQUESTS = "vmafx_server_ready_requests", "Questions whether the server is ready."
    STREAM_FRAMES = "vmafx_stream_frames", "Pairs of pictures received in streams."


@frozen
class Scrape:
    """All metrics at one moment.

    Attributes:
        body: In Prometheus' text format.
        content_type: The format's media type.
    """

    body: bytes
    content_type: str


class Metrics:
    """Counts; thread-safe. `ScoringService` counts scores and streams, the transports probes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(Counter, 0)
        self._durations = [0] * (len(DURATION_BUCKETS_S) + 1)
        self._duration_sum_s = 0.0
        self._streams = 0
        self._admissions: tuple[Admission, ...] = ()
        self._log_writer: LogWriter | None = None

    def watch(self, *admissions: Admission) -> None:
        """Show what runs and waits there, all together."""
        self._admissions = admissions

    def watch_log(self, writer: LogWriter) -> None:
        """Show how many lines of the log found no room."""
        self._log_writer = writer

    def count(self, what: Counter) -> None:
        """Count one more."""
        with self._lock:
            self._counts[what] += 1

    def score_took(self, seconds: float) -> None:
        """Take note of how long a score took, its wait included."""
        with self._lock:
            self._durations[bisect_left(DURATION_BUCKETS_S, seconds)] += 1
            self._duration_sum_s += seconds

    @contextmanager
    def stream_session(self) -> Iterator[None]:
        """Count a stream as open for the block."""
        with self._lock:
            self._streams += 1
        try:
            yield
        finally:
            with self._lock:
                self._streams -= 1

    def scrape(self) -> Scrape:
        """Write all metrics in Prometheus' format; the first time loads prometheus_client."""
        from prometheus_client import exposition

        return Scrape(exposition.generate_latest(self._registry), exposition.CONTENT_TYPE_LATEST)

    def collect(self) -> Iterable[Metric]:
        """List the server's own metrics; prometheus_client calls it for each scrape."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
            InfoMetricFamily,
        )

        with self._lock:
            counts, durations = dict(self._counts), list(self._durations)
            duration_sum_s, streams = self._duration_sum_s, self._streams
        yield InfoMetricFamily("vmafx_build", "What runs here.", {"version": __version__})
        for counter in Counter:
            yield CounterMetricFamily(*counter.value, value=counts[counter])
        yield CounterMetricFamily(
            "vmafx_server_log_lines_dropped",
            "Lines of the log that were dropped because nobody read it.",
            value=self._log_writer.dropped if self._log_writer else 0,
        )
        bounds = (*(str(float(bound)) for bound in DURATION_BUCKETS_S), "+Inf")
        yield HistogramMetricFamily(
            "vmafx_server_score_duration_seconds",
            "How long scores took that succeeded, their wait included.",
            buckets=list(zip(bounds, accumulate(durations), strict=True)),
            sum_value=duration_sum_s,
        )
        gauges = {
            "vmafx_stream_sessions": ("Streams that are open.", streams),
            "vmafx_server_scores_running": (
                "Scores and streams that run.",
                sum(admission.running for admission in self._admissions),
            ),
            "vmafx_server_scores_queued": (
                "Scores and streams that wait for a slot.",
                sum(admission.queued for admission in self._admissions),
            ),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(name, text, value=value)

    @cached_property
    def _registry(self) -> CollectorRegistry:
        from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        registry.register(self)
        return registry
