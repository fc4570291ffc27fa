"""Searches under a limit of the bitrate; the fake's has 8000 kb/s at crf 0, halved every 6."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import CurveProber, request
from vmafx_tune.choices import SearchStrategy
from vmafx_tune.compare.engine import found_row, search_encoders
from vmafx_tune.errors import TooLargeError
from vmafx_tune.events import Event, JobFinished, ProbeFinished, ProbeStarted, ProbeStopped
from vmafx_tune.search.engine import search

if TYPE_CHECKING:
    from vmafx_tune.model import Probe, ProbeSpec
    from vmafx_tune.ports import ProbeProgress

both_strategies = pytest.mark.parametrize("strategy", SearchStrategy)


def falling(quality: float) -> float:
    return 100 - quality


class StoppingProber(CurveProber):
    """Looks at the limit as encoders do."""

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        probe = super().probe(spec, on_progress=on_progress)
        limit_kbps = spec.encode.max_bitrate_kbps
        if limit_kbps is not None and probe.bitrate_kbps > limit_kbps:
            raise TooLargeError(limit_kbps, probe.bitrate_kbps, recalled=probe.cached)
        return probe


@both_strategies
def test_an_answer_within_the_limit_is_that_without_one_and_proven(
    strategy: SearchStrategy,
) -> None:
    # crf 20 has 794 kb/s.
    result = search(
        request(target=80, max_bitrate_kbps=800, strategy=strategy), StoppingProber(falling)
    )
    assert result.answer is not None
    assert (result.answer.quality, result.proven, result.limit) == (20, True, None)
    assert result.max_bitrate_kbps == 800
    assert all(quality < 20 for quality in result.too_large)


@both_strategies
def test_where_only_encodes_above_the_limit_reach_the_target_the_best_below_it_is_named(
    strategy: SearchStrategy,
) -> None:
    result = search(
        request(target=80, max_bitrate_kbps=500, strategy=strategy), StoppingProber(falling)
    )
    assert not result.ok
    assert result.converged
    assert result.answer is not None
    assert result.answer.quality == 24
    assert result.limit is not None
    assert result.limit.kind == "max_bitrate"
    assert result.error == result.limit.message
    assert result.limit.message == (
        "No encode within 500 kb/s reaches 80: the best is VMAF 76.00 at crf 24, 500 kb/s. Raise "
        "the limit, or lower the target."
    )
    assert 23 in result.too_large


def test_where_even_the_worst_quality_is_above_the_limit_nothing_is_the_best() -> None:
    events: list[Event] = []
    result = search(
        request(target=80, max_bitrate_kbps=1), StoppingProber(falling), observe=events.append
    )
    assert (result.ok, result.answer, result.probes) == (False, None, ())
    assert result.too_large[-1] == 51
    assert result.limit is not None
    assert "not even that at crf 51" in result.limit.message
    (finished,) = (event for event in events if isinstance(event, JobFinished))
    assert finished.summary == "no encode is within 1 kb/s"


def test_a_search_learns_the_same_from_a_prober_that_looks_at_no_limit() -> None:
    stopping, measuring = StoppingProber(falling), CurveProber(falling)
    limited = request(target=80, max_bitrate_kbps=500)
    assert search(limited, stopping).too_large == search(limited, measuring).too_large
    assert stopping.asked == measuring.asked


def test_stopped_encodes_are_told_and_count_as_new_unless_they_are_recalled() -> None:
    events: list[Event] = []
    prober = StoppingProber(falling, cached=frozenset({23.0}))
    result = search(request(target=80, max_bitrate_kbps=500), prober, observe=events.append)
    stopped = [event for event in events if isinstance(event, ProbeStopped)]
    assert sorted(event.quality for event in stopped) == list(result.too_large)
    assert {event.limit_kbps for event in stopped} == {500}
    assert [event.recalled for event in stopped if event.quality == 23] == [True]
    n_recalled = sum(event.recalled for event in stopped)
    assert result.new_probes == len(prober.asked) - n_recalled
    numbers = [e.number for e in events if isinstance(e, ProbeStarted)]
    ends = [e.number for e in events if isinstance(e, ProbeStopped | ProbeFinished)]
    assert numbers == ends == list(range(1, len(prober.asked) + 1))
    assert [e.probes_left for e in events if isinstance(e, ProbeStopped | ProbeFinished)][-1] == 0


def test_a_search_that_runs_out_of_probes_under_a_limit_says_that() -> None:
    result = search(request(target=80, max_bitrate_kbps=500, max_iter=1), StoppingProber(falling))
    assert not result.converged
    assert result.limit is not None
    assert result.limit.kind == "max_iter"


def test_an_answer_with_a_larger_encode_beyond_it_is_not_called_proven() -> None:
    class Uneven(StoppingProber):
        def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
            if spec.encode.quality == 29:
                raise TooLargeError(500, 501)
            return super().probe(spec, on_progress=on_progress)

    result = search(request(target=72, max_bitrate_kbps=600), Uneven(falling))
    assert result.ok
    assert result.converged
    assert not result.proven
    assert result.limit is not None
    assert result.limit.kind == "max_bitrate"
    assert "a worse setting is not" in result.limit.message


def test_targets_of_one_encoder_share_what_is_too_large() -> None:
    prober = StoppingProber(falling)
    limited = request(max_bitrate_kbps=500)
    results = search_encoders([limited], (70.0, 80.0, 90.0), prober)
    rows = [found_row(result, Path("ffmpeg")) for result in results]
    assert [(row.target_vmaf, row.ok, row.error_kind) for row in rows] == [
        (70, True, None),
        (80, False, "unreachable"),
        (90, False, "unreachable"),
    ]
    assert len(prober.asked) == len(set(prober.asked))
    # Whether an encode is too large does not depend on the target.
    assert rows[2].new_probes == 0
    assert rows[1].error is not None
    assert rows[1].error.count("76.00") == 1
