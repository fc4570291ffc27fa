from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.search.fakes import SOURCE, CurveProber, request
from vmafx_tune.choices import SearchStrategy
from vmafx_tune.errors import CancelledError, EncodeFailedError
from vmafx_tune.events import Event, ProbeFinished, ProbeStarted, Warned, ignore
from vmafx_tune.knob import Scout, TypicalCurve
from vmafx_tune.model import PoolMethod
from vmafx_tune.sampling.parts import SamplePlan, Segment
from vmafx_tune.search.engine import search
from vmafx_tune.search.prescan import LookProbers, Prescan
from vmafx_tune.search.state import SearchProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.model import Probe, ProbeSpec
    from vmafx_tune.ports import ProbeProgress
    from vmafx_tune.search.request import SearchRequest

PRIOR = TypicalCurve(38, 5)


@dataclass
class RecallingProber(CurveProber):
    """Has some probes in store."""

    stored: tuple[float, ...] = ()

    def known(self, template: ProbeSpec) -> tuple[Probe, ...]:
        return tuple(replace(self._at(template, quality), cached=True) for quality in self.stored)

    def _at(self, template: ProbeSpec, quality: float) -> Probe:
        encode = replace(template.encode, quality=quality)
        return CurveProber(self.vmaf_of).probe(replace(template, encode=encode))


@dataclass
class PartsCurveProber(RecallingProber):
    """Makes each probe of two parts."""

    specs: list[ProbeSpec] = field(default_factory=list)

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        self.specs.append(spec)
        probe = super().probe(spec, on_progress=on_progress)
        return replace(probe, parts=(probe, probe))


def whole(quality: float) -> float:
    return 98 / (1 + math.exp((quality - 30) / 6))


def parts(quality: float) -> float:
    """The same curve, a step and a half to the left."""
    return whole(quality + 1.5)


def asking(strategy: SearchStrategy = SearchStrategy.INTERPOLATE) -> SearchRequest:
    return request(target=90, strategy=strategy, typical=PRIOR)


def sampled(*, verify: bool) -> SearchRequest:
    asked = asking()
    encode = replace(asked.template.encode, source=replace(SOURCE, n_frames=1000))
    parts_of_it = tuple(Segment(first, 50) for first in range(0, 1000, 200))
    return replace(
        asked,
        template=replace(asked.template, encode=encode),
        sample=SamplePlan(parts_of_it, 1000),
        verify=verify,
    )


def test_looks_come_before_the_first_probe_and_save_some() -> None:
    alone, prober, prescan = CurveProber(whole), CurveProber(whole), CurveProber(parts)

    without = search(asking(), alone)
    result = search(asking(), prober, prescan=LookProbers(prescan))

    assert result.answer == without.answer
    assert result.proven
    assert 1 <= len(prescan.asked) <= 3
    assert len(prober.asked) < len(alone.asked)


def test_looks_are_no_probes_of_the_result() -> None:
    prober, prescan = CurveProber(whole), CurveProber(parts)

    result = search(asking(), prober, prescan=LookProbers(prescan))

    assert [probe.quality for probe in result.probes] == sorted(prober.asked)
    assert result.new_probes == len(prober.asked)


def test_looks_are_told_apart_from_probes() -> None:
    events: list[Event] = []

    search(
        asking(), CurveProber(whole), prescan=LookProbers(CurveProber(parts)), observe=events.append
    )

    started = [(e.number, e.look) for e in events if isinstance(e, ProbeStarted)]
    finished = [(e.number, e.look) for e in events if isinstance(e, ProbeFinished)]
    assert started == finished
    looks = [number for number, look in started if look]
    probes = [number for number, look in started if not look]
    assert [look for _, look in started] == sorted((look for _, look in started), reverse=True)
    assert looks == list(range(1, len(looks) + 1))
    assert probes == list(range(1, len(probes) + 1))


@pytest.mark.parametrize(("verify", "n_frames"), [(True, 250), (False, 48)])
def test_looks_take_the_sample_that_is_verified_and_less_of_one_that_is_not(
    verify: bool, n_frames: int
) -> None:
    asked = sampled(verify=verify)
    events: list[Event] = []

    looks = CurveProber(parts)

    probers = LookProbers(sample=looks) if verify else LookProbers(looks)
    Prescan(asked, probers, events.append).hints(SearchProblem(90, 51, prior=PRIOR))

    assert {e.n_frames for e in events if isinstance(e, ProbeStarted)} == {n_frames}


