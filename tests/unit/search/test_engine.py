from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import CurveProber, request
from vmafx_tune.choices import SearchStrategy
from vmafx_tune.errors import EncodeFailedError
from vmafx_tune.events import (
    Event,
    JobFinished,
    JobPlanned,
    JobStarted,
    ProbeFinished,
    ProbeStarted,
)
from vmafx_tune.knob import Knob, TypicalCurve
from vmafx_tune.model import Resolution
from vmafx_tune.results.search import NonMonotone
from vmafx_tune.search.engine import search
from vmafx_tune.search.prescan import LookProbers

if TYPE_CHECKING:
    from vmafx_tune.model import Probe, ProbeSpec
    from vmafx_tune.ports import ProbeProgress


def falling(quality: float) -> float:
    return 100 - quality


def test_the_answer_is_the_worst_step_that_reaches_the_target_with_its_neighbour_missing() -> None:
    result = search(request(target=80), CurveProber(falling))
    assert result.ok
    assert result.proven
    assert result.answer is not None
    assert result.answer.quality == 20
    assert result.vmaf_score == 80
    assert result.next_worse is not None
    assert result.next_worse.crf == 21
    assert result.limit is None


def test_the_end_of_the_range_is_an_answer_without_a_neighbour() -> None:
    result = search(request(target=10), CurveProber(falling))
    assert result.answer is not None
    assert result.answer.quality == 51
    assert result.proven
    assert result.next_worse is None


def test_where_higher_is_better_the_answer_is_the_lowest_value_that_reaches_the_target() -> None:
    knob = Knob("crf", 1, 100, default=50, higher_is_better=True)
    result = search(request(target=60.5, knob=knob), CurveProber(lambda quality: quality))
    assert result.answer is not None
    assert result.answer.quality == 61
    assert result.next_worse is not None
    assert result.next_worse.crf == 60


def test_an_unreachable_target_returns_the_best_probe_and_names_the_knobs_end() -> None:
    result = search(request(target=99), CurveProber(lambda quality: 90 - quality))
    assert not result.ok
    assert result.answer is not None
    assert result.answer.quality == 0
    assert result.limit is not None
    assert result.limit.kind == "knob_range"
    assert "crf ends at 0" in result.limit.message


def still(quality: float) -> float:
    """A picture that does not move: the curve ends far below 100 and hardly rises to its end."""
    return 97.43 - quality / 800 if quality < 14 else 97.41 - (quality - 14) ** 2 / 100


@pytest.mark.parametrize("target", [97.5, 98.0, 99.0, 99.9, 100.0])
def test_a_still_takes_two_probes_to_its_ceiling(target: float) -> None:
    prober = CurveProber(still, ceiling=97.43)

    result = search(request(target=target), prober)

    assert result.limit is not None
    assert result.limit.kind == "clip_ceiling"
    assert len(prober.asked) == 2
    assert result.answer is not None
    assert result.answer.quality == 0
    assert result.converged


def test_a_high_target_within_the_clips_reach_is_searched_to_its_end() -> None:
    prober = CurveProber(lambda quality: 99.9 - quality**2 / 300, ceiling=99.9)

    result = search(request(target=99.0), prober)

    assert result.proven
    assert 0 not in prober.asked


def test_an_encode_above_the_ceiling_is_not_missed() -> None:
    """VMAF may put an encode above its source."""
    prober = CurveProber(lambda quality: 98.5 - quality / 10, ceiling=97.0)

    result = search(request(target=98.0), prober)

    assert result.proven
    assert result.answer is not None
    assert result.answer.quality == 5


def test_a_target_above_what_the_source_scores_against_itself_names_the_clips_ceiling() -> None:
    prober = CurveProber(lambda quality: 97.4 - quality, ceiling=97.4)
    result = search(request(target=99), prober)
    assert result.limit is not None
    assert result.limit.kind == "clip_ceiling"
    assert "97.40 against itself" in result.limit.message


def test_a_fallback_says_which_target_is_not_reached() -> None:
    prober = CurveProber(lambda quality: 97.4 - quality, ceiling=97.4)

    result = search(request(target=99.5), prober, fallbacks=[98, 90])

    assert (result.ok, result.target_vmaf) == (True, 90)
    assert result.notes == ("VMAF 99.5 is not reached, so the target is 90.",)


class CappedProber(CurveProber):
    """Encodes that a cap holds at 250 kb/s, up to a quality of 25."""

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        made = super().probe(spec, on_progress=on_progress)
        return replace(made, bitrate_kbps=250.0 if made.quality <= 25 else made.bitrate_kbps / 10)


def capped(quality: float) -> float:
    return 87 - max(0.0, quality - 25)


