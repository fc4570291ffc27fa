from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.unit.workflows.fakes import CurveProber, request
from vmafx_tune.core.grid import KnobGrid
from vmafx_tune.core.prior import Prior
from vmafx_tune.errors import EncodeFailedError
from vmafx_tune.events import Event, JobFinished, JobStarted, ProbeFinished, ProbeStarted
from vmafx_tune.results import SearchStrategy
from vmafx_tune.workflows.search import search


def falling(quality: float) -> float:
    return 100 - quality


def test_the_answer_is_the_worst_step_that_reaches_the_target_with_its_neighbour_missing() -> None:
    result = search(request(target=80), CurveProber(falling))
    assert result.ok
    assert result.proven
    assert result.answer is not None
    assert result.answer.quality == 20
    assert result.vmaf == 80
    assert result.next_worse is not None
    assert result.next_worse.quality == 21
    assert result.limit is None


def test_the_end_of_the_range_is_an_answer_without_a_neighbour() -> None:
    result = search(request(target=10), CurveProber(falling))
    assert result.answer is not None
    assert result.answer.quality == 51
    assert result.proven
    assert result.next_worse is None


def test_where_higher_is_better_the_answer_is_the_lowest_value_that_reaches_the_target() -> None:
    grid = KnobGrid.between(1, 100, 1, higher_is_better=True)
    result = search(request(target=60.5, grid=grid), CurveProber(lambda quality: quality))
    assert result.answer is not None
    assert result.answer.quality == 61
    assert result.next_worse is not None
    assert result.next_worse.quality == 60


def test_an_unreachable_target_returns_the_best_probe_and_names_the_knobs_end() -> None:
    result = search(request(target=99), CurveProber(lambda quality: 90 - quality))
    assert not result.ok
    assert result.answer is not None
    assert result.answer.quality == 0
    assert result.limit is not None
    assert result.limit.kind == "knob_range"
    assert "crf ends at 0" in result.limit.message


def test_a_target_above_what_the_source_scores_against_itself_names_the_clips_ceiling() -> None:
    prober = CurveProber(lambda quality: 97.4 - quality, ceiling=97.4)
    result = search(request(target=99), prober)
    assert result.limit is not None
    assert result.limit.kind == "clip_ceiling"
    assert "97.40 against itself" in result.limit.message


def test_a_search_that_runs_out_of_probes_says_so_and_keeps_its_best_answer() -> None:
    result = search(request(target=80, max_iter=2), CurveProber(falling))
    assert not result.converged
    assert not result.proven
    assert result.limit is not None
    assert result.limit.kind == "max_iter"
    assert result.ok
    assert result.vmaf is not None
    assert result.vmaf >= 80


def test_a_subsampled_answer_is_not_called_proven() -> None:
    result = search(request(target=80, subsample=5), CurveProber(falling))
    assert result.ok
    assert not result.proven
    assert result.limit is not None
    assert result.limit.kind == "subsample"


def test_a_worse_step_with_a_higher_score_is_noted() -> None:
    prober = CurveProber(lambda q: 50 if q == 13 else 100 - q)
    result = search(request(target=80, strategy=SearchStrategy.BISECT), prober)
    assert list(result.non_monotone) == [(13.0, 26.0)]
    assert result.proven


@pytest.mark.parametrize("strategy", SearchStrategy)
def test_every_strategy_proves_the_same_answer_and_is_named_in_the_result(
    strategy: SearchStrategy,
) -> None:
    result = search(request(target=80, strategy=strategy), CurveProber(falling))
    assert result.strategy is strategy
    assert result.proven
    assert result.answer is not None
    assert result.answer.quality == 20


def test_a_prior_that_fits_saves_all_probes_but_the_proof() -> None:
    prober = CurveProber(lambda quality: 98 / (1 + math.exp((quality - 38.4) / 4.8)))
    result = search(replace(request(target=80), prior=Prior(38.4, 4.8)), prober)
    assert result.proven
    assert result.new_probes == 2


def test_an_error_of_a_probe_ends_the_search() -> None:
    broken = EncodeFailedError("no luck")
    with pytest.raises(EncodeFailedError, match="no luck"):
        search(request(), CurveProber(falling, fail_at={10.0: broken}))


def test_events_tell_each_probe_once_and_the_end() -> None:
    events: list[Event] = []
    result = search(request(target=80), CurveProber(falling), observe=events.append)
    finished = [event for event in events if isinstance(event, ProbeFinished)]
    assert isinstance(events[0], JobStarted)
    assert isinstance(events[-1], JobFinished)
    assert [event.number for event in finished] == list(range(1, result.new_probes + 1))
    assert len([event for event in events if isinstance(event, ProbeStarted)]) == len(finished)
    assert finished[-1].probes_left == 0


def test_probes_of_earlier_runs_are_not_counted_as_made() -> None:
    first = CurveProber(falling)
    measured = search(request(target=80), first)
    recalled = search(request(target=80), CurveProber(falling, cached=frozenset(first.asked[1:])))
    assert measured.new_probes == len(first.asked)
    assert recalled.new_probes == 1
    assert recalled.probes == measured.probes