@pytest.mark.parametrize(("pool", "subsample"), [(PoolMethod.MEAN, 3), (PoolMethod.P5, 1)])
def test_looks_and_verified_samples_score_one_frame_in_three_of_which_means_are_taken(
    pool: PoolMethod, subsample: int
) -> None:
    asked = replace(sampled(verify=True), pool=pool)
    probers = [PartsCurveProber(parts), PartsCurveProber(parts)]

    looks = Prescan(asked, LookProbers(probers[0], sample=probers[1]), ignore)
    looks.hints(SearchProblem(90, 51, prior=PRIOR))

    assert {spec.subsample for prober in probers for spec in prober.specs} == {subsample}
    assert (found := looks.sample(90)) is not None
    assert found.subsample == subsample


def test_a_verified_sample_scores_all_frames_where_an_earlier_run_did() -> None:
    prober = PartsCurveProber(parts, stored=(20.0,))

    looks = Prescan(sampled(verify=True), LookProbers(sample=prober), ignore)
    looks.hints(SearchProblem(90, 51, prior=PRIOR))

    assert {spec.subsample for spec in prober.specs} == {1}


def test_looks_that_mislead_cost_time_and_change_nothing() -> None:
    without = search(asking(), CurveProber(whole))

    result = search(
        asking(), CurveProber(whole), prescan=LookProbers(CurveProber(lambda q: 20 + q))
    )

    assert result.answer == without.answer
    assert result.proven
    assert result.new_probes <= 8


def test_a_look_that_fails_is_told_and_done_without() -> None:
    events: list[Event] = []
    prescan = CurveProber(parts, fail_at={q: EncodeFailedError("no") for q in range(52)})

    result = search(
        asking(), CurveProber(whole), prescan=LookProbers(prescan), observe=events.append
    )

    assert result.proven
    assert len(prescan.asked) == 1
    assert any(isinstance(event, Warned) and "no" in event.message for event in events)


def test_a_cancelled_look_ends_the_search() -> None:
    prober = CurveProber(whole)
    prescan = CurveProber(parts, fail_at={q: CancelledError("stop") for q in range(52)})

    with pytest.raises(CancelledError):
        search(asking(), prober, prescan=LookProbers(prescan))
    assert prober.asked == []


def test_bisection_takes_no_looks() -> None:
    prescan = CurveProber(parts)

    search(asking(strategy=SearchStrategy.BISECT), CurveProber(whole), prescan=LookProbers(prescan))

    assert prescan.asked == []


def test_looks_have_no_limit_of_the_bitrate() -> None:
    limits: list[float | None] = []

    class Noting(CurveProber):
        def probe(self, spec: ProbeSpec, **more: object) -> Probe:
            limits.append(spec.encode.max_bitrate_kbps)
            return super().probe(spec)

    base = asking()
    encode = replace(base.template.encode, max_bitrate_kbps=5000)
    limited = replace(base, template=replace(base.template, encode=encode))
    search(limited, CurveProber(whole), prescan=LookProbers(Noting(parts)))

    assert limits
    assert set(limits) == {None}


def test_stored_probes_of_other_targets_lead_to_the_crossing_without_looks() -> None:
    prober = RecallingProber(whole, stored=(10.0, 14.0, 24.0))
    prescan = CurveProber(parts)

    result = search(asking(), prober, prescan=LookProbers(prescan))

    assert result.proven
    assert prescan.asked == []
    assert len(prober.asked) == 2


def test_a_second_run_takes_the_looks_and_the_steps_of_the_first() -> None:
    cold, cold_scout = CurveProber(whole), CurveProber(parts)
    first = search(asking(), cold, prescan=LookProbers(cold_scout))

    warm = RecallingProber(whole, stored=tuple(sorted(cold.asked)))
    warm_scout = RecallingProber(parts, stored=tuple(sorted(cold_scout.asked)))
    second = search(asking(), warm, prescan=LookProbers(warm_scout))

    assert warm.asked == cold.asked
    assert warm_scout.asked == cold_scout.asked
    assert second.probes == first.probes


def test_a_second_run_without_the_looks_of_the_first_needs_no_encode_either() -> None:
    cold = CurveProber(whole)
    first = search(asking(), cold, prescan=LookProbers(CurveProber(parts)))

    warm = RecallingProber(whole, stored=tuple(sorted(cold.asked)))
    second = search(asking(), warm, prescan=LookProbers(CurveProber(parts)))

    assert set(warm.asked) <= set(cold.asked)
    assert second.answer == first.answer


def test_stored_probes_between_the_steps_of_the_grid_are_left_out() -> None:
    result = search(asking(), RecallingProber(whole, stored=(17.5, 60.0)))

    assert result.proven
    assert all(probe.quality == int(probe.quality) for probe in result.probes)


def test_the_silent_observer_hears_of_looks_too() -> None:
    assert search(
        asking(), CurveProber(whole), prescan=LookProbers(CurveProber(parts)), observe=ignore
    ).proven