def test_a_target_that_a_cap_puts_out_of_reach_names_the_cap_and_not_the_range() -> None:
    asked = replace(request(target=95), caps=("-maxrate 200k", "-bufsize 200k"))
    result = search(asked, CappedProber(capped))
    assert not result.ok
    assert result.limit is not None
    assert result.limit.kind == "encoder_args"
    assert "quality does not change with it: crf is not the limit" in result.limit.message
    assert "-maxrate 200k and -bufsize 200k in the encoder arguments" in result.limit.message


def test_a_knob_that_does_nothing_without_any_cap_is_told_too() -> None:
    result = search(request(target=95), CappedProber(capped))
    assert result.limit is not None
    assert result.limit.kind == "encoder_args"
    assert "Try another preset or encoder" in result.limit.message


def test_an_answer_at_the_end_of_the_range_that_a_cap_holds_up_is_noted() -> None:
    knob = Knob("crf", 0, 25, default=23)
    asked = request(target=60, knob=knob, strategy=SearchStrategy.BISECT)
    asked = replace(asked, caps=("-qmax 20",))
    result = search(asked, CappedProber(lambda quality: 99 - min(quality, 20) / 10))
    assert result.answer is not None
    assert (result.answer.quality, result.proven) == (25, True)
    (note,) = result.notes
    assert "-qmax 20 in the encoder arguments" in note
    assert search(asked, CurveProber(lambda quality: 99 - quality / 10)).notes == ()


def test_a_target_that_a_smaller_picture_cannot_reach_names_its_size() -> None:
    asked = request(target=95)
    small = replace(asked.template.encode, size=Resolution(160, 90))
    asked = replace(asked, template=replace(asked.template, encode=small))
    result = search(asked, CurveProber(lambda quality: 91.2 - quality**2 / 200))
    assert result.limit is not None
    assert result.limit.kind == "size"
    assert "at 160x90: the resolution is the limit" in result.limit.message


def test_a_smaller_picture_whose_range_is_cut_short_names_the_range() -> None:
    asked = request(target=95, knob=Knob("crf", 30, 40, default=35))
    small = replace(asked.template.encode, size=Resolution(160, 90))
    asked = replace(asked, template=replace(asked.template, encode=small))
    result = search(asked, CurveProber(lambda quality: 120 - 1.5 * quality))
    assert result.limit is not None
    assert result.limit.kind == "knob_range"


def test_a_search_that_runs_out_of_probes_says_so_and_keeps_its_best_answer() -> None:
    result = search(request(target=80, max_iter=2), CurveProber(falling))
    assert not result.converged
    assert not result.proven
    assert result.limit is not None
    assert result.limit.kind == "max_iter"
    assert result.ok
    assert result.vmaf_score is not None
    assert result.vmaf_score >= 80


def test_a_subsampled_answer_is_not_called_proven() -> None:
    result = search(request(target=80, subsample=5), CurveProber(falling))
    assert result.ok
    assert not result.proven
    assert result.limit is not None
    assert result.limit.kind == "subsample"


def test_a_worse_step_with_a_higher_score_is_noted() -> None:
    prober = CurveProber(lambda q: 50 if q == 13 else 100 - q)
    result = search(request(target=80, strategy=SearchStrategy.BISECT), prober)
    assert list(result.non_monotone) == [NonMonotone(13.0, 26.0)]
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
    result = search(request(target=80, typical=TypicalCurve(38.4, 4.8)), prober)
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
    assert [type(event) for event in events[:2]] == [JobPlanned, JobStarted]
    assert isinstance(events[-1], JobFinished)
    assert [event.number for event in finished] == list(range(1, result.new_probes + 1))
    assert len([event for event in events if isinstance(event, ProbeStarted)]) == len(finished)
    assert finished[-1].probes_left == 0


def test_looks_change_the_plan_before_the_first_probe() -> None:
    events: list[Event] = []
    easy = CurveProber(lambda quality: 99 - quality / 51)
    search(request(target=90), easy, observe=events.append, prescan=LookProbers(easy))
    plans = [event.probes_expected for event in events if isinstance(event, JobPlanned)]
    first = next(e for e in events if isinstance(e, ProbeStarted) and not e.look)
    assert plans[0] > plans[1] == 1
    assert isinstance(events[events.index(first) - 1], JobPlanned)


def test_probes_of_earlier_runs_are_not_counted_as_made() -> None:
    first = CurveProber(falling)
    measured = search(request(target=80), first)
    recalled = search(request(target=80), CurveProber(falling, cached=frozenset(first.asked[1:])))
    assert measured.new_probes == len(first.asked)
    assert recalled.new_probes == 1
    assert recalled.probes == measured.probes