def scouting(lead: float = 2.4) -> SearchRequest:
    """A search with a preset that takes twenty times as long as another one."""
    return replace(asking(), effort=20.0, scouts=(Scout("superfast", 1.0, lead / PRIOR.width),))


def by_preset(vmaf_of: Callable[[float], float], lead: float) -> PresetProber:
    """Score less with the scout: as much as a knob does that is so much worse."""
    return PresetProber(lambda quality: vmaf_of(quality + lead), quick=True)


@dataclass
class PresetProber(RecallingProber):
    """Refuses what its preset is not."""

    quick: bool = False

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        assert (spec.encode.preset == "superfast") is self.quick
        return super().probe(spec, on_progress=on_progress)


@pytest.mark.parametrize("lead", [0.0, 2.4, 2.6, 7.0])
def test_a_slow_preset_is_looked_at_with_a_fast_one_and_proven_with_its_own(lead: float) -> None:
    prober, scout = PresetProber(whole), by_preset(whole, lead)

    result = search(scouting(lead), prober, prescan=LookProbers(whole=scout))

    assert result.answer == search(asking(), CurveProber(whole)).answer
    assert result.proven
    assert len(prober.asked) == 2
    assert 1 <= len(scout.asked) <= 2


def test_a_scout_that_is_nearer_to_a_preset_goes_where_the_fastest_one_leads() -> None:
    asked = replace(scouting(), scouts=(Scout("ultrafast", 0.5, 1.4), Scout("superfast", 2.0, 0.1)))
    presets: list[str | None] = []

    class Noting(CurveProber):
        def probe(self, spec: ProbeSpec, **more: object) -> Probe:
            presets.append(spec.encode.preset)
            return super().probe(spec)

    # The first one is two steps off here.
    scout = Noting(lambda quality: whole(quality + (9 if presets[-1] == "ultrafast" else 0.5)))
    prober = CurveProber(whole)
    search(asked, prober, prescan=LookProbers(whole=scout))

    assert presets == ["ultrafast", "ultrafast", "superfast"]
    assert len(prober.asked) == 2


@pytest.mark.parametrize(("n_frames", "n_looked_at"), [(300, 300), (100_000, 96)])
def test_looks_are_at_the_whole_where_that_takes_less_than_parts_of_it_with_a_slow_preset(
    n_frames: int, n_looked_at: int
) -> None:
    asked = scouting()
    encode = replace(asked.template.encode, source=replace(SOURCE, n_frames=n_frames))
    asked = replace(asked, template=replace(asked.template, encode=encode))
    events: list[Event] = []

    probers = LookProbers(CurveProber(parts), by_preset(whole, 2.4))
    Prescan(asked, probers, events.append).hints(SearchProblem(90, 51, prior=PRIOR))

    assert {e.n_frames for e in events if isinstance(e, ProbeStarted)} == {n_looked_at}


def test_a_preset_that_is_hardly_slower_is_not_looked_at_with_another() -> None:
    scout = CurveProber(whole)

    search(replace(scouting(), effort=1.5), CurveProber(whole), prescan=LookProbers(whole=scout))

    assert scout.asked == []


def test_a_scout_that_fails_is_told_and_done_without() -> None:
    events: list[Event] = []
    failing = CurveProber(whole, fail_at={q: EncodeFailedError("no") for q in range(52)})

    looks = LookProbers(whole=failing)
    result = search(scouting(), CurveProber(whole), prescan=looks, observe=events.append)

    assert result.proven
    assert any(isinstance(event, Warned) and "no" in event.message for event in events)


@given(st.floats(-20, 60), st.floats(0.5, 3), st.floats(60, 97))
def test_scouts_that_mislead_never_change_the_answer(
    lead: float, steeper: float, target: float
) -> None:
    asked = scouting(abs(lead)).at_target(target)
    misleading = LookProbers(whole=CurveProber(lambda q: whole(30 + steeper * (q - 30) - lead)))

    result = search(asked, CurveProber(whole), prescan=misleading)

    assert result.proven
    assert result.answer == search(asking().at_target(target), CurveProber(whole)).answer


def test_a_second_run_recalls_what_a_scout_saw() -> None:
    cold, scout = CurveProber(whole), CurveProber(lambda q: whole(q + 2.4))
    search(scouting(), cold, prescan=LookProbers(whole=scout))

    warm = RecallingProber(whole, stored=tuple(sorted(cold.asked)))
    again = RecallingProber(scout.vmaf_of, stored=tuple(sorted(scout.asked)))
    search(scouting(), warm, prescan=LookProbers(whole=again))

    assert warm.asked == cold.asked
    assert again.asked == scout.asked
